"""The phase map of a result as a MinDIF export, which programs for automated mineralogy read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from napari_gdls.errors import OutputError
from napari_gdls.io.file_names import file_stems
from napari_gdls.io.mindif import MindifField, MindifPhase
from napari_gdls.io.mindif_writing import write_mindif
from napari_gdls.segmentation.tables import hexadecimal

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation

_UNCLASSIFIED = MindifPhase(0, "[Unclassified]", "#000000")
"""What TIMA calls pixels without a phase."""


def require_mindif_field(path: str | os.PathLike[str], field: Field) -> None:
    """Refuse fields that MinDIF has no room for.

    Raises
    ------
    OutputError
        If the pixel size is not known, or the BSE image is not of 8 or 16 bits.
    """
    if field.pixel_size is None:
        raise OutputError(
            f"{os.fspath(path)}: MinDIF needs the size of a pixel in um, and the field does not say it; choose another "
            "format."
        )
    if field.bse.dtype not in (np.uint8, np.uint16):
        raise OutputError(
            f"{os.fspath(path)}: MinDIF holds BSE images of 8 or 16 bits, and that of the field is {field.bse.dtype}; "
            "choose another format."
        )


def write_result_mindif(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write BSE image and phase map as a MinDIF export of one field; see `napari_gdls.io.write_mindif`.

    Raises
    ------
    RecipeError
        If the method made no phases.
    OutputError
        As `require_mindif_field`, or if the system refuses.
    """
    field = segmentation.field
    require_mindif_field(path, field)
    assert field.pixel_size is not None  # required above
    phases = [
        MindifPhase(phase, title, hexadecimal(colour))
        for phase, (title, colour) in enumerate(
            zip(segmentation.phase_titles, segmentation.phase_colours, strict=True), start=1
        )
    ]
    exported = MindifField(
        name=next(iter(file_stems([field.name or "field"]).values())),
        bse=field.bse,
        phases=segmentation.phase_map(),
        mask=field.valid,
        pixel_size=field.pixel_size,
        position=(0.0, 0.0),
        phase_table=(_UNCLASSIFIED, *phases),
    )
    write_mindif(path, [exported], overwrite=overwrite)
