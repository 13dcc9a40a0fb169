"""Commands for many fields: ``napari-gdls batch INPUTS... -o OUT`` and ``napari-gdls batch status OUT``."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from napari_gdls.argument_words import reworded
from napari_gdls.cli.batch_status import status
from napari_gdls.cli.identifying import Library, SchemeFile, specified_library
from napari_gdls.cli.options import text_of, whole_number
from napari_gdls.cli.printing import print_files, print_table, warn_of_mixed_results, words_after_results
from napari_gdls.cli.reading_options import Reading, option_words, with_reading_options
from napari_gdls.cli.recipe_options import with_recipe_options
from napari_gdls.cli.subjects import TakeOff
from napari_gdls.recipe import Recipe

if TYPE_CHECKING:
    from rich.console import Console

    from napari_gdls.batch import Batch, MapProgress
    from napari_gdls.batch.running import Report
    from napari_gdls.progress import Progress

SET_ASIDE = 3
"""Exit status of a batch that has ended, but for fields that were set aside."""

STOPPED = 130
"""Exit status of a batch that was stopped by Ctrl-C: 128 and the number of the signal, as shells have it."""

_QUIET = 30.0
"""Seconds between two lines where the words go into a file."""

_MOST_NAMED = 20
"""Fields that are listed; the tables have them all."""


class _RunByDefault(TyperGroup):
    """A group of commands, the first of which is meant where none is named."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_RunByDefault,
    help="Segment many fields by one recipe, and put them together: batch INPUTS... -o OUT (the same as batch run), "
    "batch status OUT. A file that is called 'status' or 'run' is meant by ./status or ./run.",
    no_args_is_help=True,
)
app.command()(status)


def _share(text: str) -> tuple[int, int]:
    """Number of a share and of shares from "I/N"."""
    parts = text.split("/")
    if len(parts) != 2 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):
        raise typer.BadParameter(f"{text[:40]!r} is no share: give its number and that of all shares, as in 3/40.")
    number, shares = (int(part) for part in parts)
    if not 1 <= number <= shares:
        raise typer.BadParameter(f"there is no share {number} of {shares}; they go from 1 to {shares}.")
    return number, shares


@app.command()
@with_recipe_options(Recipe)
@with_reading_options()
def run(
    *,
    inputs: Annotated[
        list[str],
        typer.Argument(
            help="Files of fields, folders with such, patterns ('day1/*.bcf'), or tables (CSV) with a column 'path' "
            "and, for a mosaic, 'x [um]' and 'y [um]'.",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder of the batch; it is made.")],
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Recipe saved by an earlier run (JSON).")] = None,
    recipe_changes: dict[str, Any],
    workers: Annotated[
        int | None,
        typer.Option(
            "--workers",
            help="Processes of this computer. Default: by its cores and memory.",
            show_default=False,
            **whole_number(1, 4096),
        ),
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", help="Work on a running dask scheduler instead, as in tcp://10.0.0.1:8786."),
    ] = None,
    scheduler_file: Annotated[
        Path | None, typer.Option("--scheduler-file", help="Likewise, by the file that it has written its address to.")
    ] = None,
    only: Annotated[
        Any,
        typer.Option(
            "--only",
            help="One share of the fields, without the section: for arrays of jobs.",
            parser=_share,
            metavar="I/N",
            show_default=False,
        ),
    ] = None,
    convert: Annotated[
        bool,
        typer.Option(
            "--convert",
            help="Take fields with other channels, too: what is summed over all fields is moved to channels that all "
            "have.",
        ),
    ] = False,
    leave_out: Annotated[
        bool,
        typer.Option(
            "--leave-out",
            help="Leave out fields that cannot be read or were measured otherwise than most, instead of refusing all.",
        ),
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace another batch in the folder: other fields, another recipe.")
    ] = False,
    retry: Annotated[
        bool,
        typer.Option(
            "--retry", help="Try fields again that were set aside. Those whose file has changed are in any case."
        ),
    ] = False,
    names: Annotated[bool, typer.Option(help="Name the minerals of the phases.")] = True,
    library: Library = None,
    scheme: SchemeFile = None,
    take_off: TakeOff = None,
    mosaic: Annotated[bool, typer.Option(help="Write one map of all fields, where their positions are known.")] = True,
    positions: Annotated[
        str, typer.Option("--positions", help="Where positions come from: auto, table, fields.xml, stage, names, none.")
    ] = "auto",
    pattern: Annotated[
        str | None,
        typer.Option("--pattern", help="Rows and columns in names of fields, as in '{row}_{column}'."),
    ] = None,
    flip: Annotated[
        str, typer.Option("--flip", help="Axes of positions that run against the image: none, x, y or xy.")
    ] = "none",
    bse_levels: Annotated[
        str, typer.Option("--bse-levels", help="How BSE levels are matched: auto, overlap, phases or none.")
    ] = "auto",
    report: Annotated[bool, typer.Option(help="Write a report.")] = True,
    reading: Reading,
) -> None:
    """Segment many fields by one recipe, and put them together to one section with one list of phases.

    What is done stays done: the same command goes on where an earlier one was stopped, whatever stopped it. Exit
    status: 0, all is done; 3, done but for fields that are set aside after three tries; 130, stopped by Ctrl-C.
    """
    from napari_gdls.batch import SectionChoices, segment_many

    if recipe_file is not None:
        warn_of_mixed_results(recipe_file)
    recipe = Recipe() if recipe_file is None else Recipe.from_json(text_of(recipe_file))
    recipe = recipe.replace(**recipe_changes)
    spec = specified_library(library)
    section = SectionChoices(
        names=names,
        library=tuple(spec) if isinstance(spec, list) else spec,
        scheme=scheme,
        take_off_angle=take_off,
        mosaic=mosaic,
        positions=positions,
        pattern=pattern,
        flip=flip,
        bse_levels=bse_levels,
        report=report,
    )
    with _stopped_cleanly(output), _shown() as (shown, progress):
        batch = segment_many(
            inputs,
            output,
            recipe,
            scheduler=scheduler,
            scheduler_file=scheduler_file,
            workers=workers,
            only=only,
            convert=convert,
            leave_out=leave_out,
            overwrite=overwrite,
            retry=retry,
            reading=reading.arguments(),
            section=section,
            report=shown,
            announce=lambda line: typer.echo(reworded(line, option_words), err=True),
            progress=progress,
        )
    with words_after_results():
        _print_batch(batch)
    if batch.set_aside:
        raise typer.Exit(SET_ASIDE)


@contextmanager
def _stopped_cleanly(output: Path) -> Iterator[None]:
    """Let Ctrl-C, and the end of a job, stop the batch without a trace of Python."""

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Stopped. What is done is kept in {output}; the same command goes on from here.", err=True)
        raise typer.Exit(STOPPED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _shown() -> Iterator[tuple[Report, Progress]]:
    """Show how far fields and section are: bars on a terminal, a line now and then in a file."""
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        with _bars(console) as both:
            yield both
        return
    last, said = -_QUIET, -1

    def line(now: MapProgress) -> None:
        nonlocal last, said
        ended = now.done + now.set_aside
        if time.monotonic() - last < _QUIET and not (ended == now.total != said):
            return
        last, said = time.monotonic(), ended
        typer.echo(f"{now.done:,} of {now.total:,} fields{_more(now)}", err=True)

    stages: set[str] = set()

    def stage_line(stage: str, fraction: float, /) -> None:
        if stage not in stages:
            stages.add(stage)
            typer.echo(f"{stage} ...", err=True)

    yield line, stage_line


@contextmanager
def _bars(console: Console) -> Iterator[tuple[Report, Progress]]:
    """Bars below each other: the fields, then every stage of the section."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bars

    more = TextColumn("{task.fields[more]}")
    with Bars(TextColumn("{task.description:>11}"), BarColumn(), more, console=console) as bars:
        tasks: dict[str, Any] = {}

        def fields(now: MapProgress) -> None:
            if "fields" not in tasks:
                tasks["fields"] = bars.add_task("fields", total=now.total, more="")
            said = f"{now.done:,} of {now.total:,}{_more(now)}"
            bars.update(tasks["fields"], completed=now.done + now.set_aside, more=said)

        def stage(name: str, fraction: float, /) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(name, total=1.0, more="")
            bars.update(tasks[name], completed=fraction, more=f"{100 * fraction:.0f} %")

        yield fields, stage
        for name, task in tasks.items():  # parts of a stage may end without saying so
            if name != "fields":
                bars.update(task, completed=1.0, more="100 %")


def _more(now: MapProgress) -> str:
    """What else there is to say: what runs, what failed, the time that is left."""
    parts = [f"{len(now.running)} running"] if now.running else []
    parts += [f"{now.suspected} to be tried again"] if now.suspected else []
    parts += [f"{now.set_aside} set aside"] if now.set_aside else []
    parts += [f"{_duration(now.seconds_left)} left"] if now.seconds_left else []
    parts += ["waiting for workers"] if not now.workers else []
    return ", ".join(["", *parts])


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _print_batch(batch: Batch) -> None:
    from rich.table import Table

    done = sum(state.state == "done" for state in batch.fields.values())
    typer.echo(f"{done:,} of {len(batch.fields):,} fields are done in {batch.folder}")
    for name in batch.set_aside[:_MOST_NAMED]:
        typer.secho(f"set aside: {name}: {batch.fields[name].error}", fg=typer.colors.YELLOW)
    if len(batch.set_aside) > _MOST_NAMED:
        typer.echo(f"... and {len(batch.set_aside) - _MOST_NAMED} more; see napari-gdls batch status {batch.folder}")
    if batch.set_aside:
        typer.echo("The same command tries those again whose file has changed; with --retry, all of them.")
    section = batch.section
    if section is None:
        return
    points = section.phases.points
    table = Table(box=None, pad_edge=False)
    for heading in ("phase", "mineral", "area %"):
        table.add_column(heading, justify="left" if heading == "mineral" else "right")
    for k in range(min(section.phases.n_phases, _MOST_NAMED)):
        title = section.names.titles[k] if section.names.names[k].name else ""
        table.add_row(str(k + 1), title, f"{100 * points[k] / max(points.sum(), 1):.2f}")
    print_table(table)
    print_files(section.files)
