"""Counts in energy windows, and values of pixels between measurements."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.mineralogy import window_map
from napari_gdls.mineralogy.measurement_maps import filled_map


def test_windows_less_the_line_between_their_sides():
    ramp = (np.arange(200) + 3).astype(np.uint16)
    spectra = np.stack([ramp, 2 * ramp])
    spectra[:, 95:105] += np.array([[50], [7]], dtype=np.uint16)
    field = Field(np.zeros((1, 3), np.uint8), spectra, [(0, 0), (0, 2)], EnergyAxis(5.0, 10.0, 200), gain=1.0)
    low, high = field.energy.edges[95], field.energy.edges[105]
    sides = ((low - 300, low - 100), (high + 50, high + 450))
    assert window_map(field, low, high, background=sides)[0] == pytest.approx([500, np.nan, 70], nan_ok=True, abs=1e-3)
    assert window_map(field, low, high)[0, 0] == spectra[0, 95:105].sum()
    one = window_map(field, low, high, background=(sides[0],))
    assert one[0, 0] == pytest.approx(spectra[0, 95:105].sum() - 10 * spectra[0, 65:85].mean())
    with pytest.raises(RecipeError, match="holds no channel"):
        window_map(field, 50_000, 60_000)
    with pytest.raises(RecipeError, match="same centre"):
        window_map(field, low, high, background=(sides[0], sides[0]))


def test_values_between_measurements():
    valid = np.ones((2, 4), dtype=bool)
    valid[1, 3] = False
    field = Field(
        np.zeros((2, 4), np.uint8), np.full((3, 60), 9), [(0, 0), (0, 1), (0, 3)], EnergyAxis(0, 60, 60), valid=valid
    )
    labels = np.array([[1, 1, 2, 2], [0, 1, 3, 2]])
    values = [1.0, 3.0, 8.0]
    nan = np.nan
    assert np.array_equal(
        filled_map(field, values, "dots"), np.array([[1, 3, nan, 8], [nan] * 4], np.float32), equal_nan=True
    )
    assert np.array_equal(filled_map(field, values, "nearest")[:, [0, 3]], [[1, 8], [1, nan]], equal_nan=True)
    segments = filled_map(field, values, "segments", labels)
    assert np.array_equal(segments, np.array([[2, 2, 8, 8], [nan, 2, nan, nan]], np.float32), equal_nan=True)
    variances = filled_map(field, [4.0, 4.0, 4.0], "segments", labels, variances=True)
    assert variances[0].tolist() == [2, 2, 4, 4]
    with pytest.raises(RecipeError, match="no segments yet"):
        filled_map(field, values, "segments")
