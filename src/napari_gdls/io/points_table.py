"""The table of a folder of points: where each spectrum was measured, ``points.csv``."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import read_bounded
from napari_gdls.io.text_numbers import number_in

_MOST_BYTES = 64 * 1024**2
"""Of a table: a million points take less."""
_NEEDED = ("row", "column", "spectrum")
_LIVE_TIME = "live_time_s"
_SEPARATORS = (";", "\t", ",")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""What may be one number with a comma for thousands, or another with a decimal comma."""


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
    text = _text(path)
    lines = re.split(r"\r\n|\r|\n", text)
    skipped = 0
    separator = ""
    if lines and lines[0].lower().startswith("sep=") and len(lines[0].strip()) == len("sep=") + 1:
        separator, skipped = lines[0].strip()[-1], 1  # a line by which Excel says its separator
    header = lines[skipped] if len(lines) > skipped else ""
    separator = separator or next((mark for mark in _SEPARATORS if mark in header), ",")
    columns = [name.strip().strip('"').strip().lower() for name in header.split(separator)]
    missing = [name for name in _NEEDED if name not in columns]
    doubled = sorted({name for name in columns if columns.count(name) > 1 and name})
    if missing or doubled:
        what = f"no column {' or '.join(missing)}" if missing else f"two columns {doubled[0]!r}"
        raise FieldReadError(
            path, f"has {what}; its first line is {header[:80]!r}", where=f"line {skipped + 1}",
            remedy="Its columns are row, column, spectrum and, if you like, live_time_s.",
        )  # fmt: skip
    points: list[Point] = []
    reader = csv.reader(io.StringIO("\n".join(lines[skipped + 1 :])), delimiter=separator)
    try:
        points.extend(
            _point(path, reader.line_num + skipped + 1, columns, cells, separator, shape)
            for cells in reader
            if any(cell.strip() for cell in cells)
        )
    except csv.Error as error:
        raise FieldReadError(
            path, f"is a damaged table: {error}", where=f"line {reader.line_num + skipped + 1}", remedy="Save it again."
        ) from None
    if not points:
        raise FieldReadError(path, "names no point", remedy="It needs a line for each spectrum: row, column, spectrum.")
    _require_single(path, points)
    return points


def _text(path: Path) -> str:
    content = read_bounded(path, _MOST_BYTES, "the table of points")
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FieldReadError(
            path, "is no text in UTF-8", where=f"line {line}", remedy='Save it as "CSV UTF-8", or rename the files.'
        ) from None


def _point(
    path: Path, line: int, columns: list[str], cells: list[str], separator: str, shape: tuple[int, int]
) -> Point:
    where = f"line {line}"
    if len(cells) != len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        raise FieldReadError(
            path, f"has {len(cells)} cells where the first line has {len(columns)}", where=where,
            remedy="Numbers with a decimal comma need a semicolon between the columns, or decimal points.",
        )  # fmt: skip
    given = dict(zip(columns, cells, strict=False))
    place = []
    for name, size in zip(("row", "column"), shape, strict=True):
        text = given.get(name, "").strip()
        number = _number(text, separator)
        if number is None:
            raise FieldReadError(path, f"its {name} {text[:40]!r} is no number", where=where, remedy=_remedy(text))
        pixel = int(number + 0.5) if number >= -0.5 else -1  # halves go down the image and to the right
        if not 0 <= pixel < size:
            raise FieldReadError(
                path, f"its point at {name} {text} lies outside the BSE image, {shape[0]} x {shape[1]} px", where=where,
                remedy="Rows and columns are pixels of the BSE image (height x width), counted from 0 at the top left.",
            )  # fmt: skip
        place.append(pixel)
    seconds = given.get(_LIVE_TIME, "").strip()
    live_time = _number(seconds, separator) if seconds else None
    if seconds and not (live_time is not None and live_time >= 0):
        raise FieldReadError(path, f"its live time {seconds[:40]!r} is no number of seconds", where=where)
    return Point(line, place[0], place[1], _inside(path, given.get("spectrum", "").strip(), where), live_time)


def _number(text: str, separator: str) -> float | None:
    """A number with a decimal point or, where it can mean nothing else, with a decimal comma."""
    if "," in text and (_THOUSANDS.fullmatch(text) or text.count(",") > 1 or "." in text):
        return None
    return number_in(text.replace(",", "."))


def _remedy(text: str) -> str:
    return "Write it with a decimal point and without marks of thousands." if "," in text else "Correct the line."


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
