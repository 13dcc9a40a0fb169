"""Positions of the fields of a section: from a table, TIMA's list of fields, the stage, or the names of the files."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.bse_levels import matched_levels
from napari_gdls.batch.field_results import FieldResult, read_field_result
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.mosaic_fields import HeldResults
from napari_gdls.batch.places import SectionPlaces, places_of
from napari_gdls.batch.registration import registered
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.errors import GdlsError
from napari_gdls.io.mindif import field_positions
from napari_gdls.progress import Progress

_MOST_EMPTY = 20.0
"""Times the area of all fields that a mosaic may have: beyond, a position is wrong, or in another unit. A choice."""

_SAME_PLACE = 0.5
"""Pixels within which two fields are said to lie at one place."""

_TIMA_NAME = re.compile(r"([A-Z]{1,2})(\d{1,3})")
"""Of a field of TIMA: letters go down, numbers to the right."""

_SNAP = 0.005
"""Of the side of a field, by how much steps of a grid may differ from it for fields to be laid edge to edge: what pixel
sizes are rounded by."""

_Corners = npt.NDArray[np.float64]


def placed_fields(
    inputs: Sequence[FieldInput],
    results: Mapping[str, Path],
    choices: SectionChoices,
    phases: SectionPhases | None = None,
    *,
    progress: Progress | None = None,
) -> SectionPlaces | None:
    """Where the fields of a section lie in its mosaic; None where there is no telling.

    Where fields overlap, their places are measured on the BSE images. BSE levels are matched as chosen.

    Parameters
    ----------
    inputs : sequence of FieldInput
    results : mapping of str to Path
        Results of the fields, by name; fields without one are left out.
    choices : SectionChoices
    phases : SectionPhases, optional
        By which BSE levels are matched where nothing overlaps. None: they are not, then.
    progress : Progress, optional

    Returns
    -------
    SectionPlaces or None
        None only where `SectionChoices.positions` is "auto" or "none".

    Raises
    ------
    GdlsError
        If the source of positions that was chosen does not have them, two fields lie at one place, or fields lie so far
        apart that a position must be wrong.
    """
    if choices.positions == "none":
        return None
    done = [each for each in inputs if each.name in results]
    fields = [read_field_result(results[each.name], images=False, whole=False) for each in done]
    tried = list(_SOURCES) if choices.positions == "auto" else [choices.positions]
    for source in tried:
        centres = _SOURCES[source](done, fields, choices)
        if centres is not None:
            flips = np.array([-1 if "y" in choices.flip else 1, -1 if "x" in choices.flip else 1])
            places = _checked(source, done, fields, centres * flips)
            held = HeldResults([results[name] for name in places.names], images=("bse", "valid"))
            places, pairs = registered(places, held, progress=progress)
            return matched_levels(places, held, choices.bse_levels, fields, phases, pairs)
    if choices.positions == "auto":
        return None
    raise GdlsError(
        f"the positions of the fields are not known from {choices.positions}: {_LACKING[choices.positions]}. Choose "
        "another source with `positions=`."
    )


def _checked(
    source: str, inputs: Sequence[FieldInput], fields: Sequence[FieldResult], centres: _Corners
) -> SectionPlaces:
    names = tuple(each.name for each in inputs)
    shapes = np.array([each.shape for each in fields], dtype=np.int64)
    corners = centres - shapes / 2
    order = np.lexsort(corners.T)
    near = np.abs(np.diff(corners[order], axis=0)).max(axis=1) < _SAME_PLACE
    if near.any():
        first = int(np.flatnonzero(near)[0])
        raise GdlsError(
            f"the fields {names[order[first]]!r} and {names[order[first + 1]]!r} lie at one place; correct their "
            "positions, or take one of them out."
        )
    if (shapes == shapes[0]).all():
        corners = np.column_stack([_snapped(corners[:, axis], int(shapes[0, axis])) for axis in (0, 1)])
    places = places_of(names, corners, shapes, pixel_size=fields[0].pixel_size, source=source)
    area = float(shapes.prod(axis=1).sum())
    if float(places.shape[0]) * places.shape[1] > _MOST_EMPTY * area:
        far = int(np.abs(corners - np.median(corners, axis=0)).max(axis=1).argmax())
        raise GdlsError(
            f"the mosaic would be {places.shape[0]:,} x {places.shape[1]:,} px, more than {_MOST_EMPTY:g} times the "
            f"area of all fields; {names[far]!r} lies furthest from the others. Are the positions in um?"
        )
    return places


def _snapped(corners: npt.NDArray[np.float64], side: int) -> npt.NDArray[np.float64]:
    """Corners along an axis, in a grid whose steps are nearly the side of a field: exactly that, without a gap.

    Positions that are no grid stay as they are.
    """
    nearly = max(1.0, _SNAP * side)
    order = np.argsort(corners, kind="stable")
    line = np.concatenate([[0], np.cumsum(np.diff(corners[order]) > nearly)])
    low, high = (np.array([f(corners[order][line == k]) for k in range(int(line[-1]) + 1)]) for f in (np.min, np.max))
    if (high - low > nearly).any():
        return corners
    middle = (low + high) / 2
    steps = np.diff(middle)
    steps = np.where(np.abs(steps - side) <= nearly, side, steps)
    snapped = np.empty_like(corners)
    snapped[order] = np.concatenate([[middle[0]], middle[0] + np.cumsum(steps)])[line]
    return snapped


def _in_table(inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices) -> _Corners | None:
    """Centres in pixels, from positions in um, or from rows and columns of fields side by side."""
    cells = [each.cell for each in inputs if each.cell is not None]
    if len(cells) == len(inputs):
        return np.asarray(np.array(cells, dtype=np.float64) * np.array([each.shape for each in fields]).max(axis=0))
    positions = [each.position for each in inputs if each.position is not None]
    if 0 < len(positions) + len(cells) < len(inputs):
        missing = next(each.name for each in inputs if each.position is None and each.cell is None)
        raise GdlsError(
            f"the table gives no position of {missing!r}, but of others; add it, or make no mosaic: `positions='none'`."
        )
    return _in_pixels(positions, inputs, fields)


def _in_list(inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices) -> _Corners | None:
    """The same from ``fields.xml`` beside the folders of fields, or a folder above; in TIMA, x falls to the right."""
    known: dict[Path, dict[str, tuple[float, float]]] = {}
    positions = []
    for each in inputs:
        folder = next((up for up in list(each.path.parents)[:2] if (up / "fields.xml").is_file()), None)
        if folder is None:
            return None
        if folder not in known:
            known[folder] = field_positions(folder)
        place = known[folder].get(each.path.name) or known[folder].get(each.path.name.partition(".")[0])
        if place is not None:
            positions.append((place[1], -place[0]))
    return _in_pixels(positions, inputs, fields)


def _on_stage(inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices) -> _Corners | None:
    """The same from the stage coordinates in the files, as of an image whose y axis points upwards."""
    positions = [each.stage_position for each in fields if each.stage_position is not None]
    return _in_pixels([(-y, x) for x, y in positions], inputs, fields)


def _in_pixels(
    positions: Sequence[tuple[float, float]], inputs: Sequence[FieldInput], fields: Sequence[FieldResult]
) -> _Corners | None:
    size = fields[0].pixel_size
    if len(positions) < len(inputs) or size is None:
        return None
    return np.array(positions, dtype=np.float64) / size


def _in_names(inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices) -> _Corners | None:
    """Centres in pixels of fields side by side, from the row and the column in their names."""
    step = np.array([each.shape for each in fields]).max(axis=0)
    if choices.pattern is None:
        found = [_TIMA_NAME.fullmatch(each.name) for each in inputs]
        cells = np.array([[_number_of_letters(match[1]), int(match[2])] for match in found if match], dtype=np.float64)
        # F1, F2, F3 may be numbers of anything: only a grid of letters and numbers is taken without being asked for.
        grid = len(cells) == len(inputs) and all(len(np.unique(axis)) > 1 for axis in cells.T)
        asked = choices.positions == "names" and len(cells) == len(inputs)
        return np.asarray(cells * step) if grid or asked else None
    text = choices.pattern
    if "(?P<" not in text:
        text = re.escape(text).replace(r"\{row\}", r"(?P<row>\d+)").replace(r"\{column\}", r"(?P<column>\d+)")
    try:
        pattern = re.compile(text)
    except re.error as error:
        raise GdlsError(f"`pattern={choices.pattern}` is no pattern: {error}.") from None
    if not {"row", "column"} <= pattern.groupindex.keys():
        raise GdlsError(f"`pattern={choices.pattern}` names no row and no column, as '{{row}}_{{column}}' does.")
    named = [pattern.search(each.name) for each in inputs]
    missing = [each.name for each, match in zip(inputs, named, strict=True) if match is None]
    if missing:
        raise GdlsError(f"`pattern={choices.pattern}` does not fit {missing[0]!r}, the name of a field.")
    places = np.array([[int(match["row"]), int(match["column"])] for match in named if match], dtype=np.float64)
    return np.asarray(places * step)


def _number_of_letters(letters: str) -> int:
    """A is 1, Z is 26, AA is 27."""
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - ord("A") + 1
    return number


_SOURCES: dict[str, Callable[[Sequence[FieldInput], Sequence[FieldResult], SectionChoices], _Corners | None]] = {
    "table": _in_table,
    "fields.xml": _in_list,
    "stage": _on_stage,
    "names": _in_names,
}
"""In the order in which they are tried."""

_LACKING = {
    "table": "not all fields have 'x [um]' and 'y [um]' in the table of paths, or their pixel size is not known",
    "fields.xml": "there is no fields.xml beside the fields that lists all of them, or their pixel size is not known",
    "stage": "not all files hold stage coordinates and the size of a pixel",
    "names": "the names are not as D10 is in TIMA, and no pattern is given",
}
