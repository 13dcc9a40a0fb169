"""Images with labels as OME-Zarr 0.5, which napari, QuPath, Fiji and viewers in the browser open.

``NAME.ome.zarr`` is a folder: the image with its pyramid, and below ``labels/`` each label image with one of the same
levels, the colours of its labels and the rows of their table. It is written with zarr alone, and read with checks of
its own: sizes are compared with what may be used before anything is unpacked.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.described_labels import DescribedLabels
from napari_gdls.io.file_sinks import FolderSink
from napari_gdls.io.limits import checked_memory_limit, member, read_bounded, require_memory
from napari_gdls.io.ome_zarr_metadata import VERSION, commonest, halved, image_label, multiscales, shown_in_grey
from napari_gdls.io.zarr_arrays import StoreError, parsed_json, read_array, read_header, write_array, write_group

ENDING = ".ome.zarr"

_TILE = 512
"""Edge of a chunk, px: half a MiB of 16 bits, as viewers in the browser load them."""

_SMALLEST = 256
"""Edge of the coarsest level of a pyramid at most, px."""

_LARGEST_HEADER = 64 * 1024**2
"""Bytes of a zarr.json that is read: 300,000 labels with ten columns."""


def write_ome_zarr(
    path: str | os.PathLike[str],
    image: npt.NDArray[Any],
    labels: Sequence[DescribedLabels],
    *,
    name: str = "field",
    channel: str = "BSE",
    valid: npt.NDArray[np.bool_] | None = None,
    pixel_size: float | None = None,
    overwrite: bool = False,
) -> None:
    """Write an image and label images of it as OME-Zarr, atomically; equal ones give equal files.

    Parameters
    ----------
    path : path-like
        Folder that is made, ``*.ome.zarr``.
    image : (H, W) array
        Integers or floats. The levels of its pyramid are means of 2 x 2 pixels of the level before.
    labels : sequence of DescribedLabels
        Of the shape of the image and of different names, which become those of groups; 16 or 32 bits. In the pyramid a
        pixel has the commonest label of 2 x 2. The rows of their tables become the properties of the labels, their
        classes the property ``class``.
    name : str
        What the image is of.
    channel : str
        What kind of image it is.
    valid : (H, W) array of bool, optional
        Pixels that say how bright the image is to be shown. None: all.
    pixel_size : float, optional
        Edge of a pixel, in um. None: the axes have no unit, and a pixel is 1.
    overwrite : bool
        Whether an existing folder may be replaced.

    Raises
    ------
    OutputError
        If the label images do not fit the image, their names are no names of groups, or the system refuses; what stood
        at the target is untouched.

    Notes
    -----
    OME-Zarr 0.5 (J. Moore et al., Histochem. Cell Biol. 160, 223-251 (2023), and the specification above): coordinates
    are those of pixel centres, so that of level k is moved by half of what its pixels are wider.
    """
    target = os.fspath(path)
    for each in labels:
        if each.labels.shape != image.shape:
            raise OutputError(f"{target}: {each.name} have shape {each.labels.shape} and the image {image.shape}.")
        if not each.name.replace("_", "").isalnum() or not each.name.isascii():
            raise OutputError(f"{target}: {each.name!r} cannot be the name of a label image; use letters and digits.")
    if len({each.name for each in labels}) < len(labels):
        raise OutputError(f"{target}: two label images have one name.")
    levels = [image]
    while max(levels[-1].shape) > _SMALLEST:
        levels.append(halved(levels[-1]))
    files: dict[str, bytes] = {}
    attributes = {"version": VERSION, **multiscales(name, len(levels), pixel_size)}
    attributes["omero"] = {"channels": [shown_in_grey(channel, image, valid)]}
    write_group(files, attributes={"ome": attributes})
    _write_levels(files, "", levels)
    write_group(files, "labels", {"ome": {"version": VERSION, "labels": [each.name for each in labels]}})
    for each in labels:
        dtype = np.uint16 if int(each.labels.max()) < 2**16 else np.uint32
        values = [each.labels.astype(dtype)]
        while len(values) < len(levels):
            values.append(commonest(values[-1]))
        described = {
            "version": VERSION,
            **multiscales(each.name, len(levels), pixel_size),
            "image-label": {"version": VERSION, **image_label(each), "source": {"image": "../../"}},
        }
        write_group(files, f"labels/{each.name}", {"ome": described})
        _write_levels(files, f"labels/{each.name}/", values)
    with atomic_folder(path, overwrite=overwrite) as folder:
        sink = FolderSink(folder)
        for file, data in files.items():
            sink[file] = data


def is_ome_zarr(path: Path) -> bool:
    """Whether a folder is a group of OME-Zarr 0.5, or one inside of it, by its attributes."""
    try:
        return path.is_dir() and bool(_attributes(path))
    except FieldReadError:
        return False


def read_ome_zarr_labels(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> npt.NDArray[Any]:
    """Read a label image from OME-Zarr 0.5.

    Parameters
    ----------
    path : path-like
        ``NAME.ome.zarr``, where it holds one label image or one that is called "segments"; else that of the label image
        itself, ``NAME.ome.zarr/labels/NAME``.
    memory_limit : int, optional
        Most bytes that the image may take. None: 4 GiB.

    Returns
    -------
    (H, W) array

    Raises
    ------
    FieldReadError
        If it holds no such image, is damaged, or too large.
    """
    folder = Path(path)
    limit = checked_memory_limit(memory_limit)
    attributes = _attributes(folder)
    if "image-label" not in attributes:
        listed = _attributes(folder / "labels").get("labels") if (folder / "labels").is_dir() else None
        names = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
        if not names:
            raise FieldReadError(folder, "holds no label image", remedy="Take one with labels.")
        chosen = names[0] if len(names) == 1 else "segments"
        if chosen not in names:
            listing = ", ".join(names)[:200]
            raise FieldReadError(
                folder, f"holds several label images: {listing}", remedy=f"Give {folder}/labels/{names[0]}."
            )
        folder = _inside(folder, f"labels/{chosen}")
        attributes = _attributes(folder)
    try:
        level = str(attributes["multiscales"][0]["datasets"][0]["path"])
    except (KeyError, IndexError, TypeError):
        raise FieldReadError(folder, "does not say which array is the label image", where="multiscales") from None
    return _array(_inside(folder, level), limit)


def _inside(folder: Path, name: str) -> Path:
    """A group or an array in a folder."""
    header = member(folder, *name.split("/"), "zarr.json")
    if header is None:
        raise FieldReadError(folder, "is incomplete: a part is missing", where=name[:200])
    return header.parent


def _array(folder: Path, limit: int) -> npt.NDArray[Any]:
    """An array as `write_ome_zarr` writes them: every chunk has a checksum, and none may be missing."""
    name = folder.name
    files = {f"{name}/zarr.json": _header(folder)}
    try:
        header = read_header(files, name)
        require_memory(folder, 2 * header.n_bytes, limit, "the labels")
        for place in np.ndindex(*(-(-size // chunk) for size, chunk in zip(header.shape, header.chunks, strict=True))):
            parts = ("c", *map(str, place))
            chunk = member(folder, *parts)
            if chunk is None:
                raise StoreError(f"the chunk {'/'.join(parts)} is missing")
            files["/".join((name, *parts))] = read_bounded(chunk, 2 * header.n_chunk_bytes + 1024, "a chunk")
        return read_array(files, name)
    except StoreError as error:
        raise FieldReadError(
            folder, f"is damaged, or of another program: {error}", remedy="Give the labels as OME-TIFF (.ome.tif)."
        ) from None


def _attributes(folder: Path) -> dict[str, Any]:
    """What the group says of OME-Zarr; empty where it says nothing."""
    try:
        found = parsed_json(_header(folder)).get("attributes", {}).get("ome", {})
    except (StoreError, AttributeError):
        raise FieldReadError(folder, "is no group of Zarr 3, or damaged", where="zarr.json") from None
    return found if isinstance(found, dict) else {}


def _header(folder: Path) -> bytes:
    file = member(folder, "zarr.json")
    if file is None:
        raise FieldReadError(folder, "is no group or array of Zarr 3: it has no zarr.json")
    return read_bounded(file, _LARGEST_HEADER, "zarr.json")


def _write_levels(files: dict[str, bytes], prefix: str, levels: list[npt.NDArray[Any]]) -> None:
    for k, level in enumerate(levels):
        write_array(files, f"{prefix}{k}", level, dimensions=("y", "x"), chunks=(_TILE, _TILE))
