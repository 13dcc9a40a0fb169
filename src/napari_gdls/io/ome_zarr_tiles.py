"""OME-Zarr 0.5 of images that no memory holds: written tile by tile, each level of the pyramid from the one before.

``NAME.ome.zarr`` holds the image, and label images below ``labels/``, as `napari_gdls.io.ome_zarr` writes them; further
images are groups of their own below it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.described_labels import DescribedLabels
from napari_gdls.io.file_sinks import FolderSink
from napari_gdls.io.ome_zarr_metadata import VERSION, commonest, halved, image_label, multiscales, shown_in_grey
from napari_gdls.io.zarr_arrays import created_array, write_group
from napari_gdls.progress import Progress, silent

TILE = 1024
"""Edge of a tile, px, which is a chunk of every array: few files for a file system, and small for memory."""

_SMALLEST = 1024
"""Edge of the coarsest level at most, px: one tile."""

_EFFORT = 3
"""Of compression by zstd, 1 to 9; a choice."""


@dataclass(frozen=True)
class TiledLayer:
    """An image, or a label image, that is written tile by tile.

    Attributes
    ----------
    name : str
        What the tiles call it; also the name of its group, but for the first image, which is at the top.
    dtype : str
    is_labels : bool
        Whether pixels are numbers of something: then a coarser pixel has the commonest of four, else their mean.
    title : str
        What viewers call an image.
    table : mapping of str to array, optional
        Of the labels, as `DescribedLabels` has it; with classes and colours. None: nothing is said of them.
    classes : sequence of str, optional
    colours : (K, 3) array, optional
    """

    name: str
    dtype: str
    is_labels: bool = False
    title: str = ""
    table: Mapping[str, npt.NDArray[Any]] | None = None
    classes: Sequence[str] | None = None
    colours: npt.NDArray[np.float64] | None = None


Tiles = Callable[[slice, slice], Mapping[str, npt.NDArray[Any]]]
"""From rows and columns of the image to the pixels there, by name of the layer."""


def write_ome_zarr_tiles(
    path: str | os.PathLike[str],
    shape: tuple[int, int],
    layers: Sequence[TiledLayer],
    tiles: Tiles,
    *,
    name: str = "section",
    pixel_size: float | None = None,
    attributes: Mapping[str, Any] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> None:
    """Write images that are made tile by tile, atomically; equal ones give equal files.

    Parameters
    ----------
    path : path-like
        Folder that is made, ``*.ome.zarr``.
    shape : (int, int)
        Height and width of all layers.
    layers : sequence of TiledLayer
        The first one is an image, and the one that the others belong to.
    tiles : callable
        Is asked for each tile once, in raster order.
    name : str
    pixel_size : float, optional
        In um.
    attributes : mapping, optional
        Further attributes of the group.
    overwrite : bool
        Whether an existing folder may be replaced.
    progress : Progress, optional
        Receives the stage "mosaic"; may cancel, which leaves what was there.

    Raises
    ------
    OutputError
        If the system refuses; what stood at the target is untouched.
    """
    if not layers or layers[0].is_labels:
        raise OutputError(f"{os.fspath(path)}: the first layer of a mosaic must be an image.")
    report = progress or silent
    with atomic_folder(path, overwrite=overwrite) as folder:
        levels = [shape]
        while max(levels[-1]) > _SMALLEST:
            levels.append((-(-levels[-1][0] // 2), -(-levels[-1][1] // 2)))
        groups = {layer.name: _group(layer, first=layer is layers[0]) for layer in layers}
        arrays = {layer.name: [_array(folder, groups[layer.name], k, at, layer.dtype) for k, at in enumerate(levels)]
                  for layer in layers}  # fmt: skip
        # Level 0 has three quarters of all pixels.
        for done, rows, columns in _tiles(shape):
            report("mosaic", 0.75 * done)
            for which, pixels in tiles(rows, columns).items():
                arrays[which][0][rows, columns] = pixels
        for k, at in enumerate(levels[1:], start=1):
            for done, rows, columns in _tiles(at):
                report("mosaic", 0.75 + 0.25 * (k - 1 + done) / len(levels))
                for layer in layers:
                    finer, coarser = arrays[layer.name][k - 1], arrays[layer.name][k]
                    four = finer[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
                    coarser[rows, columns] = (commonest if layer.is_labels else halved)(four)
        _write_groups(folder, layers, groups, arrays, name, pixel_size, attributes or {})
    report("mosaic", 1.0)


def _group(layer: TiledLayer, *, first: bool) -> str:
    return f"labels/{layer.name}" if layer.is_labels else "" if first else layer.name


def _array(folder: Path, group: str, level: int, shape: tuple[int, int], dtype: str) -> Any:
    path = folder / group / str(level)
    path.parent.mkdir(parents=True, exist_ok=True)
    return created_array(path, shape, dtype, chunks=(TILE, TILE), level=_EFFORT, dimensions=("y", "x"))


def _tiles(shape: tuple[int, int]) -> list[tuple[float, slice, slice]]:
    """Rows and columns of all tiles in raster order, and the share that is done before each."""
    corners = [(top, left) for top in range(0, shape[0], TILE) for left in range(0, shape[1], TILE)]
    return [
        (k / len(corners), slice(top, min(top + TILE, shape[0])), slice(left, min(left + TILE, shape[1])))
        for k, (top, left) in enumerate(corners)
    ]


def _write_groups(
    folder: Path,
    layers: Sequence[TiledLayer],
    groups: Mapping[str, str],
    arrays: Mapping[str, list[Any]],
    name: str,
    pixel_size: float | None,
    attributes: Mapping[str, Any],
) -> None:
    files = FolderSink(folder)
    labels = [layer.name for layer in layers if layer.is_labels]
    if labels:
        write_group(files, "labels", {"ome": {"version": VERSION, "labels": labels}})
    for layer in layers:
        levels, group = arrays[layer.name], groups[layer.name]
        said: dict[str, Any] = {
            "version": VERSION,
            **multiscales(layer.name if group else name, len(levels), pixel_size),
        }
        coarsest = np.asarray(levels[-1][...])
        if layer.is_labels:
            described: dict[str, Any] = {}
            if layer.table is not None:
                described = image_label(
                    DescribedLabels(layer.name, coarsest, layer.table, layer.classes, layer.colours)
                )
            said["image-label"] = {"version": VERSION, **described, "source": {"image": "../../"}}
        else:
            said["omero"] = {"channels": [shown_in_grey(layer.title or layer.name, coarsest, coarsest > 0)]}
        write_group(files, group, {"ome": said, **(attributes if layer is layers[0] else {})})
