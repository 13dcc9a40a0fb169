"""How well overlapping phases are taken apart: ``python -m benchmarks.overlap``."""
