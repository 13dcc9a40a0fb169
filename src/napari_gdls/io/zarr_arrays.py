"""Arrays as Zarr 3 files in memory: compressed, every chunk with a CRC-32C, and checked before they are unpacked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
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


def write_group(files: MutableMapping[str, bytes], name: str = "", attributes: Mapping[str, Any] | None = None) -> None:
    """Add a group to `files`; the empty name is the root."""
    import zarr
    from zarr.storage import MemoryStore

    contents: dict[str, Any] = {}
    zarr.create_group(MemoryStore(contents), zarr_format=3, attributes=dict(attributes or {}))
    files[f"{name}/zarr.json" if name else "zarr.json"] = contents["zarr.json"].to_bytes()


def write_array(
    files: MutableMapping[str, bytes],
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
    files : mutable mapping
        Names (``NAME/zarr.json``, ``NAME/c/0/0``) to contents.
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
    import zarr
    from zarr.codecs import BloscCodec, Crc32cCodec
    from zarr.storage import MemoryStore

    if array.dtype.name not in ARRAY_DTYPES:
        raise OutputError(f"{name} has dtype {array.dtype}, which cannot be stored; convert it first.")
    # zarr takes no big-endian data on some versions; the values are the same.
    data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
    contents: dict[str, Any] = {}
    created = zarr.create_array(
        MemoryStore(contents),
        shape=data.shape,
        dtype=data.dtype,
        chunks=_chunk_shape(data.shape, data.dtype.itemsize) if chunks is None else _within(data.shape, chunks),
        compressors=[BloscCodec(cname="zstd", clevel=level, shuffle=shuffle), Crc32cCodec()],
        fill_value=0,
        dimension_names=dimensions,
        zarr_format=3,
        # Chunks of zeros are written too: a missing one is damage, not zeros.
        config={"write_empty_chunks": True},
    )
    if data.size:
        created[...] = data
    for key, value in contents.items():
        files[f"{name}/{key}"] = value.to_bytes()


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
    import zarr
    from zarr.buffer import cpu
    from zarr.storage import MemoryStore

    header = read_header(files, name)
    if header.n_chunk_bytes >= 2**31 or header.n_chunk_bytes > max(header.n_bytes, 64) * 2 ** len(header.shape):
        raise StoreError(f"{name}: the chunks are larger than the array")
    grid = [range(-(-size // chunk)) for size, chunk in zip(header.shape, header.chunks, strict=True)]
    n_chunks = math.prod(map(len, grid))
    keys = [key for key in files if key.startswith(f"{name}/c/") or key == f"{name}/c"]
    if len(keys) != n_chunks:
        raise StoreError(f"{name}: {len(keys)} of {n_chunks} chunks are there")
    for key in keys:
        chunk = files[key]
        # Blosc frames declare their raw and packed sizes in bytes 4..8 and 12..16.
        raw, packed = int.from_bytes(chunk[4:8], "little"), int.from_bytes(chunk[12:16], "little")
        if len(chunk) < 16 + _CRC_BYTES or raw != header.n_chunk_bytes or packed != len(chunk) - _CRC_BYTES:
            raise StoreError(f"{key}: the chunk has another size than it should")
    store = MemoryStore(
        {key: cpu.Buffer.from_bytes(files[key]) for key in [*keys, f"{name}/zarr.json"]}, read_only=True
    )
    try:
        array = np.asarray(zarr.open_array(store, path=name, mode="r")[...])
    except Exception as error:  # zarr and its codecs raise many classes, RuntimeError among them
        raise StoreError(f"{name}: cannot be unpacked ({error})") from None
    return array.reshape(header.shape)


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
