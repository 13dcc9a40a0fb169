"""Single-channel PNG, TIFF and BMP images, read after their declared size and their integrity are checked."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import read_bounded, require_memory, require_plausible_expansion

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type: samples per pixel
_TIFF_MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_EXPORT_AGAIN = "Export or copy it again."


def read_image(path: Path, limit: int, *, raw: bool = False) -> npt.NDArray[Any]:
    """Read a single-channel image by its content: PNG, TIFF or BMP.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that the image may take.
    raw : bool
        Whether the stored numbers are wanted, for labels: the indices of a palette instead of their grey values, and
        samples of 2 or 4 bits as they are instead of stretched to 8.

    Returns
    -------
    (H, W) array
        In the dtype of the file: bool, uint8, uint16, int32, float32 and so on.

    Raises
    ------
    FieldReadError
        If it is none of them, damaged, in colour, or larger than `limit`. Grey images stored as equal red, green and
        blue are taken.
    """
    data = read_bounded(path, limit, "the image file")
    if data.startswith(_PNG_MAGIC):
        return _read_png(path, data, limit, raw=raw)
    if data[:4] in _TIFF_MAGICS:
        return _read_tiff(path, data, limit)
    if data.startswith(b"BM"):
        return _read_bmp(path, data, limit, raw=raw)
    raise FieldReadError(path, "is no PNG, TIFF or BMP image", remedy="Save it as 16-bit greyscale PNG.")


def png_header(path: Path) -> tuple[int, int, int]:
    """Height, width and bits per sample that the head of a PNG file declares; nothing else of the file is read.

    Raises
    ------
    FieldReadError
    """
    try:
        with path.open("rb") as file:
            head = file.read(26)
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from None
    if len(head) < 26 or not head.startswith(_PNG_MAGIC) or head[12:16] != b"IHDR":
        raise FieldReadError(path, "is no PNG image", remedy=_EXPORT_AGAIN)
    width, height, bits = struct.unpack(">IIB", head[16:25])
    return height, width, bits


def _read_png(path: Path, data: bytes, limit: int, *, raw: bool) -> npt.NDArray[Any]:
    width, height, bits, colour = _checked_png(path, data)
    n_bytes = height * ((width * bits * _PNG_SAMPLES[colour] + 7) // 8)
    require_plausible_expansion(path, n_bytes, len(data), "the image")
    require_memory(path, 2 * width * height * max(bits // 8, 1) * _PNG_SAMPLES[colour], limit, "the image")
    if bits == 16 and colour not in (0, 4):
        # Pillow would give the high bytes of the samples only.
        raise FieldReadError(path, "is a colour image of 16 bits", remedy="Save it as greyscale.")
    pixels = _grey(path, _pillow_pixels(path, data, "PNG", raw=raw))
    if pixels.shape != (height, width):
        raise FieldReadError(path, f"has {pixels.shape} pixels where {(height, width)} are declared")
    if raw and colour == 0 and bits in (2, 4):
        return pixels // np.uint8(255 // (2**bits - 1))
    # Older versions of Pillow give 16-bit images as int32.
    return pixels.astype(np.uint16) if bits == 16 else pixels


def _read_bmp(path: Path, data: bytes, limit: int, *, raw: bool) -> npt.NDArray[Any]:
    if len(data) < 26:
        raise FieldReadError(path, "is a truncated BMP image", remedy=_EXPORT_AGAIN)
    width, height = struct.unpack("<ii", data[18:26])
    require_plausible_expansion(path, 4 * abs(width * height), len(data), "the image")
    require_memory(path, 8 * abs(width * height), limit, "the image")
    return _grey(path, _pillow_pixels(path, data, "BMP", raw=raw))


def _pillow_pixels(path: Path, data: bytes, kind: str, *, raw: bool) -> npt.NDArray[Any]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images were judged before, by the caller's own limit
            with Image.open(io.BytesIO(data), formats=[kind]) as image:
                if image.mode in ("P", "PA") and not raw:
                    return np.asarray(image.convert("RGB"))
                return np.asarray(image)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, zlib.error, struct.error and more
        raise FieldReadError(path, f"is a damaged {kind} image: {error}", remedy=_EXPORT_AGAIN) from None


def _grey(path: Path, pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The one channel of an image, without its opacity."""
    if pixels.ndim == 2:
        return pixels
    samples = pixels[..., : pixels.shape[2] - 1] if pixels.shape[2] in (2, 4) else pixels
    if not (samples == samples[..., :1]).all():
        raise FieldReadError(path, "is a colour image", remedy="Save it as greyscale, 8 or 16 bit.")
    return np.ascontiguousarray(samples[..., 0])


def _checked_png(path: Path, data: bytes) -> tuple[int, int, int, int]:
    """Width, height, bits per sample and colour type, after checking the CRC of every chunk."""
    position = len(_PNG_MAGIC)
    header: tuple[int, int, int, int] | None = None
    while True:
        head = data[position : position + 8]
        if len(head) < 8:
            raise FieldReadError(path, "is a truncated PNG image", where=f"byte {position}", remedy=_EXPORT_AGAIN)
        length, kind = struct.unpack(">I4s", head)
        body = memoryview(data)[position + 4 : position + 8 + length]
        crc = data[position + 8 + length : position + 12 + length]
        if len(crc) < 4 or zlib.crc32(body) != int.from_bytes(crc, "big"):
            raise FieldReadError(path, "is a damaged PNG image", where=f"byte {position}", remedy=_EXPORT_AGAIN)
        if header is None:
            if kind != b"IHDR" or length != 13:
                raise FieldReadError(path, "is a PNG image without a header", remedy=_EXPORT_AGAIN)
            width, height, bits, colour = struct.unpack(">IIBB", data[position + 8 : position + 18])
            if width == 0 or height == 0 or bits not in (1, 2, 4, 8, 16) or colour not in _PNG_SAMPLES:
                raise FieldReadError(path, "is a PNG image with an impossible header", remedy=_EXPORT_AGAIN)
            header = width, height, bits, colour
        if kind == b"IEND":
            return header
        position += 12 + length


def _read_tiff(path: Path, data: bytes, limit: int) -> npt.NDArray[Any]:
    import tifffile

    try:
        with tifffile.TiffFile(io.BytesIO(data)) as tiff:
            page = tiff.pages.first
            shape, dtype = tuple(page.shape), page.dtype
            if dtype is None or len(shape) != 2:
                raise FieldReadError(
                    path,
                    f"has a first page of shape {shape}; a single-channel image is needed",
                    remedy="Save it as greyscale.",
                )
            n_bytes = shape[0] * shape[1] * dtype.itemsize
            require_plausible_expansion(path, n_bytes, len(data), "the image")
            require_memory(path, 2 * n_bytes, limit, "the image")
            _require_stored_bytes(path, page, len(data))
            if page.compression in (1, 8, 32946):  # none, deflate, old deflate: tifffile unpacks them by itself
                return np.asarray(page.asarray(maxworkers=1)).reshape(shape)
        return _read_tiff_with_pillow(path, data, shape, dtype)
    except FieldReadError:
        raise
    except Exception as error:  # tifffile and Pillow raise many classes on damaged files
        raise FieldReadError(path, f"is a damaged TIFF image: {error}", remedy=_EXPORT_AGAIN) from None


def _require_stored_bytes(path: Path, page: Any, size: int) -> None:
    """Refuse pages whose segments lie outside the file, or are missing: they would be read as zeros."""
    offsets, counts = list(page.dataoffsets), list(page.databytecounts)
    if len(offsets) != len(counts) or not offsets or any(
        offset <= 0 or count <= 0 or offset + count > size for offset, count in zip(offsets, counts, strict=True)
    ):  # fmt: skip
        raise FieldReadError(path, "is a truncated or damaged TIFF image", remedy=_EXPORT_AGAIN)


def _read_tiff_with_pillow(path: Path, data: bytes, shape: tuple[int, ...], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    """LZW, PackBits and the like, which tifffile leaves to a large extra package."""
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data), formats=["TIFF"]) as image:
            pixels = np.asarray(image)
    if pixels.shape != shape or pixels.dtype.itemsize != dtype.itemsize:
        raise FieldReadError(
            path, f"holds {dtype} in a form that cannot be unpacked", remedy="Save it uncompressed or with deflate."
        )
    return pixels.view(dtype.newbyteorder("=")) if pixels.dtype.kind in "ui" and dtype.kind in "ui" else pixels


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
