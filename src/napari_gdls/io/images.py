"""Single-channel PNG, TIFF, JPEG and BMP images, read after their declared size and their integrity are checked."""

from __future__ import annotations

import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import EXPORT_AGAIN, grey_channel, require_frame
from napari_gdls.io.jeol_images import JEOL_IMAGE_MAGIC, read_jeol_image
from napari_gdls.io.jpeg_images import JPEG_MAGIC, read_jpeg
from napari_gdls.io.limits import require_memory, require_packed_bytes
from napari_gdls.io.pillow_decoding import pillow_pixels
from napari_gdls.io.png_images import PNG_MAGIC, read_png
from napari_gdls.io.tiff_images import TIFF_MAGICS, read_tiff

IMAGE_ENDINGS = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp")
"""Lower-case endings of the names of files that `read_image` takes; the content decides."""

_BMP_MAGIC = b"BM"
_BMP_OLD_HEADER = 12  # bytes of the header of OS/2, with sizes of 16 bits
_BMP_RUNS = (1, 2)  # compressions: run lengths of 8 and of 4 bits
_BMP_EXPANSION = 256
"""Pixels that one byte can stand for at most: a run of 255 takes two bytes, and the rest is left black."""


def read_image(
    path: Path, limit: int, *, raw: bool = False, expected: tuple[int, int] | None = None
) -> npt.NDArray[Any]:
    """Read a single-channel image by its content: PNG, TIFF, JPEG or BMP.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that the image may take.
    raw : bool
        Whether the stored numbers are wanted, for labels: the indices of a palette instead of their grey values, and
        samples of 2 or 4 bits as they are instead of stretched to 8. JPEG, which changes numbers, is refused.
    expected : (int, int), optional
        Height and width that the image must have, those of a map of spectra: looked at before it is unpacked.

    Returns
    -------
    (H, W) array
        In the dtype of the file: bool, uint8, uint16, int32, float32 and so on. Black is low, also where a TIFF stores
        white as 0.

    Raises
    ------
    FieldReadError
        If it is none of them, damaged, in colour, one of several images of a file, larger than `limit` or of another
        size than `expected`. Grey images stored as equal red, green and blue, or with a grey palette, are taken.
    """
    try:
        with path.open("rb") as file:
            head = file.read(8)
        if head.startswith(PNG_MAGIC):
            return read_png(path, limit, raw=raw, expected=expected)
        if head[:4] in TIFF_MAGICS:
            return read_tiff(path, limit, raw=raw, expected=expected)
        if head.startswith(JPEG_MAGIC) and not raw:
            return read_jpeg(path, limit, expected=expected)
        if head == JEOL_IMAGE_MAGIC:
            return read_jeol_image(path, limit, expected=expected).pixels
        if head.startswith(_BMP_MAGIC):
            return _read_bmp(path, limit, raw=raw, expected=expected)
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from None
    if not head:
        raise FieldReadError(path, "is an empty file", remedy=EXPORT_AGAIN)
    if head.startswith(JPEG_MAGIC):
        raise FieldReadError(path, "is a JPEG image, which changes numbers", remedy="Save it as PNG or TIFF.")
    kinds = "PNG, TIFF or BMP" if raw else "PNG, TIFF, JPEG or BMP"
    raise FieldReadError(path, f"is no {kinds} image", remedy="Save it as 16-bit greyscale PNG.")


def _read_bmp(path: Path, limit: int, *, raw: bool, expected: tuple[int, int] | None) -> npt.NDArray[Any]:
    with path.open("rb") as file:
        head = file.read(34)
    size = path.stat().st_size
    if len(head) < 34:
        raise FieldReadError(path, "is a truncated BMP image", remedy=EXPORT_AGAIN)
    old = struct.unpack("<I", head[14:18])[0] == _BMP_OLD_HEADER
    width, height = struct.unpack("<HH", head[18:22]) if old else struct.unpack("<ii", head[18:26])
    bits = struct.unpack("<H", head[24:26] if old else head[28:30])[0]
    compression = 0 if old else struct.unpack("<I", head[30:34])[0]
    require_frame(path, (abs(height), abs(width)), expected)
    n_pixels = abs(width * height)
    if n_pixels == 0:
        raise FieldReadError(path, "is a BMP image without pixels", remedy=EXPORT_AGAIN)
    packed = n_pixels if compression in _BMP_RUNS else n_pixels * bits // 8
    require_packed_bytes(path, packed, size, _BMP_EXPANSION if compression in _BMP_RUNS else 1, "BMP image")
    require_memory(path, 8 * n_pixels, limit, "the image")
    pixels = pillow_pixels(path, path, "BMP", raw=raw)
    return pixels if pixels.ndim == 2 else grey_channel(path, pixels[..., :3])


def png_bytes(image: npt.NDArray[Any]) -> bytes:
    """The content of a PNG file.

    Parameters
    ----------
    image : (H, W) array of uint8 or uint16, or (H, W, 3) array of uint8
    """
    from PIL import Image

    packed = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(image)).save(packed, format="PNG")
    return packed.getvalue()
