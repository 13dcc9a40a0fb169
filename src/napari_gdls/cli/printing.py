"""What commands print: words must never cost a result, and a terminal that takes none is one line of error."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from napari_gdls.errors import OutputError

if TYPE_CHECKING:
    from rich.table import Table

    from napari_gdls.segmentation import Segmentation

_UNPRINTED = "could not be printed"

_MOST_ROWS = 20
"""Phases that are printed, those of the largest area; the table of phases has them all."""

_FILE_WIDTH = 160  # characters of a line where there is no terminal


@contextmanager
def words_after_results() -> Iterator[None]:
    """Print inside of this context when all files are written.

    A reader that has gone (``| head -1``) is no error. Where the words cannot be written for another reason, that is
    said, and that the results are there.
    """
    with _printing(f"the results are written, but the summary {_UNPRINTED}"):
        yield


@contextmanager
def words_alone() -> Iterator[None]:
    """Print inside of this context where the words are all that a command gives."""
    with _printing(f"the answer {_UNPRINTED}"):
        yield


@contextmanager
def _printing(problem: str) -> Iterator[None]:
    if sys.stdout is None:  # closed by the caller (``>&-``)
        return (yield)
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if error.filename is not None:  # of a file that was read or written, not of the terminal
            raise
        # What is still to be flushed at the end of the program would fail again.
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123  (a name of the system, not a path)
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        if error.errno not in (errno.EPIPE, errno.EINVAL):
            raise OutputError(f"{problem} ({error.strerror}).") from None


def print_files(files: Mapping[str, Path]) -> None:
    """Where the results are."""
    width = max(map(len, files), default=0)
    for what, path in files.items():
        typer.echo(f"{what:>{width}}: {path}")


def warn_of_mixed_results(file: Path) -> None:
    """Say so where a file of results is not of the run that its manifest tells of."""
    from napari_gdls.io import faults_of_set, manifest_of

    manifest = manifest_of(file)
    if manifest is not None:
        for fault in faults_of_set(manifest):
            typer.secho(f"Warning: {fault}", fg=typer.colors.YELLOW, err=True)


def print_summary(result: Segmentation) -> None:
    """Numbers of segments and phases, a table of the phases, and what else a user should know."""
    from napari_gdls.segmentation.summary import summary_lines, title_line

    typer.echo(f"{title_line(result)} from {result.field.n_measurements:,} spectra")
    if result.has_phases:
        _print_phases(result)
    for line in summary_lines(result):
        typer.echo(line)


def _print_phases(result: Segmentation) -> None:
    import numpy as np
    from rich.table import Table

    from napari_gdls.segmentation import phase_table

    columns = phase_table(result)
    table = Table(box=None, pad_edge=False)
    table.add_column("phase", justify="right")
    if result.names:
        table.add_column("mineral", overflow="fold")
        table.add_column("p", justify="right")
    for heading in ("area %", "+-", "segments", "spectra", "mean BSE"):
        table.add_column(heading, justify="right")
    table.add_column("")
    order = np.argsort(-columns["area [%]"], kind="stable")
    digits = ",.5g" if result.field.bse.dtype.kind == "f" else ",.0f"
    for k in order[:_MOST_ROWS].tolist():
        table.add_row(
            str(columns["phase"][k]),
            *_mineral(result, k),
            f"{columns['area [%]'][k]:.2f}",
            f"{columns['error [%]'][k]:.2f}",
            f"{columns['segments'][k]:,}",
            f"{columns['measurements'][k]:,}",
            f"{columns['mean BSE'][k]:{digits}}",
            "fine-grained mixture" if columns["fine-grained"][k] else "",
        )
    print_table(table)
    rest = order[_MOST_ROWS:]
    if len(rest):
        typer.echo(f"... and {len(rest)} more with {columns['area [%]'][rest].sum():.2f} % in all")


def _mineral(result: Segmentation, phase: int) -> tuple[str, ...]:
    """Name and probability of a phase; nothing where phases have no names."""
    from napari_gdls.segmentation.summary import percent_of

    if not result.names:
        return ()
    name = result.names[phase]
    shown = f"{result.phase_titles[phase]}{name.doubt}" if name.name else ""
    if name.probability is not None:
        return shown, percent_of(name.probability)
    return shown, "by hand" if name.is_by_hand else ""


def print_table(table: Table) -> None:
    """A table, as wide as the terminal; where the words go into a file, wide enough not to be folded."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=_FILE_WIDTH)
    console.print(table)
