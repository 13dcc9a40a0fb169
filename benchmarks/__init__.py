"""Benchmarks, one command each: ``python -m benchmarks.speed``. Run them from the root of the repository."""
