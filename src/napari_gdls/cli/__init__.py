"""The command line: ``napari-gdls COMMAND``. This file is the list of commands; each module has those of a subject."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated

import typer

from napari_gdls._version import __version__
from napari_gdls.argument_words import reworded
from napari_gdls.cli.batch import app as batch
from napari_gdls.cli.evaluation import evaluate
from napari_gdls.cli.fields import convert, info
from napari_gdls.cli.identifying import identify
from napari_gdls.cli.mapping import maps
from napari_gdls.cli.models import materials, train
from napari_gdls.cli.printing import words_alone
from napari_gdls.cli.quantifying import quantify
from napari_gdls.cli.reading_options import option_words
from napari_gdls.cli.segmenting import demo, segment
from napari_gdls.cli.unmixing import unmix
from napari_gdls.errors import GdlsError, GdlsWarning

app = typer.Typer(
    name="napari-gdls",
    help="Segment SEM-EDS spectral images into minerals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (demo, info, convert, segment, identify, quantify, maps, unmix, evaluate, train, materials):
    app.command()(command)
app.add_typer(batch, name="batch")


def main() -> None:
    """Run the command line; errors that the package raises on purpose print one line and exit with 1."""
    warnings.showwarning = _show_warning
    try:
        with words_alone():
            app()
    except GdlsError as error:
        typer.secho(f"Error: {reworded(str(error), option_words)}", fg=typer.colors.RED, err=True)
        sys.exit(1)


def _show_warning(message: Warning | str, category: type[Warning], *where: object, **how: object) -> None:
    """Print a warning of the package in one line; other ones are for programmers and left out."""
    if issubclass(category, GdlsWarning):
        typer.secho(f"Warning: {reworded(str(message), option_words)}", fg=typer.colors.YELLOW, err=True)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-gdls {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Segment SEM-EDS spectral images into minerals."""
