"""Separations once more, of masks that have changed a little."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.errors import RecipeError
from napari_gdls.overlap import separate_phases, unmix_overlapping
from napari_gdls.overlap.revision import separated_again
from napari_gdls.overlap.unmixing import MARGIN
from napari_gdls.simulation import simulate_overlapping


@pytest.fixture(scope="module")
def film():
    return simulate_overlapping((40, 40), counts=150.0, seed=2)


@pytest.fixture(scope="module")
def masks(film):
    truth = film.metadata["truth"]
    return {name: mask for name, mask in truth["presence"].items() if name != truth["matrix"]}


def equal(one, other) -> bool:
    assert one.names == other.names
    for name in one.names:
        np.testing.assert_array_equal(one.mask_spectra[name], other.mask_spectra[name])
        np.testing.assert_array_equal(one.spectra[name], other.spectra[name])
    assert one.factors == other.factors
    assert one.intervals == other.intervals
    assert one.reasons == other.reasons
    return True


def test_it_is_what_a_separation_gives(film, masks):
    expected = separate_phases(film, masks, matrix="bridgmanite")
    first = separated_again(film, masks, matrix="bridgmanite")
    assert equal(first, expected)
    again = separated_again(film, masks, matrix="bridgmanite", before=first)
    assert again.prepared is first.prepared
    assert equal(again, expected)
    grain = first.grains[0]
    chosen = separated_again(film, masks, matrix="bridgmanite", before=first, given={grain: 0.3})
    assert equal(chosen, separate_phases(film, masks, matrix="bridgmanite", factor={grain: 0.3}))


def test_other_artefacts_need_other_lines(film, masks):
    first = separated_again(film, masks, matrix="bridgmanite")
    other = separated_again(film, masks, matrix="bridgmanite", before=first, artefacts=("Cu", "Ga"))
    assert other.artefacts == ("Cu", "Ga")
    assert other.prepared is not first.prepared


def test_an_automatic_run_is_given_again(film):
    found = unmix_overlapping(film, 3).separation
    errors = {grain: share.mask_error for grain, share in found.subtraction.shares.items()}
    again = separated_again(film, found.presence, matrix=found.matrix, before=found, mask_errors=errors, margin=MARGIN)
    assert equal(again, found)


def test_masks_without_a_grain_are_refused(film):
    with pytest.raises(RecipeError, match="no mask"):
        separated_again(film, {}, matrix="bridgmanite")
