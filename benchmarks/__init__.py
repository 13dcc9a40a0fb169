"""Benchmarks, one command each: ``python -m benchmarks.speed``. Run them from the root of the repository."""

import os
from pathlib import Path

SHARED_DATA = Path(os.environ.get("GDLS_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
"""Public data that some benchmarks compare with: ``GDLS_DATA``, or ``../shared/data`` beside the checkout."""
