"""What a run of ``napari-gdls segment`` writes and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import typer

from napari_gdls.errors import OutputError
from napari_gdls.recipe import LABELLINGS, METHODS

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.phases.over_dispersion import Dispersion
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

_LABEL_ENDINGS = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png")
_MOST_ROWS = 20
_REFERENCE_COUNTS = 1000
_FEWEST_COUNTS = 50_000
"""Scatter is spoken of when it equals the counting noise of fewer counts than these."""


def targets(output: Path, recipe: Recipe, *, confidence: bool = False, constraints: bool = False) -> dict[str, Path]:
    """Files that a run with this recipe writes: what is in them, and their paths.

    Raises
    ------
    OutputError
        If labels cannot be written under this name, or this recipe gives no confidence.
    """
    name = output.name
    ending = next((end for end in _LABEL_ENDINGS if name.lower().endswith(end) and len(name) > len(end)), None)
    if ending is None:
        raise OutputError(f"{output}: labels are written as NAME.ome.tif or NAME.png; give one of these.")
    if confidence and not recipe.gives_confidence:
        methods = " or ".join(name for name, row in METHODS.items() if row.labelling is not None)
        labellings = " or ".join(name for name, row in LABELLINGS.items() if row.gives_confidence)
        raise OutputError(
            f"no confidence comes with the method {recipe.method!r} and the labelling {recipe.pixel_labelling!r}; "
            f"leave out --confidence, or choose --method {methods} with --labelling {labellings}."
        )
    stem, ending = name[: -len(ending)], name[-len(ending) :]
    files = {"labels": name, "segments": f"{stem}.segments.csv"}
    if recipe.method_row.makes_phases:
        files |= {
            "phases": f"{stem}.phases.csv",
            "phase merges": f"{stem}.phase_merges.csv",
            "phase map": f"{stem}.phases{ending}",
        }
    if confidence:
        files["confidence"] = f"{stem}.confidence.tif"
    files |= {"picture": f"{stem}.picture.png", "recipe": f"{stem}.recipe.json"}
    if constraints:
        files["constraints"] = f"{stem}.constraints.json"
    return {what: output.with_name(file) for what, file in files.items()}


def check_targets(paths: dict[str, Path], *, overwrite: bool) -> None:
    """Complain before the work is done, not after it."""
    there = [str(path) for path in paths.values() if path.exists()]
    if there and not overwrite:
        raise OutputError(f"{', '.join(there)}: already there; choose another name or give --overwrite.")
    output = paths["labels"]
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: the folder does not exist; make it first.")


def write_results(
    result: Segmentation, paths: dict[str, Path], *, overwrite: bool, constraints: Constraints | None = None
) -> None:
    """Write the files of `targets`, and print where they are."""
    from napari_gdls.io import write_image, write_labels, write_table, write_text
    from napari_gdls.segmentation.picture import segmentation_picture
    from napari_gdls.segmentation.tables import phase_merge_table, phase_table, segment_table

    field = result.field
    write_labels(paths["labels"], result.labels, field=field, overwrite=overwrite)
    table = segment_table(
        result.labels,
        field,
        result.measurement_labels,
        phases=result.phases if result.measurement_phases is not None else None,
        confidence=result.confidence,
    )
    write_table(paths["segments"], table, overwrite=overwrite)
    if "phases" in paths:
        write_table(paths["phases"], phase_table(result), overwrite=overwrite)
        write_table(paths["phase merges"], phase_merge_table(result), overwrite=overwrite)
        write_labels(paths["phase map"], result.phase_map(), field=field, overwrite=overwrite)
    if "confidence" in paths:
        assert result.confidence is not None  # targets() has seen to it
        _write_confidence(paths["confidence"], result.confidence, field.pixel_size, overwrite=overwrite)
    write_image(paths["picture"], segmentation_picture(result), overwrite=overwrite)
    write_text(paths["recipe"], result.recipe.to_json() + "\n", overwrite=overwrite)
    if "constraints" in paths and constraints is not None:
        write_text(paths["constraints"], constraints.to_json() + "\n", overwrite=overwrite)
    for what, path in paths.items():
        typer.echo(f"{what:>12}: {path}")


def print_summary(result: Segmentation) -> None:
    """Numbers of segments and phases, a table of the phases, scatter and drift where they matter, and the times."""
    spectra = f"from {result.field.n_measurements:,} spectra"
    if result.measurement_phases is None:
        typer.echo(f"{result.n_segments:,} segments {spectra}")
    else:
        typer.echo(f"{result.n_segments:,} segments of {result.n_phases:,} phases {spectra}")
        _print_phases(result)
        typer.echo(
            f"tau_z {result.recipe.tau_z:g}; at a significance of {result.recipe.significance:.1f} about "
            f"{_about(result.expected_false_borders)} false borders are to be expected in the merge tree, fewer "
            "between phases"
        )
        _print_dispersion(result.measurement_phases.dispersion)
    if result.drift is not None and result.drift.is_notable:
        done = "taken back" if result.recipe.drift == "correct" else "--drift correct takes it back"
        typer.echo(f"The energy calibration drifts: {result.drift}; {done}.")
    typer.echo(", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.timings.items() if seconds > 0))


def _print_phases(result: Segmentation) -> None:
    from rich.console import Console
    from rich.table import Table

    from napari_gdls.segmentation.tables import phase_table

    columns = phase_table(result)
    table = Table(box=None, pad_edge=False)
    for heading in ("phase", "area %", "+-", "segments", "spectra", "mean BSE"):
        table.add_column(heading, justify="right")
    table.add_column("")
    order = np.argsort(-columns["area [%]"], kind="stable")
    for k in order[:_MOST_ROWS]:
        table.add_row(
            str(columns["phase"][k]),
            f"{columns['area [%]'][k]:.2f}",
            f"{columns['error [%]'][k]:.2f}",
            f"{columns['segments'][k]:,}",
            f"{columns['measurements'][k]:,}",
            f"{columns['mean BSE'][k]:,.5g}"
            if result.field.bse.dtype.kind == "f"
            else f"{columns['mean BSE'][k]:,.0f}",
            "fine-grained mixture" if columns["fine-grained"][k] else "",
        )
    Console(highlight=False).print(table)
    rest = order[_MOST_ROWS:]
    if len(rest):
        typer.echo(f"... and {len(rest)} more with {columns['area [%]'][rest].sum():.2f} % in all")


def _print_dispersion(dispersion: Dispersion) -> None:
    counts = [
        _REFERENCE_COUNTS / dispersion.embedded if dispersion.embedded > 0 else np.inf,
        1 / dispersion.counts if dispersion.counts > 0 else np.inf,
    ]
    if min(counts) < _FEWEST_COUNTS:
        typer.echo(
            f"Segments of one phase scatter like spectra of {min(counts):,.0f} counts, however many they have (zoning, "
            "topography, drift); differences were judged with that."
        )


def _about(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.1g}"


def _write_confidence(
    path: Path, confidence: npt.NDArray[np.float32], pixel_size: float | None, *, overwrite: bool
) -> None:
    """Probabilities as a TIFF image of 32-bit floats, with the pixel size."""
    import tifffile

    from napari_gdls.io.atomic import atomic_file

    resolution: dict[str, Any] = {}
    if pixel_size is not None:
        resolution = {"resolution": (1e4 / pixel_size,) * 2, "resolutionunit": "CENTIMETER"}
    with atomic_file(path, overwrite=overwrite) as file:
        tifffile.imwrite(
            file, confidence.astype(np.float32), photometric="minisblack", compression="adobe_deflate", **resolution
        )
