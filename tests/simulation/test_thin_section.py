"""Simulated thin films whose grains overlap."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_gdls import Field, read_field, write_field
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import Cancelled, RecipeError
from napari_gdls.simulation.thin_section import SYSTEMS, simulate_overlapping


def overlaps(field: Field) -> np.ndarray:
    """Number of grains at each pixel."""
    return np.sum(list(field.metadata["truth"]["presence"].values()), axis=0)


@pytest.mark.parametrize("system", SYSTEMS)
def test_truth_says_what_was_counted(system: str) -> None:
    field = simulate_overlapping((64, 64), system=system, counts=80.0, seed=3)
    truth = field.metadata["truth"]
    names = [phase.name for phase in SYSTEMS[system]]
    assert truth["matrix"] == names[0]
    assert list(truth["presence"]) == names[1:]
    assert list(truth["abundances"]) == list(truth["spectra"]) == list(truth["compositions"]) == names
    assert field.artefacts == ("Cu",)
    assert field.beam_energy == 200.0
    assert field.sampling_distance == 1.0
    for spectrum in truth["spectra"].values():
        assert spectrum.sum() == pytest.approx(1)
    np.testing.assert_allclose(sum(truth["shares"].values()), 1)
    for name, present in truth["presence"].items():
        assert present.any()
        np.testing.assert_array_equal(present, truth["abundances"][name] > 0)
    expected = sum(truth["abundances"].values()) + truth["grid"]
    assert np.median(expected) == pytest.approx(80, rel=0.01)
    assert (truth["grid"] == 0.02 * 80).all()
    # Whole map, and channel by channel, within what counting noise does.
    assert field.spectra.sum() == pytest.approx(expected.sum(), abs=5 * np.sqrt(expected.sum()))
    channels = sum(truth["abundances"][name].sum() * truth["spectra"][name] for name in names)
    channels = channels + truth["grid"].sum() * truth["grid_spectrum"]
    counted = np.asarray(field.spectra.sum(axis=0)).ravel()
    usual = channels > 20
    z = (counted - channels)[usual] / np.sqrt(channels[usual])
    assert np.std(z) == pytest.approx(1, abs=0.1)
    assert abs(z).max() < 6


def test_grains_overlap_and_leave_some_matrix() -> None:
    for seed in range(3):
        number = overlaps(simulate_overlapping(counts=10.0, seed=seed))
        assert 0.3 < np.mean(number == 0) < 0.6
        assert np.mean(number > 1) > 0.03


def test_calibration_is_off() -> None:
    shifted, right = (simulate_overlapping((32, 32), seed=2, miscalibration=m) for m in (1.0, 0.0))
    options = shifted.metadata["options"]
    assert 0 < abs(options["offset_error"]) <= 5
    assert 0 < abs(options["gain_error"]) <= 1e-3
    assert 125 <= options["detector"]["fwhm"] <= 140
    assert right.metadata["options"]["offset_error"] == 0
    energies = right.energy.centers
    spectra = [field.metadata["truth"]["spectra"]["Ca-perovskite"] for field in (shifted, right)]
    near = abs(energies - 3691) < 140  # Ca K-alpha
    peaks = [np.average(energies[near], weights=spectrum[near]) for spectrum in spectra]
    # Channels that lie higher than they say hold the peak at a lower number.
    assert peaks[0] - peaks[1] == pytest.approx(-options["offset_error"] - 3691 * options["gain_error"], abs=1)


def test_nested_grains_lie_inside_of_their_shells() -> None:
    presence = simulate_overlapping((64, 64), nested=True, seed=1).metadata["truth"]["presence"]
    core, shell = presence["Ca-perovskite"], presence["ferropericlase"]
    assert core.any()
    assert not (core & ~shell).any()
    assert (shell & ~core).any()


def test_pierced_films_have_no_matrix_in_the_grain() -> None:
    truth = simulate_overlapping((64, 64), pierced=True, seed=1).metadata["truth"]
    assert (truth["abundances"]["bridgmanite"][truth["presence"]["ferropericlase"]] == 0).all()


def test_matrix_need_not_be_the_largest_phase() -> None:
    truth = simulate_overlapping(coverage=0.9, depth=(0.8, 1.0), seed=0).metadata["truth"]
    totals = {name: counts.sum() for name, counts in truth["abundances"].items()}
    assert max(totals, key=lambda name: totals[name]) != truth["matrix"]
    assert min(share.sum() for share in truth["shares"].values()) > 0


def test_map_without_oxygen() -> None:
    field = simulate_overlapping((32, 32), energy=EnergyAxis(830.0, 10.0, 1500), counts=50.0)
    assert field.energy.offset == 830
    assert np.median(field.total_counts) == pytest.approx(50, rel=0.1)


def test_seed_gives_the_same_field_again_and_another_one_another() -> None:
    first, again, other = (simulate_overlapping((40, 30), seed=seed) for seed in (5, 5, 6))
    assert (first.spectra != again.spectra).sum() == 0
    np.testing.assert_array_equal(first.bse, again.bse)
    assert (first.spectra != other.spectra).sum() > 0


def test_field_survives_the_native_store(tmp_path: Path) -> None:
    field = simulate_overlapping((32, 40), seed=1)
    write_field(tmp_path / "film.gdls.zarr.zip", field)
    back = read_field(tmp_path / "film.gdls.zarr.zip")
    assert back.artefacts == field.artefacts
    truth, stored = field.metadata["truth"], back.metadata["truth"]
    for part in ("presence", "abundances", "spectra"):
        assert list(stored[part]) == list(truth[part])
        for name, values in truth[part].items():
            np.testing.assert_array_equal(stored[part][name], values)
    assert stored["compositions"] == truth["compositions"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"system": "rock"}, "choose one of mantle, metal, ceramic"),
        ({"counts": 0.0}, "counts is 0.0"),
        ({"coverage": 1.0}, "coverage is 1.0"),
        ({"depth": 0.5}, "two parts of the thickness"),
        ({"depth": (0.9, 0.2)}, "must not be above"),
        ({"nested": True, "pierced": True}, "hide what is nested"),
        ({"beam_energy": 1000.0}, "thin film needs"),
        ({"energy": EnergyAxis(30_000.0, 10.0, 100), "system": "mantle"}, None),
    ],
)
def test_errors_name_the_problem(options: dict[str, object], message: str | None) -> None:
    if message is None:  # the continuum reaches everywhere
        assert simulate_overlapping((16, 16), **options).n_measurements == 256  # type: ignore[arg-type]
        return
    with pytest.raises(RecipeError, match=message):
        simulate_overlapping((16, 16), **options)  # type: ignore[arg-type]


def test_it_can_be_stopped() -> None:
    stages = []

    def progress(stage: str, fraction: float) -> None:
        stages.append(stage)
        assert 0 <= fraction <= 1
        if stage == "spectra":
            raise Cancelled

    with pytest.raises(Cancelled):
        simulate_overlapping((32, 32), progress=progress)
    assert set(stages) == {"grains", "spectra"}


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 3)])
@pytest.mark.parametrize("system", SYSTEMS)
def test_films_of_any_shape(shape: tuple[int, int], system: str) -> None:
    field = simulate_overlapping(shape, system=system, coverage=0.95, grain_size=2.0, counts=20.0)
    assert field.shape == shape
