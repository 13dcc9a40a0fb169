"""How good and how fast segmentations are: ``python -m benchmarks.segmentation``."""
