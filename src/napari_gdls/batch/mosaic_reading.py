"""Opening the mosaic of a section: its pyramids, of which only what is looked at is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.mosaic_writing import ATTRIBUTE, VERSION
from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import member, read_bounded
from napari_gdls.io.zarr_arrays import StoreError, parsed_json

_LARGEST_HEADER = 16 * 1024**2
"""Bytes of a zarr.json that is read: names and colours of a hundred thousand phases."""


@dataclass(frozen=True, eq=False)
class Mosaic:
    """A mosaic that has been opened.

    Attributes
    ----------
    path : Path
    levels : dict of str to tuple of zarr.Array
        By name of a layer ("bse", "segments", "phases", "confidence"), its pyramid, the finest level first; nothing is
        read before it is asked for.
    pixel_size : float or None, um
    window : (float, float)
        BSE that is shown as black and as white.
    names : dict of int to str
        Of the phases, by their number in the mosaic.
    colours : (G, 3) array of float64
        Of the phases, sRGB from 0 to 1: of number k at k - 1.
    """

    path: Path
    levels: dict[str, tuple[Any, ...]]
    pixel_size: float | None
    window: tuple[float, float]
    names: dict[int, str]
    colours: npt.NDArray[np.float64]


def is_mosaic(path: Path) -> bool:
    """Whether a folder is the mosaic of a section, by what its header says; raises nothing."""
    try:
        return path.is_dir() and ATTRIBUTE in _attributes(path)
    except (FieldReadError, OSError):
        return False


def open_mosaic(path: Path) -> Mosaic:
    """Open the mosaic of a section.

    Raises
    ------
    FieldReadError
        If it is none, is damaged, or comes from a later version.
    """
    import zarr

    attributes = _attributes(path)
    if ATTRIBUTE not in attributes:
        raise FieldReadError(path, "is no mosaic of a section", remedy="Open it as any other OME-Zarr image.")
    try:
        said = attributes[ATTRIBUTE]
        if said["version"] != VERSION:
            raise FieldReadError(
                path,
                f"is of version {said['version']!r} of its format; this napari-gdls reads version {VERSION}",
                remedy="Install a newer napari-gdls.",
            )
        group = zarr.open_group(path, mode="r", zarr_format=3)
        multiscale = attributes["ome"]["multiscales"][0]
        places = {"bse": "", "segments": "labels/segments/", "phases": "labels/phases/", "confidence": "confidence/"}
        levels = {
            name: tuple(group[f"{places[name]}{each['path']}"] for each in multiscale["datasets"])
            for name in said["layers"]
        }
        window = attributes["ome"]["omero"]["channels"][0]["window"]
        scale = multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][0]
        label = _attributes(path / "labels" / "phases")["ome"]["image-label"]
        names = {int(each["label-value"]): str(each.get("name", "")) for each in label.get("properties", ())}
        colours = np.full((max(names, default=0), 3), 0.5)
        for each in label.get("colors", ()):
            colours[int(each["label-value"]) - 1] = np.array(each["rgba"][:3]) / 255
        return Mosaic(
            path,
            levels,
            float(scale) if "unit" in multiscale["axes"][0] else None,
            (float(window["start"]), float(window["end"])),
            names,
            colours,
        )
    except (KeyError, IndexError, TypeError, ValueError, StoreError) as error:
        raise FieldReadError(path, f"is a mosaic that is damaged or incomplete: {error}") from error


def _attributes(folder: Path) -> dict[str, Any]:
    header = member(folder, "zarr.json")
    if header is None:
        raise FieldReadError(folder, "holds no group of Zarr 3: it has no zarr.json")
    try:
        found = parsed_json(read_bounded(header, _LARGEST_HEADER, "zarr.json")).get("attributes", {})
    except StoreError as error:
        raise FieldReadError(folder, f"is damaged: {error}", where="zarr.json") from None
    return found if isinstance(found, dict) else {}
