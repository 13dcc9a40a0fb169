"""Values and arrays in one file with checksums: a zip archive of a Zarr 3 group, which any reader of Zarr opens."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.checksummed import archive_writer, opened_archive
from napari_gdls.io.limits import checked_memory_limit, existing_path, require_memory
from napari_gdls.io.plain_values import from_plain, to_plain
from napari_gdls.io.zarr_arrays import StoreError, parsed_json, read_array, read_header, write_array, write_group


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
        n_arrays = 0

        def store(array: npt.NDArray[Any]) -> str:
            nonlocal n_arrays
            n_arrays += 1
            write_array(files, f"values/{n_arrays - 1}", array)
            return str(n_arrays - 1)

        plain = to_plain(dict(values), store, "values")
        write_group(files, "values")
        write_group(files, "", {kind: {"version": version, "values": plain}})


def read_values(
    path: str | os.PathLike[str],
    kind: str,
    version: int,
    *,
    images: Collection[str] = (),
    memory_limit: int | None = None,
) -> dict[str, Any]:
    """Read values, and those of some images that are there.

    Parameters
    ----------
    path : path-like
    kind, version
        As it was written.
    images : collection of str
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If it is another kind of file, is damaged, or comes from a later version.
    """
    file, limit = existing_path(path), checked_memory_limit(memory_limit)
    with opened_archive(file, limit) as files:
        try:
            attributes = parsed_json(files["zarr.json"])["attributes"][kind]
            if attributes["version"] != version:
                raise FieldReadError(
                    file,
                    f"is of version {attributes['version']!r} of its format; this napari-gdls reads version {version}",
                    remedy="Run the batch again, or install a newer napari-gdls.",
                )

            def load(name: str) -> npt.NDArray[Any]:
                return read_array(files, f"values/{name}")

            wanted = [image for image in images if f"{image}/zarr.json" in files]
            arrays = [name.removesuffix("/zarr.json") for name in files if name.endswith("/zarr.json") and "/" in name]
            needed = sum(
                read_header(files, each).n_bytes for each in arrays if each in wanted or each.startswith("values/")
            )
            require_memory(file, needed, limit, "its arrays")
            values: dict[str, Any] = from_plain(attributes["values"], load)
            if not isinstance(values, dict):
                raise StoreError("a map of values is needed")
            return values | {image: np.asarray(read_array(files, image)) for image in wanted}
        except (StoreError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise FieldReadError(file, f"is no file of a batch that can be read, or damaged: {detail}") from error
