"""Values and arrays in one file with checksums: a zip archive of a Zarr 3 group, which any reader of Zarr opens."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.checksummed import archive_writer, opened_archive
from napari_gdls.io.limits import checked_memory_limit, existing_path, require_memory
from napari_gdls.io.plain_values import ARRAY_DTYPES, from_plain, to_plain
from napari_gdls.io.zarr_arrays import StoreError, parsed_json, read_array, read_header, write_array, write_group

_PACKED = "values"
"""Array with all arrays but images."""

_WORD = 8
"""Bytes; of the largest numbers that there are."""


def write_values(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    values: Mapping[str, Any],
    images: Mapping[str, npt.NDArray[Any]] | None = None,
    *,
    overwrite: bool = True,
) -> None:
    """Write values, atomically; equal ones give equal bytes.

    Parameters
    ----------
    path : path-like
    kind : str
        Of the file, the name of the attribute that holds the values.
    version : int
        Of this kind.
    values : mapping
        Text, numbers, arrays, and lists, tuples and maps of these.
    images : mapping of str to (H, W) array, optional
        Arrays that can be left out when the file is read.
    overwrite : bool

    Raises
    ------
    OutputError
        If the system refuses, or the target exists and `overwrite` is false.
    """
    with archive_writer(path, overwrite=overwrite) as files:
        for name, image in (images or {}).items():
            write_array(files, name, image, dimensions=("row", "column"))
        arrays: list[npt.NDArray[Any]] = []

        def store(array: npt.NDArray[Any]) -> str:
            arrays.append(array)
            return str(len(arrays) - 1)

        plain = to_plain(dict(values), store, "values")
        declared = [[array.dtype.name, list(array.shape)] for array in arrays]
        write_array(files, _PACKED, _packed(arrays))
        write_group(files, "", {kind: {"version": version, "values": plain, "arrays": declared}})


def _packed(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[np.int64]:
    """The bytes of all arrays, each from a whole word on: to unpack one array takes as long as to unpack all."""
    words = []
    for array in arrays:
        data = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
        words.append(np.frombuffer(data + bytes(-len(data) % _WORD), dtype="<i8"))
    return np.concatenate([*words, np.empty(0, dtype="<i8")]).astype(np.int64)


def _unpacked(packed: npt.NDArray[Any], declared: list[Any]) -> list[npt.NDArray[Any]]:
    data, start, arrays = np.ascontiguousarray(packed, dtype="<i8").tobytes(), 0, []
    for name, shape in declared:
        if name not in ARRAY_DTYPES or any(type(n) is not int or n < 0 for n in shape):
            raise StoreError("an array of another kind is declared")
        dtype, n = np.dtype(name).newbyteorder("<"), math.prod(shape)
        if start + n * dtype.itemsize > len(data):
            raise StoreError("its arrays are shorter than declared")
        array = np.frombuffer(data, dtype, n, start).reshape(shape)
        arrays.append(array.astype(np.dtype(name)))
        start += -(-n * dtype.itemsize // _WORD) * _WORD
    if start != len(data):
        raise StoreError("its arrays are longer than declared")
    return arrays


def read_values(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    *,
    images: Collection[str] = (),
    whole: bool = True,
    memory_limit: int | None = None,
) -> dict[str, Any]:
    """Read values, and those of some images that are there.

    Parameters
    ----------
    path : path-like
    kind, version
        As it was written.
    images : collection of str
    whole : bool
        Whether all bytes are compared with their checksums; else those alone that are read.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If it is another kind of file, is damaged, or comes from a later version.
    """
    file, limit = existing_path(path), checked_memory_limit(memory_limit)
    with opened_archive(file, limit, at_once=whole) as files:
        try:
            attributes = parsed_json(files["zarr.json"])["attributes"][kind]
            if attributes["version"] != version:
                raise FieldReadError(
                    file,
                    f"is of version {attributes['version']!r} of its format; this napari-gdls reads version {version}",
                    remedy="Run the batch again, or install a newer napari-gdls.",
                )
            wanted = [image for image in images if f"{image}/zarr.json" in files]
            # Packed, and as arrays of their own.
            needed = 2 * read_header(files, _PACKED).n_bytes
            needed += sum(read_header(files, image).n_bytes for image in wanted)
            require_memory(file, needed, limit, "its arrays")
            arrays = _unpacked(read_array(files, _PACKED), attributes["arrays"])
            values: dict[str, Any] = from_plain(attributes["values"], lambda name: arrays[int(name)])
            if not isinstance(values, dict):
                raise StoreError("a map of values is needed")
            return values | {image: np.asarray(read_array(files, image)) for image in wanted}
        except (StoreError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise FieldReadError(file, f"is no file of a batch that can be read, or damaged: {detail}") from error
