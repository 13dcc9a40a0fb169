"""TIMA's mineral data interchange format (MinDIF): BSE images with the phases that TIMA assigned; no spectra.

A folder with ``measurement.xml`` (size of a field in um and px), ``fields.xml`` (name and position of the fields),
``phases.xml`` (number, name and colour of the phases) and one folder per field with ``bse.png``, ``phases.tif`` and
``mask.png``.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.images import read_image
from napari_gdls.io.limits import checked_memory_limit, existing_path, member, read_bounded, require_short
from napari_gdls.io.text_numbers import number_in
from napari_gdls.io.tima import TIMA_READER

_FILES = ("measurement.xml", "fields.xml", "phases.xml")
_MAX_XML_BYTES = 4 * 1024**2
"""Longest XML file that is parsed: that of an export with tens of thousands of fields."""
_MOST_NAMED = 20  # fields that a message names
_NAME = re.compile(r"[^/\\\0]{1,200}")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True)
class MindifPhase:
    """A phase: number in the images, name, and colour as ``#rrggbb``."""

    number: int
    name: str
    colour: str


@dataclass(frozen=True)
class MindifField:
    """One field of an export.

    Attributes
    ----------
    name : str
    bse : (H, W) array of uint8 or uint16
    phases : (H, W) array of int32
        Number of the phase of every pixel; 0 is unclassified.
    mask : (H, W) array of bool
        Pixels that were measured.
    pixel_size : float, um
    position : (float, float), um
        x and y of the field on the sample. In TIMA, x falls to the right.
    phase_table : tuple of MindifPhase
        All phases of the export.
    """

    name: str
    bse: npt.NDArray[Any]
    phases: npt.NDArray[np.int32]
    mask: npt.NDArray[np.bool_]
    pixel_size: float
    position: tuple[float, float]
    phase_table: tuple[MindifPhase, ...]


@dataclass(frozen=True)
class MindifExport:
    """What an export holds, without its images.

    Attributes
    ----------
    folder : Path
        That holds ``fields.xml``.
    fields : dict of str to (float, float)
        Names of the fields, and x and y on the sample in um.
    phase_table : tuple of MindifPhase
    pixel_size : float, um
    shape : (int, int)
        Height and width of a field in pixels, as declared.
    origin : str
        Program that wrote it; "" where it does not say.
    """

    folder: Path
    fields: dict[str, tuple[float, float]]
    phase_table: tuple[MindifPhase, ...]
    pixel_size: float
    shape: tuple[int, int]
    origin: str
    _fields_folder: str

    def field(self, name: str, memory_limit: int | None = None) -> MindifField:
        """One of the fields, by its name; errors as in `read_mindif`."""
        limit = checked_memory_limit(memory_limit)
        place = self.folder / self._fields_folder / name
        bse, numbers, mask = (
            read_image(_image(self.folder, self._fields_folder, name, file), limit)
            for file in ("bse.png", "phases.tif", "mask.png")
        )
        if len({bse.shape, numbers.shape, mask.shape}) > 1:
            raise FieldReadError(
                place, f"has images of different shapes: {[image.shape for image in (bse, numbers, mask)]}"
            )
        if bse.shape != self.shape:
            raise FieldReadError(
                place, f"has images of {bse.shape[0]} x {bse.shape[1]} px, and {self.shape[0]} x {self.shape[1]} are "
                "declared", where="measurement.xml", remedy="Export it again.",
            )  # fmt: skip
        if numbers.dtype.kind not in "ui" or numbers.min(initial=0) < 0 or int(numbers.max(initial=0)) >= 2**31:
            raise FieldReadError(place, f"its phases are no numbers of phases ({numbers.dtype})")
        return MindifField(
            name, bse, numbers.astype(np.int32), mask > 0, self.pixel_size, self.fields[name], self.phase_table
        )

    def chosen(self, dataset: str | int | None) -> str:
        """Name of the field that is meant: by name, by number in the order of `fields`, or the only one.

        Raises
        ------
        ReadChoiceError
            If there is no such field, or several and none was chosen.
        """
        names = list(self.fields)
        if dataset is None and len(names) == 1:
            return names[0]
        if isinstance(dataset, str) and dataset in self.fields:
            return dataset
        if isinstance(dataset, int) and 0 <= dataset < len(names):
            return names[dataset]
        if isinstance(dataset, int) and str(dataset) in self.fields:  # from a command line, where all is text
            return str(dataset)
        problem = f"holds {len(names):,} fields" if dataset is None else f"has no field {dataset!r}"
        named = ", ".join(names[:_MOST_NAMED])
        more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
        remedy = f"Choose with `dataset=`, by name or number, or take the folder of one field. There are {named}{more}."
        raise ReadChoiceError(self.folder, problem, option="dataset", remedy=remedy)


def is_mindif(path: Path) -> bool:
    """Whether the path is an export, or the folder of one of its fields."""
    if not path.is_dir() or TIMA_READER.sniff(path):  # with spectra beside the phases, it is a field
        return False
    return all((path / name).is_file() for name in _FILES) or all(
        (path / name).is_file() for name in ("bse.png", "phases.tif")
    )


def open_mindif(path: str | os.PathLike[str]) -> tuple[MindifExport, str | None]:
    """An export, and the name of the field in it if that is what the path is the folder of.

    Parameters
    ----------
    path : path-like
        Folder with ``fields.xml``, or the folder of a field two levels below.

    Raises
    ------
    FieldReadError
        As `read_mindif`, but for the images, which are not looked at.
    """
    folder, name = existing_path(path), None
    if not (folder / _FILES[1]).exists() and (folder / "phases.tif").exists():
        # Above, there may be the export that lists this field; from fields.xml alone it has names and sizes.
        field, folder = folder.absolute(), folder.absolute().parent.parent
        name = field.name
    measurement, fields, phases = (_xml(folder, file) for file in _FILES)
    sizes = {
        key: _number(folder, _text(folder, measurement, key)) for key in ("ImageWidth", "ImageHeight", "ViewField")
    }
    width, height, view = sizes.values()
    if not (width > 0 and height > 0 and view > 0 and float(width).is_integer() and float(height).is_integer()):
        raise FieldReadError(folder, f"gives fields of {view} um and {width} x {height} px", where="measurement.xml")
    fields_folder = _text(folder, fields, "FieldDir")
    if not _NAME.fullmatch(fields_folder):
        raise FieldReadError(
            folder, f"has its fields in {fields_folder!r}, which is no folder name", where="fields.xml"
        )
    positions = _positions(folder, fields)
    if name is not None and name not in positions:
        raise FieldReadError(folder, f"does not list the field {name!r}", where="fields.xml", remedy="Export it again.")
    table = tuple(_phase(folder, element) for element in _elements(phases, "PrimaryPhase"))
    origins = _elements(measurement, "Origin")
    origin = str(origins[0].text or "").strip() if origins else ""
    shape = (int(height), int(width))
    return MindifExport(folder, positions, table, view / width, shape, origin, fields_folder), name


def field_positions(folder: Path) -> dict[str, tuple[float, float]]:
    """Names of the fields of a measurement of TIMA, and x and y of each in um; in TIMA, x falls to the right.

    Parameters
    ----------
    folder : Path
        That holds ``fields.xml``, of an export or of the measurement itself.

    Raises
    ------
    FieldReadError
        If it is not there, or damaged.
    """
    return _positions(folder, _xml(folder, _FILES[1]))


def _positions(folder: Path, fields: Any) -> dict[str, tuple[float, float]]:
    positions: dict[str, tuple[float, float]] = {}
    for element in _elements(fields, "Field"):
        each = element.get("name", "")
        if not _NAME.fullmatch(each) or each in (".", ".."):
            raise FieldReadError(folder, f"names a field {each!r}, which is no folder name", where="fields.xml")
        if each in positions:
            raise FieldReadError(folder, f"lists the field {each!r} twice", where="fields.xml")
        positions[each] = (_number(folder, element.get("x", "")), _number(folder, element.get("y", "")))
    if not positions:
        raise FieldReadError(folder, "lists no fields", where="fields.xml")
    return positions


def read_mindif(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> tuple[MindifField, ...]:
    """Read all fields of an export, for example as truth for `napari_gdls.evaluate`.

    Parameters
    ----------
    path : path-like
        Folder with ``fields.xml``; or the folder of one field in it, which is then the only one that is read.
    memory_limit : int, optional
        Most bytes that an image may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If a file is missing, damaged, leads out of the folder, or does not fit the others.
    """
    export, name = open_mindif(path)
    return tuple(export.field(each, memory_limit) for each in (export.fields if name is None else (name,)))


def _xml(folder: Path, name: str) -> Any:
    file = member(folder, name)
    if file is None:
        raise FieldReadError(
            folder, f"is no MinDIF export: {name} is missing", remedy="Give the folder that holds fields.xml."
        )
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        require_short(file, _MAX_XML_BYTES, f"the {name} of an export")
        return fromstring(read_bounded(file, _MAX_XML_BYTES, name))
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FieldReadError(file, f"is no XML, or a harmful one: {error}", remedy="Export it again.") from None


def _elements(tree: Any, name: str) -> list[Any]:
    return [element for element in tree.iter() if str(element.tag).rpartition("}")[2] == name]


def _text(folder: Path, tree: Any, name: str) -> str:
    found = _elements(tree, name)
    if len(found) != 1 or not found[0].text:
        raise FieldReadError(folder, f"is incomplete: {name} is missing or given twice", remedy="Export it again.")
    return str(found[0].text).strip()


def _number(folder: Path, text: str) -> float:
    number = number_in(text)
    if number is None:
        raise FieldReadError(folder, f"gives {text[:40]!r} where a number is needed", remedy="Export it again.")
    return number


def _phase(folder: Path, element: Any) -> MindifPhase:
    number, name, colour = element.get("id", ""), element.get("name", ""), element.get("color", "")
    if not (number.isascii() and number.isdigit() and len(number) < 10 and name and _COLOUR.fullmatch(colour)):
        raise FieldReadError(folder, f"describes a phase as {number!r}, {name!r}, {colour!r}", where="phases.xml")
    return MindifPhase(int(number), name, colour)


def _image(folder: Path, *parts: str) -> Path:
    file = member(folder, *parts)
    if file is None:
        raise FieldReadError(folder, f"is incomplete: {'/'.join(parts)} is missing", remedy="Export it again.")
    return file
