"""Fixtures that all tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data that the repository does not hold: ``GDLS_DATA``, or ``../shared/data`` beside it."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("GDLS_DATA", default)).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs the public test data, not at {folder}; set GDLS_DATA to the folder that holds them")
    return folder
