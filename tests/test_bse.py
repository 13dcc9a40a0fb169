"""Noise of the BSE image: counted steps are what sorting them gives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_gdls import EnergyAxis, Field
from napari_gdls.bse import bse_fractions, noise_of_step, quantile_of_steps
from napari_gdls.lattice import neighbours


def field_of(bse, valid=None, **options):
    place = np.argwhere(np.ones(bse.shape, bool) if valid is None else valid)[:1]
    spectra = np.ones((1, 4), np.uint8)
    return Field(bse, spectra, place, EnergyAxis(0, 100, 4), sampling_distance=1.0, valid=valid, gain=1.0, **options)


def steps_of(field, group, lowest, highest):
    found = []
    for (a, b), (of_a, of_b) in zip(neighbours(bse_fractions(field)), neighbours(group), strict=True):
        found.append(np.abs(b - a)[(of_a == of_b) & (of_a >= lowest) & (of_a <= highest)])
    return np.concatenate(found)


@settings(max_examples=60, deadline=None)
@given(
    data=st.data(),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    dtype=st.sampled_from([np.uint8, np.uint16]),
    quantile=st.floats(0, 1),
)
def test_a_quantile_of_counted_steps_is_that_of_sorted_ones(data, shape, dtype, quantile):
    bse = data.draw(arrays(dtype, shape, elements=st.integers(0, 7)))
    group = data.draw(arrays(np.int32, shape, elements=st.integers(-3, 1)))
    field = field_of(bse)
    found, n = quantile_of_steps(field, quantile, group, -3, -2)
    expected = steps_of(field, group, -3, -2)
    assert n == len(expected)
    if n:
        assert found == pytest.approx(np.quantile(expected.astype(float), quantile), abs=1e-7)
    else:
        assert found == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int16, np.float32])
def test_the_noise_is_the_same_for_any_kind_of_number(dtype):
    rng = np.random.default_rng(0)
    values = np.clip(rng.normal(90, 8, (70, 60)).round(), 0, 200)
    valid = rng.random(values.shape) < 0.9
    field = field_of(values.astype(dtype), valid, bse_full_scale=250.0)
    steps = steps_of(field, valid, 1, 1)
    assert noise_of_step(field) == pytest.approx(1.4826 * np.median(steps), rel=1e-6)
