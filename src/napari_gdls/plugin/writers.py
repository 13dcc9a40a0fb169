"""npe2 writers: segments as images, tables and stores; fields as stores."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.plugin.layers.metadata import label_names, metadata_entry

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.io.described_labels import DescribedLabels
    from napari_gdls.segmentation.result import Segmentation


def write_segments(path: str | os.PathLike[str], data: npt.ArrayLike, attributes: Mapping[str, Any]) -> list[str]:
    """Write a Labels layer: OME-TIFF, PNG, OME-Zarr, GeoJSON, CSV (its table), or the native store with its field.

    Corrections by hand are written as they stand, and names of minerals with them, where a format has a place for them
    (PNG has none). OME-Zarr and GeoJSON have the colours of a result as it was found, too. The table of a result is
    that of the command line: segments with their phase and confidence, or phases with their modal composition. After
    corrections by hand it is counted from the labels as they are, without the confidence, which was that of other
    labels. Labels that come from elsewhere can be written as images and polygons.

    Parameters
    ----------
    path : path-like
        Its ending says the format; see `napari_gdls.write_labels`.
    data : (H, W) array of int
    attributes : mapping
        Attributes of the layer, as napari gives them.

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        If the labels do not fit the format, a field is needed and the layer has none, or the system refuses.
    """
    from napari_gdls.io import STORE_ENDINGS, write_field, write_table
    from napari_gdls.segmentation.single_files import DESCRIBED_ENDINGS, write_described, write_labels

    entry = metadata_entry(attributes.get("metadata", {}))
    field = entry.get("field")
    labels = np.asarray(data)
    name = os.fspath(path).lower()
    replaces = not Path(path).is_dir()  # the dialog asks about files alone
    described = _described(entry, labels) if name.endswith(DESCRIBED_ENDINGS) else None
    if name.endswith(STORE_ENDINGS):
        write_field(
            path,
            _needed(field, path),
            labels=labels,
            recipe=entry.get("recipe"),
            names=label_names(entry),
            overwrite=replaces,
        )
    elif name.endswith(".csv") and "segmentation" in entry:
        write_table(path, _table(entry["segmentation"], entry["role"], labels))
    elif described is not None:
        known = _needed(field, path)
        write_described(path, described, known, pixel_size=known.pixel_size, overwrite=replaces)
    else:
        pixel_size = _pixel_size(attributes) if field is None else None
        titles = label_names(entry)
        write_labels(path, labels, field=field, pixel_size=pixel_size, titles=titles, overwrite=replaces)
    return [os.fspath(path)]


def write_field_of_image(path: str | os.PathLike[str], data: Any, attributes: Mapping[str, Any]) -> list[str]:
    """Write the field that an Image layer shows, with all its spectra, to the native store.

    Parameters
    ----------
    path : path-like
        ``*.gdls.zarr.zip`` (one file) or ``*.gdls.zarr`` (a folder, which must not exist).
    data : array
        Not used: the field holds the image.
    attributes : mapping

    Returns
    -------
    list of str
        The path.

    Raises
    ------
    OutputError
        If the layer carries no field, or the system refuses.
    """
    from napari_gdls.io import write_field

    write_field(
        path,
        _needed(metadata_entry(attributes.get("metadata", {})).get("field"), path),
        overwrite=not Path(path).is_dir(),
    )
    return [os.fspath(path)]


def _table(segmentation: Segmentation, role: str, labels: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    """Table of what a layer shows that a segmentation was shown in."""
    from napari_gdls.segmentation import phase_table, segment_table

    if role == "phases" and np.array_equal(labels, segmentation.phase_map()):
        return phase_table(segmentation)
    if role == "segments" and np.array_equal(labels, segmentation.labels):
        return segmentation.segment_table()
    known = role == "segments" and segmentation.has_phases
    return segment_table(
        labels,
        segmentation.field,
        phases=segmentation.phases if known else None,
        names=[name.name for name in segmentation.names] or None if known else None,
    )


def _described(entry: Mapping[str, Any], labels: npt.NDArray[Any]) -> DescribedLabels | None:
    """All that is known of the labels of a layer that shows a segmentation as it is; None for others."""
    from napari_gdls.segmentation.described import described_phases, described_segments

    segmentation: Segmentation | None = entry.get("segmentation")
    if segmentation is not None and entry["role"] == "segments" and np.array_equal(labels, segmentation.labels):
        return described_segments(segmentation)
    if segmentation is not None and entry["role"] == "phases" and np.array_equal(labels, segmentation.phase_map()):
        return described_phases(segmentation)
    return None


def _needed(field: Field | None, path: str | os.PathLike[str]) -> Field:
    if field is None:
        raise OutputError(
            f"{os.fspath(path)}: this layer carries no field; take the BSE image of a field, or its segments."
        )
    return field


def _pixel_size(attributes: Mapping[str, Any]) -> float | None:
    """Edge of a pixel in um, if the layer is scaled in a unit of length, the same along both axes."""
    sizes = set()
    for scale, unit in zip(attributes.get("scale", ()), attributes.get("units", ()), strict=False):
        quantity = float(scale) * unit
        if not quantity.is_compatible_with("um"):
            return None
        sizes.add(quantity.to("um").magnitude)
    return float(sizes.pop()) if len(sizes) == 1 else None
