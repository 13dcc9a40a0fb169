"""Commands that segment: ``napari-gdls segment | demo``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_gdls.cli.identifying import Library, SchemeFile, specified_library, with_names
from napari_gdls.cli.options import (
    Also,
    Overwrite,
    formats_in,
    progress_bar,
    text_of,
)
from napari_gdls.cli.printing import print_files, print_summary, warn_of_mixed_results, words_after_results
from napari_gdls.cli.reading_options import Reading, with_reading_options
from napari_gdls.cli.recipe_options import with_recipe_options
from napari_gdls.cli.subjects import BeamEnergy, TakeOff
from napari_gdls.errors import GdlsError, OutputError
from napari_gdls.recipe import Recipe

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.segmentation import Segmentation


def demo(
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the results.")] = Path("gdls-demo"),
    viewer: Annotated[
        bool | None, typer.Option("--viewer/--no-viewer", help="Show in napari. Default: when there is a display.")
    ] = None,
) -> None:
    """Segment the real rock that comes with the package, a dacite, and show it."""
    from napari_gdls.samples import sample_field
    from napari_gdls.segmentation.files import require_writable_files, result_files, write_results
    from napari_gdls.segmentation.script import opening_of_sample

    recipe = Recipe()
    _make_folder(output)
    files = result_files(output / "dacite.ome.tif", recipe, minerals=True)
    require_writable_files(files, overwrite=True)
    field = sample_field("dacite")
    result = with_names(_segmented(field, recipe))
    write_results(result, files, overwrite=True, opening=opening_of_sample("dacite"))
    with words_after_results():
        typer.echo(f"A real rock: {field!r}")
        print_summary(result)
        print_files(files)
        if viewer is None:
            viewer = _can_show()
            if not viewer:
                typer.echo("No display or no Qt binding, so napari was not opened; the picture shows the result.")
        if viewer:
            typer.echo("Opening napari; close its window to end.")
    if viewer:
        import napari

        from napari_gdls.plugin.layers.viewer import show

        show(result)
        napari.run()


@with_recipe_options(Recipe)
@with_reading_options()
def segment(
    *,
    path: Annotated[Path, typer.Argument(help="File or folder of a field, in any format that can be read.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Labels: NAME.ome.tif, NAME.png, NAME.ome.zarr (with the BSE image) or NAME.geojson (polygons).",
        ),
    ],
    also: Also = None,
    recipe_file: Annotated[Path | None, typer.Option("--recipe", help="Recipe saved by an earlier run (JSON).")] = None,
    recipe_changes: dict[str, Any],
    constraints_file: Annotated[
        Path | None,
        typer.Option(
            "--constraints", help="Corrections to keep, as Constraints.to_json writes them (merge, threshold)."
        ),
    ] = None,
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Also write the probability of every pixel's phase.")
    ] = False,
    names: Annotated[bool, typer.Option(help="Name the minerals of the phases.")] = True,
    library: Library = None,
    scheme: SchemeFile = None,
    beam_energy: BeamEnergy = None,
    take_off: TakeOff = None,
    reading: Reading,
    overwrite: Overwrite = False,
    cache: Annotated[bool, typer.Option(help="Keep embedded spectra from run to run, in the user's cache.")] = True,
) -> None:
    """Segment a field; write labels, phases, tables, a picture and the recipe.

    For -o NAME.ome.tif these are NAME.ome.tif (segments), NAME.segments.csv, NAME.picture.png, NAME.recipe.json,
    NAME.script.py (makes all of it again) and NAME.manifest.json (which files belong together); and where the method
    makes phases NAME.phases.ome.tif (phase map), NAME.phases.csv (modal composition), NAME.phase_merges.csv (which
    phases could be one), and NAME.minerals.csv (names, compositions, formulas). --also adds other formats.
    """
    from napari_gdls.io.limits import checked_memory_limit
    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.segmentation.files import (
        require_field_fits,
        require_writable_files,
        result_files,
        without_content,
        write_results,
    )
    from napari_gdls.segmentation.script import NamingChoices, opening_of_file

    for given in filter(None, (recipe_file, constraints_file)):
        warn_of_mixed_results(given)
    recipe = Recipe() if recipe_file is None else Recipe.from_json(text_of(recipe_file))
    recipe = recipe.replace(**recipe_changes)
    if confidence and not recipe.gives_confidence:
        raise GdlsError(
            f"no confidence comes with this recipe (--method {recipe.method}); leave out --confidence, or choose a "
            "method and a labelling that give one, such as --labelling local."
        )
    constraints = None if constraints_file is None else Constraints.from_json(text_of(constraints_file))
    files = result_files(
        output,
        recipe,
        confidence=confidence,
        constraints=constraints is not None,
        minerals=names,
        also=formats_in(also),
    )
    require_writable_files(files, overwrite=overwrite)
    field = reading.field(path)
    require_field_fits(files, field)
    limit = checked_memory_limit(reading.memory_limit)
    result = _segmented(field, recipe, constraints=constraints, cache=cache, memory_limit=limit)
    if names and result.has_phases:
        result = with_names(result, library, scheme, beam_energy, take_off)
    if not result.names:
        files = without_content(files, "minerals")
    write_results(
        result,
        files,
        overwrite=overwrite,
        opening=opening_of_file(path, reading.arguments()),
        naming=NamingChoices(specified_library(library), scheme, beam_energy, take_off),
    )
    with words_after_results():
        print_summary(result)
        print_files(files)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "a file is there" if isinstance(error, FileExistsError) else error.strerror or str(error)
        raise OutputError(f"{folder}: no folder can be made ({reason}); choose another with --output.") from None


def _segmented(
    field: Field,
    recipe: Recipe,
    *,
    constraints: Constraints | None = None,
    cache: bool = True,
    memory_limit: int | None = None,
) -> Segmentation:
    from napari_gdls.embedding import EmbeddingCache
    from napari_gdls.pipeline import segment as segmented

    with progress_bar() as progress:
        return segmented(
            field,
            recipe,
            constraints=constraints,
            progress=progress,
            cache=EmbeddingCache() if cache else None,
            memory_limit=memory_limit,
        )


def _can_show() -> bool:
    """Whether a window can open: a Qt binding is installed and, on Linux, a display is there."""
    import importlib.util
    import os

    if sys.platform.startswith("linux") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    return any(importlib.util.find_spec(name) for name in ("PySide6", "PyQt6", "PySide2", "PyQt5"))
