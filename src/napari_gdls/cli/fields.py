"""Commands about fields as they are: ``napari-gdls info | convert``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_gdls.argument_words import reworded
from napari_gdls.cli.options import (
    ELEMENTS,
    Overwrite,
)
from napari_gdls.cli.printing import print_files, words_after_results
from napari_gdls.cli.reading_options import Reading, option_words, with_reading_options
from napari_gdls.cli.subjects import is_single_spectrum
from napari_gdls.errors import FieldReadError, GdlsError


@with_reading_options()
def info(
    path: Annotated[
        Path,
        typer.Argument(help="File or folder of a field, or results: a file of them, or the folder of an unmixing."),
    ],
    reading: Reading,
) -> None:
    """Print what a file holds, or whether the results that it belongs to are all of one run."""
    from napari_gdls.io import describe, describe_mindif, faults_of_set, files_of_set, manifest_of, read_spectrum
    from napari_gdls.io.mindif import is_mindif
    from napari_gdls.overlap.files import manifest_in
    from napari_gdls.segmentation.files import is_result

    manifest = (manifest_in(path) if path.is_dir() else None) or manifest_of(path)
    if manifest is None and is_result(path) and path.is_file() and not _is_field(path):
        raise GdlsError(
            f"{path}: looks like a file of results, and no *.manifest.json beside it names it: the run that wrote it "
            "was not finished, another run has replaced its results, or it was moved. Run the segmentation again."
        )
    if manifest is None and is_mindif(path):
        typer.echo(str(describe_mindif(path, dataset=reading.dataset, memory_limit=reading.memory_limit)))
        return
    if manifest is None and not _is_field(path) and is_single_spectrum(path):
        rows = [("file", str(path)), ("format", "one spectrum"), *read_spectrum(path).rows()]
        typer.echo("\n".join(f"{heading + ':':<20} {text}" for heading, text in rows))
        typer.echo("Name its mineral with napari-gdls identify, or find its composition with napari-gdls quantify.")
        return
    if manifest is None:
        typer.echo(reworded(str(describe(path, **reading.arguments())), option_words))
        return
    faults = faults_of_set(manifest)
    print_files(files_of_set(manifest))
    if faults:
        raise GdlsError("; ".join(faults) + " Run the command again, or do not use them together.")
    typer.echo("All of one run, and unchanged.")


def _is_field(path: Path) -> bool:
    from napari_gdls.io.registry import find_reader

    try:
        find_reader(path)
    except FieldReadError:
        return False
    return True


@with_reading_options()
def convert(
    path: Annotated[Path, typer.Argument(help="File or folder of a field, in any format that can be read.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="Native store: NAME.gdls.zarr or NAME.gdls.zarr.zip. For the result in a store also NAME.ome.zarr, "
            ".geojson, .ome.tif, .png, .csv, .parquet, .svg (legend), .spectra, .hspy or .mindif.",
        ),
    ],
    reading: Reading,
    artefacts: Annotated[
        str | None,
        typer.Option(
            help="Elements that are no part of the specimen, to be kept with the field: Cu of the grid, Ga of the ion "
            "beam. Default: those that the field names.",
            show_default=False,
            **ELEMENTS,
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Turn any readable field into the native store, or the result in a store into a format of other programs."""
    if _is_format_of_results(output):
        chosen = {**reading.arguments(), "artefacts": artefacts}
        given = [
            option_words(name, "") for name, value in chosen.items() if value is not None and name != "memory_limit"
        ]
        if given:
            raise GdlsError(
                f"{', '.join(given)}: these are for reading a field, and {output} is a format of results; leave them "
                "out, or write a store (NAME.gdls.zarr)."
            )
        _convert_result(path, output, reading.memory_limit, overwrite=overwrite)
        return
    from napari_gdls.io.store import require_writable_store, write_field

    require_writable_store(output, overwrite=overwrite)
    field = reading.field(path)
    if artefacts is not None:
        field = field.with_artefacts(artefacts)
    write_field(output, field, overwrite=overwrite)
    with words_after_results():
        typer.echo(f"{output}: {field!r}")


def _is_format_of_results(output: Path) -> bool:
    from napari_gdls.io import STORE_ENDINGS

    if str(output).lower().endswith(STORE_ENDINGS):
        return False
    from napari_gdls.segmentation.single_files import is_result_name

    return is_result_name(output)


def _convert_result(path: Path, output: Path, limit: int | None, *, overwrite: bool) -> None:
    from napari_gdls.io import read_field, read_results
    from napari_gdls.io.limits import existing_path
    from napari_gdls.io.store import is_store
    from napari_gdls.segmentation.single_files import require_writable_result, write_labels, write_result
    from napari_gdls.segmentation.stored_segmentations import read_segmentation

    require_writable_result(output, overwrite=overwrite)
    stored = read_results(path, memory_limit=limit) if is_store(existing_path(path)) else None
    if stored is None or stored.labels is None:
        raise FieldReadError(
            path,
            "holds no result",
            remedy=f"{output} is a format of results: segment the field (napari-gdls segment), or convert it to a "
            "store (NAME.gdls.zarr).",
        )
    if stored.parts:
        result = read_segmentation(path, memory_limit=limit)
        write_result(output, result, overwrite=overwrite)
        words = repr(result)
    else:
        field = read_field(path, memory_limit=limit)
        write_labels(output, stored.labels, field=field, titles=stored.names, overwrite=overwrite)
        words = f"labels of {field!r}"
    with words_after_results():
        typer.echo(f"{output}: {words}")
