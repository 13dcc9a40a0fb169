"""Wide channels: what they hold, and what is left out of them."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import EnergyAxis, Field
from napari_gdls.errors import FieldError, GdlsError
from napari_gdls.overlap import analysis_channels
from napari_gdls.overlap.channels import artefact_lines, require_spectrum_image


def flat_field(axis: EnergyAxis, *, last: float = np.inf, **others) -> Field:
    """3 x 4 px with ten counts in each channel up to an energy."""
    counts = np.where(axis.centers <= last, 10, 0).astype(np.int32)
    places = np.argwhere(np.ones((3, 4), bool))
    return Field(
        np.zeros((3, 4), np.uint8), np.tile(counts, (12, 1)), places, axis, gain=1.0, beam_energy=200.0, **others
    )


@given(
    offset=st.floats(-480, 900),
    width=st.sampled_from([2.5, 5.0, 10.0, 10.0047, 20.0, 37.0, 60.0, 100.0]),
    size=st.sampled_from([200, 1000, 4096]),
    artefacts=st.sampled_from([(), ("Cu",), ("Cu", "Ga")]),
)
@settings(max_examples=60, deadline=None)
def test_channels_are_wide_in_order_and_away_from_artefacts(offset, width, size, artefacts):
    axis = EnergyAxis(offset, width, size)
    field = flat_field(axis)
    try:
        channels = analysis_channels(field, artefacts)
    except FieldError:
        assert axis.centers[-1] < 1400  # all of it below 250 eV, or around the L lines of Cu and Ga
        return
    group, used = channels.group, channels.group >= 0
    assert group.shape == (size,)
    assert np.array_equal(np.unique(group[used]), np.arange(channels.n))
    assert (np.diff(group[used]) >= 0).all()
    assert axis.centers[used].min() >= 250 - 1e-9
    lines = artefact_lines(artefacts, 200.0)
    if len(lines):
        assert np.abs(axis.centers[used][:, None] - lines).min() > 90
    span = np.array([np.ptp(axis.centers[group == g]) for g in range(channels.n)]) + width
    assert span.max() <= max(1.5 * 60, width) + 1e-6
    assert (np.diff(channels.energies) > 0).all()
    counts = channels.binned(field.spectra)
    assert counts.sum() == np.asarray(field.spectra[:, used].sum())


def test_binning_gives_the_same_for_dense_and_sparse_spectra():
    field = flat_field(EnergyAxis(0.0, 10.0, 600))
    channels = analysis_channels(field)
    spectra = np.random.default_rng(0).poisson(0.3, (20, 600)).astype(np.uint8)
    dense = channels.binned(spectra)
    assert np.array_equal(dense, channels.binned(sp.csr_array(spectra)))
    assert dense.dtype == np.float64
    assert dense[:, 3].tolist() == spectra[:, channels.group == 3].sum(axis=1).tolist()


def test_channels_end_where_counts_end():
    channels = analysis_channels(flat_field(EnergyAxis(0.0, 10.0, 4000), last=9000.0))
    assert 8950 < channels.energies[-1] < 9060


def test_artefacts_are_those_of_the_field_unless_others_are_given():
    field = flat_field(EnergyAxis(0.0, 10.0, 1000), artefacts=("Cu",))
    copper = np.abs(field.energy.centers - 8040) < 60
    assert (analysis_channels(field).group[copper] == -1).all()
    assert (analysis_channels(field, ()).group[copper] >= 0).all()
    assert analysis_channels(field, ("Si",)).artefacts == ("Si",)
    assert analysis_channels(field, "Si").artefacts == ("Si",)


def test_magnesium_stays_when_gallium_is_an_artefact():
    channels = analysis_channels(flat_field(EnergyAxis(0.0, 10.0, 1000)), ("Cu", "Ga"))
    assert (channels.group[122:131] >= 0).all()  # 1,220 to 1,300 eV around Mg K at 1,254 eV


def test_what_is_wrong_is_said():
    short = flat_field(EnergyAxis(0.0, 10.0, 20))
    with pytest.raises(FieldError, match="no counts are left"):
        analysis_channels(short)
    with pytest.raises(GdlsError, match="Xx"):
        analysis_channels(flat_field(EnergyAxis(0.0, 10.0, 1000)), ("Xx",))
    with pytest.raises(FieldError, match="channels are needed"):
        analysis_channels(flat_field(EnergyAxis(0.0, 10.0, 1000))).binned(np.ones((3, 7)))


def test_a_sampled_field_is_no_spectrum_image():
    axis = EnergyAxis(0.0, 10.0, 100)
    sampled = Field(
        np.zeros((9, 9), np.uint8), np.ones((9, 100), np.uint8), np.argwhere(np.ones((3, 3), bool)) * 3, axis, gain=1.0
    )
    with pytest.raises(FieldError, match="every 3 px"):
        require_spectrum_image(sampled)
    require_spectrum_image(flat_field(axis))
