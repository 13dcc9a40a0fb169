"""Tables in text that people and their spreadsheets write: columns by name, one line each, separated as programs do."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.errors import FieldReadError
from napari_gdls.io.limits import read_bounded
from napari_gdls.io.text_numbers import number_in

_MOST_BYTES = 64 * 1024**2
"""Of a table: a million lines take less."""
_SEPARATORS = (";", "\t", ",")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")
"""What may be one number with a comma for thousands, or another with a decimal comma."""


@dataclass(frozen=True)
class DelimitedText:
    """A table whose first line has been read.

    Attributes
    ----------
    path : Path
    columns : tuple of str
        Names in lower case, in order; "" for those without one.
    header : str
        The line that they stand in.
    where : str
        "line N" of it.
    """

    path: Path
    columns: tuple[str, ...]
    header: str
    where: str
    _separator: str
    _rest: str
    _before: int

    def rows(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Lines that are not empty: number in the file, from 1, and cells by column, without space around them.

        Raises
        ------
        FieldReadError
            If a line is damaged, or has more cells than there are columns.
        """
        reader = csv.reader(io.StringIO(self._rest), delimiter=self._separator)
        try:
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                line = reader.line_num + self._before
                if any(cell.strip() for cell in cells[len(self.columns) :]):
                    raise FieldReadError(
                        self.path, f"has {len(cells)} cells where the first line has {len(self.columns)}",
                        where=f"line {line}", remedy="Numbers with a decimal comma need a semicolon between the "
                        "columns, or decimal points.",
                    )  # fmt: skip
                yield line, {name: cell.strip() for name, cell in zip(self.columns, cells, strict=False)}
        except csv.Error as error:
            raise FieldReadError(
                self.path, f"is a damaged table: {error}", where=f"line {reader.line_num + self._before}",
                remedy="Save it again.",
            ) from None  # fmt: skip


def read_delimited(path: Path, what: str) -> DelimitedText:
    """A table of comma, semicolon or tab; UTF-8 with or without a byte order mark, or UTF-16 with one.

    Parameters
    ----------
    path : Path
    what : str
        Kind of the table, in words.

    Raises
    ------
    FieldReadError
        If it is no text, or too long.
    """
    lines = re.split(r"\r\n|\r|\n", _text(path, what))
    skipped = 0
    separator = ""
    said = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE)
    if said:
        separator, skipped = said[1], 1  # a line by which Excel says its separator
    header = lines[skipped] if len(lines) > skipped else ""
    separator = separator or next((mark for mark in _SEPARATORS if mark in header), ",")
    columns = tuple(name.strip().strip('"').strip().lower() for name in header.split(separator))
    before = skipped + 1
    return DelimitedText(path, columns, header, f"line {before}", separator, "\n".join(lines[before:]), before)


def decimal_in(text: str) -> float | None:
    """A number with a decimal point or, where it can mean nothing else, with a decimal comma."""
    if "," in text and (_THOUSANDS.fullmatch(text) or text.count(",") > 1 or "." in text):
        return None
    return number_in(text.replace(",", "."))


def decimal_remedy(text: str) -> str:
    """What to do about a text that `decimal_in` takes for no number."""
    return "Write it with a decimal point and without marks of thousands." if "," in text else "Correct the line."


def _text(path: Path, what: str) -> str:
    content = read_bounded(path, _MOST_BYTES, what)
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise FieldReadError(
            path, "is no text in UTF-8", where=f"line {line}", remedy='Save it as "CSV UTF-8", or rename the files.'
        ) from None
