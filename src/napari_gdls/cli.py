"""The command line: ``napari-gdls demo | info | convert | segment``; the rest is in `cli_models`, `cli_evaluation`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls._version import __version__
from napari_gdls.errors import GdlsError, OutputError

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.pipeline import Segmentation
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Recipe

app = typer.Typer(
    name="napari-gdls",
    help="Segment SEM-EDS spectral images into minerals.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

DEMO_THRESHOLDS: dict[str, Any] = {"tau_b": 0.06, "tau_z": 2.0}
"""Thresholds of the demonstration, set by eye for the dacite sample as the paper's were by an expert."""

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


def main() -> None:
    """Run the command line; errors that the package raises on purpose print one line and exit with 1."""
    from napari_gdls import cli_evaluation, cli_models  # noqa: F401  (importing them adds their commands)

    try:
        app()
    except GdlsError as error:
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        sys.exit(1)


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


@app.command()
def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("gdls-demo"),
    viewer: Annotated[
        bool | None, typer.Option("--viewer/--no-viewer", help="Show in napari. Default: when there is a display.")
    ] = None,
) -> None:
    """Segment the real rock that comes with the package, a dacite, and show it."""
    from napari_gdls.recipe import Recipe
    from napari_gdls.samples import sample_field

    field = sample_field("dacite")
    typer.echo(f"A real rock: {field!r}")
    result = _segmented(field, Recipe(**DEMO_THRESHOLDS))
    output.mkdir(parents=True, exist_ok=True)
    _write_results(result, output / "dacite.ome.tif", overwrite=True)
    if viewer is None:
        viewer = _can_show()
        if not viewer:
            typer.echo("No display or no Qt binding, so napari was not opened; the picture above shows the result.")
    if viewer:
        import napari

        from napari_gdls.plugin.layers import show

        typer.echo("Opening napari; close its window to end.")
        show(result)
        napari.run()


@app.command()
def info(
    path: Annotated[Path, typer.Argument(help="File or folder of a field.")],
    bse: BseChoice = None,
    memory_limit: MemoryLimit = None,
) -> None:
    """Print what a file holds."""
    from napari_gdls.io import describe

    choice, limit = _reading_options(bse, memory_limit)
    typer.echo(str(describe(path, bse=choice, memory_limit=limit)))


@app.command()
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


@app.command()
def segment(
    path: Annotated[Path, typer.Argument(help="File or folder of a field, in any format that can be read.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Labels: NAME.ome.tif or NAME.png.")],
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Recipe saved by an earlier run (JSON).")] = None,
    model: Annotated[str | None, typer.Option(help="Embedding: a name or a weights file.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    drift: Annotated[str | None, typer.Option(help="Drift of the energy axis: report, correct or ignore.")] = None,
    calibration: Annotated[str | None, typer.Option(help="Scale of tau_z: model, or measured on the field.")] = None,
    method: Annotated[str | None, typer.Option(help="How the graph is cut: threshold.")] = None,
    tau_b: Annotated[float | None, typer.Option(help="Largest BSE difference inside a segment, 0 to 1.")] = None,
    tau_z: Annotated[float | None, typer.Option(help="Largest spectral difference inside a segment.")] = None,
    max_distance: Annotated[float | None, typer.Option(help="Longest edge, in sampling distances.")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of BSE steps in labelling pixels.")] = None,
    reach: Annotated[float | None, typer.Option(help="Farthest labelled pixel, in sampling distances.")] = None,
    bse: BseChoice = None,
    memory_limit: MemoryLimit = None,
    overwrite: Overwrite = False,
    cache: Annotated[bool, typer.Option(help="Keep embedded spectra from run to run, in the user's cache.")] = True,
) -> None:
    """Segment a field; write labels, a table of segments, a picture and the recipe.

    For -o NAME.ome.tif these are NAME.ome.tif, NAME.segments.csv, NAME.picture.png and NAME.recipe.json.
    """
    from napari_gdls.recipe import Recipe

    given = {
        "model": model,
        "device": device,
        "drift": drift,
        "calibration": calibration,
        "method": method,
        "tau_b": tau_b,
        "tau_z": tau_z,
        "max_distance": max_distance,
        "beta": beta,
        "reach": reach,
    }
    recipe = Recipe() if recipe_file is None else Recipe.from_json(_text(recipe_file))
    recipe = recipe.replace(**{name: value for name, value in given.items() if value is not None})
    _check_targets(output, overwrite)
    result = _segmented(open_field(path, bse, memory_limit), recipe, cache=cache)
    _write_results(result, output, overwrite=overwrite)


def open_field(path: Path, bse: str | None, memory_limit: float | None) -> Field:
    """Read a field; `bse` and `memory_limit` (GiB) as the options of these names give them."""
    from napari_gdls.io import read_field

    choice, limit = _reading_options(bse, memory_limit)
    field: Field = read_field(path, bse=choice, memory_limit=limit)
    return field


def _reading_options(bse: str | None, memory_limit: float | None) -> tuple[str | int | None, int | None]:
    choice = int(bse) if bse is not None and bse.isdecimal() else bse
    return choice, None if memory_limit is None else int(memory_limit * 2**30)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise GdlsError(f"{path}: cannot be read ({error}).") from None


def _segmented(field: Field, recipe: Recipe, *, cache: bool = True) -> Segmentation:
    from napari_gdls.embedding import EmbeddingCache
    from napari_gdls.pipeline import segment as segmented

    with progress_bar() as progress:
        result = segmented(field, recipe, progress=progress, cache=EmbeddingCache() if cache else None)
    times = ", ".join(f"{stage} {seconds:.2f} s" for stage, seconds in result.timings.items())
    typer.echo(f"{result.n_segments:,} segments from {field.n_measurements:,} spectra ({times})")
    if result.drift is not None and result.drift.is_notable:
        done = "taken back" if recipe.drift == "correct" else "--drift correct takes it back"
        typer.echo(f"The energy calibration drifts: {result.drift}; {done}.")
    return result


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Bars on standard error, one for each stage, behind the `Progress` that it gives."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:>10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def report(stage: str, fraction: float, /) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=fraction)

        yield report


def _stem(output: Path) -> str:
    name = output.name
    for ending in (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png"):
        if name.lower().endswith(ending) and len(name) > len(ending):
            return name[: -len(ending)]
    raise OutputError(f"{output}: labels are written as NAME.ome.tif or NAME.png; give one of these.")


def _targets(output: Path) -> dict[str, Path]:
    stem = _stem(output)
    endings = {"table": ".segments.csv", "picture": ".picture.png", "recipe": ".recipe.json"}
    return {"labels": output, **{what: output.with_name(stem + ending) for what, ending in endings.items()}}


def _check_targets(output: Path, overwrite: bool) -> None:
    """Complain before the work is done, not after it."""
    there = [str(path) for path in _targets(output).values() if path.exists()]
    if there and not overwrite:
        raise OutputError(f"{', '.join(there)}: already there; choose another name or give --overwrite.")
    if not output.absolute().parent.is_dir():
        raise OutputError(f"{output}: the folder does not exist; make it first.")


def _write_results(result: Segmentation, output: Path, *, overwrite: bool) -> None:
    from napari_gdls.io import write_image, write_labels, write_table, write_text
    from napari_gdls.picture import segmentation_picture
    from napari_gdls.segments import segment_table

    targets = _targets(output)
    field = result.field
    write_labels(targets["labels"], result.labels, field=field, overwrite=overwrite)
    table = segment_table(result.labels, field, result.measurement_labels)
    write_table(targets["table"], table, overwrite=overwrite)
    write_image(targets["picture"], segmentation_picture(result), overwrite=overwrite)
    write_text(targets["recipe"], result.recipe.to_json() + "\n", overwrite=overwrite)
    for what, path in targets.items():
        typer.echo(f"{what:>10}: {path}")


def _can_show() -> bool:
    """Whether a window can open: a Qt binding is installed and, on Linux, a display is there."""
    import importlib.util
    import os

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6", "PySide2", "PyQt5"))


if __name__ == "__main__":
    main()
