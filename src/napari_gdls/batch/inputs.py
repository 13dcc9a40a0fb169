"""The fields of a batch: which files, what they are called, and where they lie in the section."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.batch.field_names import compared, names_of, natural_key, safe_name
from napari_gdls.batch.input_table import ENDINGS as TABLE_ENDINGS
from napari_gdls.batch.input_table import read_input_table
from napari_gdls.batch.layout import Layout
from napari_gdls.errors import FieldReadError
from napari_gdls.io.field_places import ending_of_field, field_endings, is_field_folder, place_of_field
from napari_gdls.io.limits import existing_path
from napari_gdls.io.store import STORE_ENDINGS


@dataclass(frozen=True)
class FieldInput:
    """A field of a batch, not read yet.

    Attributes
    ----------
    name : str
        Of the field, different from that of all others in the batch, also where case does not count; it is part of
        names of files.
    path : Path
        File or folder.
    position : (float, float) or None
        Of the centre of the field, in um: downwards and to the right in the image of the section, from any origin.
        None: it is not known.
    cell : (int, int) or None
        Row and column of the field in a grid of fields, from any origin. None: they are not known.
    """

    name: str
    path: Path
    position: tuple[float, float] | None = None
    cell: tuple[int, int] | None = None


@dataclass(frozen=True)
class FoundInputs:
    """Fields, and what was passed over to find them.

    Attributes
    ----------
    fields : tuple of FieldInput
        In the order of their names, F2 before F10.
    skipped : int
        Files in folders that are no fields.
    """

    fields: tuple[FieldInput, ...]
    skipped: int = 0


@dataclass(frozen=True)
class _Found:
    """A field that was found: its file or folder, absolute; and what a table says of it."""

    path: Path
    name: str = ""
    position: tuple[float, float] | None = None
    cell: tuple[int, int] | None = None
    source: str = ""


def field_inputs(*given: str | os.PathLike[str]) -> tuple[FieldInput, ...]:
    """The fields that files, folders, patterns and tables stand for; see `found_inputs`.

    Parameters
    ----------
    *given : path-like

    Returns
    -------
    tuple of FieldInput
        In the order of their names, F2 before F10, however they were given.
    """
    return found_inputs(*given).fields


def found_inputs(*given: str | os.PathLike[str]) -> FoundInputs:
    """The fields that files, folders, patterns and tables stand for, and how many files were passed over.

    No field is read. A file is taken for a field whatever it is called. In folders, fields are files with the ending of
    a format and folders that are fields themselves (of TIMA, of points, stores), at any depth; what is hidden, and
    folders of batches, are left out. Patterns (``*``, ``?``, ``[...]``, ``**`` for folders at any depth) are looked up
    here where no shell has done it. Tables are described in `napari_gdls.batch.input_table`.

    Parameters
    ----------
    *given : path-like

    Returns
    -------
    FoundInputs

    Raises
    ------
    FieldReadError
        If something is not there, a folder or a pattern gives no field, a table is damaged, a file is given twice, or
        names would not be different.
    """
    found: list[_Found] = []
    skipped = 0
    for each in given:
        here, passed = _of_one(os.fspath(each))
        found += here
        skipped += passed
    _require_single(found)
    return FoundInputs(_named(found), skipped)


def _of_one(text: str) -> tuple[list[_Found], int]:
    if glob.has_magic(text) and not os.path.lexists(text):
        return _of_pattern(text)
    path = _absolute(existing_path(Path(text).expanduser() if text.startswith("~") else text))
    if not path.is_dir():
        if path.name.lower().endswith(TABLE_ENDINGS) and place_of_field(path) == path:
            return _of_table(path), 0
        return [_Found(place_of_field(path))], 0
    if is_field_folder(path):
        return [_Found(path)], 0
    if Layout(path).plan.is_file():
        raise FieldReadError(path, "is the folder of a batch, not of its fields", remedy="Give the fields themselves.")
    fields, skipped = _inside(path)
    if not fields:
        raise FieldReadError(
            path, f"is a folder without a field; {skipped:,} other files are in it", remedy=_what_is_a_field()
        )
    return [_Found(each) for each in fields], skipped


def _what_is_a_field() -> str:
    endings = ", ".join(field_endings())
    return f"Fields are files that end in {endings}, and folders of TIMA fields or of points (with bse.png in them)."


def _of_pattern(pattern: str) -> tuple[list[_Found], int]:
    expanded = os.fspath(Path(pattern).expanduser())
    matches = [Path(each) for each in glob.glob(expanded, recursive=True)]  # noqa: PTH207, a Path has no absolute ones
    fields: list[Path] = []
    skipped = 0
    for path in (_absolute(each) for each in matches):
        if path.is_dir():
            within, passed = ([path], 0) if is_field_folder(path) else _inside(path)
            fields, skipped = fields + within, skipped + passed
        elif ending_of_field(path.name):
            fields.append(place_of_field(path))
        else:
            skipped += 1
    if not fields:
        there = f"{len(matches):,} files and folders match, none of them a field" if matches else "nothing matches it"
        raise FieldReadError(pattern, f"is a pattern without a field: {there}", remedy="Check folder and spelling.")
    # "**" finds a folder and what is in it, too.
    return [_Found(each) for each in _without_companions(list(dict.fromkeys(fields)))], skipped


def _of_table(table: Path) -> list[_Found]:
    found = []
    names: dict[str, int] = {}
    for row in read_input_table(table):
        where = f"line {row.line}"
        if row.path.is_dir() and not is_field_folder(row.path):
            raise FieldReadError(
                table, f"names {row.path}, a folder that is no field", where=where, remedy="Give a line for each field."
            )
        name = safe_name(row.name) if row.name else ""
        before = names.setdefault(compared(name), row.line) if name else row.line
        if before != row.line:
            raise FieldReadError(
                table, f"gives the name {row.name!r} twice", where=f"lines {before} and {row.line}",
                remedy="Names are different, also where upper and lower case count for one.",
            )  # fmt: skip
        path = place_of_field(_absolute(row.path))
        found.append(_Found(path, name, row.position, row.cell, f"{table.name}, {where}"))
    return found


def _absolute(path: Path) -> Path:
    return path.resolve() if ".." in path.parts else path.absolute()


def _inside(folder: Path) -> tuple[list[Path], int]:
    """Fields in a folder, at any depth, and how many files are none."""
    fields: list[Path] = []
    skipped = 0
    for path, is_folder in _walked(folder):
        if is_folder or ending_of_field(path.name):
            fields.append(place_of_field(path))
        else:
            skipped += 1
    return _without_companions(fields), skipped


def _walked(folder: Path) -> Iterator[tuple[Path, bool]]:
    """Files, and folders that are fields, in a folder; links are followed, but not round in circles."""
    pending, seen = [folder], set()
    while pending:
        here = pending.pop()
        try:
            status = here.stat()
            with os.scandir(here) as listed:
                entries = [(entry.name, entry.is_dir()) for entry in listed if not entry.name.startswith(".")]
        except OSError as error:
            raise FieldReadError(
                here, f"cannot be looked into: {error.strerror or error}", remedy="Check who may read it."
            ) from None
        identity = (status.st_dev, status.st_ino)
        if status.st_ino and identity in seen:
            continue
        seen.add(identity)
        for name, is_folder in entries:
            path = here / name
            if not is_folder:
                yield path, False
            elif name.lower().endswith(STORE_ENDINGS) or is_field_folder(path):
                yield path, True
            elif not (name.lower().endswith(".zarr") or Layout(path).plan.is_file()):
                pending.append(path)


def _without_companions(fields: list[Path]) -> list[Path]:
    """Files less those that others lead to: the .ser of an .emi, and an .asw beside the .pts that it names."""
    here = set(fields)
    stems = {(path.parent, path.stem) for path in here if path.suffix.lower() == ".emi"}
    with_maps = {parent for path in here if path.suffix.lower() == ".pts" for parent in path.parents}
    return [
        path
        for path in fields
        if not (path.suffix.lower() == ".ser" and (path.parent, path.stem.rpartition("_")[0]) in stems)
        and not (path.suffix.lower() == ".asw" and path.parent in with_maps)
    ]


def _require_single(found: list[_Found]) -> None:
    """Refuse files that are given twice, by another name or through a link, too."""
    first: dict[object, _Found] = {}
    twice: list[tuple[_Found, _Found]] = []
    for each in found:
        try:
            status = each.path.stat()
        except OSError as error:
            raise FieldReadError(each.path, f"cannot be opened: {error.strerror or error}") from None
        identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.normcase(each.path.resolve())
        before = first.setdefault(identity, each)
        if before is not each:
            twice.append((each, before))
    if not twice:
        return
    said = [f"as {before.source or before.path}, and as {each.source or each.path}" for each, before in twice]
    more = f"; {len(twice) - 1:,} more fields are given twice" if len(twice) > 1 else ""
    raise FieldReadError(twice[0][0].path, f"is given twice, {said[0]}{more}", remedy="Give each field once.")


def require_different_names(fields: Iterable[FieldInput]) -> None:
    """Refuse fields two of which have one name, also where case does not count.

    Raises
    ------
    FieldReadError
    """
    by_name: dict[str, FieldInput] = {}
    for each in fields:
        before = by_name.setdefault(compared(each.name), each)
        if before is not each:
            raise FieldReadError(
                each.path, f"would be called {each.name!r}, as {before.path} is",
                remedy="Give names in the column name of a table of paths.",
            )  # fmt: skip


def _named(found: list[_Found]) -> tuple[FieldInput, ...]:
    unnamed = [each for each in found if not each.name]
    parts = [_parts(each.path) for each in unnamed]
    _require_stems(unnamed, parts)
    names = dict(zip((each.path for each in unnamed), names_of(parts), strict=True))
    fields = [FieldInput(each.name or names[each.path], each.path, each.position, each.cell) for each in found]
    require_different_names(fields)
    return tuple(sorted(fields, key=lambda field: natural_key(field.name)))


def _parts(path: Path) -> tuple[str, ...]:
    """Parts of a path, of a file without the ending of its format; files without any other name go by their folders."""
    if path.is_dir():
        ending = ending_of_field(path.name) if path.name.lower().endswith(STORE_ENDINGS) else ""
    else:
        ending = ending_of_field(path.name) or path.suffix
    stem = path.name[: len(path.name) - len(ending)]
    return (*path.parts[:-1], stem) if stem else path.parts[:-1]


def _require_stems(found: list[_Found], parts: list[tuple[str, ...]]) -> None:
    """Refuse files of one folder that differ in their endings alone: most likely they are one field in two formats."""
    first: dict[tuple[str, ...], Path] = {}
    for each, of_path in zip(found, parts, strict=True):
        before = first.setdefault(of_path, each.path)
        if before != each.path:
            raise FieldReadError(
                each.path, f"differs from {before.name} in its ending alone, as if it were the same field",
                remedy="Give the files that are meant, by a pattern such as FOLDER/*.bcf, or in a table with names.",
            )  # fmt: skip
