"""Arrays as Zarr 3 files: compressed, every chunk with a CRC-32C, and checked before they are unpacked.

Long ones are written and read chunk by chunk.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.file_sinks import FileSink
from napari_gdls.io.plain_values import ARRAY_DTYPES

CHUNK_BYTES = 4 * 1024**2
"""Raw size of a chunk: larger ones did not compress better on real maps; smaller ones cost a file each."""

LEVEL = 6
"""Of zstd; measured on the dacite map (6,701 and 122 counts per pixel): 9 saves 4 % more for 20 times the time."""
_CRC_BYTES = 4
"""Of the CRC-32C behind every chunk."""

Shuffle = Literal["shuffle", "bitshuffle"]


class StoreError(ValueError):
    """The files of an array do not fit together; the caller adds the path."""


@dataclass(frozen=True)
class ArrayHeader:
    """What the ``zarr.json`` of an array declares."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    chunks: tuple[int, ...]

    @property
    def n_bytes(self) -> int:
        """Raw size of the array."""
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def n_chunk_bytes(self) -> int:
        """Raw size of a chunk; those at the border are as large as the others."""
        return math.prod(self.chunks) * self.dtype.itemsize


def write_group(files: FileSink, name: str = "", attributes: Mapping[str, Any] | None = None) -> None:
    """Add a group to `files`; the empty name is the root."""
    import zarr
    from zarr.storage import MemoryStore

    contents: dict[str, Any] = {}
    zarr.create_group(MemoryStore(contents), zarr_format=3, attributes=dict(attributes or {}))
    files[f"{name}/zarr.json" if name else "zarr.json"] = contents["zarr.json"].to_bytes()


def write_array(
    files: FileSink,
    name: str,
    array: npt.NDArray[Any],
    *,
    dimensions: Sequence[str] | None = None,
    shuffle: Shuffle = "bitshuffle",
    level: int = LEVEL,
    chunks: tuple[int, ...] | None = None,
) -> None:
    """Add an array to `files`.

    Parameters
    ----------
    files : FileSink
        Gets names (``NAME/zarr.json``, ``NAME/c/0/0``) to contents.
    name : str
        Path of the array below the root group.
    array : array
        Numeric or bool; stored little-endian.
    dimensions : sequence of str, optional
        Names of the axes, for other readers.
    shuffle : {"bitshuffle", "shuffle"}
        How values are rearranged before compression: bits for counts, bytes for positions.
    level : int
        Effort of compression, 1 to 9.
    chunks : tuple of int, optional
        Shape of a chunk at most. None: whole rows, as many as `CHUNK_BYTES` hold.

    Raises
    ------
    OutputError
        If the dtype cannot be stored.
    """
    _checked_dtype(name, array.dtype)
    # zarr takes no big-endian data on some versions; the values are the same.
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    chunks = _chunk_shape(data.shape, data.dtype.itemsize)
    contents: dict[str, Any] = {}
    created = _created(contents, data.shape, data.dtype, chunks, shuffle, level, dimensions)
    if data.size:
        created[...] = data
    for key in sorted(contents):  # zarr writes chunks in any order
        files[f"{name}/{key}"] = contents[key].to_bytes()


class ArrayWriter:
    """Writes an array along its last axis, of which it holds one chunk.

    Parameters
    ----------
    files, name, dimensions, shuffle, level
        As in `write_array`.
    shape : tuple of int
    dtype : dtype
    chunk_length : int, optional
        Of the last axis; other axes are not cut. None: so that a chunk has `CHUNK_BYTES`.
    """

    def __init__(
        self,
        files: FileSink,
        name: str,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        chunk_length: int | None = None,
        dimensions: Sequence[str] | None = None,
        shuffle: Shuffle = "bitshuffle",
        level: int = LEVEL,
    ) -> None:
        _checked_dtype(name, dtype)
        self._files, self._name, self._shape = files, name, shape
        self._packing = shuffle, level
        length = chunk_length or CHUNK_BYTES // max(dtype.itemsize, 1)
        chunks = (*(max(n, 1) for n in shape[:-1]), max(min(length, shape[-1]), 1))
        self._chunk = np.zeros(chunks, dtype.newbyteorder("<"))
        self._filled = self._number = self._written = 0
        contents: dict[str, Any] = {}
        _created(contents, shape, self._chunk.dtype, chunks, shuffle, level, dimensions)
        files[f"{name}/zarr.json"] = contents["zarr.json"].to_bytes()

    def append(self, part: npt.NDArray[Any]) -> None:
        """Add an array that goes on along the last axis."""
        done = 0
        while done < part.shape[-1]:
            n = min(part.shape[-1] - done, self._chunk.shape[-1] - self._filled)
            self._chunk[..., self._filled : self._filled + n] = part[..., done : done + n]
            self._filled += n
            done += n
            if self._filled == self._chunk.shape[-1]:
                self._write_chunk()

    def finish(self) -> None:
        """Write what is left; all of the array must have come."""
        if self._filled:
            self._write_chunk()
        assert self._written == self._shape[-1], f"{self._name}: {self._written} of {self._shape[-1]} came"

    def _write_chunk(self) -> None:
        contents: dict[str, Any] = {}
        created = _created(contents, self._chunk.shape, self._chunk.dtype, self._chunk.shape, *self._packing)
        created[...] = self._chunk
        place = "/".join(["0"] * (len(self._shape) - 1) + [str(self._number)])
        first = "/".join(["0"] * len(self._shape))
        self._files[f"{self._name}/c/{place}"] = contents[f"c/{first}"].to_bytes()
        self._number += 1
        self._written += self._filled
        self._filled = 0
        self._chunk[...] = 0


class ArrayReader:
    """Reads an array that is cut along its last axis only, of which it holds one chunk.

    Parameters
    ----------
    files : mapping
    name : str

    Raises
    ------
    StoreError
        If it is another array, or damaged.
    """

    def __init__(self, files: Mapping[str, bytes], name: str) -> None:
        self.header = _checked_chunks(files, name)
        if self.header.chunks[:-1] != tuple(max(n, 1) for n in self.header.shape[:-1]):
            raise StoreError(f"{name}: its chunks are cut in another way than they should")
        self._files, self._name = files, name
        self._next = 0
        self._chunk = np.empty((*self.header.shape[:-1], 0), self.header.dtype)

    def take(self, n: int) -> npt.NDArray[Any]:
        """The next n values along the last axis."""
        parts = []
        while n > 0:
            if not self._chunk.shape[-1]:
                self._read_chunk()
            parts.append(self._chunk[..., :n])
            self._chunk = self._chunk[..., n:]
            n -= parts[-1].shape[-1]
        return parts[0] if len(parts) == 1 else np.concatenate([*parts, self._chunk[..., :0]], axis=-1)

    def _read_chunk(self) -> None:
        length = self.header.chunks[-1]
        first = self._next * length
        if first >= self.header.shape[-1]:
            raise StoreError(f"{self._name}: ends too early")
        key = "/".join([self._name, "c", *["0"] * (len(self.header.shape) - 1), str(self._next)])
        if key not in self._files:
            raise StoreError(f"{key} is missing")
        self._chunk = _unpacked(self._files, self._name, [key], (..., slice(first, first + length)))
        self._next += 1


def read_header(files: Mapping[str, bytes], name: str) -> ArrayHeader:
    """Header of an array, after checking that only features that `write_array` uses are in it.

    Raises
    ------
    StoreError
    """
    try:
        declared = parsed_json(files[f"{name}/zarr.json"])
        grid, key, codecs = declared["chunk_grid"], declared["chunk_key_encoding"], declared["codecs"]
        shape = tuple(declared["shape"])
        chunks = tuple(grid["configuration"]["chunk_shape"])
        as_written = (
            declared["zarr_format"] == 3
            and declared["node_type"] == "array"
            and declared["data_type"] in ARRAY_DTYPES
            and grid["name"] == "regular"
            and key["name"] == "default"
            and key.get("configuration", {}).get("separator", "/") == "/"
            and [codec["name"] for codec in codecs] == ["bytes", "blosc", "crc32c"]
            and codecs[0].get("configuration", {}).get("endian", "little") == "little"
            and not declared.get("storage_transformers")
            and len(shape) == len(chunks) <= 8
            and all(type(n) is int and 0 <= n < 2**40 for n in shape)
            and all(type(n) is int and 0 < n < 2**31 for n in chunks)
        )
    except KeyError as error:
        raise StoreError(f"{name}: {error} is missing") from None
    except (TypeError, AttributeError, IndexError):
        raise StoreError(f"{name}: its header is damaged") from None
    if not as_written:
        raise StoreError(f"{name}: its header holds values that this format does not use")
    return ArrayHeader(shape, np.dtype(declared["data_type"]), chunks)


def read_array(files: Mapping[str, bytes], name: str) -> npt.NDArray[Any]:
    """Unpack an array.

    The size that every chunk declares is compared with what the header calls for before it is unpacked. The caller has
    compared the size of the array, `ArrayHeader.n_bytes`, with the memory that it grants.

    Raises
    ------
    StoreError
    """
    header = _checked_chunks(files, name)
    return _unpacked(files, name, _chunk_keys(files, name), ...).reshape(header.shape)


def _checked_dtype(name: str, dtype: np.dtype[Any]) -> None:
    if dtype.name not in ARRAY_DTYPES:
        raise OutputError(f"{name} has dtype {dtype}, which cannot be stored; convert it first.")


def _created(
    contents: dict[str, Any],
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    chunks: tuple[int, ...],
    shuffle: Shuffle,
    level: int,
    dimensions: Sequence[str] | None = None,
) -> Any:
    from zarr.storage import MemoryStore

    return created_array(
        MemoryStore(contents), shape, dtype, chunks=chunks, shuffle=shuffle, level=level, dimensions=dimensions
    )


def created_array(
    store: Any,
    shape: tuple[int, ...],
    dtype: npt.DTypeLike,
    *,
    chunks: tuple[int, ...],
    shuffle: Shuffle = "bitshuffle",
    level: int = LEVEL,
    dimensions: Sequence[str] | None = None,
) -> Any:
    """A new array of Zarr 3, packed as all arrays here.

    Parameters
    ----------
    store : zarr store or Path
    shape : tuple of int
    dtype : dtype
    chunks : tuple of int
    shuffle, level, dimensions
        As in `write_array`.

    Returns
    -------
    zarr.Array
    """
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec

    return zarr.create_array(
        store,
        shape=shape,
        dtype=dtype,
        chunks=chunks,
        compressors=[BloscCodec(cname="zstd", clevel=level, shuffle=shuffle), Crc32cCodec()],
        fill_value=0,
        dimension_names=dimensions,
        zarr_format=3,
        # Chunks of zeros are written too: a missing one is damage, not zeros.
        config={"write_empty_chunks": True},
    )


def _chunk_keys(files: Mapping[str, bytes], name: str) -> list[str]:
    return [key for key in files if key.startswith(f"{name}/c/") or key == f"{name}/c"]


def _checked_chunks(files: Mapping[str, bytes], name: str) -> ArrayHeader:
    """Header of an array, all chunks of which are there, and not larger than it calls for."""
    header = read_header(files, name)
    if header.n_chunk_bytes >= 2**31 or header.n_chunk_bytes > max(header.n_bytes, 64) * 2 ** len(header.shape):
        raise StoreError(f"{name}: the chunks are larger than the array")
    n_chunks = math.prod(-(-size // chunk) for size, chunk in zip(header.shape, header.chunks, strict=True))
    n_there = len(_chunk_keys(files, name))
    if n_there != n_chunks:
        raise StoreError(f"{name}: {n_there} of {n_chunks} chunks are there")
    return header


def _unpacked(files: Mapping[str, bytes], name: str, keys: Sequence[str], part: Any) -> npt.NDArray[Any]:
    """Part of an array that lies in these chunks."""
    import zarr
    from zarr.buffer import cpu
    from zarr.storage import MemoryStore

    header = read_header(files, name)
    contents: dict[str, Any] = {f"{name}/zarr.json": cpu.Buffer.from_bytes(files[f"{name}/zarr.json"])}
    for key in keys:
        chunk = files[key]
        # Blosc frames declare their raw and packed sizes in bytes 4..8 and 12..16.
        raw, packed = int.from_bytes(chunk[4:8], "little"), int.from_bytes(chunk[12:16], "little")
        if len(chunk) < 16 + _CRC_BYTES or raw != header.n_chunk_bytes or packed != len(chunk) - _CRC_BYTES:
            raise StoreError(f"{key}: the chunk has another size than it should")
        contents[key] = cpu.Buffer.from_bytes(chunk)
    try:
        return np.asarray(zarr.open_array(MemoryStore(contents, read_only=True), path=name, mode="r")[part])
    except Exception as error:  # zarr and its codecs raise many classes, RuntimeError among them
        raise StoreError(f"{name}: cannot be unpacked ({error})") from None


def parsed_json(data: bytes) -> dict[str, Any]:
    """The JSON object in `data`.

    Raises
    ------
    StoreError
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StoreError(f"not JSON ({error})") from None
    if not isinstance(value, dict):
        raise StoreError("not a JSON object")
    return value


def _chunk_shape(shape: tuple[int, ...], itemsize: int) -> tuple[int, ...]:
    """Chunks of about `CHUNK_BYTES`: whole rows while a row fits, parts of rows otherwise."""
    chunks: list[int] = []
    left = max(CHUNK_BYTES // itemsize, 1)
    for size in reversed(shape):
        chunks.append(max(min(size, left), 1))
        left = max(left // max(size, 1), 1)
    return tuple(reversed(chunks))


def _within(shape: tuple[int, ...], chunks: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(max(min(size, chunk), 1) for size, chunk in zip(shape, chunks, strict=True))
