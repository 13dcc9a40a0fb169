"""Segments and phases with all that is known of them, as formats with room for more than numbers write them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.io.described_labels import DescribedLabels
from napari_gdls.io.geojson import write_geojson
from napari_gdls.io.ome_zarr import write_ome_zarr
from napari_gdls.segmentation.colours import segment_colours
from napari_gdls.segmentation.tables import phase_table

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def described_segments(segmentation: Segmentation) -> DescribedLabels:
    """The segments, each with its row of the table of segments, the title of its phase, and the colour of that."""
    table = segmentation.segment_table()
    segments = np.asarray(table["label"], dtype=np.int64) - 1
    titles = segmentation.phase_titles if segmentation.has_phases else None
    return DescribedLabels(
        "segments",
        segmentation.labels,
        table,
        None if titles is None else [titles[phase] for phase in segmentation.phases[segments].tolist()],
        segment_colours(segmentation)[segments],
    )


def described_phases(segmentation: Segmentation) -> DescribedLabels:
    """The phase map, each phase with its row of the table of phases, its title and its colour.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    table = phase_table(segmentation)
    return DescribedLabels(
        "phases",
        segmentation.phase_map(),
        {"label": table.pop("phase"), **table},
        segmentation.phase_titles,
        segmentation.phase_colours,
    )


def write_result_geojson(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """The segments as polygons, with their phases as classes; see `napari_gdls.io.geojson.write_geojson`."""
    described = described_segments(segmentation)
    write_geojson(path, described, pixel_size=segmentation.field.pixel_size, overwrite=overwrite)


def write_result_ome_zarr(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """BSE image, segments and, where there are any, phases; see `napari_gdls.io.ome_zarr.write_ome_zarr`."""
    labels = [described_segments(segmentation)]
    if segmentation.has_phases:
        labels.append(described_phases(segmentation))
    field = segmentation.field
    write_ome_zarr(
        path,
        field.bse,
        labels,
        name=field.name or "field",
        valid=field.valid,
        pixel_size=field.pixel_size,
        overwrite=overwrite,
    )
