"""The command that judges segmentations: ``napari-gdls evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_gdls.cli import app


@app.command()
def evaluate(
    labels: Annotated[Path, typer.Argument(help="Segmentation to be judged: OME-TIFF, TIFF, PNG or NPY labels.")],
    truth: Annotated[Path, typer.Argument(help="Labels taken as true, of the same size.")],
    tolerance: Annotated[
        int | None, typer.Option(help="Border tolerance in px. Default: 0.0025 of the diagonal.", min=0)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare labels with the truth: the paper's scores and others. Label 0 takes no part."""
    import json

    from napari_gdls.evaluation import evaluate as scored
    from napari_gdls.io import read_labels

    scores = scored(read_labels(labels), read_labels(truth), tolerance=tolerance)
    typer.echo(json.dumps(scores.to_dict(), indent=2) if as_json else str(scores))
