from __future__ import annotations

import shutil
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.field import Field
from napari_gdls.io import describe, read_field
from napari_gdls.io.images import read_image

Tree = dict[str, Any]
"""Values by name; a pair of a value and a tree is a value with entries inside."""


def dense(field: Field) -> np.ndarray:
    return field.spectra.toarray() if sp.issparse(field.spectra) else np.asarray(field.spectra)


def entry(name: str, value: Any, inside: Tree) -> bytes:
    if value is None:
        kind, data = 0, b""
    elif isinstance(value, str):
        kind, data = 12, value.encode() + b"\0"
    elif isinstance(value, np.ndarray):
        kind = {"uint8": 6, "int32": 8, "float64": 10, "uint16": 7}[value.dtype.name]
        data = value.tobytes()
    elif isinstance(value, int):
        kind, data = 3, struct.pack("<i", value)
    else:
        kind, data = 5, struct.pack("<d", value)
    label = name.encode() + b"\0"
    head = b"\1" + struct.pack("<i", len(label)) + label + struct.pack("<ii", kind, len(data))
    return head + data + tree(inside)[:-1] + b"\xff"


def tree(values: Tree) -> bytes:
    parts = []
    for name, value in values.items():
        if isinstance(value, dict):
            parts.append(entry(name, None, value))
        elif isinstance(value, tuple):
            parts.append(entry(name, *value))
        else:
            parts.append(entry(name, value, {}))
    return b"".join(parts) + b"\xff"


def words_of(cube: np.ndarray, image: np.ndarray | None = None) -> list[int]:
    """One sweep: a row, a column in it, the grey value there, the channel of every X-ray."""
    height, width, _ = cube.shape
    words = []
    for row in range(height):
        words.append(0x9000 + row * (4096 // height))
        for column in range(width):
            xrays = np.repeat(np.arange(cube.shape[2]), cube[row, column])
            if image is None and not len(xrays):
                continue
            words += [0x8000 + column * (4096 // width), 0x6000, 0x7000]
            words += [] if image is None else [0xA000 + int(image[row, column])]
            words += [0xB000 + int(channel) for channel in xrays]
    return words


def pts(
    path: Path,
    words: list[int],
    shape: tuple[int, int],
    *,
    sweeps: int = 1,
    whole_file: bool = True,
    doc: Tree | None = None,
) -> Path:
    measured = {
        "Doc": {"CoefA": 0.01, "CoefB": -0.001, "Sweep": sweeps, "RealTime": 12.5, **(doc or {})},
        "Meas Cond": {"Tpl": "T3", "Pixels": f"{shape[1]}x{shape[0]}"},
        "MeasCond": {"AccKV": 15.0, "Mag": 100},
    }
    head = tree(
        {
            "PTTD Param": {
                "Params": {
                    "PARAMPAGE0": ("SEM", {"ScanSize": 128.0, "ElevAng": 35.0, "DetT": "SDD"}),
                    "PARAMPAGE1": ("EDXRF", {"Tpl": {"T1": {"DigZ": 10}, "T3": {"DigZ": 96}}}),
                }
            },
            "PTTD Data": {"AnalyzableMap MeasData": measured},
        }
    )
    at = 305 + 12 + len(head)
    events = struct.pack(f"<{len(words)}H", *words)
    length = len(events) + (at if whole_file else 0)
    start = b"\x30\x01\0\0PTTDFILE" + struct.pack("<6I", 131072, 1, 305, len(head), at, length)
    path.write_bytes(start.ljust(305 + 12, b"\0") + head + events)
    return path


@pytest.fixture
def cube() -> np.ndarray:
    counts = np.zeros((8, 16, 4096), np.int64)
    counts[:, :, 100:400] = np.random.default_rng(0).poisson(0.02, (8, 16, 300))
    counts[2, 3, 200] = 300  # more than eight bits hold
    return counts


@pytest.mark.parametrize("whole_file", [True, False])
@pytest.mark.parametrize("sweeps", [1, 3])
def test_counts_calibration_and_own_image(tmp_path: Path, cube: np.ndarray, sweeps: int, whole_file: bool) -> None:
    image = np.arange(128).reshape(8, 16)
    path = pts(tmp_path / "a.pts", words_of(cube, image) * sweeps, (8, 16), sweeps=sweeps, whole_file=whole_file)
    field = read_field(path)
    assert np.array_equal(dense(field), sweeps * cube.reshape(128, 4096))
    assert np.array_equal(field.bse, sweeps * image)
    assert field.energy == EnergyAxis(-961.0, 10.0, 4096)  # CoefB - 96 CoefA
    assert field.pixel_size == pytest.approx(1000 * 128 / 100 / 16)
    assert field.beam_energy == 15
    assert field.metadata["acquisition"]["SEM"]["Detector"]["EDS"]["elevation_angle"] == 35.0
    assert field.metadata["bse_image"] == "electron image"
    assert "its detector is not named" in field.metadata["warnings"][0]


@pytest.mark.parametrize("shape", [(8, 16), (16, 8), (4, 4), (1, 16)])
def test_maps_that_are_not_square(tmp_path: Path, shape: tuple[int, int]) -> None:
    cube = np.zeros((*shape, 4096), np.int64)
    cube[:, :, 150:160] = np.random.default_rng(1).poisson(1.0, (*shape, 10)) + 1
    field = read_field(pts(tmp_path / "a.pts", words_of(cube), shape), bse="counts")
    assert np.array_equal(dense(field), cube.reshape(-1, 4096))


@pytest.mark.parametrize("counted", [0, 1])
def test_a_scan_that_was_stopped_later(tmp_path: Path, cube: np.ndarray, counted: int) -> None:
    words = words_of(cube)
    path = pts(tmp_path / "a.pts", words * 2 + words_of(cube[:3].repeat(2, 0)[:8])[:9], (8, 16), sweeps=2 + counted)
    field = read_field(path, bse="counts")
    assert np.array_equal(dense(field), 2 * cube.reshape(128, 4096))
    assert "stopped in sweep 3, in row 1 of 8; that sweep is left out" in field.metadata["warnings"][0]


def test_a_scan_that_was_stopped_in_its_first_sweep(tmp_path: Path, cube: np.ndarray) -> None:
    full = np.maximum(cube, (np.arange(4096) == 150).astype(int))
    words = words_of(full)
    cut = words[: words.index(0x9000 + 5 * 512) + 3]
    field = read_field(pts(tmp_path / "a.pts", cut, (8, 16)), bse="counts")
    assert np.array_equal(np.nonzero(~field.valid.all(axis=1))[0], [5, 6, 7])
    assert np.array_equal(dense(field), full[:5].reshape(80, 4096))
    assert "stopped in its first sweep, in row 6 of 8" in field.metadata["warnings"][0]


def test_a_map_without_events(tmp_path: Path) -> None:
    with pytest.raises(FieldReadError, match="stopped before its first line"):
        read_field(pts(tmp_path / "a.pts", [], (8, 16)), bse="counts")


@pytest.mark.parametrize("change", [-200, -2, -1, 1, 2, 200])
def test_lost_and_added_bytes(tmp_path: Path, cube: np.ndarray, change: int) -> None:
    path = pts(tmp_path / "a.pts", words_of(cube), (8, 16))
    data = path.read_bytes()
    path.write_bytes(data[:change] if change < 0 else data + b"\0" * change)
    with pytest.raises(FieldReadError, match="bytes, and declares"):
        read_field(path, bse="counts")


@pytest.mark.parametrize("sweeps", [1, 4])
def test_other_sweeps_than_declared(tmp_path: Path, cube: np.ndarray, sweeps: int) -> None:
    with pytest.raises(FieldReadError, match=f"declares {sweeps} sweeps over the map, and holds 2"):
        read_field(pts(tmp_path / "a.pts", words_of(cube) * 2, (8, 16), sweeps=sweeps), bse="counts")


@pytest.mark.parametrize("word", [0x9001, 0x8001])
def test_positions_off_the_grid(tmp_path: Path, cube: np.ndarray, word: int) -> None:
    with pytest.raises(FieldReadError, match="off the grid"):
        read_field(pts(tmp_path / "a.pts", [*words_of(cube), word], (8, 16)), bse="counts")


def test_a_map_on_no_known_grid(tmp_path: Path, cube: np.ndarray) -> None:
    with pytest.raises(FieldReadError, match="positions are not known"):
        read_field(pts(tmp_path / "a.pts", words_of(cube), (9, 16)), bse="counts")


def test_a_calibration_that_is_none(tmp_path: Path, cube: np.ndarray) -> None:
    path = pts(tmp_path / "a.pts", words_of(cube), (8, 16), doc={"CoefA": 10.0})
    with pytest.raises(ReadChoiceError, match="no calibration of EDS"):
        read_field(path, bse="counts")
    assert read_field(path, bse="counts", energy=(-960, 10)).energy == EnergyAxis(-960, 10, 4096)


def test_the_memory_limit_comes_first(tmp_path: Path, cube: np.ndarray) -> None:
    with pytest.raises(FieldReadError, match="memory limit"):
        read_field(pts(tmp_path / "a.pts", words_of(cube), (8, 16)), bse="counts", memory_limit=10_000)


def jeol_image(path: Path, pixels: np.ndarray, title: str, map_type: int | None = None) -> Path:
    height, width = pixels.shape
    values: Tree = {"Image": {"Size": np.array([width, height], np.int32), "Bits": pixels.ravel(), "Title": title}}
    if map_type is not None:
        values["Map"] = {"MapType": map_type}
    start = b"\x34\0\0\0JED-2200:LibJxImageForm".ljust(36, b"\0") + struct.pack("<3I", 64, 0, 64)
    path.write_bytes(start.ljust(76, b"\0") + tree(values))
    return path


def test_images_beside_the_map(tmp_path: Path, cube: np.ndarray) -> None:
    path = pts(tmp_path / "View001_0000005.pts", words_of(cube), (8, 16))
    pixels = np.arange(128, dtype=np.uint8).reshape(8, 16)
    jeol_image(tmp_path / "View001_0000000.img", pixels, "COMPO")
    jeol_image(tmp_path / "View001_0000001.map", pixels + 1, "IMG1", 1)
    jeol_image(tmp_path / "View001_0000002.map", pixels + 2, "Si K", 2)
    jeol_image(tmp_path / "View002_0000000.img", pixels + 3, "SEI")
    jeol_image(tmp_path / "View001_0000006.map", pixels + 4, "BSE", 1)  # of the next map
    pts(tmp_path / "View001_0000010.pts", words_of(cube), (8, 16))
    (tmp_path / "View001_0000009.img").write_bytes(b"no image")
    field = read_field(path)
    assert np.array_equal(field.bse, pixels)
    titles = [image.title for image in describe(path).images]
    assert titles == ["COMPO, View001_0000000.img", "IMG1, View001_0000001.map"]
    later = [image.title for image in describe(tmp_path / "View001_0000010.pts").images]
    assert later == ["COMPO, View001_0000000.img", "BSE, View001_0000006.map"]
    assert np.array_equal(read_field(path, bse=1).bse, pixels + 1)
    assert np.array_equal(read_field(path, bse=tmp_path / "View001_0000002.map").bse, pixels + 2)


@pytest.mark.parametrize("n", [-5, 5])
def test_damaged_images(tmp_path: Path, n: int) -> None:
    path = jeol_image(tmp_path / "a.img", np.zeros((8, 16), np.uint8), "SEI")
    data = path.read_bytes()
    at = data.index(b"Bits\0") + 9
    changed = data[:at] + struct.pack("<i", 128 + n) + data[at + 4 :]
    for damaged in (data[:-20], changed, data[:60]):
        path.write_bytes(damaged)
        with pytest.raises(FieldReadError):
            read_image(path, 1 << 20)


def project(path: Path, names: list[str]) -> Path:
    entries = {str(i): {"Filename": name} for i, name in enumerate(names)}
    path.write_bytes(bytes(12) + tree({"SampleInfo": {"0": {"ViewInfo": {"0": {"ViewData": entries}}}}}))
    return path


def test_projects(tmp_path: Path, cube: np.ndarray) -> None:
    folder = tmp_path / "Sample" / "00_View"
    folder.mkdir(parents=True)
    pts(folder / "View_1.pts", words_of(cube), (8, 16))
    pts(folder / "View_2.pts", words_of(cube, np.arange(128).reshape(8, 16)) * 2, (8, 16), sweeps=2)
    names = [f".\\Sample\\00_View\\View_{i}.{kind}" for i in (1, 2) for kind in ("pts", "img")]
    path = project(tmp_path / "a.ASW", names)
    with pytest.raises(ReadChoiceError, match=r"0: 'View_1.pts'.*1: 'View_2.pts'"):
        read_field(path)
    for choice in (1, "View_2.pts"):
        field = read_field(path, dataset=choice)
        assert np.array_equal(dense(field), 2 * cube.reshape(128, 4096))
        assert np.array_equal(field.bse, 2 * np.arange(128).reshape(8, 16))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        (".\\gone\\View_1.pts", "which is not there"),
        ("..\\other\\View_1.pts", "outside of its folder"),
        ("C:\\View_1.pts", "outside of its folder"),
        ("a.img", "names no .pts file"),
    ],
)
def test_projects_that_lead_nowhere(tmp_path: Path, name: str, problem: str) -> None:
    with pytest.raises(FieldReadError, match=problem):
        read_field(project(tmp_path / "a.asw", [name]))


def test_a_real_map(shared_data: Path) -> None:
    path = shared_data / "vendor_files" / "jeol" / "View000_0000006.pts"
    start = time.monotonic()
    field = read_field(path, bse="counts")
    assert time.monotonic() - start < 20
    assert (field.shape, field.energy.size) == ((512, 512), 4096)
    assert field.energy.offset == pytest.approx(-960.661325)
    assert (field.pixel_size, field.beam_energy) == (pytest.approx(0.00869140625), 200)
    assert sp.issparse(field.spectra)
    assert int(field.spectra.sum(dtype=np.int64)) == 308_261


@pytest.mark.slow
def test_a_real_map_equals_the_reading_of_rosettasciio(shared_data: Path) -> None:
    jeol = pytest.importorskip("rsciio.jeol", reason="needs the extra formats")
    path = shared_data / "vendor_files" / "jeol" / "View000_0000006.pts"
    cube = jeol.file_reader(str(path), SI_dtype=np.uint16)[0]["data"]
    field = read_field(path, bse="counts")
    assert (sp.csr_array(field.spectra) != sp.csr_array(cube.reshape(-1, 4096))).nnz == 0


def test_a_real_image_beside_the_map(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "vendor_files" / "jeol"
    summary = describe(folder / "View000_0000006.pts")
    assert [image.title for image in summary.images] == ["IMG1, View000_0000000.img"]
    jeol = pytest.importorskip("rsciio.jeol", reason="needs the extra formats")
    (signal,) = jeol.file_reader(str(folder / "View000_0000000.img"))
    shutil.copy(folder / "View000_0000000.img", tmp_path / "bse.img")
    assert np.array_equal(read_image(tmp_path / "bse.img", 1 << 30), signal["data"])
