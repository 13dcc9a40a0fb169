"""Spectra of maps: the same however they come and wherever they go, and refused before the work."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError
from napari_gdls.field.spectra_on_disk import SpectraOnDisk
from napari_gdls.io import sparse_spectra
from napari_gdls.io.contracts import ReadOptions, summarise
from napari_gdls.io.counts_source import ArrayCounts
from napari_gdls.io.limits import TooLargeError
from napari_gdls.io.map_contents import FileContents, MapImage, SpectralMap
from napari_gdls.io.map_files import field_of, summary_of
from napari_gdls.io.sparse_spectra import spectra_from

PATH = Path("map")
GIB = 1 << 30


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(sparse_spectra, "cache_folder", lambda: folder)


def cube_of(seed: int, density: float, dtype: Any, shape: tuple[int, int, int] = (7, 9, 40)) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    return (rng.integers(1, 300, shape) * (rng.random(shape) < density)).astype(dtype)


def dense(spectra: Any) -> np.ndarray[Any, Any]:
    rows = spectra[:] if isinstance(spectra, SpectraOnDisk) else spectra
    return np.asarray(rows.toarray() if sp.issparse(rows) else rows)


class Unpacked(ArrayCounts):
    """A source that comes as a whole only, and counts how often it does."""

    times = 0

    def blocks(self) -> Any:
        type(self).times += 1
        return super().blocks()


def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let all spectra go to disk."""
    monkeypatch.setattr(sparse_spectra, "MEMORY_SHARE", 1 << 60)


@pytest.mark.parametrize("density", [0.0, 0.02, 0.9])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64, np.float32])
@pytest.mark.parametrize("form", ["memory", "disk", "at once", "kept"])
def test_spectra_are_the_counts(monkeypatch: pytest.MonkeyPatch, density: float, dtype: type, form: str) -> None:
    cube = np.minimum(cube_of(1, density, np.int64), 250).astype(dtype)
    kept = np.random.default_rng(2).random(cube.shape[:2]) < 0.5 if form in ("kept", "disk") else None
    source = Unpacked(cube, all_at_once=True) if form == "at once" else ArrayCounts(cube)
    Unpacked.times = 0
    if form == "disk":
        on_disk(monkeypatch)
    spectra = spectra_from(source, PATH, GIB, kept=kept)
    expected = cube.reshape(-1, 40) if kept is None else cube[kept]
    assert np.array_equal(dense(spectra), expected)
    assert isinstance(spectra, SpectraOnDisk) == (form == "disk")
    assert spectra.dtype == (np.float32 if dtype is np.float32 else np.uint8)
    assert Unpacked.times == (form == "at once")
    if form != "disk":
        assert sp.issparse(spectra) == (density < 0.1)


def test_files_mapped_into_memory_are_read_right(tmp_path: Path) -> None:
    cube = cube_of(5, 0.3, np.uint16, (6, 5, 4096))
    cube.tofile(tmp_path / "raw")
    mapped = np.memmap(tmp_path / "raw", np.uint16, "r", 0, cube.shape)
    assert np.array_equal(dense(spectra_from(ArrayCounts(mapped), PATH, GIB)), cube.reshape(-1, 4096))
    assert np.array_equal(
        dense(spectra_from(ArrayCounts(mapped.transpose(2, 0, 1)), PATH, GIB)).ravel(), cube.transpose(2, 0, 1).ravel()
    )


@pytest.mark.parametrize("limit", [1, 1000, 100_000])
def test_the_advised_memory_limit_works(limit: int) -> None:
    source = ArrayCounts(cube_of(3, 0.2, np.uint16, (40, 50, 300)))
    times = 0

    class Watched(ArrayCounts):
        def blocks(self) -> Any:
            nonlocal times
            times += 1
            return super().blocks()

    with pytest.raises(TooLargeError, match=r"give `memory_limit=\d+`") as refused:
        spectra_from(Watched(source.cube), PATH, limit)
    assert times == 0
    advised = int(refused.value.remedy.rpartition("memory_limit=")[2].partition("`")[0])
    assert np.array_equal(dense(spectra_from(source, PATH, advised)), source.cube.reshape(-1, 300))


def test_a_full_disk_is_said_before_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    source = ArrayCounts(cube_of(3, 0.2, np.uint16, (40, 50, 300)))
    monkeypatch.setattr(sparse_spectra, "MEMORY_SHARE", 1000)
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    with pytest.raises(FieldReadError, match=r"temporary files in .* 1000 bytes are free") as refused:
        spectra_from(source, PATH, 1 << 25)
    advised = int(refused.value.remedy.rpartition("memory_limit=")[2].partition("`")[0])
    assert sp.issparse(spectra_from(source, PATH, advised))


@st.composite
def maps(draw: st.DrawFn) -> SpectralMap:
    """Maps as detectors, other programs and scans that were stopped leave them."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 60)))
    counts = rng.poisson(draw(st.sampled_from((0.01, 0.3, 4.0, 300.0))), shape)
    if draw(st.booleans()):
        counts[shape[0] // 2 :] = 0  # stopped half-way
    counts[0, 0, 0] += draw(st.integers(0, 1))
    kind = draw(st.sampled_from(("counts", "scaled", "fractions", "negative")))
    values: Any = counts.astype(draw(st.sampled_from((np.uint16, np.int32, np.uint64))))
    if kind == "scaled":
        values = values * values.dtype.type(draw(st.integers(2, 9)))
    elif kind == "fractions":
        values = (counts * 0.37).astype(np.float32)
        values[rng.random(shape[:2]) < 0.1] = np.nan
    elif kind == "negative":
        values = counts.astype(np.int16) - np.int16(1)
    valid = rng.random(shape[:2]) < 0.7 if draw(st.booleans()) else None
    energy = EnergyAxis(draw(st.sampled_from((-200.0, -47.0, 0.0, 60.0))), 10.0, shape[2])
    return SpectralMap("map", ArrayCounts(values), energy, valid=valid, pixel_size=draw(st.sampled_from((None, 1.5))))


@given(maps(), st.sampled_from((None, 1, 3.0)))
@settings(deadline=None, max_examples=150)
def test_a_description_is_that_of_the_field(found: SpectralMap, gain: float | None) -> None:
    pixels = np.arange(found.shape[0] * found.shape[1], dtype=np.uint16).reshape(found.shape[:2])
    contents = FileContents((MapImage("BSE", pixels),), (found,))
    options = ReadOptions(GIB, gain=gain)

    def outcome(make: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return make()
        except (FieldError, FieldReadError) as error:
            return str(error)

    field = outcome(lambda: field_of(PATH, "made", contents, options))
    described = outcome(lambda: summary_of(PATH, "made", contents, options))
    if isinstance(field, str):
        assert field == described or field in str(described.warnings) or described.warnings[-1] in field
    else:
        assert described.to_dict() == {
            **summarise(PATH, "made", field).to_dict(),
            **{name: described.to_dict()[name] for name in ("images", "choices")},
        }


def test_a_description_keeps_no_spectra(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: Any, **__: Any) -> None:
        raise AssertionError("spectra are kept")

    monkeypatch.setattr("napari_gdls.io.map_spectra.spectra_from", refused)
    for empty in (0, 3):
        cube = cube_of(4, 0.5, np.uint16)
        cube[:, :, 7] = 1
        cube[:empty] = 0
        found = SpectralMap("map", ArrayCounts(cube), EnergyAxis(0.0, 10.0, 40))
        summary = summary_of(PATH, "made", FileContents((), (found,)), ReadOptions(GIB))
        assert summary.counts is not None
        assert summary.n_measurements == (7 - empty) * 9
