from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import scipy.sparse as sp
from damage import mutations, outcome
from PIL import Image

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.field import Field
from napari_gdls.io import describe, read_field
from napari_gdls.io.bse_choice import NAMED_OR_COUNTS, choose_bse
from napari_gdls.io.contracts import ReadOptions
from napari_gdls.io.counts_source import ArrayCounts
from napari_gdls.io.map_contents import SpectralMap, map_called
from napari_gdls.io.rosetta import process as rosetta_process
from napari_gdls.io.rosetta.formats import ROSETTA_FORMATS
from napari_gdls.io.rosetta.reader import ROSETTA_READERS
from napari_gdls.io.rosetta.reading import describe_here, read_here
from napari_gdls.io.rosetta.signals import as_image, as_map

rsciio = pytest.importorskip("rsciio", reason="needs the extra formats")
pytest.importorskip("sparse", reason="needs the extra formats")


def counts_of(field: Field) -> int:
    return int(field.spectra.sum(dtype=np.int64))


@pytest.fixture
def bruker(shared_data: Path) -> Path:
    return shared_data / "vendor_files" / "bruker" / "16x16_12bit_packed_8bit.bcf"


@pytest.fixture
def hspy(shared_data: Path) -> Path:
    return shared_data / "stem_88gpa" / "88_ES-LP_G8_selection2_cropped2.hspy"


def test_bruker(shared_data: Path) -> None:
    path = shared_data / "p45_dacite" / "p45_122.bcf"
    field = read_field(path)
    assert (field.shape, field.n_measurements, field.is_dense) == ((75, 100), 7500, True)
    assert field.energy == EnergyAxis(-472.397235, 10.001, 2048)
    assert field.pixel_size == pytest.approx(8.7367850620)
    assert (field.beam_energy, field.sampling_distance, field.bse_full_scale) == (20, 1, 65536)
    assert counts_of(field) / 7500 == pytest.approx(122.13, abs=0.01)
    signals = rsciio.bruker.file_reader(str(path)) if hasattr(rsciio, "bruker") else _bruker_signals(path)
    assert np.array_equal(field.bse, signals[0]["data"])
    assert np.array_equal(field.spectra.toarray(), signals[-1]["data"].reshape(7500, 2048))
    assert (field.metadata["bse_image"], field.metadata["dataset"]) == ("BSE", "EDX")
    assert field.metadata["acquisition"]["SEM"]["Detector"]["EDS"]["elevation_angle"] == 35.0
    # Ca K alpha where plagioclase is: the calibration leads to the right channel.
    spectrum = np.asarray(field.spectra.sum(axis=0)).ravel()
    window = field.energy.window(3500, 3900)
    assert field.energy.centers[window][np.argmax(spectrum[window])] == pytest.approx(3691, abs=20)


def _bruker_signals(path: Path) -> list[dict[str, Any]]:
    from rsciio import bruker

    signals: list[dict[str, Any]] = bruker.file_reader(str(path))
    return signals


def test_names_of_bse_detectors(shared_data: Path, bruker: Path) -> None:
    assert read_field(bruker).metadata["bse_image"] == "AsB"
    hitachi = read_field(shared_data / "vendor_files" / "bruker" / "Hitachi_TM3030Plus.bcf")
    assert hitachi.metadata["bse_image"] == "SEM"
    assert "its detector is not named" in hitachi.metadata["warnings"][0]
    assert (hitachi.shape, hitachi.pixel_size, hitachi.beam_energy) == ((240, 320), None, 15)


def test_the_user_chooses_the_bse_image(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "vendor_files" / "bruker" / "bcf_v2_50x50px.bcf"
    kind = next(kind for kind in ROSETTA_FORMATS if kind.name == "bruker")

    def read(choice: str | int | Path | None) -> Field:
        return read_here(kind, path, ReadOptions(bse=choice))  # a process for each would take a minute

    with pytest.raises(FieldReadError, match=r"which image.*0: 'Ch 1' \(50 x 50\); 1: 'Ch 1' \(825 x 1100\)"):
        read(None)
    named = read("Ch 1")
    assert np.array_equal(read(0).bse, named.bse)
    for choice, problem in ((1, "825 x 1100"), (2, "no image 2"), ("SE", "no image 'SE'"), (-1, "no image -1")):
        with pytest.raises(FieldReadError, match=problem):
            read(choice)
    Image.fromarray(named.bse[::-1].copy()).save(tmp_path / "bse.png")
    assert np.array_equal(read(str(tmp_path / "bse.png")).bse, named.bse[::-1])
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(tmp_path / "small.png")
    with pytest.raises(FieldReadError, match="5 x 5 px; the map of spectra has 50 x 50"):
        read(tmp_path / "small.png")
    summary = describe(path)
    assert [image.shape for image in summary.images] == [(50, 50), (825, 1100)]
    assert summary.counts is not None
    assert "which image is the BSE image" in summary.warnings[0]
    assert np.array_equal(read_field(path, bse=tmp_path / "bse.png").bse, named.bse[::-1])


def test_counts_stand_in_for_the_bse_image(hspy: Path) -> None:
    with pytest.raises(FieldReadError, match="Images in the file: none"):
        read_field(hspy)
    field = read_field(hspy, bse="counts")
    assert np.array_equal(field.bse, field.total_counts_map())
    either = read_field(hspy, bse=NAMED_OR_COUNTS)
    assert (either.metadata["bse_image"], np.array_equal(either.bse, field.bse)) == ("counts", True)
    assert field.bse_full_scale == field.total_counts.max()
    assert "stands in" in field.metadata["warnings"][0]


def test_an_image_that_is_named_is_taken_before_the_counts(bruker: Path) -> None:
    assert read_field(bruker, bse=NAMED_OR_COUNTS).metadata["bse_image"] == "AsB"


def test_velox(shared_data: Path) -> None:
    field = read_field(shared_data / "vendor_files" / "velox" / "si_empty_selection.emd")
    assert (field.shape, field.energy) == ((16, 20), EnergyAxis(-250, 5, 4096))
    assert field.pixel_size == pytest.approx(0.00199684875715)
    assert field.metadata["bse_image"] == "HAADF"
    assert field.beam_energy == 80
    assert counts_of(field) > 0


IMAGE = np.arange(12, dtype=np.uint16).reshape(3, 4)


@pytest.mark.parametrize(
    ("titles", "taken", "note"),
    [
        (["BF", "DF2", "HAADF", "DF4"], "HAADF", ""),
        (["BF", "DF2", "DF4"], "DF4", ""),
        (["BF", "DF-S"], "DF-S", "orientations of crystals"),
        (["SE", "BF"], "BF", "dark in it"),
        (["HAADF", "BSE"], "BSE", ""),
    ],
)
def test_images_of_transmission_microscopes(titles: list[str], taken: str, note: str) -> None:
    chosen = choose_bse(Path("x.emd"), None, [(title, IMAGE) for title in titles], IMAGE.shape, 10**6)
    assert chosen is not None
    assert chosen.title == taken
    assert note in chosen.note
    assert bool(chosen.note) == bool(note)


@pytest.mark.parametrize("offset", [-0.48, 0.83], ids=["below-zero", "above-oxygen"])
@pytest.mark.parametrize("beam_energy", [200.0, 300.0])
def test_hyperspy_file_with_a_haadf_image(tmp_path: Path, offset: float, beam_energy: float) -> None:
    from rsciio import hspy

    rng = np.random.default_rng(0)
    counts = rng.poisson(2.0, (3, 4, 60)).astype(np.uint16)
    places = [
        {"name": name, "size": size, "scale": 2.0, "offset": 0.0, "units": "nm", "navigate": True}
        for name, size in (("y", 3), ("x", 4))
    ]
    energies = {"name": "Energy", "size": 60, "scale": 0.01, "offset": offset, "units": "keV", "navigate": False}
    signals = {
        "map": (counts, [*places, energies], {"title": "EDS"}, "EDS_TEM", {"TEM": {"beam_energy": beam_energy}}),
        "image": (IMAGE, [{**place, "navigate": False} for place in places], {"title": "HAADF"}, "", {}),
    }
    for name, (data, axes, general, kind, instrument) in signals.items():
        metadata = {"General": general, "Signal": {"signal_type": kind}, "Acquisition_instrument": instrument}
        signal = {"data": data, "axes": axes, "metadata": metadata, "original_metadata": {}}
        empty = {key: {} for key in ("learning_results", "models", "tmp_parameters")}
        package = {"attributes": {"_lazy": False}, "package_info": {}}
        hspy.file_writer(str(tmp_path / f"{name}.hspy"), {**signal, **empty, **package})
    path = tmp_path / "map.hspy"
    with h5py.File(path, "a") as both, h5py.File(tmp_path / "image.hspy") as image:
        image.copy(image["Experiments/HAADF"], both["Experiments"])
    field = read_field(path)
    np.testing.assert_array_equal(field.bse, IMAGE)
    assert field.metadata["bse_image"] == "HAADF"
    assert "warnings" not in field.metadata
    assert field.beam_energy == beam_energy
    assert field.energy == EnergyAxis(1000 * offset, 10.0, 60)
    assert field.pixel_size == pytest.approx(0.002)
    assert counts_of(field) == counts.sum()


def test_phenom(shared_data: Path) -> None:
    path = shared_data / "vendor_files" / "phenom" / "Elid2Version4.elid"
    with pytest.raises(FieldReadError, match=r"3 maps of spectra.*`dataset=`.*1: 'Image 1, Map 6'"):
        read_field(path, bse="counts")
    field = read_field(path, bse="counts", dataset="Image 1, Map 6")
    assert field.energy.offset == pytest.approx(-44.78043655810262)
    assert (field.shape, field.pixel_size) == ((16, 16), pytest.approx(1.2197240748650153))
    assert field.beam_energy == 15
    assert "several maps" in describe(path).warnings[0]


def test_one_of_several_maps_is_chosen() -> None:
    maps = [SpectralMap(title, ArrayCounts(np.zeros((1, 1, 1))), EnergyAxis(0, 1, 1)) for title in "aab"]
    assert map_called(Path("x"), maps, 1) is maps[1]
    assert map_called(Path("x"), maps, "b") is maps[2]
    for choice in (3, -1, "a", "c", None):
        with pytest.raises(FieldReadError, match=r"`dataset=`.*0: 'a' \(1 x 1 x 1\)"):
            map_called(Path("x"), maps, choice)


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(0).poisson(0.3, (6, 7, 50)).astype(np.uint16)


def test_edax(tmp_path: Path, cube: np.ndarray) -> None:
    from rsciio.edax._api import get_spc_dtype_list, get_spd_dtype_list

    head = np.zeros(1, np.dtype(get_spd_dtype_list()))
    head["tag"][0, :15] = np.frombuffer(b"MAPSPECTRA_DATA", np.int8)
    height, width, channels = cube.shape
    for key, value in {
        "nSpectra": height * width,
        "nPoints": width,
        "nLines": height,
        "nChannels": channels,
        "countBytes": 2,
        "dataOffset": head.nbytes,
    }.items():
        head[key] = value
    (tmp_path / "map.spd").write_bytes(head.tobytes() + cube.tobytes())
    with pytest.raises(FieldReadError, match="no energy calibration"):
        read_field(tmp_path / "map.spd", bse="counts")
    spectrum = np.zeros(1, np.dtype(get_spc_dtype_list(load_all=True, version=0.70)))
    spectrum["fVersion"], spectrum["evPerChan"], spectrum["startEnergy"], spectrum["kV"] = 0.70, 5, 0, 15
    (tmp_path / "map.spc").write_bytes(spectrum.tobytes() + bytes(1 << 16))
    with pytest.raises(FieldReadError, match="which image"):
        read_field(tmp_path / "map.spd")
    field = read_field(tmp_path / "map.spd", bse="counts")
    assert np.array_equal(
        field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra, cube.reshape(42, 50)
    )
    assert (field.energy, field.beam_energy) == (EnergyAxis(0, 5, 50), 15)


def test_memory_limits_come_before_loading(shared_data: Path, hspy: Path) -> None:
    files = ["bruker/Hitachi_TM3030Plus.bcf", "phenom/Elid2Version4.elid"]
    for path in [*(shared_data / "vendor_files" / file for file in files), hspy]:
        with pytest.raises(FieldReadError, match=r"give `memory_limit=\d+`"):
            read_field(path, bse="counts", dataset=0, memory_limit=1 << 20)
    without_counts = describe(shared_data / "vendor_files" / "bruker" / "Hitachi_TM3030Plus.bcf", memory_limit=1 << 22)
    assert without_counts.shape == (240, 320)
    assert without_counts.counts is None


def test_a_hdf5_file_that_claims_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "bomb.hspy"
    with h5py.File(path, "w") as file:
        file.create_dataset("Experiments/a/data", (1000, 1000, 3100), np.uint8, chunks=(10, 10, 3100))
    assert path.stat().st_size < 20_000
    start = time.monotonic()
    with pytest.raises(FieldReadError, match=r"claims 2\.9 GiB and holds 0 bytes"):
        read_field(path)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("kind", ["link", "external", "virtual"])
def test_hdf5_files_that_lead_to_others(tmp_path: Path, kind: str) -> None:
    (tmp_path / "secret.bin").write_bytes(bytes(100))
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["data"] = np.zeros((4, 5, 5), np.uint8)
    with h5py.File(tmp_path / "a.hspy", "w") as file:
        if kind == "link":
            file["Experiments/a"] = h5py.ExternalLink("other.h5", "data")
        elif kind == "external":
            file.create_dataset("a", (4, 5, 5), np.uint8, external=[(str(tmp_path / "secret.bin"), 0, 100)])
        else:
            layout = h5py.VirtualLayout((4, 5, 5), np.uint8)
            layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "data", (4, 5, 5))
            file.create_virtual_dataset("a", layout)
    with pytest.raises(FieldReadError, match="another file"):
        read_field(tmp_path / "a.hspy")


def test_without_the_optional_packages(bruker: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = __import__("importlib.util").util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None if name == "rsciio" else find(name, *rest))
    for path in (bruker, shared_data / "vendor_files" / "phenom" / "Elid2Version4.elid"):
        with pytest.raises(FieldReadError, match=r'not installed.*pip install "napari-gdls\[formats\]"'):
            read_field(path)


def test_a_package_that_a_reader_needs_is_missing(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rsciio import phenom as reader

    def file_reader(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'sparse'")

    monkeypatch.setattr(reader, "file_reader", file_reader)
    with pytest.raises(FieldReadError, match=r"needs? a package.*'sparse'.*pip install"):
        read_field(shared_data / "vendor_files" / "phenom" / "Elid2Version4.elid")


@pytest.mark.parametrize(
    "error", [KeyError("a"), RuntimeError("b"), IndexError(), AssertionError("c"), RecursionError("d")]
)
def test_errors_of_all_classes_become_one(shared_data: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    from rsciio import phenom as reader

    def file_reader(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(reader, "file_reader", file_reader)
    with pytest.raises(FieldReadError, match=type(error).__name__):
        read_field(shared_data / "vendor_files" / "phenom" / "Elid2Version4.elid")


def test_damaged_bruker_maps_do_not_take_the_program_along(bruker: Path, tmp_path: Path) -> None:
    """These are among the damages with which the compiled reader of RosettaSciIO crashes."""
    crashing = {1, 25, 31, 33}
    path = tmp_path / "a.bcf"
    messages = []
    for number, damaged in enumerate(mutations(bruker.read_bytes(), 34, seed=2)):
        if number in crashing:
            path.write_bytes(damaged)
            try:
                read_field(path, bse="counts", dataset=0)
            except FieldReadError as error:
                messages.append(str(error))
    assert len(messages) >= 2


def test_a_crash_of_the_reader_is_told(bruker: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\necho 'noise of a reader'\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    if sys.platform == "win32":
        pytest.skip("needs a shell")
    monkeypatch.setattr(rosetta_process.sys, "executable", str(crashing))
    for ask in (read_field, describe):
        with pytest.raises(FieldReadError, match="the reader crashed on it"):
            ask(bruker)


@pytest.mark.parametrize("name", ["phenom/Elid2Version4.elid", "hspy"])
def test_damaged_files_are_refused_or_read(shared_data: Path, hspy: Path, tmp_path: Path, name: str) -> None:
    source = hspy if name == "hspy" else shared_data / "vendor_files" / name
    path = tmp_path / source.name
    for damaged in mutations(source.read_bytes(), 40, seed=8, head=3000):
        path.write_bytes(damaged)
        outcome(lambda: read_field(path, bse="counts", dataset=0))


def test_truncated_files_are_refused(shared_data: Path, tmp_path: Path) -> None:
    for name in ("phenom/Elid2Version4.elid", "bruker/16x16_12bit_packed_8bit.bcf"):
        source = shared_data / "vendor_files" / name
        path = tmp_path / source.name
        path.write_bytes(source.read_bytes()[:40_000])
        with pytest.raises(FieldReadError):
            read_field(path, bse="counts", dataset=0)


def test_every_reader_of_the_table_exists() -> None:
    import importlib

    for reader in ROSETTA_READERS:
        assert callable(importlib.import_module(f"rsciio.{reader.name}").file_reader)


def test_the_same_field_from_both_processes(bruker: Path) -> None:
    reader = next(reader for reader in ROSETTA_READERS if reader.name == "bruker")
    apart, here = reader.read(bruker, ReadOptions()), read_here(reader.kind, bruker, ReadOptions())
    assert (abs(apart.spectra - here.spectra)).max() == 0
    assert apart.spectra.dtype == here.spectra.dtype
    assert np.array_equal(apart.bse, here.bse)
    assert (apart.metadata, apart.energy, apart.pixel_size) == (here.metadata, here.energy, here.pixel_size)
    found = reader.describe(bruker, ReadOptions()), describe_here(reader.kind, bruker, ReadOptions())
    assert found[0].to_dict() == found[1].to_dict()


def test_signals_that_are_neither_image_nor_map() -> None:
    axis = {"size": 3, "name": "x", "units": "um", "scale": 1.0, "offset": 0.0}
    energy = {"size": 3, "name": "Energy", "units": "keV", "scale": 0.01, "offset": 0.0}
    rgb = {"data": np.zeros((3, 3), [("R", "u1"), ("G", "u1")]), "axes": [axis, axis]}
    line = {"data": np.zeros((3, 3)), "axes": [axis, energy]}
    frames = {"data": np.ones((3, 3, 3), np.uint8), "axes": [{**axis, "units": "s"}, axis, axis]}
    assert as_image(Path("a"), rgb, 1 << 20) is None
    assert as_image(Path("a"), line, 1 << 20) is None
    assert as_map(Path("a"), line) is None
    image = as_image(Path("a"), frames, 1 << 20)
    assert image is not None
    assert image.pixels.shape == (3, 3)
