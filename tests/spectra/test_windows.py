"""Energy windows and the counts in them."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import EnergyAxis, Field, sample_field
from napari_gdls.errors import GdlsError
from napari_gdls.spectra.lines import main_lines
from napari_gdls.spectra.windows import HIGHEST, LOWEST, element_windows, window_counts

AXES = {
    "TIMA": EnergyAxis(0.0, 10.0, 3000),
    "Bruker": EnergyAxis(-476.3, 4.997, 4096),
    "short": EnergyAxis(100.0, 20.0, 400),
}


def field_on(axis, spectra, **changes):
    n = spectra.shape[0]
    places = np.stack([np.zeros(n, int), np.arange(n)], axis=1)
    return Field(np.zeros((1, n), np.uint8), spectra, places, axis, sampling_distance=1, **changes)


@pytest.mark.parametrize("beam_energy", [5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 50.0])
def test_windows_cover_the_range_and_are_wide_enough_for_a_detector(beam_energy):
    limits = element_windows(beam_energy)
    assert limits[0] == LOWEST == 200
    assert limits[-1] == HIGHEST == 15_560
    assert np.diff(limits).min() > 60


def test_there_are_as_many_windows_as_the_beam_excites_lines_for():
    numbers = [len(element_windows(beam_energy)) - 1 for beam_energy in (5.0, 15.0, 25.0)]
    assert numbers == sorted(numbers)
    assert 12 <= numbers[0] < numbers[1] <= numbers[2] == 38
    assert np.array_equal(element_windows(60.0), element_windows(50.0))  # no further than lines are known


def test_neighbouring_major_elements_have_windows_of_their_own():
    limits = element_windows(25.0)
    alphas = {
        element: next(line.energy for line in main_lines(element, 25.0) if line.name == "Ka")
        for element in ("O", "F", "Na", "Mg", "Al", "Si", "P", "S", "Cl", "K", "Ca", "Ti", "V", "Cr", "Mn", "Fe", "Ni")
    }
    windows = np.searchsorted(limits, list(alphas.values()))
    assert len(set(windows.tolist())) == len(alphas)
    # Limits are halfway between centres, so no line lies close to one.
    distance = np.abs(np.array(list(alphas.values()))[:, None] - limits).min(axis=1)
    assert distance.min() > 20


def test_windows_end_where_the_spectra_end():
    short = element_windows(25.0, 8000.0)
    assert short[-1] == 8000
    assert np.array_equal(short[:-1], element_windows(25.0)[: len(short) - 1])
    with pytest.raises(GdlsError, match="250 eV"):
        element_windows(25.0, 250.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from(list(AXES)),
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]),
    st.floats(0, 1),
)
def test_counts_in_windows_are_sums_over_channels(seed, axis, dtype, empty):
    rng = np.random.default_rng(seed)
    axis = AXES[axis]
    spectra = (rng.poisson(3.0, (4, axis.size)) * (rng.random((4, axis.size)) >= empty)).astype(dtype)
    spectra[:, -1] += 1  # what holds no count was not measured
    limits = np.sort(rng.choice(np.arange(-500, 31_000), rng.integers(2, 30), replace=False)).astype(float)
    counts = window_counts(field_on(axis, spectra), limits)
    assert counts.dtype == np.int32
    assert counts.shape == (4, len(limits) - 1)
    for k, (low, high) in enumerate(pairwise(limits)):
        inside = (axis.centers >= low) & (axis.centers < high)
        assert np.array_equal(counts[:, k], spectra[:, inside].sum(axis=1, dtype=np.int64))


@pytest.mark.parametrize("axis", list(AXES.values()), ids=list(AXES))
@pytest.mark.parametrize("beam_energy", [None, 15.0])
def test_default_windows_lose_no_counts_of_the_range(axis, beam_energy):
    spectra = np.random.default_rng(0).poisson(0.5, (6, axis.size)).astype(np.uint16)
    field = field_on(axis, spectra, beam_energy=beam_energy)
    counts = window_counts(field)
    used = element_windows(beam_energy or 25.0, axis.edges[-1])
    assert counts.shape[1] == len(used) - 1
    inside = (axis.centers >= LOWEST) & (axis.centers < min(HIGHEST, axis.edges[-1]))
    assert np.array_equal(counts.sum(axis=1), spectra[:, inside].sum(axis=1))


def test_storage_does_not_matter():
    rng = np.random.default_rng(3)
    spectra = (rng.poisson(4.0, (5, 3000)) * (rng.random((5, 3000)) < 0.2)).astype(np.uint16)
    sparse, dense = field_on(AXES["TIMA"], sp.csr_array(spectra)), field_on(AXES["TIMA"], spectra)
    dense.spectra = spectra  # a field holds what is smaller
    assert sp.issparse(sparse.spectra)
    assert np.array_equal(window_counts(sparse), window_counts(dense))


def test_fractional_counts_are_rounded_after_summing():
    spectra = np.full((1, 3000), 0.25)
    assert window_counts(field_on(AXES["TIMA"], spectra), [200.0, 220.0, 300.0]).tolist() == [[0, 2]]


def test_a_measured_field():
    field = sample_field("dacite-fast")
    counts = window_counts(field)
    low, high = element_windows(field.beam_energy or 25.0, field.energy.edges[-1])[[0, -1]]
    assert np.array_equal(counts.sum(axis=1), field.window_counts(low, high))


@pytest.mark.parametrize("limits", [[200.0], [300.0, 200.0], [200.0, 200.0, 300.0], [[200.0, 300.0]], [200.0, np.nan]])
def test_limits_that_do_not_rise_are_refused(limits):
    with pytest.raises(GdlsError, match="must rise"):
        window_counts(field_on(AXES["TIMA"], np.ones((1, 3000))), limits)


@pytest.mark.parametrize("beam_energy", [0.5, np.nan])
def test_impossible_beams_are_refused(beam_energy):
    with pytest.raises(GdlsError, match=r"beam|keV"):
        element_windows(beam_energy)
