"""Names and compositions of minerals, judged: ``python -m benchmarks.mineralogy``."""
