"""What several commands share: options, reading a field, a progress bar on the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.errors import GdlsError

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.progress import Progress

MemoryLimit = Annotated[
    float | None, typer.Option("--memory-limit", help="Most memory that reading may take, in GiB.", min=0.001)
]
BseChoice = Annotated[
    str | None,
    typer.Option(
        "--bse", help="Which image is the BSE: its name or number in the file, an image file, or 'counts' for none."
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace files that are there.")]


def open_field(path: Path, bse: str | None, memory_limit: float | None) -> Field:
    """Read a field; `bse` and `memory_limit` (GiB) as the options of these names give them."""
    from napari_gdls.io import read_field

    choice, limit = reading_options(bse, memory_limit)
    return read_field(path, bse=choice, memory_limit=limit)


def reading_options(bse: str | None, memory_limit: float | None) -> tuple[str | int | None, int | None]:
    """Arguments `bse` and `memory_limit` (bytes) of the readers, from the options of these names."""
    choice = int(bse) if bse is not None and bse.isascii() and bse.isdecimal() else bse
    if memory_limit is not None and not memory_limit * 2**30 < 2**63:
        raise typer.BadParameter(f"{memory_limit} GiB is more than any computer has.", param_hint="--memory-limit")
    return choice, None if memory_limit is None else int(memory_limit * 2**30)


def text_of(path: Path) -> str:
    """What a text file holds, or one clear error."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise GdlsError(f"{path}: cannot be read ({error}).") from None


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Bars on standard error, one for each stage, behind the `Progress` that it gives."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from napari_gdls.compilation import STAGE as COMPILING

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}
        told: set[str] = set()

        def report(stage: str, fraction: float, /) -> None:
            if stage == COMPILING:
                if stage not in told:
                    bars.console.print("compiling; only once on this machine, for about half a minute")
                told.add(stage)
                return
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=fraction)

        yield report
        for task in tasks.values():  # parts of a stage may end without saying so
            bars.update(task, completed=1.0)
