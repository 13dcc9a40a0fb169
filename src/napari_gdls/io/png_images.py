"""PNG images: the declared size and the checksum of every chunk are looked at before anything is unpacked."""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import EXPORT_AGAIN, grey_channel, require_frame
from napari_gdls.io.limits import (
    DEFLATE_EXPANSION,
    require_memory,
    require_packed_bytes,
    require_plausible_expansion,
)
from napari_gdls.io.pillow_decoding import pillow_pixels

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
"""First bytes of the format."""

_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # colour type: samples per pixel
_GREY, _PALETTE, _GREY_ALPHA, _RGBA = 0, 3, 4, 6  # colour types
_PIECE = 1024**2  # bytes of a chunk that are read at a time


@dataclass(frozen=True)
class _Header:
    width: int
    height: int
    bits: int
    colour: int

    @property
    def n_bytes(self) -> int:
        """Of the pixels as they are packed."""
        return self.height * ((self.width * self.bits * _SAMPLES[self.colour] + 7) // 8)


def png_header(path: Path) -> tuple[int, int, int]:
    """Height, width and bits per sample that the head of a PNG file declares; nothing else of the file is read.

    Raises
    ------
    FieldReadError
    """
    try:
        with path.open("rb") as file:
            found = _header(path, file)
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from None
    return found.height, found.width, found.bits


def read_png(path: Path, limit: int, *, raw: bool, expected: tuple[int, int] | None) -> npt.NDArray[Any]:
    """The grey values of a PNG image; see `napari_gdls.io.images.read_image`."""
    with path.open("rb") as file:
        head = _header(path, file)
        require_frame(path, (head.height, head.width), expected)
        size = os.fstat(file.fileno()).st_size
        require_packed_bytes(path, head.n_bytes, size, DEFLATE_EXPANSION, "PNG image")
        require_plausible_expansion(path, head.n_bytes, size, "the image")
        n_values = head.width * head.height * _SAMPLES[head.colour]
        require_memory(path, 2 * n_values * max(head.bits // 8, 1), limit, "the image")
        _check_chunks(path, file)
        if head.bits == 16 and head.colour not in (_GREY, _GREY_ALPHA):
            # Pillow would give the high bytes of the samples only.
            raise FieldReadError(path, "is a colour image of 16 bits per channel", remedy="Save it as greyscale.")
        if head.bits == 16 and head.colour == _GREY_ALPHA:
            return _sixteen_bits_with_opacity(path, file, head)
    pixels = pillow_pixels(path, path, "PNG", raw=raw)
    if pixels.shape[:2] != (head.height, head.width):
        raise FieldReadError(
            path, f"has {pixels.shape[:2]} pixels where {(head.height, head.width)} are declared", remedy=EXPORT_AGAIN
        )
    if pixels.ndim == 3:
        pixels = grey_channel(path, pixels[..., : _SAMPLES_OF_COLOUR[pixels.shape[2]]])
    if raw and head.colour == _GREY and head.bits in (2, 4):
        return pixels // np.uint8(255 // (2**head.bits - 1))
    # Older versions of Pillow give 16-bit images as int32.
    return pixels.astype(np.uint16) if head.bits == 16 else pixels


_SAMPLES_OF_COLOUR = {1: 1, 2: 1, 3: 3, 4: 3}
"""How many of the samples of a pixel are colour, the last one being opacity where it is not."""


def _header(path: Path, file: IO[bytes]) -> _Header:
    """What the head declares; the file stands behind it afterwards."""
    head = file.read(33)
    if len(head) < 33 or not head.startswith(PNG_MAGIC) or head[8:16] != b"\0\0\0\x0dIHDR":
        raise FieldReadError(
            path, "is no PNG image" if not head.startswith(PNG_MAGIC) else "is a truncated PNG image",
            remedy=EXPORT_AGAIN,
        )  # fmt: skip
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if zlib.crc32(head[12:29]) != int.from_bytes(head[29:33], "big"):
        raise FieldReadError(path, "is a damaged PNG image", where="byte 8", remedy=EXPORT_AGAIN)
    if width == 0 or height == 0 or bits not in (1, 2, 4, 8, 16) or colour not in _SAMPLES:
        raise FieldReadError(path, "is a PNG image with an impossible header", remedy=EXPORT_AGAIN)
    return _Header(width, height, bits, colour)


def _check_chunks(path: Path, file: IO[bytes]) -> None:
    """Check the CRC of every chunk behind the header, a piece at a time."""
    while True:
        position = file.tell()
        head = file.read(8)
        if len(head) < 8:
            raise FieldReadError(path, "is a truncated PNG image", where=f"byte {position}", remedy=EXPORT_AGAIN)
        length, kind = struct.unpack(">I4s", head)
        crc, left = zlib.crc32(kind), length
        while left:
            piece = file.read(min(left, _PIECE))
            if not piece:
                raise FieldReadError(path, "is a truncated PNG image", where=f"byte {position}", remedy=EXPORT_AGAIN)
            crc, left = zlib.crc32(piece, crc), left - len(piece)
        if crc != int.from_bytes(file.read(4).ljust(4, b"\0"), "big"):
            raise FieldReadError(path, "is a damaged PNG image", where=f"byte {position}", remedy=EXPORT_AGAIN)
        if kind == b"acTL":
            raise FieldReadError(
                path, "is an animation, not one image", remedy="Save the BSE image alone, as greyscale PNG or TIFF."
            )
        if kind == b"IEND":
            return


def _sixteen_bits_with_opacity(path: Path, file: IO[bytes], head: _Header) -> npt.NDArray[np.uint16]:
    """Grey values of 16 bits beside an opacity of 16 bits, of which Pillow would give the low bytes only.

    The filters of PNG work on the bytes of a pixel, so that four bytes are unpacked as four samples of 8 bits just as
    well: red and green are then the high and the low byte of the grey value.
    """
    import io

    file.seek(len(PNG_MAGIC) + 8)
    fields = bytearray(file.read(13))
    fields[8], fields[9] = 8, _RGBA
    parts = [PNG_MAGIC, _chunk(b"IHDR", bytes(fields))]
    file.read(4)
    while True:
        length, kind = struct.unpack(">I4s", file.read(8))
        body = file.read(length)
        file.read(4)
        if kind in (b"IDAT", b"IEND"):
            parts.append(_chunk(kind, body))
        if kind == b"IEND":
            break
    samples = pillow_pixels(path, io.BytesIO(b"".join(parts)), "PNG", raw=True)
    if samples.shape != (head.height, head.width, 4):
        raise FieldReadError(path, "is a damaged PNG image", remedy=EXPORT_AGAIN)
    grey: npt.NDArray[np.uint16] = samples[..., 0].astype(np.uint16) << np.uint16(8) | samples[..., 1]
    return grey


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
