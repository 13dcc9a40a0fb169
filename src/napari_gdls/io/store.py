"""The native store: a field, and optionally its segmentation, in one Zarr 3 group.

``NAME.gdls.zarr`` is a folder, ``NAME.gdls.zarr.zip`` the same files in one archive. Any Zarr 3 reader opens both; see
`napari_gdls.io.checksummed` for the checksums. The group holds:

=====================  ==============  ==============================================================================
array                  shape           content
=====================  ==============  ==============================================================================
bse                    (H, W)          BSE image
locations              (N, 2)          row and column of every measurement, in raster order
counts/planes          (D, N)          counts, channel by channel; when the field holds dense spectra
counts/blocks          (B,)            otherwise, measurements of each block of them
counts/lengths         (B, D)          counts of each channel of a block that are not zero
counts/data            (nnz,)          these counts, block by block and channel by channel
counts/gaps            (nnz,)          measurement of each of them: the first of a channel counted from 0 at the first
                                       of the block, later ones from the one before
valid                  (H, W)          specimen mask; absent when all pixels are valid
input_order            (N,)            `Field.input_order`; absent when the measurements came in raster order
unmeasured             (M, 2)          `Field.unmeasured`; absent when everything was measured
metadata/0, 1, ...     any             arrays inside the metadata
results/labels         (H, W)          segment of every pixel, 0 = none
results/parts/0, ...   any             all else of a result; see `napari_gdls.segmentation.stored_objects`
=====================  ==============  ==============================================================================

The scalars, the metadata, the recipe and the names of labels are JSON in the attribute ``gdls`` of the group. Version 1
had all counts in one block, with the beginning of each channel in ``counts/indptr``; it is read as well.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.checks import shown
from napari_gdls.energy import ZERO_PEAK_END, EnergyAxis
from napari_gdls.errors import FieldError, FieldReadError, OutputError
from napari_gdls.field import Field
from napari_gdls.io import checksummed
from napari_gdls.io.atomic import require_writable
from napari_gdls.io.file_sinks import FileSink
from napari_gdls.io.headers import FieldHeader, size_on_disk
from napari_gdls.io.limits import checked_memory_limit, existing_path, require_memory
from napari_gdls.io.plain_values import from_plain, to_plain
from napari_gdls.io.stored_counts import STREAMED, CountsWanted, counts_dtype, most_of_counts, read_counts, write_counts
from napari_gdls.io.stored_results import StoredResults, read_stored, write_results
from napari_gdls.io.zarr_arrays import LEVEL, StoreError, parsed_json, read_array, read_header, write_array, write_group
from napari_gdls.recipe import Recipe

STORE_ENDINGS = (".gdls.zarr", ".gdls.zarr.zip", ".gdls.zip")
"""Endings of the names of stores."""

_FOLDER_ENDING, _ARCHIVE_ENDINGS = ".zarr", (".zarr.zip", ".gdls.zip")
"""Endings that are written, as a folder and as one file."""

FORMAT = "gdls-field"
VERSION = 2  # of the format, see docs/formats.md

_SCALARS = ("sampling_distance", "pixel_size", "beam_energy", "bse_full_scale")


def write_field(
    path: str | os.PathLike[str],
    field: Field,
    *,
    labels: npt.ArrayLike | None = None,
    recipe: Recipe | None = None,
    names: Mapping[int, str] | None = None,
    parts: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a field to the native store, atomically; `read_field` gives back an equal one.

    Parameters
    ----------
    path : path-like
        ``*.zarr`` for a folder, ``*.zarr.zip`` or ``*.gdls.zip`` for one file.
    field : Field
        Its metadata may hold text, numbers, arrays, and lists, tuples and maps of these.
    labels : (H, W) array of int, optional
        A segmentation of the field.
    recipe : Recipe, optional
        How the labels were made.
    names : map of int to str, optional
        Name of the mineral of labels.
    parts : map of str to object, optional
        All else of a result, as `napari_gdls.segmentation.write_segmentation` hands it on.
    overwrite : bool
        Whether an existing store may be replaced.

    Raises
    ------
    OutputError
        If the name has another ending, the target exists, the metadata hold what cannot be stored, the labels do not
        fit, or the system refuses; what stood at the target is untouched.
    """
    writer = checksummed.archive_writer if _is_archive_name(path) else checksummed.folder_writer
    with writer(path, overwrite=overwrite) as files:
        _write_files(files, field, labels, recipe, names, parts)


def require_writable_store(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a target that `write_field` would refuse, before a field is read that is to go there.

    Raises
    ------
    OutputError
        As `write_field`. Nothing is left at the target or beside it.
    """
    require_writable(path, overwrite=overwrite, folder=not _is_archive_name(path))


def _is_archive_name(path: str | os.PathLike[str]) -> bool:
    """Whether the name is that of an archive, or of a folder; others are refused."""
    name = os.fspath(path)
    as_archive = name.lower().endswith(_ARCHIVE_ENDINGS)
    if not as_archive and not name.lower().endswith(_FOLDER_ENDING):
        raise OutputError(
            f"{name}: a field is stored as *.gdls.zarr (a folder) or *.gdls.zarr.zip (one file); name it so."
        )
    return as_archive


def write_quickly(path: str | os.PathLike[str], field: Field) -> None:
    """Write a field to a folder that will soon be read and deleted: as `write_field`, with little compression."""
    with checksummed.folder_writer(path, overwrite=False) as files:
        _write_files(files, field, level=1)


def read_field_store(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> Field:
    """Read a field from the native store.

    Parameters
    ----------
    path : path-like
        Folder or archive that `write_field` has written, or an archive packed from such a folder.
    memory_limit : int, optional
        Most bytes that reading may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If it is no store, is damaged in any byte, comes from a later version, or needs more memory.
    """
    with opened_store(path, memory_limit) as store:
        return store.field()


def read_results(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> StoredResults:
    """Read the labels, their names and the recipe that `write_field` stored beside a field.

    Raises
    ------
    FieldReadError
        As in `read_field_store`.
    """
    with opened_store(path, memory_limit) as store:
        return store.results()


def is_store(path: Path) -> bool:
    """Whether the path holds a native store, judged by its content."""
    if path.is_dir():
        return (path / checksummed.SUMS).is_file() and (path / "zarr.json").is_file()
    return checksummed.is_archive(path)


def _write_files(
    files: FileSink,
    field: Field,
    labels: npt.ArrayLike | None = None,
    recipe: Recipe | None = None,
    names: Mapping[int, str] | None = None,
    parts: Mapping[str, Any] | None = None,
    level: int = LEVEL,
) -> None:
    write_array(files, "bse", field.bse, dimensions=("row", "column"))
    write_array(files, "locations", field.locations.astype(np.int32), shuffle="shuffle")
    write_counts(files, field.spectra, level)
    if not field.valid.all():
        write_array(files, "valid", field.valid, dimensions=("row", "column"))
    if not np.array_equal(field.input_order, np.arange(field.n_measurements)):
        write_array(files, "input_order", field.input_order, shuffle="shuffle")
    if len(field.unmeasured):
        write_array(files, "unmeasured", field.unmeasured.astype(np.int32), shuffle="shuffle")
    n_arrays = 0

    def store_array(array: npt.NDArray[Any]) -> str:
        nonlocal n_arrays
        write_array(files, f"metadata/{n_arrays}", array)
        n_arrays += 1
        return str(n_arrays - 1)

    attributes: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "written_by": f"napari-gdls {__version__}",
        "name": field.name,
        "energy": field.energy.to_dict(),
        **({"gain": field.gain} if field.gain != 1 else {}),
        **({"artefacts": list(field.artefacts)} if field.artefacts else {}),
        **{scalar: getattr(field, scalar) for scalar in _SCALARS},
        "metadata": to_plain(field.metadata, store_array),
    }
    attributes |= write_results(files, field.shape, labels, recipe, names, parts)
    if n_arrays:
        write_group(files, "metadata")
    write_group(files, attributes={"gdls": attributes})


@contextmanager
def opened_store(
    path: str | os.PathLike[str], memory_limit: int | None, *, at_once: bool = True
) -> Iterator[OpenStore]:
    """A store, for as long as it is open.

    Parameters
    ----------
    path, memory_limit
        As in `read_field_store`.
    at_once : bool
        Whether all its files are compared with their sums now; else each when it is read.

    Raises
    ------
    FieldReadError
        As in `read_field_store`.
    """
    place, limit = existing_path(path), checked_memory_limit(memory_limit)
    open_files = checksummed.opened_folder if place.is_dir() else checksummed.opened_archive
    with open_files(place, limit, at_once=at_once) as files:
        yield OpenStore(place, files, limit)


class OpenStore:
    """The verified files of a store and what its attributes say."""

    def __init__(self, path: Path, files: Mapping[str, bytes], memory_limit: int) -> None:
        self.path = path
        self.files = files
        self.memory_limit = memory_limit
        self.attributes = self._checked_attributes()

    def _checked_attributes(self) -> dict[str, Any]:
        try:
            attributes = parsed_json(self.files["zarr.json"])["attributes"]["gdls"]
            kind, version = attributes["format"], attributes["version"]
        except (KeyError, TypeError, StoreError):
            kind, version = None, None
        if kind != FORMAT or not isinstance(version, int):
            raise FieldReadError(self.path, "is a Zarr group, but no field of napari-gdls", where="zarr.json")
        if version > VERSION:
            raise FieldReadError(
                self.path,
                f"was written in version {version} of the format; this napari-gdls reads up to version {VERSION}",
                remedy="Install a newer napari-gdls.",
            )
        return dict(attributes)

    def field(self, *, summed: bool = False) -> Field:
        """The field; of a large one, only sums of spectra if these are enough."""
        with self._consistent():
            return self._field(summed)

    def header(self, title: str) -> FieldHeader:
        """What is known of the field before its counts are read."""
        with self._consistent():
            return self._header(title)

    @contextmanager
    def _consistent(self) -> Iterator[None]:
        """Turn what does not fit together into the error of reading."""
        try:
            yield
        except (StoreError, FieldError, KeyError, TypeError, ValueError, OverflowError, RecursionError) as error:
            detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise FieldReadError(
                self.path, f"is no consistent field: {detail}", remedy="The program that wrote it is at fault."
            ) from error

    def _field(self, summed: bool) -> Field:
        arrays = {name.removesuffix("/zarr.json") for name in self.files if name.endswith("/zarr.json")}
        arrays = {name for name in arrays if name != "results" and not name.startswith("results/")}
        arrays -= {"counts", "metadata"}
        headers = {name: read_header(self.files, name) for name in sorted(arrays)}
        # Unpacking takes the array and a chunk.
        needed = sum(2 * header.n_bytes for name, header in headers.items() if name not in STREAMED)
        require_memory(self.path, needed, self.memory_limit, "the field")
        energy = EnergyAxis(**self.attributes["energy"])
        locations = read_array(self.files, "locations")
        sums_from = energy.window(ZERO_PEAK_END, math.inf).start if summed else None
        wanted = CountsWanted((len(locations), energy.size), self.path, self.memory_limit, needed, sums_from)
        valid = read_array(self.files, "valid") if "valid" in arrays else None
        field = Field(
            read_array(self.files, "bse"),
            read_counts(self.files, wanted),
            locations,
            energy,
            valid=valid,
            gain=1.0,  # it was found when the field was made
            artefacts=self.attributes.get("artefacts", ()),
            name=self.attributes["name"],
            metadata=from_plain(self.attributes["metadata"], lambda name: read_array(self.files, f"metadata/{name}")),
            **{scalar: self.attributes[scalar] for scalar in _SCALARS},
        )
        if "input_order" in arrays:
            order = read_array(self.files, "input_order")
            # Some numbers are missing where spectra of the field that was written had not been measured.
            if (
                order.dtype.kind not in "ui"
                or len(np.unique(order)) != len(locations)
                or order.shape != (len(locations),)
            ):
                raise StoreError("input_order does not number the measurements")
            field.input_order = order.astype(np.int64)[field.input_order]
        if "unmeasured" in arrays:
            unmeasured = read_array(self.files, "unmeasured")
            inside = unmeasured.ndim == 2 and unmeasured.shape[1] == 2 and unmeasured.dtype.kind in "ui"
            if not inside or field.valid[tuple(np.clip(unmeasured.T, 0, np.array([field.shape]).T - 1))].any():
                raise StoreError("unmeasured does not name pixels that are not valid")
            field.unmeasured = np.unique(np.concatenate([field.unmeasured, unmeasured.astype(np.int64)]), axis=0)
        field.gain = float(self.attributes.get("gain", 1.0))
        if not (math.isfinite(field.gain) and field.gain > 0):
            raise StoreError(f"the gain is {field.gain}")
        return field

    def _header(self, title: str) -> FieldHeader:
        height, width = (bse := read_header(self.files, "bse")).shape
        n, _ = read_header(self.files, "locations").shape
        energy = EnergyAxis(**self.attributes["energy"])
        held, working = most_of_counts(self.files, (n, energy.size), self.memory_limit)
        numbers = {name: self.attributes[name] for name in ("pixel_size", "beam_energy")}
        for name, number in numbers.items():
            if not (number is None or (isinstance(number, int | float) and math.isfinite(number) and number > 0)):
                raise StoreError(f"the {name.replace('_', ' ')} is {shown(number)}")
        # Unpacking takes an array and a chunk.
        others = 2 * (bse.n_bytes + height * width + 16 * n)
        return FieldHeader(
            path=os.fspath(self.path),
            format=title,
            shape=(height, width),
            n_measurements=n,
            counts_dtype=str(counts_dtype(self.files)),
            energy=energy,
            **numbers,
            gain=float(self.attributes.get("gain", 1.0)),
            stored_bytes=size_on_disk(self.path),
            bse_bytes=bse.n_bytes,
            spectra_bytes=held,
            bytes_to_read=others + working,
        )

    def results(self) -> StoredResults:
        """The labels, their names and the recipe."""
        return read_stored(self.path, self.files, self.attributes, self.memory_limit)
