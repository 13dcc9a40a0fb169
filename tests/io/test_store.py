from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import os
import random
import shutil
import subprocess
import sys
import time
import warnings
import zipfile
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import pytest
import scipy.sparse as sp
import zarr
from damage import mutations, outcome
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, OutputError, RecipeError
from napari_gdls.field import Field
from napari_gdls.field.spectra_on_disk import SpectraOnDisk
from napari_gdls.io import (
    checksummed,
    describe,
    read_field,
    read_field_store,
    read_results,
    sparse_spectra,
    stored_counts,
    write_field,
    zarr_arrays,
)
from napari_gdls.recipe import Recipe

NAMES = ("field.gdls.zarr", "field.gdls.zarr.zip")


def sample(*, density: float = 0.1, n_channels: int = 30, **options: Any) -> Field:
    rng = np.random.default_rng(7)
    shape = (11, 17)
    locations = np.argwhere(np.indices(shape).sum(axis=0) % 2 == 0)
    counts = rng.poisson(5, (len(locations), n_channels)) * (rng.random((len(locations), n_channels)) < density)
    given = {
        "sampling_distance": 1.75,
        "pixel_size": 2.5,
        "beam_energy": 20.0,
        "name": "a field",
        "metadata": {"truth": rng.integers(0, 5, shape), "operator": "Ö. Ä."},
        **options,
    }
    bse = rng.integers(0, 65536, shape).astype(np.uint16)
    return Field(
        bse, sp.csr_array(counts.astype(np.uint16)), locations, EnergyAxis(-47.25, 10.001, n_channels), **given
    )


def assert_equal(read: Field, written: Field) -> None:
    for name in ("bse", "valid", "locations", "input_order"):
        one, other = getattr(read, name), getattr(written, name)
        assert one.dtype == other.dtype, name
        assert np.array_equal(one, other), name
    for name in ("energy", "sampling_distance", "pixel_size", "beam_energy", "bse_full_scale", "artefacts", "name"):
        assert getattr(read, name) == getattr(written, name), name
    assert sp.issparse(read.spectra) == sp.issparse(written.spectra)
    assert read.spectra.dtype == written.spectra.dtype
    both = [spectra.toarray() if sp.issparse(spectra) else spectra for spectra in (read.spectra, written.spectra)]
    assert np.array_equal(*both)
    assert same(read.metadata, written.metadata)


def same(one: Any, other: Any) -> bool:
    """Equality of type and value, also of NaN and inside containers."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, np.ndarray | np.generic):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


DTYPES = [np.uint8, np.uint16, np.uint32, np.uint64, np.int16, np.int64, np.float32, np.float64]


@st.composite
def fields(draw: st.DrawFn) -> Field:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    valid = rng.random(shape) < draw(st.sampled_from((0.5, 1.0)))
    valid.flat[rng.integers(valid.size)] = True
    places = np.argwhere(valid)
    places = rng.permutation(places)[: rng.integers(1, len(places) + 1)]
    n_channels = draw(st.integers(1, 60))
    dtype = draw(st.sampled_from(DTYPES))
    counts = rng.poisson(3, (len(places), n_channels)) * (rng.random((len(places), n_channels)) < rng.random())
    counts[0, 0] += 1  # a field without a count is none
    if np.issubdtype(dtype, np.floating):
        counts = counts * 0.3
    bse_dtype = draw(st.sampled_from([np.uint8, np.uint16, np.int32, np.float16, np.float32, np.float64]))
    return Field(
        (rng.random(shape) * 200).astype(bse_dtype),
        counts.astype(dtype),
        places,
        EnergyAxis(draw(st.floats(-500, 500)), draw(st.floats(0.5, 50)), n_channels),
        sampling_distance=draw(st.floats(0.5, 20)),
        pixel_size=draw(st.none() | st.floats(1e-6, 1e3)),
        beam_energy=draw(st.none() | st.floats(0.1, 300)),
        valid=valid,
        bse_full_scale=draw(st.floats(1, 1e6)),
        gain=1,
        artefacts=draw(st.lists(st.sampled_from(["Cu", "Ga", "Si"]), max_size=2)),
        name=draw(st.text(max_size=20)),
        metadata=draw(st.dictionaries(st.text(max_size=5), VALUES, max_size=4)),
    )


NUMBERS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
ARRAYS = st.sampled_from(
    [
        np.arange(6).reshape(2, 3),
        np.zeros((0, 4), np.float32),
        np.array(3.5),
        np.array([True, False]),
        np.array([np.nan, -np.inf], np.float16),
        np.array(["quartz", "", "albite"]),
        np.array([], "<U3"),
        np.float32(0.1),
        np.int8(-4),
        np.float64("nan"),
    ]
)
VALUES = st.recursive(
    NUMBERS | ARRAYS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.sampled_from(["a", "$a", "$array", "$map", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(fields(), st.sampled_from(NAMES))
@settings(deadline=None, max_examples=80)
def test_fields_read_back_exactly(tmp_path_factory: pytest.TempPathFactory, field: Field, name: str) -> None:
    path = tmp_path_factory.mktemp("store") / name
    write_field(path, field)
    assert_equal(read_field(path), field)


@pytest.mark.parametrize("name", NAMES)
def test_results_read_back(tmp_path: Path, name: str) -> None:
    field = sample()
    labels = np.arange(field.bse.size, dtype=np.int32).reshape(field.shape)
    recipe = Recipe(tau_z=0.125, device="cpu", names=((3, 4, "quartz"),))
    names = {1: "quartz", 5: "Körner"}
    write_field(tmp_path / name, field, labels=labels, recipe=recipe, names=names)
    stored = read_results(tmp_path / name)
    assert stored.names == names
    assert stored.recipe == recipe
    assert stored.labels is not None
    assert stored.labels.dtype == np.int32
    assert np.array_equal(stored.labels, labels)
    assert_equal(read_field_store(tmp_path / name), field)
    write_field(tmp_path / name, field, overwrite=True)
    assert read_results(tmp_path / name).labels is None
    assert read_results(tmp_path / name).names == {}
    assert read_results(tmp_path / name).recipe is None


def test_equal_fields_give_equal_archives(tmp_path: Path) -> None:
    write_field(tmp_path / "a.gdls.zarr.zip", sample())
    write_field(tmp_path / "b.gdls.zarr.zip", sample())
    assert (tmp_path / "a.gdls.zarr.zip").read_bytes() == (tmp_path / "b.gdls.zarr.zip").read_bytes()


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks and chunks as small as if the field were a thousand times larger."""
    monkeypatch.setattr(stored_counts, "BLOCK_COUNTS", 37)
    monkeypatch.setattr(stored_counts, "_BLOCK_ROWS", 11)
    for module in (stored_counts, zarr_arrays):
        monkeypatch.setattr(module, "CHUNK_BYTES", 100)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", NAMES)
@given(field=fields())
@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_fields_of_many_blocks_read_back_exactly(
    tmp_path_factory: pytest.TempPathFactory, name: str, field: Field
) -> None:
    path = tmp_path_factory.mktemp("store") / name
    write_field(path, field)
    assert_equal(read_field(path), field)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("density", [0.1, 0.9])
def test_fields_on_disk_are_stored_as_those_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, density: float
) -> None:
    field = sample(density=density)
    write_field(tmp_path / "memory.gdls.zarr.zip", field)
    monkeypatch.setattr(sparse_spectra, "MEMORY_SHARE", 1 << 60)
    monkeypatch.setattr(sparse_spectra, "cache_folder", lambda: tmp_path / "cache")
    on_disk = read_field(tmp_path / "memory.gdls.zarr.zip")
    assert isinstance(on_disk.spectra, SpectraOnDisk)
    write_field(tmp_path / "disk.gdls.zarr.zip", on_disk)
    if density < 0.5:  # on disk, all are sparse
        assert (tmp_path / "disk.gdls.zarr.zip").read_bytes() == (tmp_path / "memory.gdls.zarr.zip").read_bytes()
    monkeypatch.undo()
    assert_equal(read_field(tmp_path / "disk.gdls.zarr.zip"), field)


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("name", NAMES)
@given(field=fields())
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_large_stores_are_described_without_their_spectra(
    tmp_path_factory: pytest.TempPathFactory, name: str, field: Field
) -> None:
    path = tmp_path_factory.mktemp("store") / name
    write_field(path, field)
    described = describe(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stored_counts, "MEMORY_SHARE", 1 << 60)
        patch.setattr(stored_counts, "SpectraCollector", None)
        summed = describe(path)
    assert summed.to_dict() | {"counts": None} == described.to_dict() | {"counts": None}
    assert summed.counts == pytest.approx(described.counts)


def test_a_disk_that_fills_up_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_field(tmp_path / NAMES[0], sample())
    monkeypatch.setattr(sparse_spectra, "MEMORY_SHARE", 1 << 60)
    monkeypatch.setattr(sparse_spectra, "cache_folder", lambda: tmp_path / "cache")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sparse_spectra.SpectraWriter, "append", full)
    with pytest.raises(FieldReadError, match=r"temporary file in .*cache.* \(No space left"):
        read_field(tmp_path / NAMES[0])


def test_stores_of_version_1_are_read(tmp_path: Path) -> None:
    field = sample()
    files = stored_files(field, tmp_path / NAMES[1])
    channels = sp.csc_array(field.spectra)
    channels.sort_indices()
    files = {name: data for name, data in files.items() if not name.startswith("counts/")}
    gaps = np.concatenate(
        [np.diff(channels.indices[a:b], prepend=0) for a, b in itertools.pairwise(channels.indptr.tolist())]
    )
    for name, array in {"data": channels.data, "gaps": gaps.astype(np.uint8), "indptr": channels.indptr}.items():
        files = with_array(files, f"counts/{name}", array.astype(np.int64) if name == "indptr" else array)
    signed(tmp_path / NAMES[1], with_attributes(files, version=1))
    assert_equal(read_field(tmp_path / NAMES[1]), field)


def test_zarr_itself_reads_the_store(tmp_path: Path) -> None:
    field = sample(density=0.9)
    assert not sp.issparse(field.spectra)
    for name in NAMES:
        write_field(tmp_path / name, field)
    stores = (tmp_path / NAMES[0], zarr.storage.ZipStore(tmp_path / NAMES[1], mode="r"))
    for store in stores:
        group = zarr.open_group(store, mode="r")
        assert np.array_equal(group["bse"][...], field.bse)
        assert np.array_equal(group["counts/planes"][...].T, field.spectra)
        assert group.attrs["gdls"]["pixel_size"] == 2.5
        assert group["counts/planes"].metadata.dimension_names == ("channel", "measurement")


def test_folders_pass_sha256sum(tmp_path: Path) -> None:
    if shutil.which("sha256sum") is None:
        pytest.skip("needs the program sha256sum")
    write_field(tmp_path / NAMES[0], sample())
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=tmp_path / NAMES[0],
        check=True,
        stdout=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("folder", ["", "field.gdls.zarr/"])
def test_archives_packed_by_other_programs(tmp_path: Path, compression: int, folder: str) -> None:
    field = sample()
    write_field(tmp_path / NAMES[0], field)
    files = [file for file in sorted((tmp_path / NAMES[0]).rglob("*")) if file.is_file()]
    with zipfile.ZipFile(tmp_path / "packed.zip", "w", compression) as archive:
        for file in files:
            archive.write(file, folder + file.relative_to(tmp_path / NAMES[0]).as_posix())
    assert_equal(read_field(tmp_path / "packed.zip"), field)


def test_stray_files_in_a_folder_do_no_harm(tmp_path: Path) -> None:
    field = sample()
    write_field(tmp_path / NAMES[0], field)
    (tmp_path / NAMES[0] / ".DS_Store").write_bytes(b"\0\0")
    assert_equal(read_field(tmp_path / NAMES[0]), field)


def test_every_flipped_byte_of_an_archive_is_found(tmp_path: Path) -> None:
    path = tmp_path / NAMES[1]
    write_field(path, sample(n_channels=5, metadata={}))
    whole = path.read_bytes()
    rng = random.Random(0)
    directory = whole.index(b"PK\x01\x02")
    # All of the directory and the end record, where no checksum of the format itself looks, and a sample of the rest.
    positions = [*range(directory, len(whole)), *rng.sample(range(directory), 1500)]
    for position in positions:
        damaged = bytearray(whole)
        damaged[position] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        with pytest.raises(FieldReadError):
            read_field_store(path)


def test_every_flipped_byte_of_a_folder_is_found(tmp_path: Path) -> None:
    folder = tmp_path / NAMES[0]
    write_field(folder, sample(n_channels=5))
    rng = random.Random(1)
    for file in sorted(folder.rglob("*")):
        if file.is_dir():
            continue
        whole = file.read_bytes()
        every = file.name == "SHA256SUMS"
        for position in range(len(whole)) if every else rng.sample(range(len(whole)), min(len(whole), 60)):
            damaged = bytearray(whole)
            damaged[position] ^= 1 << rng.randrange(8)
            file.write_bytes(damaged)
            with pytest.raises(FieldReadError):
                read_field_store(folder)
        file.write_bytes(whole)
    read_field_store(folder)


def test_every_missing_file_is_found(tmp_path: Path) -> None:
    folder = tmp_path / NAMES[0]
    write_field(folder, sample(), labels=np.zeros((11, 17), np.uint8))
    for file in [file for file in sorted(folder.rglob("*")) if file.is_file()]:
        whole = file.read_bytes()
        file.unlink()
        with pytest.raises(FieldReadError, match="missing"):
            read_field_store(folder)
        file.write_bytes(whole)


def test_damaged_folders_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / NAMES[0]
    write_field(folder, sample())
    rng = random.Random(2)
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    for seed in range(500):
        file = rng.choice(files)
        whole = file.read_bytes()
        for damaged in mutations(whole, 1, seed=seed):
            file.write_bytes(damaged)
            if damaged == whole:
                continue
            with pytest.raises(FieldReadError):
                read_field_store(folder)
        file.write_bytes(whole)


def signed(path: Path, files: dict[str, bytes]) -> None:
    """Write a store whose checksums fit whatever is in it."""
    with checksummed.archive_writer(path, overwrite=True) as writer:
        for name in sorted(files):
            writer[name] = files[name]


def stored_files(field: Field, path: Path, **options: Any) -> dict[str, bytes]:
    write_field(path, field, overwrite=True, **options)
    with checksummed.opened_archive(path, 1 << 30) as files:
        return dict(files)


def damaged_behind_checksums(path: Path, number: int) -> None:
    for density in (0.1, 0.9):  # sparse and dense counts
        field = sample(density=density, valid=np.ones((11, 17), bool), n_channels=8)
        files = stored_files(field, path, labels=np.zeros((11, 17), np.uint8), recipe=Recipe(), names={0: "quartz"})
        rng = random.Random(int(density * 10))
        for seed in range(number):
            changed = dict(files)
            for _ in range(rng.choice((1, 1, 2))):
                name = rng.choice(sorted(changed))
                if rng.random() < 0.05:
                    del changed[name]
                    continue
                body = changed[name][:-4] if "/c/" in name else changed[name]
                (body,) = mutations(body, 1, seed=seed, head=40)
                if "/c/" in name:
                    if rng.random() < 0.5 and len(body) > 16:
                        body = body[:12] + len(body).to_bytes(4, "little") + body[16:]
                    body += int(google_crc32c.value(body)).to_bytes(4, "little")
                changed[name] = body
            signed(path, changed)
            outcome(lambda: read_field(path, memory_limit=1 << 28))
            with contextlib.suppress(FieldReadError):
                read_results(path, memory_limit=1 << 28)


def test_damage_behind_the_checksums_is_refused_or_read(tmp_path: Path) -> None:
    """The sums, and the CRC of the chunks, are made to fit, so that the damage reaches what lies behind them."""
    damaged_behind_checksums(tmp_path / NAMES[1], 250)


@pytest.mark.slow
def test_ten_thousand_damages_behind_the_checksums(tmp_path: Path) -> None:
    damaged_behind_checksums(tmp_path / NAMES[1], 5000)


def with_attributes(files: dict[str, bytes], **changes: Any) -> dict[str, bytes]:
    root = json.loads(files["zarr.json"])
    root["attributes"]["gdls"].update(changes)
    return {**files, "zarr.json": json.dumps(root).encode()}


def with_header(files: dict[str, bytes], name: str, **changes: Any) -> dict[str, bytes]:
    header = json.loads(files[f"{name}/zarr.json"])
    header.update(changes)
    return {**files, f"{name}/zarr.json": json.dumps(header).encode()}


def with_array(files: dict[str, bytes], name: str, array: np.ndarray[Any, Any]) -> dict[str, bytes]:
    changed = {key: data for key, data in files.items() if not key.startswith(f"{name}/")}
    zarr_arrays.write_array(changed, name, array)
    return changed


def gaps_of(files: dict[str, bytes]) -> np.ndarray[Any, Any]:
    return zarr_arrays.read_array(files, "counts/gaps")


HUGE = {"name": "regular", "configuration": {"chunk_shape": [2**20, 2**20]}}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda files: with_attributes(files, version=3), "newer napari-gdls"),
        (lambda files: with_attributes(files, version="1"), "no field of napari-gdls"),
        (lambda files: with_attributes(files, format="other"), "no field of napari-gdls"),
        (lambda files: with_attributes(files, energy={"offset": 0, "width": 10, "size": 31}), "no consistent field"),
        (lambda files: with_attributes(files, energy={"offset": 0}), "no consistent field"),
        (lambda files: with_attributes(files, energy=None), "no consistent field"),
        (lambda files: with_attributes(files, pixel_size=-1), "pixel_size"),
        (lambda files: with_attributes(files, artefacts=["Cu", "Xx"]), "'Xx' is no element symbol"),
        (lambda files: with_attributes(files, artefacts=29), "artefacts are 29"),
        (lambda files: with_attributes(files, metadata={"$array": "9"}), "no consistent field"),
        (lambda files: with_attributes(files, metadata={"$array": "../bse"}), "no consistent field"),
        (lambda files: with_attributes(files, metadata={"$new": 1}), "unknown"),
        (lambda files: with_attributes(files, metadata={"$float": "huge"}), "no consistent field"),
        (
            lambda files: with_attributes(
                files, metadata={"$text_array": {"dtype": "<U100000000", "shape": [1], "values": ["a"]}}
            ),
            "text array",
        ),
        (lambda files: with_attributes(files, metadata=json.loads("[" * 900 + "]" * 900)), "no consistent field"),
        (lambda files: {**files, "zarr.json": b"[" * 100_000}, "no field of napari-gdls"),
        (lambda files: with_header(files, "bse", shape=[2**20, 2**20], chunk_grid=HUGE), "memory"),
        (lambda files: with_header(files, "bse", shape=[2**20, 2**20]), "memory"),
        (lambda files: with_header(files, "bse", shape=[11, 2**30], chunk_grid=HUGE), "memory|chunks"),
        (lambda files: with_header(files, "bse", chunk_grid=HUGE), "chunks are larger"),
        (lambda files: with_header(files, "bse", shape=[11, 18]), "chunks are there|another size|no consistent field"),
        (lambda files: with_header(files, "bse", shape=[11]), "does not use"),
        (lambda files: with_header(files, "bse", shape=[11, -17]), "does not use"),
        (lambda files: with_header(files, "bse", data_type="complex64"), "does not use"),
        (lambda files: with_header(files, "bse", codecs=[{"name": "bytes"}]), "does not use"),
        (lambda files: {name: data for name, data in files.items() if not name.startswith("bse/c")}, "0 of 1 chunks"),
        (lambda files: with_array(files, "counts/blocks", np.array([93], np.uint32)), "do not fit together"),
        (lambda files: with_array(files, "counts/blocks", np.array([94, 0], np.uint32)), "lengths do not fit"),
        (lambda files: with_array(files, "counts/lengths", np.zeros((1, 30), np.uint32)), "lengths do not fit"),
        (lambda files: with_array(files, "counts/lengths", np.zeros((1, 29), np.uint32)), "lengths do not fit"),
        (lambda files: with_array(files, "counts/lengths", np.full((1, 30), 2**32 - 1, np.uint32)), "do not fit"),
        (lambda files: with_array(files, "counts/gaps", gaps_of(files) + np.uint16(60_000)), "out of the measurements"),
        (lambda files: with_array(files, "counts/gaps", gaps_of(files) * np.uint16(0)), "out of the measurements"),
        (lambda files: with_array(files, "counts/gaps", gaps_of(files)[1:]), "do not fit together"),
        (lambda files: with_array(files, "counts/gaps", gaps_of(files).astype(np.float32)), "do not fit together"),
        (lambda files: {name: data for name, data in files.items() if not name.startswith("locations/")}, "missing"),
    ],
)
def test_stores_that_are_sound_and_wrong(tmp_path: Path, change: Any, problem: str) -> None:
    path = tmp_path / NAMES[1]
    signed(path, change(stored_files(sample(), path)))
    start = time.monotonic()
    with pytest.raises(FieldReadError, match=problem):
        read_field_store(path)
    assert time.monotonic() - start < 1


def test_a_chunk_that_would_unpack_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / NAMES[1]
    files = stored_files(sample(), path)
    chunk = bytearray(files["bse/c/0/0"][:-4])
    chunk[4:8] = (2**31 - 1).to_bytes(4, "little")  # the raw size that the Blosc frame declares
    files["bse/c/0/0"] = bytes(chunk) + int(google_crc32c.value(bytes(chunk))).to_bytes(4, "little")
    signed(path, files)
    with pytest.raises(FieldReadError, match="another size"):
        read_field_store(path)


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gdls.zarr.zip"
    zeros = bytes(400 << 20)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zarr.json", zeros)
        archive.writestr("SHA256SUMS", f"{hashlib.sha256(zeros).hexdigest()}  zarr.json\n")
    start = time.monotonic()
    with pytest.raises(FieldReadError, match="expand"):
        read_field(path)
    with pytest.raises(FieldReadError, match="memory"):
        read_field(path, memory_limit=1 << 28)
    assert time.monotonic() - start < 1


def test_names_that_lead_out_of_the_store_are_refused(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"secret")
    digest = hashlib.sha256(b"secret").hexdigest()
    folder = tmp_path / NAMES[0]
    write_field(folder, sample())
    sums = folder / "SHA256SUMS"
    listed = sums.read_text()
    for name in ("../outside", str(outside), "bse/../../outside", "a\\..\\b", "", "nul\0"):
        sums.write_text(f"{listed}{digest}  {name}\n")
        with pytest.raises(FieldReadError, match="SHA256SUMS is damaged"):
            read_field_store(folder)
    sums.write_text(listed)
    (folder / "bse" / "c" / "0" / "0").unlink()
    (folder / "bse" / "c" / "0" / "0").symlink_to(outside)
    with pytest.raises(FieldReadError, match="link that leads out"):
        read_field_store(folder)


def test_memory_limit(tmp_path: Path) -> None:
    write_field(tmp_path / NAMES[1], sample())
    with pytest.raises(FieldReadError, match=r"give `memory_limit=\d+`"):
        read_field(tmp_path / NAMES[1], memory_limit=2000)
    with pytest.raises(RecipeError, match="memory_limit"):
        read_field(tmp_path / NAMES[1], memory_limit=0)


@pytest.mark.parametrize(
    ("metadata", "problem"),
    [
        ({"file": Path("a")}, r"metadata\['file'\] is a PosixPath|WindowsPath"),
        ({1: "a"}, "must be text"),
        ({"a": [{"b": b"bytes"}]}, r"metadata\['a'\]\[0\]\['b'\] is a bytes"),
        ({"a": np.array([object()])}, "array of object"),
        ({"a": np.array([1j])}, "array of complex128"),
        ({"a": {1, 2}}, "is a set"),
    ],
)
def test_metadata_that_cannot_be_stored(tmp_path: Path, metadata: dict, problem: str) -> None:
    with pytest.raises(OutputError, match=problem):
        write_field(tmp_path / NAMES[1], sample(metadata=metadata))
    assert not list(tmp_path.iterdir())


def test_metadata_that_contain_themselves(tmp_path: Path) -> None:
    metadata: dict[str, Any] = {}
    metadata["self"] = metadata
    with pytest.raises(OutputError, match="containing itself"):
        write_field(tmp_path / NAMES[1], sample(metadata=metadata))


def test_wrong_targets(tmp_path: Path) -> None:
    field = sample()
    with pytest.raises(OutputError, match=r"\.gdls\.zarr"):
        write_field(tmp_path / "field.tif", field)
    with pytest.raises(OutputError, match="no folder"):
        write_field(tmp_path / "missing" / NAMES[0], field)
    with pytest.raises(OutputError, match="shape of the image"):
        write_field(tmp_path / NAMES[0], field, labels=np.zeros((2, 2), int))
    for name in NAMES:
        write_field(tmp_path / name, field)
        with pytest.raises(OutputError, match="exists"):
            write_field(tmp_path / name, sample(density=0.9))
        assert_equal(read_field(tmp_path / name), field)
        write_field(tmp_path / name, sample(density=0.9), overwrite=True)
        assert_equal(read_field(tmp_path / name), sample(density=0.9))
    (tmp_path / "taken.gdls.zarr").write_text("a file")
    with pytest.raises(OutputError, match="is a file"):
        write_field(tmp_path / "taken.gdls.zarr", field, overwrite=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == [*NAMES, "taken.gdls.zarr"]


KILLED_WRITER = """
import sys, numpy as np
from napari_gdls import EnergyAxis, Field
from napari_gdls.io import write_field
rng = np.random.default_rng(0)
bse = np.zeros((60, 60), np.uint16)
places = np.argwhere(bse == 0)
counts = rng.integers(0, 999, (3600, 200)).astype(np.uint16)
versions = [Field(bse, counts, places, EnergyAxis(0, 10, 200), name=str(i)) for i in (0, 1)]
write_field(sys.argv[1], versions[0], overwrite=True)
print("ready", flush=True)
number = 0
while True:
    number += 1
    write_field(sys.argv[1], versions[number % 2], overwrite=True)
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_killed_writer_leaves_the_old_store_or_the_new_one(tmp_path: Path, name: str) -> None:
    rng = random.Random(3)
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", KILLED_WRITER, str(tmp_path / name)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(rng.uniform(0, 0.3))
        writer.kill()
        writer.wait()
        writer.stdout.close()
        assert read_field(tmp_path / name).name in ("0", "1")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the superuser may write anywhere")
def test_a_folder_that_may_not_be_written_to(tmp_path: Path) -> None:
    write_field(tmp_path / NAMES[0], sample())
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="unchanged"):
            write_field(tmp_path / NAMES[0], sample(density=0.9), overwrite=True)
    finally:
        tmp_path.chmod(0o755)
    assert_equal(read_field(tmp_path / NAMES[0]), sample())


def test_description(tmp_path: Path) -> None:
    field = sample()
    write_field(tmp_path / NAMES[0], field)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = describe(tmp_path / NAMES[0])
    assert (summary.shape, summary.n_measurements, summary.energy) == (field.shape, field.n_measurements, field.energy)
    assert summary.counts is not None
    assert summary.counts[50] == np.median(field.total_counts)
    json.dumps(summary.to_dict())


def test_the_shipped_samples_equal_their_sources(shared_data: Path) -> None:
    pytest.importorskip("rsciio", reason="needs the extra formats")
    folder = Path(__file__).resolve().parents[2] / "sample_data"
    shipped = read_field(folder / "dacite-fast.gdls.zarr.zip")
    source = read_field(shared_data / "p45_dacite" / "p45_122.bcf")
    assert np.array_equal(shipped.bse, source.bse)
    assert (shipped.spectra != source.spectra).nnz == 0
    assert (shipped.energy, shipped.pixel_size, shipped.beam_energy) == (
        source.energy,
        source.pixel_size,
        source.beam_energy,
    )
    longer = read_field(folder / "dacite.gdls.zarr.zip")
    assert (longer.energy, longer.shape, longer.is_dense) == (shipped.energy, shipped.shape, True)
    assert np.asarray(longer.spectra).sum() / longer.n_measurements == pytest.approx(6701.32, abs=0.01)
