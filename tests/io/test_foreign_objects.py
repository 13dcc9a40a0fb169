"""Fields as objects of HyperSpy and xarray, and back."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_gdls as gdls
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError
from napari_gdls.field import Field

hs = pytest.importorskip("hyperspy.api")
pytest.importorskip("exspy")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning:hyperspy")


def toarray(counts: object) -> np.ndarray:
    return counts.toarray() if sp.issparse(counts) else np.asarray(counts)


def made_field(rng: np.random.Generator, height: int, width: int, *, dense: bool, **more: object) -> Field:
    chosen = np.arange(height * width) if dense else np.arange(0, height * width, 3)
    locations = np.transpose(np.unravel_index(chosen, (height, width)))
    counts = rng.poisson(rng.choice([0.1, 2.0], 64), (len(chosen), 64)) + (np.arange(64) == 30)
    bse = rng.integers(0, 60_000, (height, width)).astype(np.uint16)
    return Field(bse, counts.astype(np.uint16), locations, EnergyAxis(-50.0, 10.0, 64), gain=1, **more)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 99), st.integers(2, 9), st.integers(2, 9), st.booleans(), st.booleans(), st.booleans())
def test_a_field_comes_back_as_it_was(
    seed: int, height: int, width: int, dense: bool, lazy: bool, transmission: bool
) -> None:
    rng = np.random.default_rng(seed)
    field = made_field(
        rng, height, width, dense=dense, pixel_size=0.25, beam_energy=200.0 if transmission else 15.0,
        artefacts=("Cu",), name="rock",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signal = field.to_hyperspy(lazy=lazy)
        back = Field.from_hyperspy(signal, bse=hs.signals.Signal2D(field.bse))
    assert np.array_equal(toarray(back.spectra), toarray(field.spectra))
    assert np.array_equal(back.locations, field.locations)
    assert np.array_equal(back.bse, field.bse)
    for name in ("energy", "pixel_size", "beam_energy", "artefacts", "name", "sampling_distance", "bse_full_scale"):
        assert getattr(back, name) == getattr(field, name), name


def test_axes_units_and_metadata_stand_where_hyperspy_has_them() -> None:
    field = made_field(np.random.default_rng(0), 5, 7, dense=True, pixel_size=0.5, beam_energy=20.0, name="rock")
    signal = field.to_hyperspy()
    assert type(signal).__name__ == "EDSSEMSpectrum"
    y, x, energy = signal.axes_manager._axes
    assert [(axis.name, axis.size, axis.scale, axis.units) for axis in (y, x)] == [
        ("y", 5, 0.5, "µm"),
        ("x", 7, 0.5, "µm"),
    ]
    assert (energy.name, energy.units) == ("Energy", "keV")
    assert (energy.scale, energy.offset) == pytest.approx((0.01, -0.05))
    assert signal.metadata.Acquisition_instrument.SEM.beam_energy == 20.0
    assert signal.metadata.General.title == "rock"
    assert np.array_equal(signal.data.sum(axis=2), field.to_map(np.asarray(field.spectra.sum(axis=1)).ravel()))
    assert np.array_equal(signal.isig[0.15:0.35].data.sum(axis=2), field.window_map(150, 350))


def test_what_was_not_measured_is_not_measured_when_it_comes_back() -> None:
    rng = np.random.default_rng(1)
    valid = np.ones((6, 6), bool)
    valid[:2, 3:] = False
    bse = rng.integers(0, 255, (6, 6)).astype(np.uint8)
    counts = rng.poisson(3.0, (int(valid.sum()), 64)).astype(np.uint8)
    field = Field(bse, counts, np.argwhere(valid), EnergyAxis(0, 10, 64), valid=valid, gain=1)
    back = Field.from_hyperspy(field.to_hyperspy(), bse=bse)
    assert np.array_equal(back.valid, valid)
    assert np.array_equal(toarray(back.spectra), counts)


def test_a_saved_signal_reads_as_the_field(tmp_path: Path) -> None:
    field = made_field(np.random.default_rng(2), 6, 5, dense=True, pixel_size=1.0, beam_energy=15.0)
    field.to_hyperspy().save(tmp_path / "map.hspy")
    read = gdls.read_field(tmp_path / "map.hspy", bse="counts", gain=1)
    assert np.array_equal(toarray(read.spectra), toarray(field.spectra))
    assert (read.energy, read.pixel_size, read.beam_energy) == (field.energy, 1.0, 15.0)
    assert np.array_equal(
        toarray(Field.from_hyperspy(hs.load(tmp_path / "map.hspy"), gain=1).spectra), toarray(read.spectra)
    )


@pytest.mark.parametrize(
    ("signal", "problem"),
    [
        (lambda: np.zeros((3, 3, 3)), "no signal of HyperSpy"),
        (lambda: hs.signals.Signal2D(np.zeros((3, 3))), "no map of spectra"),
        (lambda: hs.signals.Signal1D(np.ones((3, 3, 9))), "no energy calibration"),
    ],
)
def test_other_signals_are_refused(signal: object, problem: str) -> None:
    with pytest.raises(FieldError, match=problem):
        Field.from_hyperspy(signal())  # type: ignore[operator]


def test_an_image_of_another_size_is_refused() -> None:
    field = made_field(np.random.default_rng(3), 4, 4, dense=True)
    with pytest.raises(FieldError, match=r"\(3, 4\).*\(4, 4\)"):
        Field.from_hyperspy(field.to_hyperspy(), bse=field.bse[1:])


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("lazy", [True, False])
def test_a_dataset_of_xarray_holds_the_field(dense: bool, lazy: bool) -> None:
    pytest.importorskip("xarray")
    field = made_field(np.random.default_rng(4), 5, 6, dense=dense, pixel_size=2.0, beam_energy=15.0, name="rock")
    dataset = field.to_xarray(lazy=lazy)
    assert dataset.counts.dims == (("y", "x", "energy") if dense else ("measurement", "energy"))
    assert np.array_equal(dataset.counts.values.reshape(-1, 64), toarray(field.spectra))
    assert np.array_equal(dataset.energy, field.energy.centers)
    assert np.array_equal(dataset.bse, field.bse)
    assert (dataset.x.values[1], dataset.x.units, dataset.attrs["beam_energy"]) == (2.0, "um", 15.0)
    window = dataset.counts.sel(energy=slice(150, 349)).sum("energy")
    assert np.array_equal(window.values.ravel(), field.window_counts(150, 350))
