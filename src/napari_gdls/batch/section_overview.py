"""A small map of the phases of a section for its report, made of the fields one after the other."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import read_field_result
from napari_gdls.batch.places import SectionPlaces
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.progress import Progress, silent

LONGEST_SIDE = 1400
"""Pixels of the map: as wide as a page of the report is shown."""

MOST_SHOWN = 400
"""Fields side by side where nobody knows where they lie: 20 x 20 of 70 px each are still told apart."""

_GAP = 2
"""Pixels between fields that are put side by side."""

_BACKGROUND = 238
"""Grey value, of 255, where nothing was measured."""


def section_overview(
    phases: SectionPhases,
    results: Mapping[str, Path],
    colours: npt.NDArray[np.float64],
    places: SectionPlaces | None,
    *,
    progress: Progress | None = None,
) -> npt.NDArray[np.uint8]:
    """A map of the phases, every so many pixels; without positions, fields side by side in their order.

    Parameters
    ----------
    phases : SectionPhases
    results : mapping of str to Path
        Results of the fields, by name; they are read one at a time.
    colours : (G, 3) array
        Of the phases, sRGB from 0 to 1.
    places : SectionPlaces or None
        None: where the fields lie is not known, and the first 400 are shown.
    progress : Progress, optional
        Receives "report"; may cancel.

    Returns
    -------
    (h, w, 3) array of uint8
        With at most `LONGEST_SIDE` pixels a side.

    Raises
    ------
    FieldReadError
        If a result is damaged.
    """
    report = progress or silent
    palette = np.vstack([np.full(3, _BACKGROUND), np.round(255 * colours)]).astype(np.uint8)
    if places is not None:
        step = overview_step(places)
        map_of = np.zeros([math.ceil(side / step) for side in places.shape], dtype=np.int64)
        row = {name: k for k, name in enumerate(places.names)}
        names = [name for name in results if name in row]
        for done, (name, image) in enumerate(_phase_images(phases, results, names)):
            report("report", done / len(names))
            top, left = places.origins[row[name]].tolist()
            # The first pixel of the field that lies on the grid of the map, and where it lies there.
            sampled = image[-top % step :: step, -left % step :: step]
            y, x = -(-top // step), -(-left // step)
            target = map_of[y : y + sampled.shape[0], x : x + sampled.shape[1]]
            sampled = sampled[: target.shape[0], : target.shape[1]]
            target[sampled > 0] = sampled[sampled > 0]
        return palette[map_of]
    names = list(results)[:MOST_SHOWN]
    columns = math.ceil(math.sqrt(len(names)))
    rows = math.ceil(len(names) / columns)
    cell = LONGEST_SIDE // columns - _GAP
    sheet = np.full((rows * (cell + _GAP), columns * (cell + _GAP), 3), 255, dtype=np.uint8)
    for done, (_, image) in enumerate(_phase_images(phases, results, names)):
        report("report", done / len(names))
        y, x = (cell + _GAP) * (done // columns), (cell + _GAP) * (done % columns)
        small = _resized(image, cell)
        sheet[y : y + small.shape[0], x : x + small.shape[1]] = palette[small]
    return sheet


def overview_step(places: SectionPlaces) -> int:
    """Every how many pixels of the mosaic the map shows, in each direction."""
    return max(1, math.ceil(max(places.shape) / LONGEST_SIDE))


def _phase_images(
    phases: SectionPhases, results: Mapping[str, Path], names: Sequence[str]
) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Name and phase map of each field; phases from 1, 0 is nothing."""
    for name in names:
        found = read_field_result(results[name], images=("labels",), whole=False)
        assert found.labels is not None
        yield name, np.concatenate([[0], phases.of_parts[name][found.part_of_segment] + 1])[found.labels]


def _resized(image: npt.NDArray[np.int64], longest: int) -> npt.NDArray[np.int64]:
    """The pixels nearest to those of an image with a longest side."""
    scale = max(image.shape) / longest
    rows, columns = (
        np.minimum(((np.arange(max(round(side / scale), 1)) + 0.5) * scale).astype(np.int64), side - 1)
        for side in image.shape
    )
    return image[np.ix_(rows, columns)]
