"""The command that makes maps of elements: ``napari-gdls maps``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_gdls.cli.options import (
    ELEMENTS,
    Overwrite,
    progress_bar,
)
from napari_gdls.cli.printing import words_after_results
from napari_gdls.cli.quantifying import require_target
from napari_gdls.cli.reading_options import Reading, with_reading_options
from napari_gdls.cli.subjects import (
    BeamEnergy,
    LabelImage,
    TakeOff,
    conditions_line,
    instrument_of,
    phases_of,
)
from napari_gdls.errors import GdlsError

_ENDINGS = (".ome.tif", ".ome.tiff")
_FILLS = ("nearest", "segments", "dots")


def _fill(text: str) -> str:
    if text not in _FILLS:
        raise typer.BadParameter(f"{text[:40]!r} is none of {', '.join(_FILLS)}.")
    return text


@with_reading_options()
def maps(
    *,
    path: Annotated[Path, typer.Argument(help="Field, in any format that can be read, or a sample's name.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="NAME.ome.tif: a channel for each map, 32-bit floats.")
    ],
    elements: Annotated[
        str | None,
        typer.Option(
            help="Net counts of these elements, and their standard errors: Fe,Mg.",
            show_default=False,
            **{**ELEMENTS, "metavar": "Fe,Mg"},
        ),
    ] = None,
    expression: Annotated[
        list[str] | None,
        typer.Option(
            help="Arithmetic with maps, such as 'Fe/(Fe+Mg)' or 'Ca > 20 & BSE < 100'; wt(Fe) and at(Fe) are percents "
            "of segments. May be given more than once."
        ),
    ] = None,
    fill: Annotated[
        str,
        typer.Option(
            help="What pixels between measurements show: the nearest one, the mean in their segment, or nothing.",
            parser=_fill,
            metavar="|".join(_FILLS),
        ),
    ] = "nearest",
    labels: LabelImage = None,
    beam_energy: BeamEnergy = None,
    take_off: TakeOff = None,
    reading: Reading,
    overwrite: Overwrite = False,
) -> None:
    """Write maps of elements: net counts by a fit of all elements to every spectrum, ratios, percents of segments.

    The field is segmented where that is needed and --labels gives no earlier result.
    """
    from napari_gdls.io import write_image_stack
    from napari_gdls.mineralogy import element_maps, read_expression
    from napari_gdls.mineralogy.quantity_images import quantity_images

    if not elements and not expression:
        raise typer.BadParameter("name elements (--elements Fe,Mg) or give an --expression.")
    require_target(output, overwrite, _ENDINGS)
    read = [read_expression(text) for text in expression or ()]
    names = tuple(dict.fromkeys(name for each in read for name in each.names))
    field = reading.field_or_sample(path)
    segmentation = None
    if fill == "segments" or any("(" in name for name in names):
        segmentation = phases_of(field, labels)
        if segmentation is None:
            raise GdlsError(f"{labels}: is not the result of a run on this field, whose segments could be mapped.")
    instrument = instrument_of(field, beam_energy, take_off)
    shown = None if segmentation is None else segmentation.labels
    images = {}
    with progress_bar() as progress:
        if elements:
            found = element_maps(field, elements, instrument, fill=fill, labels=shown, progress=progress)
            for k, symbol in enumerate(found.elements):
                images[f"{symbol} net counts"] = found.counts[k]
                images[f"{symbol} error"] = found.errors[k]
        if names:
            known = quantity_images(field, names, instrument, fill=fill, segmentation=segmentation, progress=progress)
            for each in read:
                images[each.text] = each.value(known).astype("float32")
    write_image_stack(output, images, pixel_size=field.pixel_size, overwrite=overwrite)
    with words_after_results():
        typer.echo(conditions_line(instrument))
        typer.echo(f"{output}: {', '.join(images)}")
