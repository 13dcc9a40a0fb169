"""Counts are counts, and scaled, averaged or normalised ones are found and become counts again."""

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import example, given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import FieldError, GdlsWarning
from napari_gdls.field.gain import as_counts, estimated_gain
from napari_gdls.io import describe, read_field, write_field

SHAPE = (24, 32)
AXIS = EnergyAxis(0, 10, 400)
LOCATIONS = np.argwhere(np.ones(SHAPE, bool))


def counts(mean=1000.0, seed=0, *, n_channels=AXIS.size, zoning=0.0, topography=0.0):
    """Two minerals with lines over a continuum; one of them zoned, both tilted."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(0, 4, n_channels)
    continuum = np.exp(-energy)
    lines = [np.exp(-0.5 * ((energy - centre) / 0.05) ** 2) for centre in (0.5, 1.2, 1.7, 2.6)]
    left, right = continuum + 8 * lines[0] + 9 * lines[1], continuum + 8 * lines[0] + 5 * lines[2] + 4 * lines[3]
    row, column = LOCATIONS.T / np.array(SHAPE)[:, None]
    mixed = (column[:, None] < 0.5) * (left + zoning * row[:, None] * lines[3] * 8) + (column[:, None] >= 0.5) * right
    rate = mixed / left.sum() * mean * (1 + topography * np.sin(9 * row + 5 * column))[:, None]
    return rng.poisson(rate).astype(np.uint16)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.floats(0.5, 5),
    st.sampled_from([8, 60, 400, 2000]),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.sampled_from(["u2", "i4", "f4", "f8"]),
    st.integers(1, 768),
    st.booleans(),
)
@example(0, 4.5, 60, 0.0, 0.4375, "u2", 31, False)  # once taken for rounded multiples of 1.5
@example(0, 4.25, 60, 0.0, 0.25, "u2", 7, False)  # likewise
def test_counts_are_taken_as_they_are(seed, magnitude, n_channels, zoning, topography, dtype, n, sparse):
    given_counts = counts(10**magnitude, seed, n_channels=n_channels, zoning=zoning, topography=topography)
    given_counts = given_counts[:n].astype(dtype)
    assert estimated_gain(sp.csr_array(given_counts) if sparse else given_counts) == 1


@pytest.mark.parametrize("name", ["dacite", "dacite-fast", "synthetic"])
@pytest.mark.filterwarnings("error")
def test_the_samples_hold_counts(name):
    field = gdls.sample_field(name)
    assert field.gain == 1
    for fraction in (0.5, 0.1, 0.01):
        assert estimated_gain(field.thinned(fraction).spectra) == 1
    assert estimated_gain(field.spectra.astype(np.float32)) == 1


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("mean", [30, 1000, 30000])
@pytest.mark.parametrize("gain", [2, 10, 1000, 2.37, 0.25, 1 / 7, 1e-4])
def test_scaled_counts_become_counts_again(gain, mean, sparse, dtype):
    plain = counts(mean).astype(np.float64)
    scaled = (plain * gain).astype(dtype)
    scaled = sp.csr_array(scaled) if sparse else scaled
    found = estimated_gain(scaled)
    assert found == pytest.approx(gain, rel=1e-4)
    again = as_counts(scaled, found)
    np.testing.assert_array_equal(again.toarray() if sparse else again, plain)


@pytest.mark.parametrize("gain", [2, 3, 10, 100, 1.5, 2.37, 7.77])
def test_counts_that_were_scaled_and_rounded_become_counts_again(gain):
    plain = counts(1000)
    found = estimated_gain(np.rint(plain.astype(float) * gain).astype(np.uint32))
    assert found == pytest.approx(gain, rel=0.01)


@pytest.mark.parametrize("frames", [2, 4, 7, 16])
def test_averages_of_frames_become_sums(frames):
    many = np.stack([counts(200, seed) for seed in range(frames)])
    assert estimated_gain(many.mean(axis=0)) == pytest.approx(1 / frames, rel=1e-6)


@pytest.mark.parametrize("norm", [np.sum, np.max], ids=["sum", "maximum"])
def test_spectra_that_were_normalised_one_by_one_become_counts_again(norm):
    plain = counts(1000)
    each = norm(plain, axis=1, keepdims=True).astype(float)
    normalised = (plain / each).astype(np.float32)
    found = estimated_gain(normalised)
    np.testing.assert_allclose(found, 1 / each.ravel(), rtol=1e-4)
    np.testing.assert_array_equal(as_counts(normalised, found), plain)


@pytest.mark.parametrize("part", [0.5, 0.25, 0.1, 0.37])
def test_counts_that_were_moved_between_channels_are_taken_as_they_are(part):
    plain = counts(1000).astype(float)
    assert estimated_gain(plain[:, 1:] * part + plain[:, :-1] * (1 - part)) == 1


@pytest.mark.parametrize("gain", [0.1, 20.0])
def test_the_gain_of_other_fractional_values_is_that_of_their_scatter(gain):
    plain = counts(1000).astype(float)
    moved = (plain[:, 1:] * 0.3719 + plain[:, :-1] * (1 - 0.3719)) * gain
    assert estimated_gain(moved) == pytest.approx(gain, rel=0.3)


def test_a_field_says_that_it_was_divided():
    plain = counts(1000)
    with pytest.warns(GdlsWarning, match="one count is 10 in them") as record:
        made = Field(np.zeros(SHAPE, np.uint8), plain * 10, LOCATIONS, AXIS)
    assert len(record) == 1
    assert record[0].filename == __file__
    assert made.gain == 10
    assert "gain 10" in repr(made)
    np.testing.assert_array_equal(made.summed_spectra(np.arange(len(plain))), plain)


@pytest.mark.filterwarnings("error")
def test_a_gain_that_is_given_is_used_without_a_word():
    plain = counts(1000)
    made = Field(np.zeros(SHAPE, np.uint8), plain * 10, LOCATIONS, AXIS, gain=10)
    np.testing.assert_array_equal(made.summed_spectra(np.arange(len(plain))), plain)
    asis = Field(np.zeros(SHAPE, np.uint8), plain * 10, LOCATIONS, AXIS, gain=1)
    np.testing.assert_array_equal(asis.summed_spectra(np.arange(len(plain))), plain * 10)
    halves = Field(np.zeros(SHAPE, np.uint8), plain, LOCATIONS, AXIS, gain=2)
    np.testing.assert_array_equal(halves.summed_spectra(np.arange(len(plain))), plain / 2)


@pytest.mark.parametrize("gain", [0, -1, np.nan, 1e300, "ten"])
def test_a_gain_that_is_none_is_refused(gain):
    with pytest.raises(FieldError, match="gain is"):
        Field(np.zeros(SHAPE, np.uint8), counts(), LOCATIONS, AXIS, gain=gain)


def test_counts_beyond_what_can_be_held_can_be_read_with_their_gain():
    plain = counts(1000).astype(float)
    made = Field(np.zeros(SHAPE, np.uint8), plain * 1e30, LOCATIONS, AXIS, gain=1e30)
    np.testing.assert_array_equal(made.summed_spectra(np.arange(len(plain))), plain)


def test_the_gain_is_kept_in_a_store(tmp_path):
    with pytest.warns(GdlsWarning):
        made = Field(np.zeros(SHAPE, np.uint8), counts() * 0.25, LOCATIONS, AXIS)
    write_field(tmp_path / "a.gdls.zarr", made)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read = read_field(tmp_path / "a.gdls.zarr")
        assert "one count is 0.25" in str(describe(tmp_path / "a.gdls.zarr"))
    assert read.gain == 0.25
    np.testing.assert_array_equal(read.total_counts, made.total_counts)
    assert read_field(tmp_path / "a.gdls.zarr", gain=2).gain == 0.5


@pytest.mark.parametrize("gain", [10, 1 / 417])
def test_scaled_counts_give_the_segments_of_counts(gain):
    sample = gdls.sample_field("dacite-fast")
    spectra = sample.spectra.astype(np.float32) * np.float32(gain)
    with pytest.warns(GdlsWarning):
        scaled = Field(
            sample.bse, spectra, sample.locations, sample.energy, beam_energy=sample.beam_energy, valid=sample.valid
        )
    np.testing.assert_array_equal(gdls.segment(scaled).labels, gdls.segment(sample).labels)


def test_what_would_be_more_counts_than_can_be_measured_is_no_gain():
    tiny = np.float32(2.0**-24)
    spectra = np.full((1, 20), 2 * tiny, dtype=np.float32)
    spectra[0, :5] = tiny * np.array([1, 2**10, 2**17, 2**24, 127 * 2**24], dtype=np.float32)
    assert not estimated_gain(spectra) < 1e-6
