"""The map of a section: one pyramid of all fields, with one list of segments and phases, and the table of segments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import FieldResult
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.mosaic_fields import MosaicFields
from napari_gdls.batch.places import SectionPlaces, Window
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.batch.section_segments import SegmentSums
from napari_gdls.batch.stitching import stitched_segments
from napari_gdls.io.ome_zarr_tiles import TiledLayer, write_ome_zarr_tiles
from napari_gdls.io.parquet import require_parquet, write_parquet
from napari_gdls.progress import Progress, silent

ATTRIBUTE = "gdls-mosaic"
"""Attribute of the group, by which readers know a mosaic of this program."""

VERSION = 1
"""Of what stands in it."""

_LEAST_LABELS = 256
"""Phases that the numbers of the phase image leave room for at least: it has 16 bits, and 32 from 65,536 phases on."""


@dataclass(frozen=True)
class MosaicSummary:
    """What was written.

    Attributes
    ----------
    mosaic, segments : Path
        The pyramid, and the table of segments.
    shape : (int, int)
        Of the mosaic, px.
    n_segments : int
    """

    mosaic: Path
    segments: Path
    shape: tuple[int, int]
    n_segments: int


def write_mosaic(
    layout: Layout,
    places: SectionPlaces,
    phases: SectionPhases,
    results: Mapping[str, Path],
    *,
    names: Sequence[str],
    colours: npt.NDArray[np.float64],
    progress: Progress | None = None,
) -> MosaicSummary:
    """Write the mosaic of a section and the table of its segments, tile by tile.

    Parameters
    ----------
    layout : Layout
    places : SectionPlaces
    phases : SectionPhases
    results : mapping of str to Path
        Results of the fields, by name.
    names : sequence of G str
        What each phase is called.
    colours : (G, 3) array
        Of each phase, sRGB from 0 to 1.
    progress : Progress, optional

    Returns
    -------
    MosaicSummary

    Raises
    ------
    FieldReadError
        If a result is damaged.
    OutputError
        If pyarrow is not installed, or the system refuses.
    """
    report = progress or silent
    require_parquet(layout.segments)
    fields = MosaicFields(places, phases, results)
    stitched = stitched_segments(fields, progress=report)
    sums = SegmentSums(stitched.n_segments)
    has_confidence, kinds = True, set()
    for number in range(len(fields)):
        result = fields[number]
        sums.add_measured(stitched.of_field[number], result)
        has_confidence &= result.confidence is not None
        kinds.add(_images(result)[0].dtype)
    dtype = str(np.result_type(*kinds))
    layers = [
        TiledLayer("bse", dtype, title="BSE"),
        TiledLayer("segments", "uint32", is_labels=True),
        TiledLayer(
            "phases",
            str(np.min_scalar_type(max(phases.n_phases, _LEAST_LABELS))),
            is_labels=True,
            table={"label": np.arange(1, phases.n_phases + 1), "name": np.array(list(names), dtype=np.str_)},
            classes=list(names),
            colours=colours,
        ),
    ]
    layers += [TiledLayer("confidence", "uint8", title="confidence")] if has_confidence else []

    def tile(rows: slice, columns: slice) -> Mapping[str, npt.NDArray[Any]]:
        window = Window(rows.start, rows.stop, columns.start, columns.stop)
        around = fields.owners(window.wider(1))
        owner = around[1:-1, 1:-1]
        made = {layer.name: np.zeros(window.shape, dtype=layer.dtype) for layer in layers}
        for number in fields.within(window).tolist():
            part = window.common(fields.windows[number])
            place, inside = part.inside(window), part.inside(fields.windows[number])
            own = owner[place] == number
            result = fields[number]
            bse, of_pixels = _images(result)
            labels = of_pixels[inside][own]
            made["segments"][place][own] = stitched.of_field[number][labels]
            made["phases"][place][own] = np.concatenate([[0], fields.phase_of_segments(number) + 1])[labels]
            made["bse"][place][own] = _levelled(bse[inside][own], places, number, dtype)
            if has_confidence:
                assert result.confidence is not None
                made["confidence"][place][own] = result.confidence[inside][own]
        sums.add(window, made["segments"], made["bse"], made.get("confidence"), _at_edge(around))
        return made

    write_ome_zarr_tiles(
        layout.mosaic,
        places.shape,
        layers,
        tile,
        pixel_size=places.pixel_size,
        attributes={ATTRIBUTE: {"version": VERSION, "layers": [layer.name for layer in layers]}},
        overwrite=True,
        progress=report,
    )
    table = sums.table(stitched.phases, names, places)
    write_parquet(layout.segments, table)
    return MosaicSummary(layout.mosaic, layout.segments, places.shape, stitched.n_segments)


def _images(result: FieldResult) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32]]:
    """BSE and labels of a field that was read with its images."""
    assert result.bse is not None
    assert result.labels is not None
    return result.bse, result.labels


def _at_edge(owner: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Whether pixels of a tile have a side on which there is no field, by the owners of it and of a pixel around it."""
    nothing = owner < 0
    beside = (nothing[:-2, 1:-1], nothing[2:, 1:-1], nothing[1:-1, :-2], nothing[1:-1, 2:])
    return np.asarray(np.logical_or.reduce(beside))


def _levelled(bse: npt.NDArray[Any], places: SectionPlaces, number: int, dtype: str) -> npt.NDArray[Any]:
    gain, offset = float(places.bse_gain[number]), float(places.bse_offset[number])
    if gain == 1 and offset == 0:
        return bse.astype(dtype)
    moved = bse.astype(np.float64) * gain + offset
    if np.dtype(dtype).kind not in "ui":
        return moved.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(moved), limits.min, limits.max).astype(dtype)
