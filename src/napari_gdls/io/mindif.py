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

from napari_gdls.errors import FieldReadError
from napari_gdls.io.images import read_image
from napari_gdls.io.limits import checked_memory_limit, existing_path, member, read_bounded
from napari_gdls.io.text_numbers import number_in

_FILES = ("measurement.xml", "fields.xml", "phases.xml")
_MAX_XML_BYTES = 64 * 1024**2
"""Longest XML file that is parsed: far above that of an export with thousands of fields."""
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


def is_mindif(path: Path) -> bool:
    """Whether the path is an export, or the folder of one of its fields."""
    return path.is_dir() and (
        all((path / name).is_file() for name in _FILES)
        or ((path / "bse.png").is_file() and (path / "phases.tif").is_file())
    )


def read_mindif(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> tuple[MindifField, ...]:
    """Read all fields of an export, for example as truth for `napari_gdls.evaluate`.

    Parameters
    ----------
    path : path-like
        Folder with ``fields.xml``.
    memory_limit : int, optional
        Most bytes that an image may take. None: 4 GiB.

    Raises
    ------
    FieldReadError
        If a file is missing, damaged, leads out of the folder, or does not fit the others.
    """
    folder = existing_path(path)
    limit = checked_memory_limit(memory_limit)
    measurement, fields, phases = (_xml(folder, name) for name in _FILES)
    width, view = (
        _number(folder, _text(folder, measurement, "ImageWidth")),
        _number(folder, _text(folder, measurement, "ViewField")),
    )
    if not (width > 0 and view > 0):
        raise FieldReadError(folder, f"gives fields of {view} um and {width} px", where="measurement.xml")
    table = tuple(_phase(folder, element) for element in _elements(phases, "PrimaryPhase"))
    fields_folder = _text(folder, fields, "FieldDir")
    out = []
    for element in _elements(fields, "Field"):
        name = element.get("name", "")
        if not _NAME.fullmatch(name) or name in (".", "..") or not _NAME.fullmatch(fields_folder):
            raise FieldReadError(folder, f"names a field {name!r}, which is no folder name", where="fields.xml")
        images = [
            read_image(_image(folder, fields_folder, name, file), limit)
            for file in ("bse.png", "phases.tif", "mask.png")
        ]
        if len({image.shape for image in images}) > 1:
            raise FieldReadError(
                folder / fields_folder / name, f"has images of different shapes: {[i.shape for i in images]}"
            )
        bse, numbers, mask = images
        if numbers.dtype.kind not in "ui" or numbers.min(initial=0) < 0 or int(numbers.max(initial=0)) >= 2**31:
            raise FieldReadError(
                folder / fields_folder / name, f"its phases are no numbers of phases ({numbers.dtype})"
            )
        position = (_number(folder, element.get("x", "")), _number(folder, element.get("y", "")))
        out.append(MindifField(name, bse, numbers.astype(np.int32), mask > 0, view / width, position, table))
    if not out:
        raise FieldReadError(folder, "lists no fields", where="fields.xml")
    return tuple(out)


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
