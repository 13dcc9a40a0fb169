"""Commands about fields as they are: ``napari-gdls info | convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_gdls.cli.options import BseChoice, MemoryLimit, Overwrite, open_field, reading_options


def info(
    path: Annotated[Path, typer.Argument(help="File or folder of a field.")],
    bse: BseChoice = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Print what a file holds."""
    from napari_gdls.io import describe

    choice, limit = reading_options(bse, memory_limit)
    typer.echo(str(describe(path, bse=choice, memory_limit=limit)))


def convert(
    path: Annotated[Path, typer.Argument(help="File or folder of a field, in any format that can be read.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Native store: NAME.gdls.zarr or NAME.gdls.zarr.zip.")],
    bse: BseChoice = None,
    memory_limit: MemoryLimit = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn any readable field into the native store."""
    from napari_gdls.io import write_field

    field = open_field(path, bse, memory_limit)
    write_field(output, field, overwrite=overwrite)
    typer.echo(f"{output}: {field!r}")
