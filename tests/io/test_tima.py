from __future__ import annotations

import gzip
import os
import subprocess
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.field import Field
from napari_gdls.io import describe, read_field, read_tima_field, write_tima_field
from napari_gdls.io.limits import DEFAULT_MEMORY_LIMIT
from napari_gdls.io.tima import read_profile
from napari_gdls.io.tima_map import compressed_map, encode_map, read_map

DEPTHS = (0, 1, 2, 4, 8, 16, 32)


def field_of(counts: np.ndarray, locations: np.ndarray, shape: tuple[int, int], **options: object) -> Field:
    bse = (np.arange(shape[0] * shape[1]) % 65536).astype(np.uint16).reshape(shape)
    return Field(bse, counts, locations, EnergyAxis(0, 10, counts.shape[1]), **{"sampling_distance": 3.0, **options})


def small_field(seed: int = 0, *, dense: bool = False) -> Field:
    rng = np.random.default_rng(seed)
    locations = np.argwhere(np.ones((9, 13), bool) if dense else np.indices((9, 13)).sum(axis=0) % 3 == 0)
    counts = rng.poisson(np.geomspace(0.01, 300, 40), (len(locations), 40)).astype(np.uint16)
    return field_of(
        counts, locations, (9, 13), sampling_distance=1.0 if dense else 3.0, pixel_size=3.0, beam_energy=25.0
    )


def assert_same(read: Field, written: Field) -> None:
    assert np.array_equal(read.bse, written.bse)
    assert read.bse.dtype == written.bse.dtype
    assert np.array_equal(read.locations, written.locations)
    assert np.array_equal(dense(read.spectra), dense(written.spectra))
    assert (read.energy, read.pixel_size, read.beam_energy) == (written.energy, written.pixel_size, written.beam_energy)
    assert read.sampling_distance == pytest.approx(written.sampling_distance)


def dense(spectra: object) -> np.ndarray:
    return spectra.toarray() if sp.issparse(spectra) else np.asarray(spectra)


@st.composite
def maps(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, int]]:
    shape = draw(st.tuples(st.integers(1, 6), st.integers(1, 40)))
    depths = draw(st.lists(st.sampled_from(DEPTHS), min_size=1, max_size=8))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    counts = np.zeros((shape[0] * shape[1], len(depths)), np.uint32)
    for channel, depth in enumerate(depths):
        if depth:
            counts[:, channel] = rng.integers(0, 2**depth, len(counts)) * (rng.random(len(counts)) < rng.random())
            counts[rng.integers(len(counts)), channel] = 2**depth - 1
    return counts, shape


@given(maps(), st.booleans())
@settings(deadline=None)
def test_maps_of_all_bit_depths_read_back(
    tmp_path_factory: pytest.TempPathFactory, case: tuple, compress: bool
) -> None:
    counts, shape = case
    file = tmp_path_factory.mktemp("map") / "xray.map"
    data = encode_map(counts, shape)
    file.write_bytes(compressed_map(data) if compress else data)
    header, spectra = read_map(file, DEFAULT_MEMORY_LIMIT)
    assert np.array_equal(dense(spectra), counts)
    assert (header.height, header.width) == shape
    expected = [next(depth for depth in DEPTHS if largest < 2**depth) for largest in counts.max(axis=0).tolist()]
    assert header.depths.tolist() == expected


@given(
    hnp.arrays(bool, st.tuples(st.integers(1, 5), st.integers(1, 20))).filter(lambda mask: mask.any()),
    st.integers(1, 12),
    st.booleans(),
)
@settings(deadline=None, max_examples=50)
def test_fields_read_back(
    tmp_path_factory: pytest.TempPathFactory, mask: np.ndarray, channels: int, compress: bool
) -> None:
    locations = np.argwhere(mask)
    counts = np.random.default_rng(channels).poisson(2, (len(locations), channels)).astype(np.uint8)
    distance = 1.0 if mask.all() else 2.5
    field = field_of(counts, locations, mask.shape, sampling_distance=distance, pixel_size=1.5)
    folder = tmp_path_factory.mktemp("field") / "1"
    write_tima_field(folder, field, compress=compress)
    assert (folder / "pixelmask.png").exists() == (not mask.all())
    assert_same(read_field(folder), field)


def packed_by_hand() -> bytes:
    """A map of 3 x 5 spectra whose planes were packed bit by bit with the rules of the format, not with our encoder."""
    depths = [1, 2, 4, 8, 16, 0]
    planes = b""
    for depth in depths[:-1]:
        for row in range(3):
            bits = 0
            for column in range(5):
                sample = (row * 5 + column) % 2**depth
                at = 7 - column if depth == 1 else column * depth  # 1-bit samples begin at the high end
                bits |= sample << at
            planes += bits.to_bytes((5 * depth + 7) // 8, "little")
    records = [("WIDTH", "5"), ("HEIGHT", "3"), ("NCHANNELS", "6"), ("COMMENT", "by hand"), ("END", "")]
    head = b"".join(f"{key:<9}={value:<70}".encode() for key, value in records)
    return b"Tescan X-ray map" + head + bytes(depths) + planes


def test_planes_follow_the_rules_of_the_format(tmp_path: Path) -> None:
    file = tmp_path / "xray.map"
    file.write_bytes(packed_by_hand())
    header, spectra = read_map(file, DEFAULT_MEMORY_LIMIT)
    number = np.arange(15)[:, None]
    assert np.array_equal(dense(spectra), np.hstack([number % 2, number % 4, number, number, number, 0 * number]))
    assert header.records == {"COMMENT": "by hand"}


def test_pieces_of_long_rows_join(tmp_path: Path) -> None:
    counts = np.random.default_rng(0).poisson(np.geomspace(0.1, 1e5, 7), (20_011, 7)).astype(np.uint32)
    for shape in ((1, 20_011), (20_011, 1)):
        (tmp_path / "xray.map").write_bytes(encode_map(counts, shape))
        assert np.array_equal(dense(read_map(tmp_path / "xray.map", DEFAULT_MEMORY_LIMIT)[1]), counts)


def test_the_example_of_the_authors(shared_data: Path, tmp_path: Path) -> None:
    """Their BSE image, mask and profile; the spectra file is ours, as theirs is not public."""
    reference = shared_data / "reference"
    measurement = tmp_path / "measurement"
    folder = measurement / "field-1"
    folder.mkdir(parents=True)
    (measurement / "configuration").mkdir()
    (measurement / "configuration" / "profile.xml").write_bytes((reference / "profile.xml").read_bytes())
    for name in ("bse.png", "pixelmask.png"):
        (folder / name).write_bytes((reference / name).read_bytes())
    rng = np.random.default_rng(0)
    n_spectra, n_channels = 31_766, 3_000
    counts = sp.random_array(
        (n_spectra, n_channels), density=0.05, rng=rng, data_sampler=lambda size: rng.integers(1, 40, size)
    )
    (folder / "xray.map").write_bytes(encode_map(counts, (1, n_spectra)))
    start = time.monotonic()
    field = read_field(folder)
    assert time.monotonic() - start < 30
    assert field.shape == (500, 500)
    assert (field.pixel_size, field.sampling_distance, field.n_measurements) == (3.0, 3.0, n_spectra)
    assert field.energy == EnergyAxis(0, 10, n_channels)
    assert field.metadata["x_ray_count"] == 1000
    assert field.metadata["low_counts"]["threshold"] == 800
    assert np.array_equal(field.bse, np.asarray(Image.open(reference / "bse.png")))
    assert (sp.csr_array(field.spectra) != sp.csr_array(counts)).nnz == 0
    assert np.array_equal(field.locations, np.argwhere(np.asarray(Image.open(reference / "pixelmask.png")) > 0))


def test_low_counts_are_flagged_and_kept(tmp_path: Path) -> None:
    counts = np.array([[0, 900], [400, 400], [1, 0]], np.uint16)
    field = field_of(counts, [[0, 0], [0, 2], [1, 1]], (2, 3))
    write_tima_field(tmp_path / "a", field)
    low = read_tima_field(tmp_path / "a").metadata["low_counts"]
    assert (low["threshold"], low["number"], low["mask"].tolist()) == (800, 2, [False, True, True])
    write_tima_field(tmp_path / "b", field, x_ray_count=1000)
    assert read_tima_field(tmp_path / "b").metadata["low_counts"]["threshold"] == 800
    write_tima_field(tmp_path / "c", field, x_ray_count=100)
    assert read_tima_field(tmp_path / "c").metadata["low_counts"]["mask"].tolist() == [False, False, True]
    given = read_tima_field(tmp_path / "a", low_counts=1000)
    assert given.metadata["low_counts"]["number"] == 3
    assert given.n_measurements == 3


def test_a_field_is_found_from_its_spectra_file(tmp_path: Path) -> None:
    field = small_field()
    write_tima_field(tmp_path / "1", field, compress=True)
    assert_same(read_field(tmp_path / "1" / "xray.map.gz"), field)
    (tmp_path / "1" / "renamed.bin").write_bytes((tmp_path / "1" / "xray.map.gz").read_bytes())
    assert_same(read_field(tmp_path / "1" / "renamed.bin"), field)  # known by its content


def test_description(tmp_path: Path) -> None:
    field = small_field()
    write_tima_field(tmp_path / "1", field, x_ray_count=5000)
    summary = describe(tmp_path / "1")
    assert (summary.shape, summary.n_measurements, summary.pixel_size) == (field.shape, field.n_measurements, 3.0)
    assert summary.low_counts == (int((field.spectra.sum(axis=1) <= 4000).sum()), 4000)
    assert summary.counts is not None
    assert summary.counts[50] == np.median(field.total_counts)
    assert "TIMA" in str(summary)
    without_counts = describe(tmp_path / "1", memory_limit=1500)
    assert (without_counts.counts, without_counts.n_measurements) == (None, field.n_measurements)
    assert without_counts.warnings


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda field: {"bse": field.bse.astype(np.float32), "bse_full_scale": 65536.0}, "8 or 16 bits"),
        (lambda field: {"energy": EnergyAxis(5, 10, 40)}, "rebin"),
        (lambda field: {"spectra": dense(field.spectra) + 0.5}, "whole counts"),
        (lambda field: {"valid": np.indices(field.shape).sum(axis=0) % 3 == 0}, "specimen mask"),
    ],
)
def test_fields_that_the_format_cannot_hold(tmp_path: Path, change: object, problem: str) -> None:
    field = small_field()
    parts = {"bse": field.bse, "spectra": field.spectra, "locations": field.locations, "energy": field.energy}
    with pytest.raises(OutputError, match=problem):
        write_tima_field(tmp_path / "1", Field(**{**parts, "sampling_distance": 3.0, **change(field)}))
    assert not list(tmp_path.iterdir())


def header_bytes(**records: object) -> bytes:
    given = {"WIDTH": 4, "HEIGHT": 1, "NCHANNELS": 2, **records}
    return b"Tescan X-ray map" + b"".join(f"{key:<9}={value!s:<70}".encode() for key, value in given.items())


END = f"{'END':<9}={'':<70}".encode()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "no TIMA map"),
        (b"Tescan X-ray", "no TIMA map"),
        (b"Tescan X-ray map", "END is missing"),
        (header_bytes(), "END is missing"),
        (header_bytes()[:-30], "END is missing"),
        (header_bytes() + b" " * 200_000, "no END"),
        (header_bytes(WIDTH=0) + END, "WIDTH"),
        (header_bytes(WIDTH=-4) + END, "WIDTH"),
        (header_bytes(WIDTH="4.0") + END, "WIDTH"),
        (header_bytes(HEIGHT="99999999999999999999") + END, "HEIGHT"),
        (header_bytes(NCHANNELS="²") + END, "NCHANNELS"),
        (header_bytes().replace(b"WIDTH ", b"BREITE") + END, "WIDTH is missing"),
        (header_bytes() + END, "list of bit depths"),
        (header_bytes() + END + b"\x08", "list of bit depths"),
        (header_bytes() + END + b"\x08\x03" + bytes(8), "3 bits"),
        (header_bytes() + END + b"\x08\xff" + bytes(8), "-1 bits"),
        (header_bytes() + END + b"\x08\x08" + bytes(7), "cut off"),
        (header_bytes() + END + b"\x08\x08" + bytes(9), "too long"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_malformed_maps_are_refused_at_once(tmp_path: Path, content: bytes, problem: str, compress: bool) -> None:
    mask = np.zeros((2, 4), np.uint8)
    mask[0] = 255
    Image.fromarray(np.zeros((2, 4), np.uint16)).save(tmp_path / "bse.png")
    Image.fromarray(mask).save(tmp_path / "pixelmask.png")
    (tmp_path / ("xray.map.gz" if compress else "xray.map")).write_bytes(
        gzip.compress(content) if compress else content
    )
    start = time.monotonic()
    with pytest.raises(FieldReadError, match=problem):
        read_field(tmp_path)
    assert time.monotonic() - start < 1


@pytest.mark.parametrize("name", ["bse.png", "xray.map", "pixelmask.png", "profile.xml"])
def test_every_truncation_of_a_part_is_refused(tmp_path: Path, name: str) -> None:
    write_tima_field(tmp_path / "1", small_field())
    file = tmp_path / "1" / name
    whole = file.read_bytes()
    for length in range(0, len(whole) - 1, max(len(whole) // 60, 1)):
        file.write_bytes(whole[:length])
        with pytest.raises(FieldReadError):
            read_field(tmp_path / "1")


def test_parts_that_do_not_belong_together(tmp_path: Path) -> None:
    write_tima_field(tmp_path / "1", small_field())
    write_tima_field(tmp_path / "2", small_field(dense=True))
    (tmp_path / "1" / "xray.map").write_bytes((tmp_path / "2" / "xray.map").read_bytes())
    with pytest.raises(FieldReadError, match=r"holds 117 spectra where 39 are needed \(pixelmask.png"):
        read_field(tmp_path / "1")
    Image.fromarray(np.zeros((3, 3), np.uint8)).save(tmp_path / "1" / "pixelmask.png")
    with pytest.raises(FieldReadError, match=r"pixelmask\.png: has"):
        read_field(tmp_path / "1")
    (tmp_path / "2" / "bse.png").unlink()
    with pytest.raises(FieldReadError, match=r"bse.png is missing"):
        read_field(tmp_path / "2", reader="tima")


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="needs symbolic links")
def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "measurement" / "1"
    folder.parent.mkdir()
    write_tima_field(folder, small_field())
    outside = tmp_path / "elsewhere.png"
    (folder / "bse.png").rename(outside)
    (folder / "bse.png").symlink_to(outside)
    with pytest.raises(FieldReadError, match="link that leads out"):
        read_field(folder)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<a><PixelSpacing>-3</PixelSpacing></a>", "PixelSpacing"),
        ("<a><DotSpacing>nine</DotSpacing></a>", "DotSpacing"),
        ("<a><XRayCount>nan</XRayCount></a>", "XRayCount"),
        ("<a><DotSpacing>1e9</DotSpacing><PixelSpacing>1</PixelSpacing></a>", r"profile\.xml: .*DotSpacing 1e\+09"),
        ("<a><DotSpacing>1</DotSpacing><PixelSpacing>1e9</PixelSpacing></a>", r"profile\.xml: PixelSpacing 1e\+09"),
        ("<a>", "no XML"),
        ('<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;">]><a>&c;</a>', "harmful"),
        ('<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><a>&b;</a>', "harmful"),
    ],
)
def test_profiles_that_are_refused(tmp_path: Path, text: str, problem: str) -> None:
    write_tima_field(tmp_path / "1", small_field())
    (tmp_path / "1" / "profile.xml").write_text(text)
    with pytest.raises(FieldReadError, match=problem):
        read_field(tmp_path / "1")


def test_profiles_without_values(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    write_tima_field(folder, small_field())
    (folder / "profile.xml").write_text(
        "<a xmlns='b'><PixelSpacing>2.5</PixelSpacing><DotSpacing>0</DotSpacing><HV>15000</HV></a>"
    )
    profile = read_profile(folder)
    assert (profile.pixel_spacing, profile.dot_spacing, profile.x_ray_count, profile.beam_energy) == (
        2.5,
        None,
        None,
        15,
    )
    assert read_field(folder).sampling_distance == pytest.approx(np.sqrt(2))  # estimated from the mask
    (folder / "profile.xml").unlink()
    assert read_field(folder).pixel_size is None


def bomb_folder(folder: Path, n_bytes: int, *, declared: bool) -> None:
    """A gzip-compressed map of zeros: small on the disk, `n_bytes` unpacked."""
    write_tima_field(folder, small_field())
    (folder / "xray.map").unlink()
    channels = n_bytes // (39 * 4) if declared else 1
    channels = min(channels, 60_000)
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = header_bytes(WIDTH=39, NCHANNELS=channels) + END + b"\x20" * channels
    with (folder / "xray.map.gz").open("wb") as file:
        file.write(packer.compress(head))
        for _ in range(n_bytes >> 20):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())


@pytest.mark.parametrize("declared", [False, True])
def test_gzip_bombs_are_refused_in_a_second(tmp_path: Path, declared: bool) -> None:
    bomb_folder(tmp_path / "1", 300 << 20, declared=declared)
    start = time.monotonic()
    with pytest.raises(FieldReadError):
        read_field(tmp_path / "1", memory_limit=100 << 20)
    assert time.monotonic() - start < 1


def test_a_huge_declaration_is_refused_before_it_is_allocated(tmp_path: Path) -> None:
    folder = tmp_path / "1"
    write_tima_field(folder, small_field())
    for sizes in ({"WIDTH": 2**31 - 1, "HEIGHT": 2**31 - 1}, {"WIDTH": 39, "NCHANNELS": 65536}):
        data = header_bytes(**sizes) + END + b"\x20" * sizes.get("NCHANNELS", 2)
        for name, content in (("xray.map", data), ("xray.map.gz", gzip.compress(data))):
            (folder / "xray.map").unlink(missing_ok=True)
            (folder / name).write_bytes(content)
            start = time.monotonic()
            with pytest.raises(FieldReadError):
                read_field(folder / name)
            assert time.monotonic() - start < 1


def test_memory_stays_near_the_size_of_the_field(tmp_path: Path) -> None:
    """Peak memory of reading, in a process of its own: at most 256 MB and twice the spectra."""
    pytest.importorskip("resource", reason="needs the resource module (not on Windows)")
    rng = np.random.default_rng(0)
    counts = sp.random_array((40_000, 2_000), density=0.2, rng=rng, data_sampler=lambda size: rng.integers(1, 9, size))
    field = field_of(
        sp.csr_array(counts, dtype=np.uint8), np.argwhere(np.ones((200, 200), bool)), (200, 200), sampling_distance=1.0
    )
    write_tima_field(tmp_path / "1", field)
    code = (
        "import resource, sys; from napari_gdls.io.tima import read_tima_field; import scipy.sparse, PIL.Image;"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024);"
        f"start = peak(); field = read_tima_field({str(tmp_path / '1')!r}); print(peak() - start)"
    )
    used = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout)
    assert used < (256 << 20) + 2 * field.spectra.data.nbytes
