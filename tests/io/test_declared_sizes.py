"""Files whose declared sizes are not those that are there, and maps whose sums are not those that the file states."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.io import read_field
from napari_gdls.io.counts_source import ArrayCounts
from napari_gdls.io.hdf5 import require_all_chunks, require_self_contained
from napari_gdls.io.mindif import read_mindif
from napari_gdls.io.rosetta.bruker_container import sum_spectra
from napari_gdls.io.rosetta.declared_sizes import require_declared_sizes
from napari_gdls.io.summed_counts import SummedCounts
from napari_gdls.io.tima import read_profile

LENGTHS: list[Callable[[bytes, random.Random], bytes]] = [
    lambda data, rng: data[: rng.randrange(len(data))],
    lambda data, rng: data[:-1],
    lambda data, rng: data + rng.randbytes(rng.randrange(1, 3000)),
    lambda data, rng: data[: (at := rng.randrange(len(data)))] + rng.randbytes(rng.randrange(1, 300)) + data[at:],
    lambda data, rng: data[: (at := rng.randrange(len(data) - 1))] + data[at + rng.randrange(1, 300) :],
]
"""Cuts, and bytes that were added, put in or lost."""


def refused(check: Callable[[Path], None], path: Path, data: bytes, number: int) -> None:
    rng = random.Random(7)
    for change in LENGTHS:
        for _ in range(number):
            changed = change(data, rng)
            path.write_bytes(changed)
            start = time.monotonic()
            with pytest.raises(FieldReadError):
                check(path)
            assert time.monotonic() - start < 1


@pytest.mark.parametrize("name", ["16x16_12bit_packed_8bit", "Hitachi_TM3030Plus", "bcf_v2_50x50px"])
def test_bruker(shared_data: Path, tmp_path: Path, name: str) -> None:
    source = shared_data / "vendor_files" / "bruker" / f"{name}.bcf"
    require_declared_sizes("bruker", source)
    refused(lambda path: require_declared_sizes("bruker", path), tmp_path / "a.bcf", source.read_bytes(), 20)


@pytest.mark.parametrize("name", ["16x16_12bit_packed_8bit", "Hitachi_TM3030Plus", "bcf_v2_50x50px"])
def test_the_sum_spectrum_of_bruker(shared_data: Path, name: str) -> None:
    api = pytest.importorskip("rsciio.bruker._api", reason="needs the extra formats")
    path = shared_data / "vendor_files" / "bruker" / f"{name}.bcf"
    expected = api.BCF_reader(str(path)).header.spectra_data
    found = sum_spectra(path, 1 << 30)
    assert set(found) == set(expected)
    for number, spectrum in found.items():
        assert np.array_equal(spectrum, expected[number].data)


def test_lost_lines_of_bruker(shared_data: Path, tmp_path: Path) -> None:
    data = (shared_data / "vendor_files" / "bruker" / "16x16_12bit_packed_8bit.bcf").read_bytes()
    start = data.index(struct.pack("<III", 16, 16, 4096))
    (tmp_path / "a.bcf").write_bytes(data[:start] + struct.pack("<I", 15) + data[start + 4 :])
    with pytest.raises(FieldReadError, match="16 lines, its map 15"):
        sum_spectra(tmp_path / "a.bcf", 1 << 30)


@pytest.mark.parametrize("seed", range(3))
def test_damaged_containers_are_refused_or_whole(shared_data: Path, tmp_path: Path, seed: int) -> None:
    data = (shared_data / "vendor_files" / "bruker" / "16x16_12bit_packed_8bit.bcf").read_bytes()
    rng = random.Random(seed)
    for _ in range(100):
        changed = bytearray(data)
        at = rng.randrange(0x100, 0x3000)
        changed[at : at + 4] = rng.choice((rng.randbytes(4), b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xff\xff\xff\x7f"))
        (tmp_path / "a.bcf").write_bytes(changed)
        try:
            sum_spectra(tmp_path / "a.bcf", 1 << 26)
        except FieldReadError:
            continue


@pytest.mark.parametrize("change", [0, 1, -1, -40])
def test_maps_beside_their_sum_spectrum(change: int) -> None:
    cube = np.random.default_rng(0).poisson(1.0, (4, 5, 30)).astype(np.uint8)
    stated = cube.sum(axis=(0, 1), dtype=np.int64)
    stated[10] -= change
    counts = SummedCounts(ArrayCounts(cube), stated, Path("a.bcf"))
    if change > 0:
        with pytest.raises(FieldReadError, match="channel 10 of its map holds"):
            list(counts.blocks())
    else:
        assert np.array_equal(np.concatenate(list(counts.blocks())), cube.reshape(20, 30))
        assert bool(counts.note) == (change == -40)


def series(path: Path, cube: np.ndarray, *, version: int = 0x210) -> bytes:
    """A .ser file of TIA, as C. T. Koch ("TIA Reader") and others describe it, and as files of TIA are."""
    height, width, channels = cube.shape
    place = "I" if version < 0x220 else "Q"
    n = height * width
    axes = b""
    for size, name in ((width, b"x"), (height, b"y")):
        axes += struct.pack("<IddI", size, 0.0, 2e-9, 0) + struct.pack("<I", len(name)) + name
        axes += struct.pack("<I", 5) + b"meter"
    head = 22 + struct.calcsize(f"<{place}") + 4 + len(axes)
    first = head + 2 * n * struct.calcsize(f"<{place}")
    element = 26 + 4 * channels
    at = [first + i * (element + 24) for i in range(n)]
    out = struct.pack("<HHHIIII", 0x4949, 0x0197, version, 0x4120, 0x4142, n, n)
    out += struct.pack(f"<{place}I", head, 2) + axes
    out += struct.pack(f"<{2 * n}{place}", *at, *(start + element for start in at))
    for i, spectrum in enumerate(cube.reshape(n, channels)):
        out += struct.pack("<ddihi", 0.0, 10.0, 0, 6, channels) + spectrum.astype("<i4").tobytes()
        out += struct.pack("<HHIdd", 0x4142, 0, 0, i % width * 2e-9, i // width * 2e-9)
    path.write_bytes(out)
    return out


@pytest.fixture
def cube() -> np.ndarray:
    return np.random.default_rng(0).poisson(1.0, (5, 5, 400)).astype(np.uint16)


@pytest.mark.parametrize("version", [0x210, 0x220])
def test_series_of_tia(tmp_path: Path, cube: np.ndarray, version: int) -> None:
    data = series(tmp_path / "a_1.ser", cube, version=version)
    require_declared_sizes("tia", tmp_path / "a_1.ser")
    (tmp_path / "a.emi").write_bytes(b"")
    require_declared_sizes("tia", tmp_path / "a.emi")
    refused(lambda path: require_declared_sizes("tia", tmp_path / "a.emi"), tmp_path / "a_1.ser", data, 20)
    (tmp_path / "a_1.ser").unlink()
    with pytest.raises(FieldReadError, match=r"no a_1\.ser is beside it"):
        require_declared_sizes("tia", tmp_path / "a.emi")


def test_a_series_of_spectra_is_read(tmp_path: Path, cube: np.ndarray) -> None:
    pytest.importorskip("rsciio.tia", reason="needs the extra formats")
    series(tmp_path / "a_1.ser", cube)
    field = read_field(tmp_path / "a_1.ser", bse="counts")
    assert np.array_equal(np.asarray(field.spectra.sum(axis=0)).ravel(), cube.sum(axis=(0, 1)))
    assert (field.shape, field.energy) == ((5, 5), EnergyAxis(0, 10, 400))
    assert field.pixel_size == pytest.approx(0.002)


@pytest.mark.parametrize(("version", "around"), [(3, 16), (3, 20), (4, 24)])
def test_digital_micrograph(tmp_path: Path, version: int, around: int) -> None:
    body = random.Random(0).randbytes(900) + bytes(8)
    head = struct.pack(">I", version)
    length = len(head) + (4 if version == 3 else 8) + 4 + len(body) - around
    data = head + struct.pack(">I" if version == 3 else ">Q", length) + struct.pack(">I", 1) + body
    path = tmp_path / f"a.dm{version}"
    path.write_bytes(data)
    require_declared_sizes("digitalmicrograph", path)
    refused(lambda file: require_declared_sizes("digitalmicrograph", file), path, data, 20)


@pytest.mark.parametrize("version", ["earliest", "latest"])
def test_hdf5(tmp_path: Path, version: str) -> None:
    with h5py.File(tmp_path / "a.h5", "w", libver=version) as file:
        file["counts"] = np.arange(20_000).reshape(4, 5, 1000)
    data = (tmp_path / "a.h5").read_bytes()
    require_self_contained(tmp_path / "a.h5")
    for n in (1, 100, 5000):
        (tmp_path / "b.h5").write_bytes(data[:-9000] + b"\1" * n + data[-9000:])
        with pytest.raises(FieldReadError, match="are declared"):
            require_self_contained(tmp_path / "b.h5")
        (tmp_path / "b.h5").write_bytes(data[:-n])
        with pytest.raises(FieldReadError, match="truncated"):
            require_self_contained(tmp_path / "b.h5")


@pytest.mark.parametrize("chunks", [None, (1, 5, 1000), (2, 2, 300)])
def test_parts_that_were_never_written(tmp_path: Path, chunks: tuple[int, ...] | None) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        whole = file.create_dataset("whole", data=np.ones((4, 5, 1000)), chunks=chunks)
        part = file.create_dataset("part", (4, 5, 1000), "f4", chunks=chunks)
        require_all_chunks(tmp_path / "a.h5", whole)
        if chunks:
            part[:2] = 1
        with pytest.raises(FieldReadError, match="was never written"):
            require_all_chunks(tmp_path / "a.h5", part)


def test_long_xml_is_not_parsed(tmp_path: Path) -> None:
    text = "<a>" + "<b/>" * 4_000_000 + "</a>"
    folder = tmp_path / "export"
    (folder / "fields").mkdir(parents=True)
    (tmp_path / "profile.xml").write_text(text)
    for name in ("measurement.xml", "fields.xml", "phases.xml"):
        (folder / name).write_text(text)
    for read in (lambda: read_profile(tmp_path), lambda: read_mindif(folder)):
        start = time.monotonic()
        with pytest.raises(FieldReadError, match=r"15\.3 MiB long"):
            read()
        assert time.monotonic() - start < 1
