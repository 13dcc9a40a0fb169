"""A table of the fields of a batch: a CSV of their paths, with names and positions if these are known.

Columns, in any order and case: ``path`` (absolute, or from the folder of the table), and if wanted ``name``; ``x [um]``
and ``y [um]``, the centre of the field in the section to the right and downwards, also in mm; or ``row`` and
``column`` of the field in a grid, whole numbers from any origin.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.errors import FieldReadError
from napari_gdls.io.delimited_text import decimal_in, decimal_remedy, read_delimited
from napari_gdls.io.limits import existing_path

ENDINGS = (".csv", ".tsv")
"""Of tables, lower case."""

_TO_UM = {"um": 1.0, "\u00b5m": 1.0, "\u03bcm": 1.0, "micron": 1.0, "microns": 1.0, "nm": 1e-3, "mm": 1e3, "m": 1e6}
"""Units of positions, in um; there are two characters for micro."""

_COORDINATE = re.compile(r"(?:stage[ _]*)?([xy])(?![a-z])[ _]*[\[(]?\s*([^\])]*?)\s*[\])]?")
"""Of a stage, with the unit behind it in brackets or not."""
_GRID = ("row", "column")
_MOST_CELL = 100_000
"""Rows or columns of a grid; far beyond any section."""
_MOST_UM = 1e6
"""um, that is 1 m: no stage reaches further."""
_COLUMNS = "Its columns are path and, if you like, name, x [um] and y [um] (or in mm), or row and column of a grid."
_MOST_NAMED = 5  # lines that a message names


@dataclass(frozen=True)
class TableRow:
    """A line of the table.

    Attributes
    ----------
    line : int
        In the file, from 1.
    path : Path
        Absolute.
    name : str
        "": none is given.
    position : (float, float) or None, um
        Downwards and to the right.
    cell : (int, int) or None
        Row and column in a grid of fields.
    """

    line: int
    path: Path
    name: str
    position: tuple[float, float] | None
    cell: tuple[int, int] | None


def read_input_table(path: Path) -> list[TableRow]:
    """The lines of a table of fields.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FieldReadError
        With the line that is wrong; files that are not there are named together.
    """
    table = read_delimited(path, "the table of fields")
    names = [name for name in table.columns if name]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if "path" not in names or doubled:
        what = f"two columns {doubled[0]!r}" if doubled else "no column path"
        raise FieldReadError(
            path, f"has {what}; its first line is {table.header[:80]!r}", where=table.where, remedy=_COLUMNS
        )
    axes = _axes(path, names, table.where)
    rows, missing = [], []
    for line, cells in table.rows():
        row = _row(path, line, cells, axes)
        rows.append(row)
        if not os.path.lexists(row.path):
            missing.append(f"line {line}: {cells['path']}")
    if missing:
        more = f"; and {len(missing) - _MOST_NAMED:,} more" if len(missing) > _MOST_NAMED else ""
        count = "a file that does" if len(missing) == 1 else f"{len(missing):,} files that do"
        raise FieldReadError(
            path, f"names {count} not exist: {'; '.join(missing[:_MOST_NAMED])}{more}",
            remedy="Correct the paths; they are read from the folder of the table where they are not absolute.",
        )  # fmt: skip
    if not rows:
        raise FieldReadError(path, "names no field", remedy=f"It needs a line for each. {_COLUMNS}")
    for row in rows:
        existing_path(row.path)
    return rows


def _axes(path: Path, names: list[str], where: str) -> dict[str, tuple[str, float]]:
    """Columns of x and y with their units in um; empty where there are none."""
    axes: dict[str, tuple[str, float]] = {}
    for name in names:
        found = _COORDINATE.fullmatch(name)
        if found is None:
            continue
        if found[2].removeprefix("_") not in _TO_UM:
            known = f"has a column {name!r} in an unknown unit" if found[2] else f"gives no unit of its column {name!r}"
            raise FieldReadError(path, known, where=where, remedy=f"Name it {found[1]} [um] or {found[1]} [mm].")
        if found[1] in axes:
            raise FieldReadError(path, f"has two columns of {found[1]}", where=where, remedy="Keep one.")
        axes[found[1]] = (name, _TO_UM[found[2].removeprefix("_")])
    for one, other in (("x", "y"), ("y", "x"), _GRID, _GRID[::-1]):
        given = axes if one in "xy" else names
        if one in given and other not in given:
            raise FieldReadError(path, f"has a column of {one}, and none of {other}", where=where, remedy=_COLUMNS)
    return axes


def _row(path: Path, line: int, cells: dict[str, str], axes: dict[str, tuple[str, float]]) -> TableRow:
    where = f"line {line}"
    text = cells.get("path", "")
    if not text or "\0" in text:
        raise FieldReadError(path, "names no file", where=where, remedy="Give its path in the column path.")
    return TableRow(
        line,
        _place(path.parent, text),
        cells.get("name", ""),
        _position(path, where, cells, axes) if axes else None,
        _cell(path, where, cells) if _GRID[0] in cells else None,
    )


def _place(folder: Path, text: str) -> Path:
    place = folder / Path(text).expanduser() if text.startswith("~") else folder / text
    if os.sep == "/" and "\\" in text and not os.path.lexists(place):  # a table made on Windows
        place = folder / text.replace("\\", "/")
    return place.absolute()


def _position(
    path: Path, where: str, cells: dict[str, str], axes: dict[str, tuple[str, float]]
) -> tuple[float, float] | None:
    texts = {axis: cells.get(name, "") for axis, (name, _) in axes.items()}
    if not any(texts.values()):
        return None
    found = {}
    for axis, text in texts.items():
        number = decimal_in(text)
        if number is None or abs(number * axes[axis][1]) > _MOST_UM:
            raise FieldReadError(
                path, f"its {axes[axis][0]} {text[:40]!r} is no position on a stage", where=where,
                remedy=decimal_remedy(text) if number is None else "Check the unit in the name of the column.",
            )  # fmt: skip
        found[axis] = number * axes[axis][1]
    return found["y"], found["x"]


def _cell(path: Path, where: str, cells: dict[str, str]) -> tuple[int, int] | None:
    texts = [cells.get(name, "") for name in _GRID]
    if not any(texts):
        return None
    numbers = [decimal_in(text) for text in texts]
    for name, text, number in zip(_GRID, texts, numbers, strict=True):
        if number is None or not number.is_integer() or abs(number) > _MOST_CELL:
            raise FieldReadError(
                path, f"its {name} {text[:40]!r} is no whole number", where=where,
                remedy="Rows and columns count fields of a grid; positions go into x [um] and y [um].",
            )  # fmt: skip
    return int(numbers[0] or 0), int(numbers[1] or 0)
