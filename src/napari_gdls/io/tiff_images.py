"""TIFF images as microscopes and image editors write them: grey, stored in colour, with a palette, or inverted."""

from __future__ import annotations

import logging
import math
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import EXPORT_AGAIN, SAVE_AS_GREY, grey_channel, require_frame, size_in_words
from napari_gdls.io.jpeg_images import JPEG_ROUNDING
from napari_gdls.io.limits import (
    DEFLATE_EXPANSION,
    require_memory,
    require_packed_bytes,
    require_plausible_expansion,
)
from napari_gdls.io.pillow_decoding import pillow_pixels

TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of the format, in both orders of bytes, with addresses of 4 and of 8 bytes."""

_NONE, _LZW, _PACKBITS = 1, 5, 32773  # compressions
_DEFLATE = (8, 32946)  # two numbers of one compression
_JPEG = (6, 7)  # likewise: old and new
_EXPANSIONS = {_NONE: 1, _LZW: 4096, _PACKBITS: 128, **dict.fromkeys(_DEFLATE, DEFLATE_EXPANSION)}
"""By compression: bytes that one byte can stand for at most; for LZW, codes of 12 bits for strings of up to 4,096."""

_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _MASK, _YCBCR = 0, 1, 2, 3, 4, 6  # photometric interpretations
_UPRIGHT = 1  # orientation: the first row is at the top, the first column on the left
_OPACITY = (1, 2)  # extra samples that are opacity, premultiplied or not
_BITS = (1, 8, 16, 32, 64)  # of samples that tifffile unpacks without a large extra package
_MOST_PAGES = 64  # that are looked at for the one in the frame of the map
_PIECE = 1024**2  # bytes that are unpacked at a time to see how many there are


def read_tiff(path: Path, limit: int, *, raw: bool, expected: tuple[int, int] | None) -> npt.NDArray[Any]:
    """The grey values of a TIFF image; see `napari_gdls.io.images.read_image`."""
    import tifffile

    try:
        with _without_log(), tifffile.TiffFile(path) as tiff:
            page = _one_page(path, tiff, expected)
            _check_page(path, page, path.stat().st_size, limit)
            return _grey(path, page, _samples(path, page), raw=raw)
    except FieldReadError:
        raise
    except Exception as error:  # tifffile raises many classes on damaged files
        raise FieldReadError(path, f"is a damaged TIFF image: {error}", remedy=EXPORT_AGAIN) from None


@contextmanager
def _without_log() -> Iterator[None]:
    """Keep what tifffile logs of odd files off the terminal; what matters is checked here."""
    logger = logging.getLogger("tifffile")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before


def _one_page(path: Path, tiff: Any, expected: tuple[int, int] | None) -> Any:
    """The page with the image: the only one that is neither a small copy of another nor a mask."""
    pages = []
    for number, page in enumerate(tiff.pages):
        if not (number and (page.is_reduced or page.is_mask)):
            pages.append(page)
        if number == _MOST_PAGES:
            break
    first = pages[0]
    if len(pages) > 1 and first.is_reduced:  # a thumbnail in front
        first, pages = pages[1], pages[1:]
    n_images = max(len(pages), _images_in_page(tiff, first))
    if n_images == 1:
        require_frame(path, _frame(first), expected)
        return first
    fitting = [page for page in pages if _frame(page) == expected]
    if len(fitting) == 1 and len(pages) > 1:
        return fitting[0]  # the others cannot be laid on the map
    sizes = ", ".join(dict.fromkeys(size_in_words(_frame(page)) for page in pages))
    many = f"{n_images}" if n_images < _MOST_PAGES else "many"
    raise FieldReadError(
        path, f"holds {many} images ({sizes} px), and does not say which is meant",
        remedy="Save the one that is needed to a file of its own, as greyscale PNG or TIFF.",
    )  # fmt: skip


def _images_in_page(tiff: Any, page: Any) -> int:
    """How many images a page stands for, at programs that write the others behind it without a page of their own."""
    if tiff.is_imagej:
        return int((tiff.imagej_metadata or {}).get("images", 1))
    if tiff.is_shaped and tiff.shaped_metadata:
        shape = tiff.shaped_metadata[0].get("shape", ())
        one = int(page.imagelength) * int(page.imagewidth) * int(page.samplesperpixel)
        return max(math.prod(map(int, shape)) // max(one, 1), 1)
    return 1


def _frame(page: Any) -> tuple[int, int]:
    return int(page.imagelength), int(page.imagewidth)


def _check_page(path: Path, page: Any, size: int, limit: int) -> None:
    """Refuse what cannot be unpacked, or is not there, before anything is allocated."""
    height, width = _frame(page)
    if page.dtype is None or page.dtype.kind not in "buif" or page.bitspersample not in _BITS or page.imagedepth != 1:
        raise FieldReadError(
            path, f"holds samples of {page.bitspersample} bits in a form that is not read", remedy=SAVE_AS_GREY
        )
    if page.tags.valueof(274, default=_UPRIGHT) != _UPRIGHT:
        raise FieldReadError(
            path, "is to be turned or mirrored before it is shown, by its tag Orientation", remedy="Save it upright."
        )
    n_samples = height * width * page.samplesperpixel
    n_bytes = -(-n_samples * page.bitspersample // 8)
    offsets, counts = list(page.dataoffsets), list(page.databytecounts)
    # Segments that lie outside the file, or are missing, would be read as zeros.
    if n_bytes == 0 or len(offsets) != len(counts) or not offsets or any(
        offset <= 0 or count <= 0 or offset + count > size for offset, count in zip(offsets, counts, strict=True)
    ):  # fmt: skip
        raise FieldReadError(path, "is a truncated or damaged TIFF image", remedy=EXPORT_AGAIN)
    if page.compression in _EXPANSIONS:
        require_packed_bytes(path, n_bytes, sum(counts), _EXPANSIONS[page.compression], "TIFF image")
    require_plausible_expansion(path, n_bytes, size, "the image")
    require_memory(path, 2 * n_samples * page.dtype.itemsize, limit, "the image")
    if page.compression in _DEFLATE:
        _require_bounded_segments(path, page, offsets, counts)


def _require_bounded_segments(path: Path, page: Any, offsets: list[int], counts: list[int]) -> None:
    """Refuse segments that unpack to more than their part of the image, before they do."""
    rows = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    columns = page.tilewidth if page.is_tiled else page.imagewidth
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    most = rows * -(-columns * samples * page.bitspersample // 8)
    for offset, count in zip(offsets, counts, strict=True):
        if count * DEFLATE_EXPANSION <= most + _PIECE:
            continue
        page.parent.filehandle.seek(offset)
        packed, unpacked = zlib.decompressobj(), 0
        rest = page.parent.filehandle.read(count)
        while rest and not packed.eof:
            unpacked += len(packed.decompress(rest, _PIECE))
            rest = packed.unconsumed_tail
            if unpacked > most + _PIECE:
                raise FieldReadError(
                    path, "is a damaged or malicious TIFF image: a part of it unpacks to more than the whole",
                    where=f"byte {offset}", remedy=EXPORT_AGAIN,
                )  # fmt: skip


def _samples(path: Path, page: Any) -> npt.NDArray[Any]:
    """All samples of a page, (H, W, S)."""
    height, width = _frame(page)
    if page.compression == _NONE or page.compression in _DEFLATE:  # tifffile unpacks them by itself
        stored = np.asarray(page.asarray(maxworkers=1))
    else:
        # LZW, PackBits, JPEG and the like, which tifffile leaves to a large extra package.
        if page.index:
            raise FieldReadError(
                path, "holds several images, and the one that is meant is packed", remedy="Save it to its own file."
            )
        stored = pillow_pixels(path, path, "TIFF", raw=True)
        stored = _in_dtype_of_page(path, page, stored)
    planar = page.planarconfig == 2 and page.samplesperpixel > 1
    shape = (page.samplesperpixel, height, width) if planar else (height, width, page.samplesperpixel)
    if stored.size != height * width * page.samplesperpixel:
        raise FieldReadError(path, f"unpacks to {stored.shape} instead of {shape}", remedy=EXPORT_AGAIN)
    return np.moveaxis(stored.reshape(shape), 0, -1) if planar else stored.reshape(shape)


def _in_dtype_of_page(path: Path, page: Any, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """What Pillow has unpacked, in the dtype that the file declares."""
    dtype = page.dtype
    if pixels.dtype.itemsize != dtype.itemsize or (pixels.dtype.kind == "f") != (dtype.kind == "f"):
        raise FieldReadError(
            path, f"holds {dtype} in a form that cannot be unpacked", remedy="Save it uncompressed or with deflate."
        )
    return pixels.view(dtype.newbyteorder("=")) if pixels.dtype.kind in "ui" and dtype.kind in "ui" else pixels


def _grey(path: Path, page: Any, samples: npt.NDArray[Any], *, raw: bool) -> npt.NDArray[Any]:
    photometric = int(page.photometric)
    extra = [int(kind) for kind in page.extrasamples]
    n_samples = samples.shape[-1]
    if photometric in (_RGB, _YCBCR) and n_samples >= 3:
        return grey_channel(path, samples[..., :3], JPEG_ROUNDING if page.compression in _JPEG else 0)
    opacity = len(extra) if extra and all(kind in _OPACITY for kind in extra) else 0
    grey = grey_channel(path, samples[..., : max(n_samples - opacity, 1)])
    if raw or photometric in (_MIN_IS_BLACK, _MASK):
        return grey
    if photometric == _PALETTE and page.colormap is not None:
        return _painted(path, grey, np.asarray(page.colormap))
    if photometric == _MIN_IS_WHITE and grey.dtype.kind in "bu":
        return ~grey
    raise FieldReadError(path, f"is an image of the kind {page.photometric!s}, not of grey values", remedy=SAVE_AS_GREY)


def _painted(path: Path, indices: npt.NDArray[Any], palette: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Grey values of 8 bits that a palette (3, N) of 16 bits, or by mistake of 8, gives to indices."""
    colours = palette if palette.max(initial=0) < 256 else palette >> 8
    if indices.max(initial=0) >= colours.shape[1]:
        raise FieldReadError(path, "names colours that its palette does not have", remedy=EXPORT_AGAIN)
    return grey_channel(path, colours.T[indices].astype(np.uint8))
