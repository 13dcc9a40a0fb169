"""The command that takes overlapping phases apart: ``napari-gdls unmix``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.cli.options import (
    ELEMENTS,
    progress_bar,
    text_of,
)
from napari_gdls.cli.printing import print_files, warn_of_mixed_results, words_after_results
from napari_gdls.cli.reading_options import Reading, with_reading_options
from napari_gdls.cli.recipe_options import with_recipe_options
from napari_gdls.overlap.recipe import UnmixingRecipe

if TYPE_CHECKING:
    from napari_gdls.overlap.unmixing import Unmixing


def _ties(text: str) -> str | dict[str, str]:
    """A symbol, or symbols by grain, from "Si" and "phase 2=Si,phase 3=Mg"."""
    if "=" not in text:
        return text.strip()
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(grain.strip() and symbol.strip() for grain, _, symbol in pairs):
        raise typer.BadParameter(f"{text[:60]!r} is no list such as 'phase 2=Si,phase 3=Mg'.")
    named = {grain.strip(): symbol.strip() for grain, _, symbol in pairs}
    if len(named) < len(pairs):
        raise typer.BadParameter(f"{text[:60]!r} names a grain twice.")
    return named


@with_recipe_options(
    UnmixingRecipe,
    {
        "n_phases": {"flag": "--phases"},
        "artefacts": ELEMENTS,
        "tie_element": {"flag": "--tie", "parser": _ties, "metavar": "Si|'phase 2=Si,...'"},
    },
)
@with_reading_options(
    "Image to show: its name or number in the file, an image file, or 'counts' for the map of total counts. Default: "
    "the one that the file calls BSE or HAADF, or else total counts; results do not depend on it."
)
def unmix(
    *,
    path: Annotated[
        Path,
        typer.Argument(help="Map with a spectrum at every pixel, in any format that can be read, or a sample's name."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for the results: a new one, an empty one, or of an unmixing.")
    ],
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Recipe saved by an earlier run (JSON).")] = None,
    recipe_changes: dict[str, Any],
    reading: Reading,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an unmixing that is in the folder.")] = False,
) -> None:
    """Take the overlapping phases of a thin specimen (STEM-EDS) apart; write masks, spectra, tables and a picture.

    The folder receives masks and abundances (OME-TIFF), the spectrum of every mask and of every pure phase (.msa and
    CSV), tables of shares, ties, traces and ratios (CSV), score images and loading spectra, a picture and the recipe.
    """
    from napari_gdls.io.bse_choice import COUNTS, NAMED_OR_COUNTS
    from napari_gdls.overlap.files import require_writable_folder, write_unmixing
    from napari_gdls.overlap.unmixing import unmix_overlapping

    if recipe_file is not None:
        warn_of_mixed_results(recipe_file)
    recipe = UnmixingRecipe() if recipe_file is None else UnmixingRecipe.from_json(text_of(recipe_file))
    recipe = recipe.replace(**recipe_changes)
    require_writable_folder(output, overwrite=overwrite)
    field = reading.field_or_sample(path, bse=NAMED_OR_COUNTS)
    with progress_bar() as progress:
        result = unmix_overlapping(field, **recipe.arguments(), progress=progress)
    files = write_unmixing(result, output, overwrite=overwrite)
    with words_after_results():
        if reading.bse is None and field.metadata.get("bse_image") == COUNTS:
            typer.echo("No BSE or HAADF image in the file: the map of total counts is shown instead (--bse chooses).")
        _print_unmixing(result)
        print_files({what: file for what, file in files.items() if file.suffix != ".msa"})
        typer.echo(f"{'spectra':>12}: {output}/*.msa")


def _print_unmixing(result: Unmixing) -> None:
    """The phases as a table, and what else a user should know."""
    import numpy as np
    from rich.console import Console
    from rich.table import Table

    from napari_gdls.overlap.summary import unmixing_lines, unmixing_title
    from napari_gdls.overlap.tables import used_ties

    separation = result.separation
    typer.echo(unmixing_title(result))
    abundances = {name: float(np.nansum(image)) for name, image in result.abundances.items()}
    table = Table(box=None, pad_edge=False)
    table.add_column("phase", no_wrap=True)
    for heading in ("pixels", "counts %", "share of matrix %", "95 %"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("ties", ""):
        table.add_column(heading)
    for name in result.names:
        own = separation.pure_matrix if name == result.matrix else result.presence[name]
        row = [name, f"{np.count_nonzero(own):,}", f"{100 * abundances[name] / sum(abundances.values()):.1f}"]
        if name == result.matrix:
            row += ["", "", "", "matrix"]
        else:
            low, high = separation.intervals[name]
            row += [f"{100 * separation.factors[name]:.1f}", f"{100 * low:.1f} to {100 * high:.1f}"]
            row += [" ".join(used_ties(separation, name))]
            row += ["confirmed" if separation.confirmed[name] else "NOT confirmed"]
        table.add_row(*row)
    Console(highlight=False).print(table)
    for line in unmixing_lines(result):
        typer.echo(line)
