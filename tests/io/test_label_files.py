from __future__ import annotations

import csv
import io
import struct
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.field import Field
from napari_gdls.io import read_labels, write_image, write_labels, write_table


def field(shape: tuple[int, int] = (4, 5)) -> Field:
    places = np.argwhere(np.ones(shape, bool))
    return Field(
        np.zeros(shape, np.uint16), np.ones((len(places), 9), np.uint8), places, EnergyAxis(0, 100, 9), pixel_size=2.5
    )


@given(
    st.tuples(st.integers(1, 40), st.integers(1, 300)),
    st.sampled_from([1, 255, 256, 65535, 65536, 2**32 - 1]),
    st.sampled_from([np.uint32, np.int64, np.uint64]),
    st.sampled_from([".ome.tif", ".ome.tiff", ".tif", ".png"]),
)
@settings(deadline=None, max_examples=60)
def test_labels_read_back(
    tmp_path_factory: pytest.TempPathFactory, shape: tuple[int, int], most: int, dtype: type, ending: str
) -> None:
    path = tmp_path_factory.mktemp("labels") / f"a{ending}"
    labels = np.random.default_rng(most).integers(0, most + 1, shape).astype(dtype)
    labels[-1, -1] = most
    if ending == ".png" and most > 65535:
        with pytest.raises(OutputError, match="OME-TIFF"):
            write_labels(path, labels)
        assert not path.exists()
        return
    write_labels(path, labels)
    assert np.array_equal(read_labels(path), labels)


def test_ome_tiff_as_other_programs_see_it(tmp_path: Path) -> None:
    labels = np.arange(600 * 500, dtype=np.int32).reshape(600, 500) % 70_000
    write_labels(tmp_path / "a.ome.tif", labels, field=field((600, 500)))
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        page = tiff.pages[0]
        assert tiff.is_ome
        assert (page.dtype, page.shape, page.is_tiled, page.compression.name) == (
            np.uint32,
            (600, 500),
            True,
            "ADOBE_DEFLATE",
        )
        pixels = tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Pixels"]
        assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeY"], pixels["PhysicalSizeXUnit"]) == (2.5, 2.5, "µm")
        assert page.get_resolution("MICROMETER") == pytest.approx((0.4, 0.4))
    assert (tmp_path / "a.ome.tif").stat().st_size < labels.nbytes / 2
    write_labels(tmp_path / "b.tif", labels % 300, pixel_size=0.1)
    assert tifffile.imread(tmp_path / "b.tif").dtype == np.uint16


@pytest.mark.parametrize(
    ("labels", "problem"),
    [
        (np.array([[-1, 2]]), "from -1"),
        (np.array([[2**32]]), "4,294,967,295"),
        (np.array([[0.5]]), "no label image"),
        (np.zeros((2, 2, 2), int), "no label image"),
        (np.zeros((0, 2), int), "no label image"),
    ],
)
def test_arrays_that_are_no_labels(tmp_path: Path, labels: np.ndarray, problem: str) -> None:
    with pytest.raises(OutputError, match=problem):
        write_labels(tmp_path / "a.tif", labels)
    assert not list(tmp_path.iterdir())


def test_wrong_requests(tmp_path: Path) -> None:
    labels = np.ones((4, 5), int)
    with pytest.raises(OutputError, match="endings"):
        write_labels(tmp_path / "a.jpg", labels)
    with pytest.raises(OutputError, match="must agree"):
        write_labels(tmp_path / "a.tif", labels.T, field=field())
    with pytest.raises(OutputError, match="pixel size"):
        write_labels(tmp_path / "a.tif", labels, pixel_size=float("nan"))
    write_labels(tmp_path / "a.tif", labels)
    with pytest.raises(OutputError, match="exists"):
        write_labels(tmp_path / "a.tif", labels * 2, overwrite=False)
    assert np.array_equal(read_labels(tmp_path / "a.tif"), labels)


def test_labels_of_other_programs(tmp_path: Path) -> None:
    labels = np.arange(12).reshape(3, 4)
    for dtype in (np.int8, np.uint16, np.int32, np.dtype(">u2"), np.int64):
        np.save(tmp_path / "a.npy", labels.astype(dtype))
        tifffile.imwrite(tmp_path / "a.tif", labels.astype(dtype))
        assert np.array_equal(read_labels(tmp_path / "a.npy"), labels)
        assert np.array_equal(read_labels(tmp_path / "a.tif"), labels)
    for compression in ("tiff_lzw", "tiff_adobe_deflate", "packbits"):
        for mode in (np.uint8, np.uint16, np.int32):
            Image.fromarray(labels.astype(mode)).save(tmp_path / "b.tif", compression=compression)
            assert np.array_equal(read_labels(tmp_path / "b.tif"), labels)
    Image.fromarray(labels.astype(np.uint8)).convert("P").save(tmp_path / "c.png")
    assert np.array_equal(read_labels(tmp_path / "c.png"), labels)
    coloured = Image.frombytes("P", (4, 3), labels.astype(np.uint8).tobytes())
    coloured.putpalette([(37 * i) % 256 for i in range(768)])
    for name in ("e.png", "e.bmp"):
        coloured.save(tmp_path / name)
        assert np.array_equal(read_labels(tmp_path / name), labels)  # the indices, not the colours
    Image.fromarray(labels.astype(np.uint8)).convert("RGB").save(tmp_path / "f.png")
    assert np.array_equal(read_labels(tmp_path / "f.png"), labels)
    Image.fromarray(labels % 2 > 0).save(tmp_path / "d.png")
    assert np.array_equal(read_labels(tmp_path / "d.png"), labels % 2)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_labels_of_few_bits(tmp_path: Path, bits: int) -> None:
    """A PNG of 2 or 4 bits holds small numbers, which viewers stretch to 0..255."""
    labels = np.arange(32).reshape(4, 8) % 2**bits
    rows = b"".join(
        b"\0" + sum(int(value) << (8 * bits - bits * (i + 1)) for i, value in enumerate(row)).to_bytes(bits, "big")
        for row in labels
    )
    (tmp_path / "a.png").write_bytes(png(struct.pack(">IIBBBBB", 8, 4, bits, 0, 0, 0, 0), rows))
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)


def png(head: bytes, rows: bytes) -> bytes:
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )


def test_files_that_hold_no_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(tmp_path / "floats.npy", np.zeros((2, 2)))
    np.save(tmp_path / "negative.npy", np.array([[-1]]))
    np.save(tmp_path / "line.npy", np.arange(3))
    np.save(tmp_path / "huge.npy", np.array([[2**63]], np.uint64))
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(tmp_path / "colour.png")
    Image.fromarray(np.arange(12, dtype=np.uint8).reshape(2, 2, 3)).save(tmp_path / "colour.bmp")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((3, 4, 5, 3), np.uint8), photometric="rgb")
    (tmp_path / "text.png").write_text("no image")
    (tmp_path / "folder.tif").mkdir()
    for path in sorted(tmp_path.iterdir()):
        with pytest.raises(FieldReadError):
            read_labels(path)


def test_declared_sizes_are_checked_first(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png(struct.pack(">IIBBBBB", 60_000, 60_000, 16, 0, 0, 0, 0), bytes(1000)))
    (tmp_path / "a.bmp").write_bytes(b"BM" + bytes(16) + struct.pack("<ii", 60_000, -60_000) + bytes(100))
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "<i8", "fortran_order": False, "shape": (10**6, 10**6)})
    (tmp_path / "a.npy").write_bytes(npy.getvalue() + bytes(8))
    with (tmp_path / "a.tif").open("wb") as file:
        tifffile.imwrite(file, np.zeros((12_000, 12_000), np.uint16), compression="zlib", rowsperstrip=12_000)
    start = time.monotonic()
    for name in ("a.png", "a.bmp", "a.npy", "a.tif"):
        with pytest.raises(FieldReadError, match=r"expand|memory|does not fit|cannot be so much"):
            read_labels(tmp_path / name)
    assert time.monotonic() - start < 1


def test_tables(tmp_path: Path) -> None:
    columns = {
        "label": np.array([1, 2**53 + 1, -3]),
        "area [um2]": np.array([0.1, np.nan, 1e-300]),
        "name": np.array(["=1+1", 'a,"b"\nc', "  @x"]),
        "-is mineral": np.array([True, False, True]),
    }
    write_table(tmp_path / "a.csv", columns)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [
        ["label", "area [um2]", "name", "'-is mineral"],
        ["1", "0.1", "'=1+1", "True"],
        ["9007199254740993", "", 'a,"b"\nc', "False"],
        ["-3", "1e-300", "'  @x", "True"],
    ]
    with pytest.raises(OutputError, match="one length"):
        write_table(tmp_path / "b.csv", {"a": [1], "b": [1, 2]})
    with pytest.raises(OutputError, match="exists"):
        write_table(tmp_path / "a.csv", columns, overwrite=False)


def test_pictures(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 6, 3)).astype(np.uint8)
    write_image(tmp_path / "a.png", picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "a.png")), picture)
    with pytest.raises(OutputError, match=r"\.png"):
        write_image(tmp_path / "a.jpg", picture)
    with pytest.raises(OutputError, match="no picture"):
        write_image(tmp_path / "b.png", picture.astype(float))


def test_titles_of_labels_stand_in_the_description(tmp_path):
    labels = np.array([[0, 1], [2, 2]])
    write_labels(tmp_path / "a.ome.tif", labels, titles={1: "quartz", 2: "<plagioclase> & ä"})
    with tifffile.TiffFile(tmp_path / "a.ome.tif") as tiff:
        assert tifffile.xml2dict(tiff.ome_metadata)["OME"]["Image"]["Description"] == "1: quartz; 2: <plagioclase> & ä"
    assert np.array_equal(read_labels(tmp_path / "a.ome.tif"), labels)
    write_labels(tmp_path / "a.png", labels, titles={1: "quartz"})
    assert np.array_equal(read_labels(tmp_path / "a.png"), labels)
