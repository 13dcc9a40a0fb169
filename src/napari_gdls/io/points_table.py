"""The table of a folder of points: where each spectrum was measured, ``points.csv``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from napari_gdls.errors import FieldReadError
from napari_gdls.io.delimited_text import decimal_in, decimal_remedy, read_delimited

_NEEDED = ("row", "column", "spectrum")
_LIVE_TIME = "live_time_s"


@dataclass(frozen=True)
class Point:
    """A line of the table.

    Attributes
    ----------
    line : int
        Number of the line in the file, from 1.
    row, column : int
        Pixel of the BSE image, from 0.
    spectrum : str
        Path of the file of its spectrum in the folder, with slashes.
    live_time : float or None, s
    """

    line: int
    row: int
    column: int
    spectrum: str
    live_time: float | None


def read_points(path: Path, shape: tuple[int, int]) -> list[Point]:
    """The points of a table.

    Comma, semicolon or tab between columns; decimal points, or decimal commas where the separator is another; UTF-8
    with or without a byte order mark, or UTF-16 with one. Fractions of pixels are rounded.

    Parameters
    ----------
    path : Path
    shape : (int, int)
        Height and width of the BSE image, px.

    Raises
    ------
    FieldReadError
        With the number of the line, if one is damaged, outside the image, names no file of the folder, or is doubled.
    """
    table = read_delimited(path, "the table of points")
    columns = table.columns
    missing = [name for name in _NEEDED if name not in columns]
    doubled = sorted({name for name in columns if columns.count(name) > 1 and name})
    if missing or doubled:
        what = f"no column {' or '.join(missing)}" if missing else f"two columns {doubled[0]!r}"
        raise FieldReadError(
            path, f"has {what}; its first line is {table.header[:80]!r}", where=table.where,
            remedy="Its columns are row, column, spectrum and, if you like, live_time_s.",
        )  # fmt: skip
    points = [_point(path, line, cells, shape) for line, cells in table.rows()]
    if not points:
        raise FieldReadError(path, "names no point", remedy="It needs a line for each spectrum: row, column, spectrum.")
    _require_single(path, points)
    return points


def _point(path: Path, line: int, given: dict[str, str], shape: tuple[int, int]) -> Point:
    where = f"line {line}"
    place = []
    for name, size in zip(("row", "column"), shape, strict=True):
        text = given.get(name, "")
        number = decimal_in(text)
        if number is None:
            raise FieldReadError(
                path, f"its {name} {text[:40]!r} is no number", where=where, remedy=decimal_remedy(text)
            )
        pixel = int(number + 0.5) if number >= -0.5 else -1  # halves go down the image and to the right
        if not 0 <= pixel < size:
            raise FieldReadError(
                path, f"its point at {name} {text} lies outside the BSE image, {shape[0]} x {shape[1]} px", where=where,
                remedy="Rows and columns are pixels of the BSE image (height x width), counted from 0 at the top left.",
            )  # fmt: skip
        place.append(pixel)
    seconds = given.get(_LIVE_TIME, "")
    live_time = decimal_in(seconds) if seconds else None
    if seconds and not (live_time is not None and live_time >= 0):
        raise FieldReadError(path, f"its live time {seconds[:40]!r} is no number of seconds", where=where)
    return Point(line, place[0], place[1], _inside(path, given.get("spectrum", ""), where), live_time)


def _inside(path: Path, name: str, where: str) -> str:
    """A path in the folder, with slashes."""
    parts = name.replace("\\", "/").split("/")
    if not name:
        raise FieldReadError(path, "names no spectrum", where=where, remedy="Give the name of its .msa file.")
    if "\0" in name or PureWindowsPath(name).drive or parts[0] == "" or ".." in parts:
        raise FieldReadError(
            path, f"names the spectrum {name[:80]!r}, which lies outside the folder", where=where,
            remedy="Name files in the folder of the table, such as spectra/1.msa.",
        )  # fmt: skip
    return "/".join(part for part in parts if part not in ("", "."))


def _require_single(path: Path, points: list[Point]) -> None:
    """Refuse two points in one pixel, and one spectrum for two points."""
    pixels: dict[tuple[int, int], int] = {}
    files: dict[str, int] = {}
    for point in points:
        before = pixels.setdefault((point.row, point.column), point.line)
        if before != point.line:
            raise FieldReadError(
                path, f"has two points in the pixel of row {point.row}, column {point.column}",
                where=f"lines {before} and {point.line}", remedy="Remove one, or add up their spectra.",
            )  # fmt: skip
        before = files.setdefault(point.spectrum, point.line)
        if before != point.line:
            raise FieldReadError(
                path, f"names the spectrum {point.spectrum!r} twice", where=f"lines {before} and {point.line}",
                remedy="Each point has a spectrum of its own.",
            )  # fmt: skip
