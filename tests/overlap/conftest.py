"""Spectrum images that the tests of overlapping phases share."""

from __future__ import annotations

import numpy as np
import pytest
from line_mixture import mixture_field

from napari_gdls import Field


@pytest.fixture(scope="session")
def mixture() -> tuple[Field, np.ndarray, np.ndarray]:
    """Field, true abundances and true spectra."""
    return mixture_field()
