"""Phases as an export in TIMA's mineral data interchange format, which programs for automated mineralogy read."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import quoteattr

import numpy as np
from PIL import Image

from napari_gdls._version import __version__
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.mindif import MindifField
from napari_gdls.io.xml_text import xml_text

_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPACE = 'Revision="1" xmlns="http://www.tescan.cz/tima/1_4"'
_FIELDS = "fields"


def write_mindif(path: str | os.PathLike[str], fields: Sequence[MindifField], *, overwrite: bool = False) -> None:
    """Write fields with their phases as a MinDIF export, atomically; `read_mindif` gives back equal ones.

    Parameters
    ----------
    path : path-like
        Folder that is made.
    fields : sequence of MindifField
        All of one size, one pixel size and one table of phases; the BSE images of 8 or 16 bits.
    overwrite : bool
        Whether an existing folder may be replaced.

    Raises
    ------
    OutputError
        If the fields do not fit together, a name cannot be that of a folder, or the system refuses; what stood at the
        target is untouched.

    Notes
    -----
    As TIMA 2.1 writes it, without what is not known here: dates, the shape of the sample, and shares of mass, which
    need densities.
    """
    name = os.fspath(path)
    _check(name, fields)
    first = fields[0]
    height, width = first.bse.shape
    contents = hashlib.sha256()
    for field in fields:
        for image in (field.bse, field.phases, field.mask):
            contents.update(np.ascontiguousarray(image).tobytes())
    origin = f"    <Origin>napari-gdls {__version__}</Origin>\n"
    measurement = (
        f"{_HEAD}<ExportedMeasurementData {_SPACE}>\n"
        f"    <Id>{{{uuid.UUID(bytes=contents.digest()[:16], version=4)}}}</Id>\n{origin}"
        f"    <ViewField>{first.pixel_size * width!r}</ViewField>\n"
        f"    <ImageWidth>{width}</ImageWidth>\n    <ImageHeight>{height}</ImageHeight>\n"
        "    <SemImages>\n        <SemImage>\n            <FileName>bse.png</FileName>\n"
        "            <Caption>BSE</Caption>\n        </SemImage>\n    </SemImages>\n</ExportedMeasurementData>\n"
    )
    rows = "".join(
        f"        <Field name={quoteattr(xml_text(field.name))} x={_quoted(x)} y={_quoted(y)}/>\n"
        for field in fields
        for x, y in [field.position]
    )
    listed = (
        f"{_HEAD}<ExportedMeasurementFields {_SPACE}>\n{origin}    <FieldDir>{_FIELDS}</FieldDir>\n"
        f"    <Fields>\n{rows}    </Fields>\n</ExportedMeasurementFields>\n"
    )
    rows = "".join(
        f'        <PrimaryPhase id="{phase.number}" name={quoteattr(xml_text(phase.name))} color="{phase.colour}"/>\n'
        for phase in first.phase_table
    )
    phases = (
        f"{_HEAD}<ExportedMeasurementPhases {_SPACE}>\n{origin}    <PrimaryPhases>\n{rows}"
        "    </PrimaryPhases>\n</ExportedMeasurementPhases>\n"
    )
    with atomic_folder(path, overwrite=overwrite) as folder:
        for file, text in (("measurement", measurement), ("fields", listed), ("phases", phases)):
            (folder / f"{file}.xml").write_text(text, encoding="utf-8", newline="\n")
        for field in fields:
            _write_images(folder / _FIELDS / field.name, field)


def _write_images(folder: Path, field: MindifField) -> None:
    folder.mkdir(parents=True)
    Image.fromarray(field.bse).save(folder / "bse.png")
    Image.fromarray(field.phases.astype(np.int32)).save(folder / "phases.tif", compression="tiff_deflate")
    Image.fromarray(field.mask.astype(np.uint8) * np.uint8(255)).save(folder / "mask.png")


def _check(name: str, fields: Sequence[MindifField]) -> None:
    if not fields:
        raise OutputError(f"{name}: an export needs one field at least.")
    first = fields[0]
    for field in fields:
        images = (field.bse, field.phases, field.mask)
        if any(image.shape != first.bse.shape for image in images) or field.pixel_size != first.pixel_size:
            raise OutputError(
                f"{name}: the fields of an export have one size and one pixel size; {field.name} has not."
            )
        if field.phase_table != first.phase_table:
            raise OutputError(f"{name}: the fields of an export have one table of phases; {field.name} has another.")
        if field.bse.dtype not in (np.uint8, np.uint16):
            raise OutputError(
                f"{name}: BSE images of MinDIF have 8 or 16 bits; that of {field.name} is {field.bse.dtype}."
            )
        if field.name in ("", ".", "..") or len(field.name) > 200 or set(field.name) & set('/\\\0<>:"|?*'):
            raise OutputError(f"{name}: a field called {field.name!r} cannot be a folder; call it otherwise.")
    if len({field.name for field in fields}) < len(fields):
        raise OutputError(f"{name}: two fields have one name.")


def _quoted(number: float) -> str:
    return quoteattr(f"{number:.17g}")
