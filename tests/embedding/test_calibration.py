"""From distances of embedded spectra to the difference of their materials."""

import numba as nb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.embedding import Calibration
from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE, counting_noise, squared_beyond_noise

calibrations = st.builds(Calibration, st.floats(1e-3, 10), st.floats(0, 100))
counts = st.one_of(st.floats(0, 1e15), st.just(np.inf))
distances = st.floats(0, 2)


@given(calibrations, distances, distances, counts, counts)
def test_a_larger_distance_is_no_smaller_difference(calibration, one, other, n_1, n_2):
    small, large = sorted((one, other))
    assert 0 <= calibration.difference(small, n_1, n_2) <= calibration.difference(large, n_1, n_2)
    assert calibration.difference(one, n_1, n_2) == calibration.difference(one, n_2, n_1)


@given(calibrations, distances, counts)
def test_what_noise_makes_of_a_distance_is_taken_away(calibration, distance, n):
    noise = np.sqrt(MEAN_SQUARE_NOISE) * calibration.c * np.sqrt(2000 / max(n, 1) + 2 * calibration.f)
    found = calibration.difference(noise + distance, n, n)
    expected = np.sqrt(distance**2 + 2 * noise * distance) / calibration.c / np.sqrt(2 + 2 * calibration.f)
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-4)


@nb.njit
def compiled(squared, n_1, n_2, c, f):
    return squared_beyond_noise(squared, n_1, n_2, c, f), counting_noise(n_1, n_2)


@settings(deadline=None)
@given(distances, st.floats(0, 1e15), st.floats(0, 1e15), st.floats(1e-3, 10), st.floats(0, 100))
def test_compiled_code_and_arrays_get_the_same_numbers(squared, n_1, n_2, c, f):
    beyond, noise = compiled(squared, n_1, n_2, c, f)
    one = [np.array([each]) for each in (squared, n_1, n_2)]
    assert squared_beyond_noise(*one, c, f)[0] == pytest.approx(beyond, rel=1e-12, abs=1e-15 * (1 + noise * c * c))
    assert counting_noise(*one[1:])[0] == noise
