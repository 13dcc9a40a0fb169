"""The command that judges segmentations: ``napari-gdls evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.cli.options import Overwrite, progress_bar, whole_number
from napari_gdls.cli.printing import print_files, warn_of_mixed_results, words_after_results
from napari_gdls.cli.reading_options import Reading, option_words, with_reading_options
from napari_gdls.errors import GdlsError, OutputError
from napari_gdls.io.text_numbers import number_in

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_gdls.evaluation import Sweep
    from napari_gdls.field import Field

ALL = "all"


@with_reading_options()
def evaluate(
    *,
    labels: Annotated[
        Path,
        typer.Argument(
            help="Labels to be judged: OME-TIFF, TIFF, PNG or NPY. With --sweep: a field, or the name of a sample."
        ),
    ],
    truth: Annotated[
        Path | None,
        typer.Argument(help="Labels taken as true, of the same size. With --sweep a simulated field brings its own."),
    ] = None,
    tolerance: Annotated[
        int | None, typer.Option(help="Border tolerance in px. Default: 0.0025 of the diagonal.", **whole_number(0))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    sweep: Annotated[
        list[str] | None,
        typer.Option(
            metavar="METHOD[=VALUE,...]",
            help="Segment the field with this method at several values of its parameter; 'all' for every method. "
            "May be given several times.",
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --sweep: NAME.csv; the curves go to NAME.png.")
    ] = None,
    reading: Reading,
    overwrite: Overwrite = False,
) -> None:
    """Compare labels with the truth: the paper's scores and others. Label 0 takes no part.

    With --sweep, segment a field by several methods over their parameters, and write the scores as a table and as the
    curves of the paper's figures 8 and 9.
    """
    if sweep is not None:
        if output is None or as_json:
            raise typer.BadParameter("give -o NAME.csv and no --json with --sweep.")
        _sweep(labels, truth, _planned(sweep), output, tolerance, reading, overwrite=overwrite)
        return
    if truth is None:
        raise typer.BadParameter("name the labels taken as true.", param_hint="TRUTH")
    if output is not None:
        raise typer.BadParameter("only --sweep writes files.", param_hint="--output")
    for name in reading.arguments():
        raise typer.BadParameter("only --sweep reads a field.", param_hint=option_words(name, ""))
    import json

    from napari_gdls.evaluation import evaluate as scored
    from napari_gdls.io import read_labels

    for file in (labels, truth):
        warn_of_mixed_results(file)
    scores = scored(read_labels(labels), read_labels(truth), tolerance=tolerance)
    typer.echo(json.dumps(scores.to_dict(), indent=2) if as_json else str(scores))


def _sweep(
    source: Path,
    truth: Path | None,
    planned: dict[str, tuple[float, ...] | None],
    output: Path,
    tolerance: int | None,
    reading: Reading,
    *,
    overwrite: bool,
) -> None:
    from napari_gdls.evaluation.sweep import sweep_field
    from napari_gdls.segmentation.files import require_writable_files

    curves = output.with_suffix(".png")
    if output.suffix.lower() != ".csv":
        raise OutputError(f"{output}: scores are written as NAME.csv; give such a name.")
    files = {"scores": output, "curves": curves}
    require_writable_files(files, overwrite=overwrite)
    field = reading.field_or_sample(source)
    reference = _truth(field, source, truth)
    values = {name: given for name, given in planned.items() if given is not None}
    with progress_bar() as progress:
        found = sweep_field(field, reference, planned, values=values, tolerance=tolerance, progress=progress)
    found.to_csv(output, overwrite=overwrite)
    found.plot(curves, overwrite=overwrite)
    with words_after_results():
        _print(found)
        print_files(files)


def _planned(wanted: list[str]) -> dict[str, tuple[float, ...] | None]:
    """Methods and their values, None for the usual ones, from METHOD and METHOD=VALUE,VALUE."""
    from napari_gdls.evaluation.sweep import SWEEPS

    planned: dict[str, tuple[float, ...] | None] = {}
    for item in wanted:
        name, given, text = item.partition("=")
        if name == ALL and not given:
            planned |= {each: planned.get(each) for each in SWEEPS}
            continue
        if name not in SWEEPS:
            raise typer.BadParameter(
                f"method {name!r} is unknown; choose from {', '.join((*SWEEPS, ALL))}.",
                param_hint="--sweep",
            )
        values = [number_in(value) for value in text.split(",")] if given else []
        known = tuple(value for value in values if value is not None)
        if len(known) < len(values):
            raise typer.BadParameter(
                f"{item!r} holds something that is no number; write METHOD=0.5,1,2.", param_hint="--sweep"
            )
        planned[name] = known or None
    return planned


def _truth(field: Field, source: Path, truth: Path | None) -> npt.NDArray[Any]:
    import numpy as np

    from napari_gdls.io import read_labels

    if truth is not None:
        given: npt.NDArray[Any] = read_labels(truth)
        return given
    if "truth" not in field.metadata:
        raise GdlsError(f"{source}: no truth comes with this field; name the file of the labels taken as true.")
    known: npt.NDArray[Any] = np.asarray(field.metadata["truth"])
    return known


def _print(found: Sweep) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    table = Table(box=SIMPLE, collapse_padding=True, pad_edge=False)
    table.caption = f"{found.points[0].scores.n_truth:,} true segments; best F of each method in bold"
    for heading in ("method", "parameter"):
        table.add_column(heading, no_wrap=True)
    for heading in ("value", "K", "ASA", "UE", "P", "R", "F", "s"):
        table.add_column(heading, justify="right", no_wrap=True)
    for method in found.methods:
        best = found.best(method)
        for point in found.of(method):
            scores = point.scores
            table.add_row(
                method,
                point.parameter,
                f"{point.value:g}",
                f"{scores.n_segments:,}",
                *(f"{value:.3f}" for value in (scores.asa, scores.ue, scores.precision, scores.recall, scores.f1)),
                f"{point.seconds:.2f}",
                style="bold" if point is best else None,
            )
        table.add_section()
    Console().print(table)
