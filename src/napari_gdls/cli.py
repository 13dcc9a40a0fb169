"""The command line: ``napari-gdls demo | info | convert | segment``; the rest is in `cli_models`, `cli_evaluation`.

What `segment` writes and prints is in `cli_results`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls._version import __version__
from napari_gdls.errors import GdlsError

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.phases.constraints import Constraints
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
    from napari_gdls.cli_results import print_summary, targets, write_results
    from napari_gdls.recipe import Recipe
    from napari_gdls.samples import sample_field

    field = sample_field("dacite")
    typer.echo(f"A real rock: {field!r}")
    recipe = Recipe()
    result = _segmented(field, recipe)
    print_summary(result)
    output.mkdir(parents=True, exist_ok=True)
    write_results(result, targets(output / "dacite.ome.tif", recipe), overwrite=True)
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
    method: Annotated[
        str | None,
        typer.Option(
            help="merge (merge tree and phases; the default), threshold (the paper's), or as other programs do: "
            "watershed, bse_only, pixelwise, bse_ranges."
        ),
    ] = None,
    tau_z: Annotated[
        float | None,
        typer.Option(
            help="merge: least difference of two phases, without noise (default 0.3). threshold: largest difference of "
            "neighbours in a segment, with noise (1)."
        ),
    ] = None,
    significance: Annotated[
        float | None,
        typer.Option(help="merge: how sure a difference must be, x for an error of exp(-x) (ln N + 5)."),
    ] = None,
    tau_b: Annotated[
        float | None,
        typer.Option(
            help="In parts of the BSE scale. merge: phases further apart in BSE stay apart (no limit). threshold: "
            "largest difference of neighbours in a segment (0.05)."
        ),
    ] = None,
    intergrowths: Annotated[
        bool | None,
        typer.Option(
            "--intergrowths/--no-intergrowths",
            help="merge: make one phase of an area with grains too small to be told apart (yes).",
        ),
    ] = None,
    labelling: Annotated[
        str | None,
        typer.Option(
            help="merge, threshold: how pixels get labels: local (with a confidence; default of merge), walker "
            "(default of threshold), paper (threshold only, as published)."
        ),
    ] = None,
    smallest: Annotated[int | None, typer.Option(help="merge: neighbours absorb segments of fewer pixels (0).")] = None,
    constraints_file: Annotated[
        Path | None,
        typer.Option(
            "--constraints", help="merge, threshold: corrections to keep, as Constraints.to_json writes them."
        ),
    ] = None,
    model: Annotated[str | None, typer.Option(help="Embedding: a name or a weights file.")] = None,
    device: Annotated[str | None, typer.Option(help="auto, cpu, cuda, cuda:1, mps.")] = None,
    drift: Annotated[str | None, typer.Option(help="Drift of the energy axis: report, correct or ignore.")] = None,
    calibration: Annotated[
        str | None, typer.Option(help="threshold: scale of tau_z: model, or measured on the field.")
    ] = None,
    max_distance: Annotated[float | None, typer.Option(help="Longest edge, in sampling distances.")] = None,
    beta: Annotated[float | None, typer.Option(help="Weight of BSE steps in labelling pixels.")] = None,
    reach: Annotated[float | None, typer.Option(help="Farthest labelled pixel, in sampling distances.")] = None,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Also write the probability of every pixel's phase.")
    ] = False,
    bse: BseChoice = None,
    memory_limit: MemoryLimit = None,
    overwrite: Overwrite = False,
    cache: Annotated[bool, typer.Option(help="Keep embedded spectra from run to run, in the user's cache.")] = True,
) -> None:
    """Segment a field; write labels, phases, tables, a picture and the recipe.

    For -o NAME.ome.tif these are NAME.ome.tif (segments), NAME.segments.csv, NAME.picture.png and NAME.recipe.json;
    and where the method makes phases NAME.phases.ome.tif (phase map), NAME.phases.csv (modal composition) and
    NAME.phase_merges.csv (which phases could be one).
    """
    from napari_gdls.cli_results import check_targets, print_summary, targets, write_results
    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.recipe import Recipe

    given = {
        "method": method,
        "tau_z": tau_z,
        "significance": significance,
        "tau_b": tau_b,
        "intergrowths": intergrowths,
        "labelling": labelling,
        "smallest": smallest,
        "model": model,
        "device": device,
        "drift": drift,
        "calibration": calibration,
        "max_distance": max_distance,
        "beta": beta,
        "reach": reach,
    }
    recipe = Recipe() if recipe_file is None else Recipe.from_json(_text(recipe_file))
    recipe = recipe.replace(**{name: value for name, value in given.items() if value is not None})
    constraints = None if constraints_file is None else Constraints.from_json(_text(constraints_file))
    paths = targets(output, recipe, confidence=confidence, constraints=constraints is not None)
    check_targets(paths, overwrite=overwrite)
    result = _segmented(open_field(path, bse, memory_limit), recipe, constraints=constraints, cache=cache)
    print_summary(result)
    write_results(result, paths, overwrite=overwrite, constraints=constraints)


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


def _segmented(
    field: Field, recipe: Recipe, *, constraints: Constraints | None = None, cache: bool = True
) -> Segmentation:
    from napari_gdls.embedding import EmbeddingCache
    from napari_gdls.pipeline import segment as segmented

    with progress_bar() as progress:
        return segmented(
            field, recipe, constraints=constraints, progress=progress, cache=EmbeddingCache() if cache else None
        )


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


def _can_show() -> bool:
    """Whether a window can open: a Qt binding is installed and, on Linux, a display is there."""
    import importlib.util
    import os

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6", "PySide2", "PyQt5"))


if __name__ == "__main__":
    main()
