from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import read_field
from napari_gdls.io.registry import find_reader

SIGNALS = ("EDS_SEM", "EDS_TEM", "", "EELS", "CL", "CL_SEM", "CL_STEM", "EBSD", "Luminescence")


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(0).poisson(0.5, (6, 7, 60)).astype(np.uint16)


def dense(field: Field) -> np.ndarray:
    return field.spectra.toarray() if sp.issparse(field.spectra) else np.asarray(field.spectra)


def place(name: str, size: int, **changed: Any) -> dict[str, Any]:
    return {"name": name, "size": size, "scale": 2.0, "offset": 0.0, "units": "µm", "navigate": True, **changed}


def energies(size: int, **changed: Any) -> dict[str, Any]:
    axis = {"name": "Energy", "size": size, "scale": 0.01, "offset": -0.2, "units": "keV", "navigate": False}
    return {**axis, **changed}


def add_signal(
    file: h5py.File,
    data: np.ndarray,
    axes: list[dict[str, Any]],
    *,
    name: str = "EDX",
    title: str | None = "EDX",
    signal_type: str = "EDS_SEM",
    **dataset: Any,
) -> h5py.Group:
    """As HyperSpy 2 writes it (its file format 3.3)."""
    file.attrs["file_format"], file.attrs["file_format_version"] = "HyperSpy", "3.3"
    group = file.require_group("Experiments").create_group(name)
    group.create_dataset("data", data=data, **dataset)
    for i, axis in enumerate(axes):
        item = group.create_group(f"axis-{i}")
        for key, value in axis.items():
            if isinstance(value, np.ndarray):
                item[key] = value
            elif value is not None:
                item.attrs[key] = value
    metadata = group.create_group("metadata")
    metadata.create_group("General").attrs["title"] = title or ""
    metadata.create_group("Signal").attrs["signal_type"] = signal_type
    metadata.create_group("Acquisition_instrument/SEM").attrs["beam_energy"] = 20.0
    return group


def write(path: Path, data: np.ndarray, axes: list[dict[str, Any]] | None = None, **rest: Any) -> Path:
    if axes is None:
        axes = [place("y", data.shape[0]), place("x", data.shape[1]), energies(data.shape[2])]
    with h5py.File(path, "w") as file:
        add_signal(file, data, axes, **rest)
    return path


@pytest.mark.parametrize("storage", [{}, {"chunks": (2, 3, 60)}, {"chunks": (4, 7, 16), "compression": "gzip"}])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", ">i4", "f2", ">f4", "f8"])
@pytest.mark.parametrize("ending", ["hspy", "hdf5", "h5"])
def test_any_storage_and_number(
    tmp_path: Path, cube: np.ndarray, storage: dict[str, Any], dtype: str, ending: str
) -> None:
    path = write(tmp_path / f"map.{ending}", cube.astype(dtype), **storage)
    assert find_reader(path).name == "hspy"
    field = read_field(path, bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 60))
    assert (field.energy, field.pixel_size, field.beam_energy) == (EnergyAxis(-200, 10, 60), 2.0, 20.0)


def test_equal_to_the_reader_of_rosettasciio(shared_data: Path) -> None:
    hspy = pytest.importorskip("rsciio.hspy", reason="needs the extra formats")
    path = shared_data / "stem_88gpa" / "88_ES-LP_G8_selection2_cropped2.hspy"
    field = read_field(path, bse="counts")
    (signal,) = (s for s in hspy.file_reader(str(path)) if s["data"].ndim == 3)
    assert np.array_equal(dense(field), signal["data"].reshape(field.spectra.shape))
    last = signal["axes"][2]
    assert field.energy == EnergyAxis(1000 * last["offset"], 1000 * last["scale"], last["size"])
    assert field.pixel_size == pytest.approx(0.00985911)
    assert field.beam_energy == signal["metadata"]["Acquisition_instrument"]["TEM"]["beam_energy"]


def test_hyperspy_1(tmp_path: Path, cube: np.ndarray) -> None:
    """Format 1.0: text as bytes, flat `mapped_parameters`, no word on what one navigates along."""
    with h5py.File(tmp_path / "old.hdf5", "w") as file:
        group = file.create_group("Experiments/map")
        group["data"] = cube
        axes = [place("y", 6), place("x", 7), energies(60, name="", units="keV")]
        for i, axis in enumerate(axes):
            item = group.create_group(f"axis-{i}")
            for key, value in axis.items():
                if key != "navigate":
                    item.attrs[key] = np.bytes_(value.encode()) if isinstance(value, str) else value
        old = group.create_group("mapped_parameters")
        old.attrs["record_by"], old.attrs["title"], old.attrs["signal_type"] = b"spectrum", b"my map", b"EDS_SEM"
        old.create_group("SEM").attrs["beam_energy"] = 15.0
    field = read_field(tmp_path / "old.hdf5", bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 60))
    assert (field.metadata["dataset"], field.beam_energy, field.pixel_size) == ("my map", 15.0, 2.0)


@pytest.mark.parametrize("signal_type", SIGNALS)
def test_what_is_no_map_of_x_rays_is_refused(tmp_path: Path, cube: np.ndarray, signal_type: str) -> None:
    path = write(tmp_path / "map.hspy", cube, signal_type=signal_type)
    if signal_type in ("", "EDS_SEM", "EDS_TEM"):
        assert read_field(path, bse="counts").n_measurements == 42
    else:
        with pytest.raises(FieldReadError, match=r"holds a map of .*, not of X-rays"):
            read_field(path, bse="counts")


@pytest.mark.parametrize(
    ("axis", "problem"),
    [
        ({"name": "Energy loss", "units": "eV", "scale": 2.0}, "EELS"),
        ({"name": "Wavelength", "units": "nm", "scale": 0.5}, "wavelengths"),
        ({"name": "x", "units": "nm", "scale": 0.5}, "wavelengths"),
    ],
)
def test_axes_tell_it_where_no_signal_type_does(
    tmp_path: Path, cube: np.ndarray, axis: dict[str, Any], problem: str
) -> None:
    axes = [place("y", 6), place("x", 7), energies(60, **axis)]
    with pytest.raises(FieldReadError, match=problem):
        read_field(write(tmp_path / "map.hspy", cube, axes, signal_type=""), bse="counts")


@pytest.mark.parametrize("order", [("EELS", "EDS_TEM"), ("EDS_TEM", "CL"), ("EBSD", "EDS_SEM")])
def test_the_one_map_of_x_rays_is_opened(tmp_path: Path, cube: np.ndarray, order: tuple[str, str]) -> None:
    axes = [place("y", 6), place("x", 7), energies(60)]
    loss = [*axes[:2], energies(60, name="Energy loss", units="eV", scale=1e-4)]
    with h5py.File(tmp_path / "both.hspy", "w") as file:
        for kind in order:
            mine = kind.startswith("EDS")
            add_signal(file, cube if mine else cube * 0, axes if mine else loss, name=kind, signal_type=kind)
    field = read_field(tmp_path / "both.hspy", bse="counts")
    assert np.array_equal(dense(field), cube.reshape(42, 60))


def test_maps_of_one_title_are_called_by_their_groups(tmp_path: Path, cube: np.ndarray) -> None:
    with h5py.File(tmp_path / "two.hspy", "w") as file:
        for name in ("first", "second"):
            add_signal(file, cube, [place("y", 6), place("x", 7), energies(60)], name=name)
    with pytest.raises(ReadChoiceError, match=r"0: 'first'.*1: 'second'"):
        read_field(tmp_path / "two.hspy", bse="counts")
    assert read_field(tmp_path / "two.hspy", bse="counts", dataset="second").metadata["dataset"] == "second"


def test_axes_without_names_and_units(tmp_path: Path, cube: np.ndarray) -> None:
    """A signal made of an array: what one does not navigate along are the spectra; their energies have to be given."""
    axes = [place("", 6, units="<undefined>"), place("", 7, units=None), energies(60, name="", units="<undefined>")]
    path = write(tmp_path / "map.hspy", cube, axes, signal_type="")
    with pytest.raises(ReadChoiceError, match="no energy calibration") as raised:
        read_field(path, bse="counts")
    assert raised.value.option == "energy"
    field = read_field(path, bse="counts", energy=(0, 20))
    assert (field.energy, field.pixel_size) == (EnergyAxis(0, 20, 60), None)


@pytest.mark.parametrize("spectral", [0, 1, 2])
def test_spectra_along_any_axis(tmp_path: Path, cube: np.ndarray, spectral: int) -> None:
    axes = [place("y", 6), place("x", 7)]
    axes.insert(spectral, energies(60))
    path = write(tmp_path / "map.hspy", np.moveaxis(cube, 2, spectral), axes)
    assert np.array_equal(dense(read_field(path, bse="counts")), cube.reshape(42, 60))


def test_a_stack_of_frames_says_what_it_is(tmp_path: Path, cube: np.ndarray) -> None:
    axes = [place("frame", 3, units="", scale=1.0), place("y", 6), place("x", 7), energies(60)]
    with pytest.raises(FieldReadError, match="stack of 3 frames of 6 x 7 px with 60 channels: sum the frames"):
        read_field(write(tmp_path / "map.hspy", np.stack([cube] * 3), axes), bse="counts")


@pytest.mark.parametrize(("shape", "words"), [((60,), "one spectrum of 60 channels"), ((7, 60), "a line of 7 spectra")])
def test_what_is_less_than_a_map_says_what_it_is(
    tmp_path: Path, cube: np.ndarray, shape: tuple[int, ...], words: str
) -> None:
    axes = [place("x", n) for n in shape[:-1]] + [energies(60)]
    with pytest.raises(FieldReadError, match=words):
        read_field(write(tmp_path / "map.hspy", np.resize(cube, shape), axes), bse="counts")


def positions(change: Callable[[np.ndarray], np.ndarray]) -> dict[str, Any]:
    return {"axis": change(-0.2 + 0.01 * np.arange(60)), "scale": None, "offset": None, "_type": "DataAxis"}


@pytest.mark.parametrize("change", [lambda e: e, lambda e: e.astype("f4"), lambda e: e + 1e-6 * np.sin(e)])
def test_positions_that_are_evenly_spaced(
    tmp_path: Path, cube: np.ndarray, change: Callable[[np.ndarray], np.ndarray]
) -> None:
    axes = [place("y", 6), place("x", 7), energies(60, **positions(change))]
    energy = read_field(write(tmp_path / "map.hspy", cube, axes), bse="counts").energy
    assert energy.width == pytest.approx(10, rel=1e-5)
    assert energy.offset == pytest.approx(-200, abs=0.01)


@pytest.mark.parametrize("change", [lambda e: e + 0.1 * e**2, lambda e: np.where(e > 0, e + 0.005, e)])
def test_positions_that_are_not(tmp_path: Path, cube: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> None:
    axes = [place("y", 6), place("x", 7), energies(60, **positions(change))]
    with pytest.raises(FieldReadError, match="channels of different widths"):
        read_field(write(tmp_path / "map.hspy", cube, axes), bse="counts")


@pytest.mark.parametrize("unit", ["electronvolt", "eV", "EV", "kilo electronvolts", "[keV]"])
def test_energies_in_words(tmp_path: Path, cube: np.ndarray, unit: str) -> None:
    scale = 0.01 if unit.lower().startswith(("k", "[k")) else 10.0
    axes = [place("y", 6), place("x", 7), energies(60, units=unit, scale=scale, offset=0.0)]
    assert read_field(write(tmp_path / "map.hspy", cube, axes), bse="counts").energy == EnergyAxis(0, 10, 60)


@pytest.mark.parametrize(
    "axis", [{"units": "keV", "scale": 10.0}, {"units": "eV", "scale": 0.01}, {"scale": 0.0}, {"scale": -0.01}]
)
def test_energies_that_no_detector_has(tmp_path: Path, cube: np.ndarray, axis: dict[str, Any]) -> None:
    path = write(tmp_path / "map.hspy", cube, [place("y", 6), place("x", 7), energies(60, **axis)])
    with pytest.raises(ReadChoiceError, match="calibration") as raised:
        read_field(path, bse="counts")
    assert raised.value.option == "energy"
    assert read_field(path, bse="counts", energy=(-200, 10)).energy == EnergyAxis(-200, 10, 60)


def test_parts_that_were_never_written(tmp_path: Path, cube: np.ndarray) -> None:
    """They would be read as pixels, or energies, without a count."""
    path = write(tmp_path / "map.hspy", cube, chunks=(2, 7, 20), compression="gzip")
    with h5py.File(path, "r+") as file:
        group = file["Experiments/EDX"]
        del group["data"]
        part = group.create_dataset("data", cube.shape, cube.dtype, chunks=(2, 7, 20), compression="gzip")
        part[:2] = cube[:2]
    with pytest.raises(FieldReadError, match="holds 3 of 9 parts of a data set; the rest was never written"):
        read_field(path, bse="counts")


@pytest.mark.parametrize("key", ["size", "missing"])
def test_axes_that_do_not_fit_the_data(tmp_path: Path, cube: np.ndarray, key: str) -> None:
    path = write(tmp_path / "map.hspy", cube)
    with h5py.File(path, "r+") as file:
        if key == "size":
            file["Experiments/EDX/axis-1"].attrs["size"] = 8
        else:
            del file["Experiments/EDX/axis-1"]
    with pytest.raises(FieldReadError, match="axis"):
        read_field(path, bse="counts")


def test_hdf5_files_of_others_are_not_taken(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["Experiments/a/values"] = np.zeros(3)
    with pytest.raises(FieldReadError):
        read_field(tmp_path / "a.h5")
