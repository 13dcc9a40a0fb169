"""The spectra file of a TESCAN TIMA field, ``xray.map``: decoder and encoder.

A file is the text ``Tescan X-ray map``; records of 80 bytes (9 bytes of key, ``=``, 70 bytes of value) up to one with
the key ``END``, among them ``WIDTH``, ``HEIGHT`` and ``NCHANNELS``; one byte per channel with its bit depth; and one
image plane per channel, row by row, every row filled up to whole bytes. Planes of depth 0 are zero and take no bytes.
Samples of 1 bit begin at the high end of a byte, those of 2 and 4 bits at the low end; 16 and 32 bits are
little-endian. Fields with measurements at some pixels only have one row of all spectra.
"""

from __future__ import annotations

import gzip
import io
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.field import Counts
from napari_gdls.io.counts_source import BLOCK_BYTES
from napari_gdls.io.limits import require_plausible_expansion
from napari_gdls.io.sparse_spectra import require_memory_to_read, spectra_from

MAGIC = b"Tescan X-ray map"
GZIP_MAGIC = b"\x1f\x8b"

_RECORD_BYTES, _KEY_BYTES = 80, 9
"""A record of the head, and the key in it; of the format."""
_MAX_RECORDS, _MAX_CHANNELS, _MAX_SIDE = 1000, 1 << 16, 1 << 31
"""Of a head that is read; real ones have tens of records, thousands of channels and of spectra a side."""
_DEPTHS = (0, 1, 2, 4, 8, 16, 32)  # bits per value that a channel may be packed with; of the format
_PIECE = 8192  # most spectra that are unpacked at a time
_EXPORT_AGAIN = "Copy it again from the instrument."


@dataclass(frozen=True)
class MapHeader:
    """Head of a spectra file.

    Attributes
    ----------
    width, height : int
        Shape of the planes, in spectra.
    depths : (channels,) array of int
        Bits per sample of every channel.
    records : dict
        The other records of the head.
    """

    width: int
    height: int
    depths: npt.NDArray[np.int64]
    records: dict[str, str]

    @property
    def n_spectra(self) -> int:
        """Number of spectra."""
        return self.width * self.height

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.depths)

    @property
    def counts_dtype(self) -> np.dtype[Any]:
        """Smallest dtype that holds the deepest channel."""
        deepest = int(self.depths.max(initial=0))
        return np.dtype(np.uint8 if deepest <= 8 else np.uint16 if deepest <= 16 else np.uint32)

    def plane_bytes(self, depth: int) -> int:
        """Bytes of a plane of this bit depth."""
        return (self.width * depth + 7) // 8 * self.height

    @property
    def payload_bytes(self) -> int:
        """Bytes of all planes."""
        return sum(self.plane_bytes(int(depth)) for depth in self.depths)


def is_map(path: Path) -> bool:
    """Whether the file begins as a spectra file does, compressed or not."""
    try:
        with path.open("rb") as file:
            head = file.read(len(MAGIC))
            if head.startswith(GZIP_MAGIC):
                file.seek(0)
                with gzip.GzipFile(fileobj=file) as unpacked:
                    head = unpacked.read(len(MAGIC))
        return head == MAGIC
    except (OSError, EOFError, zlib.error):
        return False


def read_map_header(path: Path) -> MapHeader:
    """Read the head of a spectra file, and check that the rest of an uncompressed one has the declared length.

    Raises
    ------
    FieldReadError
    """
    with _opened(path) as (stream, size, compressed):
        return _checked_header(path, stream, size, compressed)


def read_map(path: Path, limit: int) -> tuple[MapHeader, Counts]:
    """Read all spectra.

    Parameters
    ----------
    path : Path
        ``xray.map``, or gzip-compressed ``xray.map.gz``; the content decides.
    limit : int
        Most bytes that reading may take.

    Returns
    -------
    header : MapHeader
    spectra : (N, channels) csr_array, array or SpectraOnDisk
        In the order of the file, in the smallest unsigned dtype that holds the counts.

    Raises
    ------
    FieldReadError
        If the file is damaged, cut off, too long, or needs more than `limit`.
    """
    with _opened(path) as (stream, size, compressed):
        header = _checked_header(path, stream, size, compressed)
        require_memory_to_read(path, PackedCounts(header, np.zeros(0, np.uint8)), limit, header.payload_bytes)
        payload = _read_payload(path, stream, header.payload_bytes)
    source = PackedCounts(header, payload)
    return header, spectra_from(source, path, limit, taken=header.payload_bytes)


def encode_map(spectra: Any, shape: tuple[int, int]) -> bytes:
    """Encode spectra as the content of an ``xray.map``.

    Parameters
    ----------
    spectra : (N, channels) array or sparse matrix of whole counts below 2**32
    shape : (int, int)
        Height and width of the planes; N in all.

    Raises
    ------
    OutputError
        If counts are fractional, negative or too large, or there are too many channels.
    """
    channels = sp.csc_array(spectra)
    values = channels.data
    whole = values.astype(np.int64)
    if not np.array_equal(whole, values) or whole.min(initial=0) < 0 or whole.max(initial=0) >= 2**32:
        raise OutputError("a TIMA map holds whole counts from 0 to 4,294,967,295 only; these spectra hold others.")
    if not 1 <= channels.shape[1] <= _MAX_CHANNELS:
        raise OutputError(f"a TIMA map holds 1 to {_MAX_CHANNELS:,} channels, not {channels.shape[1]:,}.")
    height, width = shape
    depths, planes = bytearray(), []
    for channel in range(channels.shape[1]):
        part = slice(channels.indptr[channel], channels.indptr[channel + 1])
        samples = np.zeros(height * width, np.uint32)
        samples[channels.indices[part]] = whole[part]
        depth = next(bits for bits in _DEPTHS if int(samples.max(initial=0)) < 1 << bits)
        depths.append(depth)
        planes.append(_packed(samples.reshape(height, width), depth))
    head = [("WIDTH", str(width)), ("HEIGHT", str(height)), ("NCHANNELS", str(channels.shape[1]))]
    return b"".join([MAGIC, *(_record(*pair) for pair in head), _record("END", ""), bytes(depths), *planes])


class _opened:
    """Context of the unpacked stream of a file, the size of the file, and whether it is compressed."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> tuple[BinaryIO, int, bool]:
        try:
            self._file = self._path.open("rb")
            size = os.fstat(self._file.fileno()).st_size
            compressed = self._file.read(2) == GZIP_MAGIC
            self._file.seek(0)
        except OSError as error:
            raise FieldReadError(self._path, f"cannot be read: {error.strerror or error}") from None
        stream = gzip.GzipFile(fileobj=self._file) if compressed else self._file
        return cast("BinaryIO", stream), size, compressed

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, EOFError | zlib.error | OSError):  # gzip.BadGzipFile is an OSError
            raise FieldReadError(self._path, f"is damaged or cut off: {error}", remedy=_EXPORT_AGAIN) from error


def _checked_header(path: Path, stream: BinaryIO, size: int, compressed: bool) -> MapHeader:
    header = _parsed_header(path, stream)
    if compressed:
        require_plausible_expansion(path, header.payload_bytes, size, "the spectra")
        return header
    needed, there = header.payload_bytes, size - stream.tell()
    if there != needed:
        planes = f"{header.n_channels} planes of {header.width} x {header.height} spectra"
        raise FieldReadError(
            path,
            f"is {'cut off' if there < needed else 'too long'}: {planes} take {needed:,} bytes, {there:,} are there",
            remedy=_EXPORT_AGAIN,
        )
    return header


def _parsed_header(path: Path, stream: BinaryIO) -> MapHeader:
    if stream.read(len(MAGIC)) != MAGIC:
        raise FieldReadError(path, "is no TIMA map: it does not begin with 'Tescan X-ray map'", remedy=_EXPORT_AGAIN)
    records: dict[str, str] = {}
    for number in range(_MAX_RECORDS):
        record = stream.read(_RECORD_BYTES)
        if len(record) < _RECORD_BYTES:
            raise FieldReadError(
                path, "is cut off in its head: END is missing", where=f"record {number}", remedy=_EXPORT_AGAIN
            )
        key = record[:_KEY_BYTES].decode("latin-1").strip(" \0")
        value = record[_KEY_BYTES + 1 :].decode("latin-1").strip(" \0")
        if key == "END":
            break
        if records.setdefault(key, value) != value:
            raise FieldReadError(path, f"gives {key} twice, with different values", where=f"record {number}")
    else:
        raise FieldReadError(path, f"is damaged: no END in {_MAX_RECORDS} records of its head", remedy=_EXPORT_AGAIN)
    width = _whole(path, records, "WIDTH", _MAX_SIDE)
    height = _whole(path, records, "HEIGHT", _MAX_SIDE)
    n_channels = _whole(path, records, "NCHANNELS", _MAX_CHANNELS)
    depths = np.frombuffer(stream.read(n_channels), np.int8).astype(np.int64)
    if len(depths) < n_channels:
        raise FieldReadError(
            path, "is cut off in its list of bit depths", where=f"channel {len(depths)}", remedy=_EXPORT_AGAIN
        )
    unknown = np.flatnonzero(~np.isin(depths, _DEPTHS))
    if len(unknown):
        raise FieldReadError(
            path, f"has a channel of {depths[unknown[0]]} bits; known are {', '.join(map(str, _DEPTHS))}",
            where=f"channel {unknown[0]}", remedy=_EXPORT_AGAIN,
        )  # fmt: skip
    return MapHeader(width, height, depths, records)


def _whole(path: Path, records: dict[str, str], key: str, most: int) -> int:
    text = records.pop(key, None)
    if text is None:
        raise FieldReadError(path, f"is damaged: {key} is missing in its head", remedy=_EXPORT_AGAIN)
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and 1 <= int(text) <= most):
        raise FieldReadError(
            path, f"is damaged: {key} is {text[:20]!r}, not a number from 1 to {most:,}", remedy=_EXPORT_AGAIN
        )
    return int(text)


def _read_payload(path: Path, stream: BinaryIO, n_bytes: int) -> npt.NDArray[np.uint8]:
    payload = np.empty(n_bytes, np.uint8)
    filled = 0
    while filled < n_bytes:
        block = stream.read(min(n_bytes - filled, 1 << 22))
        if not block:
            raise FieldReadError(
                path, f"is cut off: {filled:,} of {n_bytes:,} bytes of spectra are there", remedy=_EXPORT_AGAIN
            )
        payload[filled : filled + len(block)] = np.frombuffer(block, np.uint8)
        filled += len(block)
    # Reading on makes gzip compare its checksum, too.
    if stream.read(1):
        raise FieldReadError(
            path, f"is too long: more than the declared {n_bytes:,} bytes of spectra are there", remedy=_EXPORT_AGAIN
        )
    return payload


def _planes(header: MapHeader, payload: npt.NDArray[np.uint8]) -> Iterator[tuple[int, int, npt.NDArray[np.uint8]]]:
    """Channels that are not empty: number, bit depth, and packed plane of shape (height, bytes per row)."""
    position = 0
    for channel, depth in enumerate(header.depths.tolist()):
        if depth:
            n_bytes = header.plane_bytes(depth)
            yield channel, depth, payload[position : position + n_bytes].reshape(header.height, -1)
            position += n_bytes


def _pieces(header: MapHeader) -> Iterator[tuple[slice, int, int]]:
    """Parts of a plane that follow each other in raster order: rows, first column, and column after the last."""
    # A multiple of 8 spectra, so that pieces of a row begin at whole bytes.
    most = max(min(_PIECE, BLOCK_BYTES // (header.n_channels * header.counts_dtype.itemsize)) // 8 * 8, 8)
    if header.width <= most:
        step = max(most // header.width, 1)
        for row in range(0, header.height, step):
            yield slice(row, row + step), 0, header.width
        return
    for row in range(header.height):
        for column in range(0, header.width, most):
            yield slice(row, row + 1), column, min(column + most, header.width)


def _samples_of_bytes(depth: int) -> npt.NDArray[Any]:
    """The samples of every byte, low end first, as the bytes of one integer: one look-up unpacks them all."""
    samples = (np.arange(256)[:, None] >> np.arange(0, 8, depth)) & ((1 << depth) - 1)
    return samples.astype(np.uint8).view(np.dtype(f"u{8 // depth}"))[:, 0]


_SAMPLES_OF_BYTES = {depth: _samples_of_bytes(depth) for depth in (2, 4)}


def _unpacked(packed: npt.NDArray[np.uint8], depth: int) -> npt.NDArray[Any]:
    """Samples of a plane from its rows of bytes."""
    if depth == 1:
        return np.unpackbits(packed, axis=1)
    if depth in (2, 4):
        return _SAMPLES_OF_BYTES[depth].take(packed).view(np.uint8).reshape(len(packed), -1)
    return packed.view(np.dtype(f"<u{depth // 8}"))


def _packed(samples: npt.NDArray[np.uint32], depth: int) -> bytes:
    """Rows of bytes of a plane from its samples."""
    if depth == 0:
        return b""
    if depth >= 8:
        return samples.astype(f"<u{depth // 8}").tobytes()
    if depth == 1:
        return np.packbits(samples.astype(np.uint8), axis=1).tobytes()
    per_byte = 8 // depth
    filled = np.zeros((len(samples), -(-samples.shape[1] // per_byte) * per_byte), np.uint8)
    filled[:, : samples.shape[1]] = samples
    shifts = np.arange(0, 8, depth, dtype=np.uint8)
    parts = filled.reshape(len(samples), -1, per_byte) << shifts
    return cast("bytes", np.bitwise_or.reduce(parts, axis=2).astype(np.uint8).tobytes())


@dataclass(frozen=True, eq=False)
class PackedCounts:
    """Counts of the packed planes in memory, as a `napari_gdls.io.counts_source.CountsSource`."""

    header: MapHeader
    payload: npt.NDArray[np.uint8]
    all_at_once: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in spectra, and channels."""
        return self.header.height, self.header.width, self.header.n_channels

    @property
    def dtype(self) -> np.dtype[Any]:
        """The smallest that holds the declared bit depths."""
        return self.header.counts_dtype

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """All spectra in order, some thousand at a time, as (n, channels) arrays.

        Whole planes would be quicker to unpack, but scattering them over all spectra misses the cache at every count.
        """
        header = self.header
        planes = list(_planes(header, self.payload))
        for rows, first, last in _pieces(header):
            n_rows = len(range(*rows.indices(header.height)))
            block = np.zeros((header.n_channels, n_rows * (last - first)), header.counts_dtype)
            for channel, depth, plane in planes:
                packed = np.ascontiguousarray(plane[rows, first * depth // 8 : (last * depth + 7) // 8])
                block[channel] = _unpacked(packed, depth)[:, : last - first].reshape(-1)
            yield np.ascontiguousarray(block.T)


def _record(key: str, value: str) -> bytes:
    return f"{key:<{_KEY_BYTES}}={value:<{_RECORD_BYTES - _KEY_BYTES - 1}}".encode("ascii")


def compressed_map(data: bytes) -> bytes:
    """The content of ``xray.map.gz``; equal input gives equal bytes."""
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=packed, mtime=0) as file:
        file.write(data)
    return packed.getvalue()
