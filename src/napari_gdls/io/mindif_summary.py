"""What a MinDIF export holds, and what can be chosen in it: fields with phases, and no spectra."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np

from napari_gdls.io.contracts import FileChoices, MapChoice
from napari_gdls.io.mindif import MindifPhase, open_mindif

NO_SPECTRA = "a MinDIF export holds phases and no spectra: it can be looked at and be a truth, but not be segmented"
"""What whoever opens one should know."""

_MOST_ROWS = 40  # fields and phases that a summary lists, each


@dataclass(frozen=True)
class MindifSummary:
    """What an export holds.

    Attributes
    ----------
    path, origin : str
        Where it is, and the program that wrote it; "" where it does not say.
    fields : dict of str to (float, float)
        Names of the fields, and x and y on the sample in um.
    shape : (int, int)
        Height and width of a field in pixels.
    pixel_size : float, um
    counted : tuple of str
        Names of the fields in which `areas` were counted.
    areas : dict of MindifPhase to int
        Measured pixels of every phase that there is, the most common first.
    unmeasured : int
        Pixels of these fields that were not measured.
    """

    path: str
    origin: str
    fields: dict[str, tuple[float, float]]
    shape: tuple[int, int]
    pixel_size: float
    counted: tuple[str, ...]
    areas: dict[MindifPhase, int]
    unmeasured: int

    def __str__(self) -> str:
        return "\n".join(f"{heading + ':':<20} {text}" for heading, text in self.rows())

    def rows(self) -> list[tuple[str, str]]:
        """Pairs of heading and text, for a table."""
        height, width = self.shape
        rows = [("file", self.path), ("format", "MinDIF export"), ("written by", self.origin or "not in the file")]
        rows += [("size of a field", f"{height} x {width} px"), ("pixel size", f"{self.pixel_size:.4g} um")]
        for number, (name, (x, y)) in enumerate(list(self.fields.items())[:_MOST_ROWS]):
            rows.append((f"field {number}", f"{name!r} at x {x:g}, y {y:g} um"))
        rows += _more(len(self.fields), "fields")
        if len(self.counted) < len(self.fields):
            rows.append(("areas", f"of the field {', '.join(map(repr, self.counted))}"))
        total = sum(self.areas.values())
        for phase, area in list(self.areas.items())[:_MOST_ROWS]:
            rows.append((f"phase {phase.number}", f"{phase.name}, {100 * area / total:.2f} %, {phase.colour}"))
        rows += _more(len(self.areas), "phases")
        if self.unmeasured:
            rows.append(("not measured", f"{self.unmeasured:,} pixels"))
        return [*rows, ("spectra", f"none: {NO_SPECTRA}")]


def describe_mindif(
    path: str | os.PathLike[str], *, dataset: str | int | None = None, memory_limit: int | None = None
) -> MindifSummary:
    """What an export holds: fields, their size, and the areas of the phases.

    Parameters
    ----------
    path : path-like
        Folder with ``fields.xml``, or that of one field in it, in which the areas are counted then.
    dataset : str or int, optional
        The field in which areas are counted, by name or number. None: all.
    memory_limit : int, optional
        Most bytes that an image may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        As `napari_gdls.io.read_mindif`; a `ReadChoiceError` if there is no such field.
    """
    export, name = open_mindif(path)
    if dataset is not None:
        name = export.chosen(dataset)
    counted = tuple(export.fields) if name is None else (name,)
    phases = {phase.number: phase for phase in export.phase_table}
    areas: dict[MindifPhase, int] = {}
    unmeasured = 0
    for each in counted:
        field = export.field(each, memory_limit)
        numbers, counts = np.unique(field.phases[field.mask], return_counts=True)
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            phase = phases.get(number, MindifPhase(number, "not in the list of phases", "#000000"))
            areas[phase] = areas.get(phase, 0) + count
        unmeasured += int(np.count_nonzero(~field.mask))
    ordered = dict(sorted(areas.items(), key=lambda item: -item[1]))
    return MindifSummary(
        os.fspath(path), export.origin, export.fields, export.shape, export.pixel_size, counted, ordered, unmeasured
    )


def mindif_choices(path: str | os.PathLike[str]) -> FileChoices:
    """The fields of an export, as maps without channels; none where the path is the folder of one."""
    export, name = open_mindif(path)
    names = export.fields if name is None else ()
    height, width = export.shape
    return FileChoices(
        maps=tuple(
            MapChoice(index, each, (height, width, 0), "phases, no spectra", None) for index, each in enumerate(names)
        )
    )


def _more(number: int, what: str) -> list[tuple[str, str]]:
    return [("", f"and {number - _MOST_ROWS:,} {what} more")] if number > _MOST_ROWS else []
