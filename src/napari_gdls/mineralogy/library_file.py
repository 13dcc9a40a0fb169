"""A user's own library of materials: a CSV file, as spreadsheets write it.

The first line names the columns, in any order and case:

name
    Needed; no name twice.
formula
    Chemical formula, read as in `napari_gdls.materials.parse_formula`; or
wt%
    composition by mass: ``SiO2 60.1; MgO 39.9`` or ``Fe 70, Ni 30``; or
one column for each element or oxide
    ``SiO2``, ``MgO``, ``Fe`` (also ``SiO2 [wt%]``, ``SiO2 wt%``), percent of mass. They need not sum to 100 exactly:
    90 to 105 is what analyses of minerals sum to; H2O and CO2 belong to them.
group, density (g/cm3), colour (#rrggbb), commonness (1 rock-forming to 4 rare)
    Optional.

Lines that are empty or begin with # are left out. Commas, semicolons and tabs separate; decimal commas are read where
commas do not separate; UTF-8 with or without mark, UTF-16 and the code page of Windows are read.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.errors import GdlsError
from napari_gdls.io.text_numbers import number_in
from napari_gdls.materials import FormulaError, Material, MaterialError, Materials, mass_fractions_of, parse_formula
from napari_gdls.materials.minerals import plain_name, suggestion

_LARGEST = 50 * 1024**2
"""Bytes of a file that is read: far more than any list of minerals has."""

_SUMS = (90.0, 105.0)
"""Percent of mass that an analysis may sum to."""

_COMMONNESS = 2
"""Commonness of an entry that says nothing of it: all alike."""

_COLUMNS = {
    "name": ("name", "mineral", "material", "phase"),
    "formula": ("formula", "chemical formula"),
    "mass": ("wt%", "wt %", "mass%", "mass %", "mass percent", "weight percent", "composition"),
    "group": ("group", "mineral group", "class"),
    "density": ("density", "density [g/cm3]", "density g/cm3", "density (g/cm3)"),
    "colour": ("colour", "color"),
    "commonness": ("commonness",),
}
"""What columns may be called."""

_UNIT = re.compile(r"\s*[\[(]?\s*(?:wt|mass|weight)\.?\s*%?\s*[\])]?\s*$", re.IGNORECASE)
_CONSTITUENT = re.compile(r"[A-Za-z][A-Za-z0-9()]*\s*[:=]?\s*\d")
_PART = re.compile(r"^\s*(?P<what>[A-Za-z][A-Za-z0-9()]*)\s*[:=]?\s*(?P<mass>[0-9.,eE+-]+)\s*%?\s*$")
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class LibraryFile:
    """What a file holds.

    Attributes
    ----------
    materials : Materials
    colours : dict of str to str
        By name, "#rrggbb", of those that have one.
    """

    materials: Materials
    colours: Mapping[str, str]


def read_library_file(path: str | os.PathLike[str]) -> LibraryFile:
    """Read a user's library; the columns stand at the top of this module.

    Raises
    ------
    MaterialError
        With file and line, if the file cannot be read, a column is missing, a name stands twice, a formula or number
        cannot be read, an element is unknown, or masses do not sum to 100.
    """
    name = os.fspath(path)
    rows = _rows(name, _text(name))
    try:
        _, header = next(rows)
    except StopIteration:
        raise MaterialError(f"{name}: is empty; a line with the names of the columns is needed.") from None
    columns, oxides = _columns(name, header)
    materials: list[Material] = []
    colours: dict[str, str] = {}
    lines: dict[str, int] = {}
    for line, cells in rows:
        try:
            material, colour = _entry(cells, columns, oxides)
        except GdlsError as error:
            raise MaterialError(f"{name}, line {line}: {error}") from None
        first = lines.setdefault(plain_name(material.name), line)
        if first != line:
            raise MaterialError(
                f"{name}, line {line}: the name {material.name!r} stands in line {first} already; give each entry a "
                "name of its own."
            )
        materials.append(material)
        if colour:
            colours[material.name] = colour
    if not materials:
        raise MaterialError(f"{name}: holds no entry below the names of the columns.")
    return LibraryFile(Materials(materials), colours)


def _text(name: str) -> str:
    path = Path(name)
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise MaterialError(f"{name}: cannot be read as a library ({error.strerror or error}).") from None
    if len(content) > _LARGEST:
        raise MaterialError(f"{name}: is larger than {_LARGEST >> 20} MiB; a library of minerals is not that long.")
    if content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0")):
        raise MaterialError(f"{name}: is a spreadsheet; save it as CSV (in UTF-8) and give that file.")
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise MaterialError(f"{name}: is no text; a CSV file is needed.")


def _rows(name: str, text: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of all rows that say something."""
    lines = text.splitlines(keepends=True)
    told = re.fullmatch(r"sep=(.)\s*", lines[0], re.IGNORECASE) if lines else None
    start = 1 if told else 0
    header = next((line for line in lines[start:] if line.strip() and not line.lstrip().startswith("#")), "")
    separator = told[1] if told else max((";", "\t", ","), key=header.count)
    reader = csv.reader(io.StringIO("".join(lines[start:])), delimiter=separator, strict=True)
    try:
        for cells in reader:
            stripped = [cell.strip() for cell in cells]
            if any(stripped) and not stripped[0].startswith("#"):
                yield reader.line_num + start, stripped
    except csv.Error as error:
        raise MaterialError(f"{name}, line {reader.line_num + start}: is no row of a table ({error}).") from None


def _columns(name: str, header: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Positions of the columns by what they are, and of those of elements and oxides by formula."""
    known: dict[str, int] = {}
    oxides: dict[str, int] = {}
    for position, title in enumerate(header):
        kind = next((kind for kind, titles in _COLUMNS.items() if title.lower() in titles), None)
        formula = _UNIT.sub("", title)
        if kind is not None:
            if known.setdefault(kind, position) != position:
                raise MaterialError(f"{name}: two columns are the {kind} of the entries; leave one.")
        elif title:
            try:
                parse_formula(formula)
            except FormulaError:
                allowed = [titles[0] for titles in _COLUMNS.values()]
                raise MaterialError(
                    f"{name}: the column {title!r} is not known.{suggestion(title, allowed)} Columns are "
                    f"{', '.join(allowed)}, or an element or oxide such as SiO2."
                ) from None
            if oxides.setdefault(formula, position) != position:
                raise MaterialError(f"{name}: the column {title!r} stands twice.")
    if "name" not in known:
        raise MaterialError(f"{name}: has no column 'name'; its first line must name the columns.")
    if not oxides and not known.keys() & {"formula", "mass"}:
        raise MaterialError(f"{name}: says no composition; add a column 'formula', 'wt%', or columns such as SiO2.")
    return known, oxides


def _entry(cells: list[str], columns: Mapping[str, int], oxides: Mapping[str, int]) -> tuple[Material, str]:
    def cell(kind: str) -> str:
        return _cell(cells, columns.get(kind))

    name = cell("name")
    if not name:
        raise MaterialError("has no name.")
    fractions, formula = _composition(cells, cell("formula"), cell("mass"), oxides)
    density = _number("density", cell("density")) if cell("density") else None
    if density is not None and not 0 < density < 30:  # g/cm3; osmium has 22.6
        raise MaterialError(f"the density is {density:g}; g/cm3 are needed.")
    colour = cell("colour")
    if colour and not _HEX.fullmatch(colour):
        raise MaterialError(f"the colour is {colour!r}; write it as #rrggbb, as in #c0392b.")
    common = cell("commonness")
    if common and common not in ("1", "2", "3", "4"):
        raise MaterialError(f"the commonness is {common!r}; 1 (rock-forming) to 4 (rare) are possible.")
    material = Material(
        name, fractions, cell("group"), "mineral", formula, density, int(common) if common else _COMMONNESS
    )
    return material, colour.lower()


def _composition(
    cells: list[str], formula: str, mass: str, oxides: Mapping[str, int]
) -> tuple[Mapping[str, float], str]:
    parts = {what: _cell(cells, position) for what, position in oxides.items()}
    amounts = {what: _number(what, text) for what, text in parts.items() if text and not text.startswith("<")}
    given = [bool(formula), bool(mass), bool(amounts)]
    if sum(given) > 1:
        raise MaterialError("says its composition twice; leave the formula or the masses.")
    if formula:
        return parse_formula(formula).mass_fractions, formula
    if mass:
        amounts = _parts(mass)
    if not amounts:
        raise MaterialError("says no composition: a formula or masses are needed.")
    total = sum(amounts.values())
    if min(amounts.values()) < 0:
        raise MaterialError(f"{min(amounts, key=lambda what: amounts[what])} is negative.")
    if not _SUMS[0] <= total <= _SUMS[1]:
        raise MaterialError(
            f"the masses sum to {total:.4g} %; {_SUMS[0]:g} to {_SUMS[1]:g} are needed. Write H2O, CO2 and other light "
            "constituents as well."
        )
    return mass_fractions_of(amounts), "; ".join(f"{what} {amount:g}" for what, amount in amounts.items())


def _parts(text: str) -> dict[str, float]:
    """``SiO2 60,1; MgO 39.9`` by formula."""
    separator = ";" if ";" in text or len(_CONSTITUENT.findall(text)) == 1 else ","
    result: dict[str, float] = {}
    for part in text.split(separator):
        if not part.strip():
            continue
        match = _PART.match(part)
        if match is None:
            raise MaterialError(f"{part.strip()!r} is no constituent with its mass, as in SiO2 60.1.")
        if match["what"] in result:
            raise MaterialError(f"{match['what']} stands twice.")
        result[match["what"]] = _number(match["what"], match["mass"])
    return result


def _number(what: str, text: str) -> float:
    number = number_in(text.replace(",", ".") if text.count(",") == 1 and "." not in text else text)
    if number is None:
        raise MaterialError(f"{what} is {text!r}; a number is needed.")
    return number


def _cell(cells: list[str], position: int | None) -> str:
    return "" if position is None or position >= len(cells) else cells[position]
