"""Images of any kind as they are met: grey values right, or one refusal."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile
from damage import mutations
from PIL import Image

from napari_gdls.errors import FieldReadError
from napari_gdls.io.images import read_image

LIMIT = 1 << 30
HEIGHT, WIDTH = 24, 32
GREY = (np.arange(HEIGHT * WIDTH) * 7 % 251).astype(np.uint8).reshape(HEIGHT, WIDTH)
DEEP = (np.arange(HEIGHT * WIDTH, dtype=np.uint16) * 81).reshape(HEIGHT, WIDTH)
SMOOTH = (np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)) * 3).astype(np.uint8)
"""Without edges, so that JPEG changes it by a few grey levels only."""


def rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=-1)


def with_opacity(colours: np.ndarray) -> np.ndarray:
    full = np.full((*colours.shape[:2], 1), np.iinfo(colours.dtype).max, colours.dtype)
    return np.concatenate([colours, full], axis=-1)


def png(pixels: np.ndarray, bits: int, colour: int, filters: int = 0) -> bytes:
    """A PNG file by the specification, of big-endian samples (H, W, S), with one filter for all rows: 0 none, 2 up."""
    height, width = pixels.shape[:2]
    rows = pixels.astype(f">u{bits // 8}").reshape(height, -1).view(np.uint8).reshape(height, -1)
    if filters == 2:
        rows = rows - np.vstack([np.zeros_like(rows[:1]), rows[:-1]])
    raw = b"".join(bytes([filters]) + row.tobytes() for row in rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)),
            (b"IDAT", zlib.compress(raw)),
            (b"IEND", b""),
        )
    )


def pillow(mode: str, pixels: np.ndarray, ending: str, **options: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        image = Image.fromarray(pixels)
        if mode == "P":
            image = Image.fromarray(pixels, "L").convert("L")
            image.putpalette([level for level in range(256) for _ in range(3)])
        image.save(folder / f"bse{ending}", **options)
        return folder / f"bse{ending}"

    return write


def tiff(pixels: np.ndarray, **options: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        tifffile.imwrite(folder / "bse.tif", pixels, **options)
        return folder / "bse.tif"

    return write


def raw_bytes(content: bytes, name: str = "bse.png") -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        (folder / name).write_bytes(content)
        return folder / name

    return write


PALETTE = np.repeat(np.arange(256, dtype=np.uint16)[None] * 257, 3, axis=0)

GREY_IMAGES = {
    "png": (pillow("L", GREY, ".png"), GREY),
    "png of 16 bits": (pillow("I;16", DEEP, ".png"), DEEP),
    "png in colour": (pillow("RGB", rgb(GREY), ".png"), GREY),
    "png in colour with opacity": (pillow("RGBA", with_opacity(rgb(GREY)), ".png"), GREY),
    "png with opacity": (raw_bytes(png(with_opacity(GREY[..., None]), 8, 4)), GREY),
    "png of 16 bits with opacity": (raw_bytes(png(with_opacity(DEEP[..., None]), 16, 4)), DEEP),
    "png of 16 bits with opacity, filtered": (raw_bytes(png(with_opacity(DEEP[..., None]), 16, 4, 2)), DEEP),
    "png with a palette": (pillow("P", GREY, ".png"), GREY),
    "bmp": (pillow("L", GREY, ".bmp"), GREY),
    "bmp in colour": (pillow("RGB", rgb(GREY), ".bmp"), GREY),
    "jpeg": (pillow("L", SMOOTH, ".jpg", quality=95), SMOOTH),
    "jpeg in colour": (pillow("RGB", rgb(SMOOTH), ".jpg", quality=95), SMOOTH),
    "jpeg in colour, poor": (pillow("RGB", rgb(SMOOTH), ".jpg", quality=70), SMOOTH),
    "tiff": (tiff(GREY), GREY),
    "tiff with white as 0": (tiff(255 - GREY, photometric="miniswhite"), GREY),
    "tiff of 16 bits with white as 0": (tiff(65_535 - DEEP, photometric="miniswhite"), DEEP),
    "tiff in colour": (tiff(rgb(GREY), photometric="rgb"), GREY),
    "tiff in colour of 16 bits": (tiff(rgb(DEEP), photometric="rgb", compression="zlib"), DEEP),
    "tiff in colour, by channel": (tiff(np.moveaxis(rgb(GREY), -1, 0), photometric="rgb", planarconfig=2), GREY),
    "tiff in colour with opacity": (tiff(with_opacity(rgb(GREY)), photometric="rgb", extrasamples=[2]), GREY),
    "tiff with opacity": (
        tiff(with_opacity(GREY[..., None]), photometric="minisblack", planarconfig=1, extrasamples=[2]),
        GREY,
    ),
    "tiff with a palette": (tiff(GREY, photometric="palette", colormap=PALETTE), GREY),
    "tiff of 16 bits, big-endian": (tiff(DEEP, byteorder=">"), DEEP),
    "tiff of 32 bits": (tiff(DEEP.astype(np.uint32) * 9), DEEP.astype(np.uint32) * 9),
    "tiff of floats": (tiff(DEEP.astype(np.float32) / 7, compression="zlib", predictor=True), DEEP / np.float32(7)),
    "tiff of doubles": (tiff(DEEP / 7), DEEP / 7),
    "tiff with lzw": (pillow("L", GREY, ".tif", compression="tiff_lzw"), GREY),
    "tiff in colour with lzw": (pillow("RGB", rgb(GREY), ".tif", compression="tiff_lzw"), GREY),
    "tiff with packbits": (pillow("I;16", DEEP, ".tif", compression="packbits"), DEEP),
    "tiff with jpeg": (pillow("L", SMOOTH, ".tif", compression="jpeg", quality=95), SMOOTH),
    "tiff with tiles": (tiff(GREY, tile=(16, 16), compression="zlib"), GREY),
}  # fmt: skip


@pytest.mark.parametrize(("write", "grey"), GREY_IMAGES.values(), ids=GREY_IMAGES)
def test_grey_images_are_read_however_they_are_stored(
    tmp_path: Path, write: Callable[[Path], Path], grey: np.ndarray, request: pytest.FixtureRequest
) -> None:
    path = write(tmp_path)
    found = read_image(path, LIMIT, expected=(HEIGHT, WIDTH))
    assert found.dtype == grey.dtype
    lossy = "jpeg" in request.node.callspec.id
    np.testing.assert_allclose(found.astype(float), grey, atol=6 if lossy else 0)


def pages(*images: np.ndarray, **options: object) -> Callable[[Path], Path]:
    def write(folder: Path) -> Path:
        with tifffile.TiffWriter(folder / "bse.tif") as file:
            for image in images:
                file.write(image, metadata=None, photometric="minisblack", **options)
        return folder / "bse.tif"

    return write


def with_thumbnail(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "bse.tif") as file:
        file.write(GREY, metadata=None)
        file.write(GREY[::2, ::2], metadata=None, subfiletype=1)
    return folder / "bse.tif"


def thumbnail_in_front(folder: Path) -> Path:
    with tifffile.TiffWriter(folder / "bse.tif") as file:
        file.write(GREY[::2, ::2], metadata=None, subfiletype=1)
        file.write(GREY, metadata=None)
    return folder / "bse.tif"


@pytest.mark.parametrize("write", [with_thumbnail, thumbnail_in_front, pages(GREY[:9], GREY)])
def test_the_one_image_of_several_that_can_be_meant_is_taken(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    np.testing.assert_array_equal(read_image(write(tmp_path), LIMIT, expected=(HEIGHT, WIDTH)), GREY)


COLOUR = np.stack([GREY, GREY, np.roll(GREY, 1)], axis=-1)
RAINBOW = np.stack([PALETTE[0], PALETTE[0][::-1], PALETTE[0]])
CMYK = Image.fromarray(rgb(SMOOTH)).convert("CMYK")


def saved(image: Image.Image, ending: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, ending, **options)
    return file.getvalue()


def turned() -> bytes:
    exif = Image.Exif()
    exif[274] = 6
    return saved(Image.fromarray(SMOOTH), "jpeg", exif=exif)


PNG, JPEG, BMP = (saved(Image.fromarray(GREY), kind) for kind in ("png", "jpeg", "bmp"))

REFUSED = {
    "png in colour": (pillow("RGB", COLOUR, ".png"), r"colour image, no image of grey values \(row 0, column 0\)"),
    "png in colour of 16 bits": (raw_bytes(png(rgb(DEEP), 16, 2)), "colour image of 16 bits"),
    "tiff in colour": (tiff(COLOUR, photometric="rgb"), "colour image"),
    "tiff with a palette in colour": (tiff(GREY, photometric="palette", colormap=RAINBOW), "colour image"),
    "jpeg in colour": (pillow("RGB", COLOUR, ".jpg"), "colour image"),
    "jpeg for print": (raw_bytes(saved(CMYK, "jpeg"), "bse.jpg"), "colour image"),
    "tiff for print": (raw_bytes(saved(CMYK, "tiff"), "bse.tif"), "colour image|not of grey values"),
    "jpeg on its side": (raw_bytes(turned(), "bse.jpg"), "to be turned"),
    "tiff on its side": (tiff(GREY, extratags=[(274, 3, 1, 6, True)]), "to be turned"),
    "two pages": (pages(GREY, GREY), r"holds 2 images \(24 x 32 px\)"),
    "two channels": (tiff(np.stack([GREY, GREY + np.uint8(1)]), photometric="minisblack"), "holds 2 images"),
    "a stack of ImageJ": (tiff(np.stack([GREY] * 3), imagej=True), "holds 3 images"),
    "animation": (
        raw_bytes(saved(Image.fromarray(GREY), "png", save_all=True, append_images=[Image.fromarray(SMOOTH)])),
        "animation",
    ),
    "complex numbers": (tiff(GREY.astype(np.complex64)), "64 bits"),
    "png cut short": (raw_bytes(PNG[:-30]), "truncated PNG"),
    "jpeg cut short": (raw_bytes(JPEG[:-40], "bse.jpg"), "JPEG"),
    "bmp cut short": (raw_bytes(BMP[:-40], "bse.bmp"), "BMP"),
    "head of a bmp": (raw_bytes(BMP[:20], "bse.bmp"), "truncated BMP"),
    "empty": (raw_bytes(b""), "empty file"),
    "text": (raw_bytes(b"Energy,Counts\n1,2\n"), "no PNG, TIFF, JPEG or BMP image"),
    "gif": (raw_bytes(saved(Image.fromarray(GREY), "gif")), "no PNG, TIFF, JPEG or BMP image"),
}  # fmt: skip


@pytest.mark.parametrize(("write", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_grey_image_is_refused_in_a_sentence(
    tmp_path: Path, write: Callable[[Path], Path], problem: str
) -> None:
    path = write(tmp_path)
    with pytest.raises(FieldReadError, match=problem) as caught:
        read_image(path, LIMIT)
    assert caught.value.path == str(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "advice"),
    [
        ((30, 32), "6 rows higher: if these are the data bar"),
        ((48, 64), "scale it to 24 x 32 px"),
        ((32, 24), "lie on its side"),
        ((10, 11), "Crop or scale it"),
    ],
)
@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg", ".bmp"])
def test_images_of_another_size_are_refused_before_they_are_unpacked(
    tmp_path: Path, shape: tuple[int, int], advice: str, ending: str
) -> None:
    path = tmp_path / f"bse{ending}"
    Image.fromarray(np.zeros(shape, np.uint8)).save(path)
    with pytest.raises(FieldReadError, match=rf"has {shape[0]} x {shape[1]} px; the map.*24 x 32.*{advice}"):
        read_image(path, LIMIT, expected=(HEIGHT, WIDTH))


def test_labels_are_the_stored_numbers(tmp_path: Path) -> None:
    stored = {
        "palette": (pillow("P", GREY, ".png"), GREY),
        "palette of a tiff": (tiff(GREY, photometric="palette", colormap=RAINBOW), GREY),
        "white as 0": (tiff(GREY, photometric="miniswhite"), GREY),
    }
    for write, numbers in stored.values():
        np.testing.assert_array_equal(read_image(write(tmp_path), LIMIT, raw=True), numbers)
    with pytest.raises(FieldReadError, match="JPEG image, which changes numbers"):
        read_image(pillow("L", GREY, ".jpg")(tmp_path), LIMIT, raw=True)


def png_that_declares(width: int, height: int) -> bytes:
    whole = png(GREY[..., None], 8, 0)
    fields = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return whole[:16] + fields + struct.pack(">I", zlib.crc32(b"IHDR" + fields)) + whole[33:]


def tiff_that_declares(width: int, height: int, compression: int = 8) -> bytes:
    """One strip of a few bytes for an image of any size."""
    data = zlib.compress(bytes(4000))
    entries = ((256, width), (257, height), (258, 8), (259, compression), (262, 1), (273, 8), (277, 1), (278, height))
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in (*entries, (279, len(data))))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", 9) + tags + bytes(4)


def tiff_whose_strip_unpacks_to_more(n_bytes: int) -> bytes:
    data = zlib.compress(bytes(n_bytes), 9)
    entries = ((256, 32), (257, 24), (258, 8), (259, 8), (262, 1), (273, 8), (277, 1), (278, 24), (279, len(data)))
    tags = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", 9) + tags + bytes(4)


def jpeg_that_declares(width: int, height: int) -> bytes:
    at = JPEG.index(b"\xff\xc0")
    return JPEG[: at + 5] + struct.pack(">HH", height, width) + JPEG[at + 9 :]


def bmp_that_declares(width: int, height: int, compression: int = 0) -> bytes:
    return BMP[:18] + struct.pack("<ii", width, height) + BMP[26:30] + struct.pack("<I", compression) + BMP[34:]


BOMBS = {
    "png of 160 TB": png_that_declares(2**31 - 1, 2**17),
    "png of 200 MB": png_that_declares(20_000, 10_000),
    "tiff of 4 EB": tiff_that_declares(2**31 - 1, 2**31 - 1),
    "tiff of 200 MB": tiff_that_declares(20_000, 10_000),
    "tiff of 200 MB, not packed": tiff_that_declares(20_000, 10_000, 1),
    "tiff of 200 MB, lzw": tiff_that_declares(20_000, 10_000, 5),
    "tiff whose strip unpacks to 400 MB": tiff_whose_strip_unpacks_to_more(400 << 20),
    "jpeg of 4 GB": jpeg_that_declares(65_500, 65_500),
    "bmp of 400 MB": bmp_that_declares(20_000, 20_000),
    "bmp of 400 MB, run lengths": bmp_that_declares(20_000, 20_000, 1),
}


def test_bombs_are_refused_at_once_and_in_little_memory(tmp_path: Path) -> None:
    for name, content in BOMBS.items():
        (tmp_path / name).write_bytes(content)
    script = """
        import pathlib, resource, sys, time
        from PIL import Image, BmpImagePlugin, JpegImagePlugin, PngImagePlugin
        import tifffile
        from napari_gdls.errors import FieldReadError
        from napari_gdls.io.images import read_image
        for path in sorted(pathlib.Path(sys.argv[1]).iterdir()):
            before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
            try:
                read_image(path, 4 << 30)
            except FieldReadError as error:
                took = time.monotonic() - start
                grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
                print(f"{path.name}|{took:.2f}|{grown:.1f}|{error}")
    """
    run = [sys.executable, "-c", textwrap.dedent(script), str(tmp_path)]
    lines = subprocess.run(run, check=True, capture_output=True, text=True).stdout.splitlines()
    assert len(lines) == len(BOMBS), lines
    for line in lines:
        _, seconds, mebibytes, _ = line.split("|", 3)
        assert float(seconds) < 1.0, line
        assert float(mebibytes) < 64, line


DAMAGED = (
    "png",
    "png of 16 bits with opacity",
    "jpeg in colour",
    "bmp",
    "tiff in colour",
    "tiff with lzw",
    "tiff with a palette",
    "tiff of floats",
    "tiff with tiles",
)


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_images_are_read_or_refused(tmp_path: Path, name: str) -> None:
    path = GREY_IMAGES[name][0](tmp_path)
    for damaged in mutations(path.read_bytes(), 150, 3, head=300):
        path.write_bytes(damaged)
        try:
            found = read_image(path, 1 << 26)
        except FieldReadError:
            continue
        assert found.ndim == 2


@pytest.mark.parametrize("name", GREY_IMAGES)
def test_images_that_were_cut_short_are_refused(tmp_path: Path, name: str) -> None:
    path = GREY_IMAGES[name][0](tmp_path)
    content = path.read_bytes()
    for length in np.linspace(1, len(content) - 40, 40).astype(int):
        path.write_bytes(content[:length])
        with pytest.raises(FieldReadError):
            read_image(path, LIMIT)
