"""Spectra without a count: measured, and empty by chance, or not measured at all."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import FieldError
from napari_gdls.field.measured import not_measured
from napari_gdls.io import describe, read_field, write_field

SHAPE = (40, 50)
AXIS = EnergyAxis(0, 10, 60)


def stopped():
    mask = np.zeros(SHAPE, bool)
    mask[23:] = True
    return mask


def frame():
    mask = np.ones(SHAPE, bool)
    mask[9:31, 12:40] = False
    return mask


def dead_lines():
    mask = np.zeros(SHAPE, bool)
    mask[17] = mask[:, 33] = True
    return mask


def dead_pixels():
    return np.random.default_rng(5).random(SHAPE) < 0.01


def field(mean, missing, seed=0, step=1, **options):
    """Two minerals side by side, one with half the counts of the other, measured at every `step`-th pixel."""
    rng = np.random.default_rng(seed)
    locations = np.argwhere(np.ones(SHAPE, bool))
    locations = locations[(locations % step == 0).all(axis=1)]
    rate = np.where(locations[:, 1] < SHAPE[1] // 2, 1.0, 0.5) * mean
    counts = rng.poisson(rate[:, None] / AXIS.size, (len(locations), AXIS.size)).astype(np.uint16)
    counts[missing[tuple(locations.T)]] = 0
    return Field(rng.integers(0, 60000, SHAPE).astype(np.uint16), counts, locations, AXIS, **options)


@pytest.mark.parametrize(
    ("gap", "mean"), [(stopped, 20), (frame, 20), (dead_lines, 20), (stopped, 1000), (dead_pixels, 1000)]
)
def test_what_was_not_measured_is_invalid_and_left_out(gap, mean):
    missing = gap()
    made = field(mean, missing)
    np.testing.assert_array_equal(made.valid, ~missing)
    np.testing.assert_array_equal(made.unmeasured, np.argwhere(missing))
    np.testing.assert_array_equal(made.locations, np.argwhere(~missing))
    assert made.is_dense
    assert made.sampling_distance == 1
    assert f"{missing.sum():,} not measured" in repr(made)


@pytest.mark.parametrize("mean", [0.2, 1, 3, 8, 30, 300])
def test_spectra_that_are_empty_by_chance_are_measured(mean):
    for seed in range(5):
        made = field(mean, np.zeros(SHAPE, bool), seed)
        assert made.n_measurements == made.bse.size
        assert made.valid.all()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 200), st.lists(st.floats(0.02, 1), min_size=1, max_size=4))
def test_dark_minerals_and_pores_are_measured(seed, mean, rates):
    rng = np.random.default_rng(seed)
    patches = rng.integers(0, len(rates), (8, 10)).repeat(5, axis=0).repeat(5, axis=1)
    total = rng.poisson(mean * np.array(rates)[patches]).astype(float).ravel()
    if total.any():
        assert not not_measured(total, np.argwhere(np.ones(SHAPE, bool)), 1.0).any()


def test_pixels_around_dots_that_were_not_measured_are_invalid():
    made = field(500, stopped(), step=4)
    assert made.sampling_distance == 4
    assert made.valid[:23].all()
    assert not made.valid[25:36].any()
    assert made.locations[:, 0].max() < 23


def test_the_order_of_the_input_is_kept_where_measurements_are_left_out():
    missing = stopped()
    whole = field(100, np.zeros(SHAPE, bool))
    counts = whole.summed_spectra(np.arange(whole.n_measurements))
    counts[missing.ravel()] = 0
    order = np.random.default_rng(1).permutation(len(counts))
    made = Field(whole.bse, sp.csr_array(counts[order]), whole.locations[order], AXIS)
    np.testing.assert_array_equal(whole.locations[order][made.input_order], made.locations)
    np.testing.assert_array_equal(counts[order][made.input_order], made.summed_spectra(np.arange(made.n_measurements)))


def test_a_field_without_a_count_is_refused():
    with pytest.raises(FieldError, match="no spectrum holds a count"):
        field(0, np.zeros(SHAPE, bool))


def test_a_thinned_field_keeps_all_measurements():
    made = field(1000, np.zeros(SHAPE, bool)).thinned(0)
    assert (made.n_measurements, made.total_counts.sum()) == (made.bse.size, 0)


def test_a_written_field_with_gaps_reads_back(tmp_path):
    shuffled = np.random.default_rng(2).permutation(SHAPE[0] * SHAPE[1])
    whole = field(100, frame())
    counts = np.zeros((len(shuffled), AXIS.size), np.uint16)
    counts[(~frame()).ravel()] = whole.summed_spectra(np.arange(whole.n_measurements))
    made = Field(whole.bse, counts[shuffled], np.argwhere(np.ones(SHAPE, bool))[shuffled], AXIS)
    write_field(tmp_path / "a.gdls.zarr", made)
    read = read_field(tmp_path / "a.gdls.zarr")
    np.testing.assert_array_equal(read.valid, ~frame())
    np.testing.assert_array_equal(read.input_order, made.input_order)
    np.testing.assert_array_equal(read.locations, made.locations)
    np.testing.assert_array_equal(read.unmeasured, made.unmeasured)
    assert "1,384 pixels (69 %) hold no count" in str(describe(tmp_path / "a.gdls.zarr"))


def test_the_modal_composition_is_of_what_was_measured():
    missing = stopped()
    rng = np.random.default_rng(0)
    spectra = rng.dirichlet(np.ones(AXIS.size), 2)
    left = (np.arange(SHAPE[1]) < SHAPE[1] // 2)[None, :] & np.ones(SHAPE, bool)
    counts = rng.poisson(3000 * spectra[left.ravel().astype(int)]).astype(np.uint16)
    counts[missing.ravel()] = 0
    bse = (20000 + 20000 * left + rng.normal(0, 500, SHAPE)).astype(np.uint16)
    axis = EnergyAxis(0, 150, AXIS.size)
    result = gdls.segment(Field(bse, counts, np.argwhere(np.ones(SHAPE, bool)), axis, beam_energy=20))
    assert (result.labels[missing] == 0).all()
    assert (result.labels[~missing] > 0).all()
    shares = np.bincount(result.phases[result.labels[~missing] - 1]) / (~missing).sum()
    np.testing.assert_allclose(np.sort(shares[shares > 0]), [0.5, 0.5], atol=0.01)
