"""Phases taken apart with known masks: shares, spectra, and what cannot be known."""

from __future__ import annotations

import numpy as np
import pytest
from films import AXIS, angle, film, true_share
from scipy.ndimage import binary_erosion

from napari_gdls import EnergyAxis, Field, separate_phases
from napari_gdls.errors import FieldError, RecipeError


def separated(field, **options):
    truth = field.metadata["truth"]
    return separate_phases(field, truth["presence"], matrix=truth["matrix"], **options)


@pytest.fixture(scope="module")
def mantle():
    return separated(film("mantle", 100.0))


def test_shares_and_spectra_are_those_of_the_film(mantle) -> None:
    truth = mantle.field.metadata["truth"]
    assert mantle.names == ("bridgmanite", "ferropericlase", "Ca-perovskite")
    for grain in mantle.grains:
        share = true_share(mantle.field, mantle.masks[grain])
        low, high = mantle.intervals[grain]
        assert low - 0.005 <= share <= high + 0.005
        assert mantle.factors[grain] == pytest.approx(share, abs=0.02)
    for name in mantle.names:
        assert angle(mantle.spectra[name], truth["spectra"][name], mantle.prepared.own) < 4
        assert mantle.spectra[name].shape == mantle.variances[name].shape == (AXIS.size,)
    assert angle(mantle.spectra["ferropericlase"], truth["spectra"]["ferropericlase"], mantle.prepared.own) < angle(
        mantle.mask_spectra["ferropericlase"], truth["spectra"]["ferropericlase"], mantle.prepared.own
    )


def test_intersections_are_left_out_of_the_sums(mantle) -> None:
    truth = mantle.field.metadata["truth"]["presence"]
    both = truth["ferropericlase"] & truth["Ca-perovskite"]
    assert np.array_equal(mantle.intersection, both)
    for grain in mantle.grains:
        assert not (mantle.masks[grain] & both).any()
        counts = mantle.field.spectra[mantle.masks[grain].ravel()].sum()
        assert mantle.mask_spectra[grain].sum() == pytest.approx(counts)
    assert not (mantle.pure_matrix & (truth["ferropericlase"] | truth["Ca-perovskite"])).any()


def test_the_tie_line_goes_to_zero_and_ferropericlase_has_no_silicon(mantle) -> None:
    report = mantle.trace_report()
    silicon = next(row for row in report.rows if (row.phase, row.element) == ("ferropericlase", "Si"))
    assert abs(silicon.significance) < 3
    fraction, error = report.fraction("Fe", ("Fe", "Mg"), "ferropericlase")
    assert fraction == pytest.approx(0.12, abs=3 * error)
    ratio, error = report.ratio("Ca", "Si", "Ca-perovskite")
    assert ratio == pytest.approx(0.93 / 0.97, abs=3 * error)


def test_another_tie_or_share_is_quick_to_try_and_to_take_back(mantle) -> None:
    moved = mantle.with_factor("ferropericlase", 0.2)
    assert moved.factors["ferropericlase"] == 0.2
    assert moved.confirmed["ferropericlase"]
    assert moved.factors["Ca-perovskite"] == mantle.factors["Ca-perovskite"]
    own = mantle.prepared.own
    taken = mantle.mask_spectra["ferropericlase"] - moved.subtracted("ferropericlase")
    assert angle(taken, mantle.mask_spectra["bridgmanite"], own) == pytest.approx(0, abs=1e-3)
    back = moved.with_factor("ferropericlase", None)
    assert back.factors == mantle.factors
    assert back.intervals == mantle.intervals
    tied = mantle.with_tie("ferropericlase", "Al")
    assert [tie.element for tie in tied.ties["ferropericlase"]] == ["Al"]
    assert tied.with_tie("ferropericlase", None).factors == mantle.factors


def test_abundances_are_counts_and_respect_the_masks(mantle) -> None:
    abundances = mantle.abundances()
    total = sum(abundances.values())
    counts = mantle.field.to_map(np.asarray(mantle.prepared.binned.sum(axis=1)).ravel())
    assert total == pytest.approx(counts)
    assert not abundances["ferropericlase"][~mantle.presence["ferropericlase"]].any()


def test_a_line_model_is_the_spectrum_with_less_noise(mantle) -> None:
    truth = mantle.field.metadata["truth"]["spectra"]["Ca-perovskite"]
    own = mantle.prepared.own
    assert angle(mantle.line_model("Ca-perovskite"), truth, own) < angle(mantle.spectra["Ca-perovskite"], truth, own)


def test_masks_that_miss_the_borders_of_grains_are_less_sure(mantle) -> None:
    """Matrix pixels near grains then hold some of them, which their lines show beside those farther off."""
    truth = mantle.field.metadata["truth"]
    small = {name: binary_erosion(mask, iterations=3) for name, mask in truth["presence"].items()}
    missed = separate_phases(mantle.field, small, matrix="bridgmanite")
    for grain in mantle.grains:
        right, wrong = (each.subtraction.shares[grain] for each in (mantle, missed))
        assert wrong.mask_error > 3 * right.mask_error
        assert wrong.mask_error > 0.01
        low, high = missed.intervals[grain]
        assert low - 0.02 <= true_share(mantle.field, missed.masks[grain]) <= high + 0.02
        assert wrong.sigma >= wrong.mask_error


def test_spinel_in_alumina_is_never_confirmed() -> None:
    """No element is absent from spinel: what is left without alumina looks like MgO, and nothing can tell."""
    for counts in (10.0, 30.0, 100.0, 300.0):
        result = separated(film("ceramic", counts))
        assert not result.confirmed["spinel"]
        assert "share is too large" in result.reasons["spinel"]


def test_nested_phases_are_subtracted_together() -> None:
    field = film("metal", 200.0, seed=3, size=72, nested=True)
    truth = field.metadata["truth"]
    with pytest.raises(RecipeError, match="lies over another grain"):
        separate_phases(field, truth["presence"], matrix="olivine")
    result = separate_phases(
        field,
        truth["presence"],
        matrix={"chromite": ["olivine", "troilite"]},
        tie_element={"chromite": {"olivine": "Si", "troilite": "S"}},
    )
    core = result.masks["chromite"]
    everything = sum(truth["abundances"].values())[core].sum()
    for phase in ("olivine", "troilite"):
        assert result.parts["chromite"][phase] == pytest.approx(
            truth["abundances"][phase][core].sum() / everything, abs=0.03
        )
    assert result.confirmed["chromite"]
    assert not result.intersection[core].any()
    assert angle(result.spectra["chromite"], truth["spectra"]["chromite"], result.prepared.own) < 12


def test_a_grain_through_the_whole_film_holds_no_matrix() -> None:
    result = separated(film("mantle", 100.0, pierced=True))
    assert result.factors["ferropericlase"] < 0.03
    assert result.intervals["ferropericlase"][0] == 0.0


def test_a_map_that_starts_above_oxygen_is_enough() -> None:
    field = film("mantle", 100.0, energy=EnergyAxis(830.0, 10.0, 900))
    result = separated(field)
    assert "O" not in result.prepared.lines.elements
    for grain in result.grains:
        assert result.factors[grain] == pytest.approx(true_share(field, result.masks[grain]), abs=0.03)


def test_a_map_that_starts_below_zero_is_no_other() -> None:
    field = film("mantle", 100.0, energy=EnergyAxis(-480.0, 10.0, 1100))
    result = separated(field)
    for grain in result.grains:
        assert result.factors[grain] == pytest.approx(true_share(field, result.masks[grain]), abs=0.03)


def test_an_artefact_is_never_a_tie() -> None:
    field = film("mantle", 100.0, grid=0.2)
    result = separated(field)
    assert all(tie.element != "Cu" for ties in result.ties.values() for tie in ties)
    with pytest.raises(RecipeError, match="artefact"):
        separated(field, tie_element="Cu")
    with pytest.raises(RecipeError, match="no element tells"):
        separated(field, artefacts=("Cu", "Mg", "Si", "Al", "Fe", "O"))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: {}, "masks are needed"),
        (lambda m: {**m, "empty": np.zeros((64, 64), dtype=bool)}, "no pixel is left for 'empty'"),
        (lambda m: {"a": np.ones((64, 64), dtype=bool)}, "no pixel is left for 'bridgmanite'"),
        (lambda m: {"a": np.ones((3, 3), dtype=bool)}, "shape"),
        (lambda m: {"a": np.ones((64, 64))}, "bool"),
    ],
)
def test_masks_that_cannot_be_used_are_one_clear_error(change, words) -> None:
    field = film("mantle", 100.0)
    with pytest.raises(RecipeError, match=words):
        separate_phases(field, change(field.metadata["truth"]["presence"]), matrix="bridgmanite")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"factor": 1.5}, "from 0 to 1"),
        ({"factor": {"nothing": 0.5}}, "no grain"),
        ({"tie_element": {"nothing": "Si"}}, "no grain"),
        ({"tie_element": "Xx"}, "no line"),
        ({"artefacts": ("Xx",)}, "Xx"),
    ],
)
def test_other_arguments_likewise(options, words) -> None:
    with pytest.raises(Exception, match=words) as failure:
        separated(film("mantle", 100.0), **options)
    assert type(failure.value).__module__.startswith("napari_gdls")


def test_a_sparse_field_is_refused() -> None:
    locations = np.stack(np.meshgrid(np.arange(0, 30, 3), np.arange(0, 30, 3), indexing="ij"), -1).reshape(-1, 2)
    spectra = np.random.default_rng(0).poisson(3.0, (100, 200))
    field = Field(np.zeros((30, 30), np.uint8), spectra, locations, EnergyAxis(0, 20, 200), gain=1.0)
    with pytest.raises(FieldError, match="every"):
        separate_phases(field, {"a": np.zeros((30, 30), dtype=bool)}, matrix="m")
