"""Positions of the fields of a section: from a table, TIMA's list of fields, or the names of the files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import FieldResult, read_field_result
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.places import SectionPlaces, places_of
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.errors import GdlsError


def placed_fields(
    inputs: Sequence[FieldInput], results: Mapping[str, Path], choices: SectionChoices
) -> SectionPlaces | None:
    """Where the fields of a section lie in its mosaic; None where there is no telling.

    Parameters
    ----------
    inputs : sequence of FieldInput
    results : mapping of str to Path
        Results of the fields, by name; fields without one are left out.
    choices : SectionChoices

    Returns
    -------
    SectionPlaces or None
        None only where `SectionChoices.positions` is "auto" or "none".

    Raises
    ------
    GdlsError
        If the source of positions that was chosen does not have them.
    """
    if choices.positions == "none":
        return None
    done = [each for each in inputs if each.name in results]
    fields = [read_field_result(results[each.name], images=False, whole=False) for each in done]
    sources = {"table": _in_table, "names": _in_names}
    tried = list(sources) if choices.positions == "auto" else [choices.positions]
    for source in tried:
        corners = sources[source](done, fields, choices) if source in sources else None
        if corners is not None:
            corners = corners * [-1 if "y" in choices.flip else 1, -1 if "x" in choices.flip else 1]
            return places_of(
                tuple(each.name for each in done),
                corners - np.array([each.shape for each in fields]) / 2,
                np.array([each.shape for each in fields], dtype=np.int64),
                pixel_size=fields[0].pixel_size,
                source=source,
            )
    if choices.positions == "auto":
        return None
    raise GdlsError(f"the positions of the fields are not known from {choices.positions}; choose another source.")


def _in_table(
    inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices
) -> npt.NDArray[np.float64] | None:
    """Centres in pixels, from positions in um, or from rows and columns of fields side by side."""
    cells = [each.cell for each in inputs if each.cell is not None]
    if len(cells) == len(inputs):
        return np.asarray(np.array(cells, dtype=np.float64) * np.array([each.shape for each in fields]).max(axis=0))
    positions = [each.position for each in inputs if each.position is not None]
    size = fields[0].pixel_size
    if len(positions) < len(inputs) or size is None:
        return None
    return np.array(positions, dtype=np.float64) / size


def _in_names(
    inputs: Sequence[FieldInput], fields: Sequence[FieldResult], choices: SectionChoices
) -> npt.NDArray[np.float64] | None:
    """Centres in pixels of fields side by side, from the row and the column in their names."""
    if choices.pattern is None:
        return None
    text = choices.pattern
    if "(?P<" not in text:
        text = re.escape(text).replace(r"\{row\}", r"(?P<row>\d+)").replace(r"\{column\}", r"(?P<column>\d+)")
    pattern = re.compile(text)
    found = [pattern.search(each.name) for each in inputs]
    missing = [each.name for each, match in zip(inputs, found, strict=True) if match is None]
    if missing:
        raise GdlsError(f"`pattern={choices.pattern}` does not fit {missing[0]!r}, the name of a field.")
    places = np.array([[int(match["row"]), int(match["column"])] for match in found if match], dtype=np.float64)
    return np.asarray(places * np.array([each.shape for each in fields]).max(axis=0))
