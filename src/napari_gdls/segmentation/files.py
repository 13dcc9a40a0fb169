"""The files of a result: their names, checked before the work, and written when it is done. Nothing is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import require_writable, write_text
from napari_gdls.io.labels import LABEL_ENDINGS as IMAGE_ENDINGS
from napari_gdls.io.labels import write_float_image, write_image
from napari_gdls.io.manifest import ENDING as MANIFEST_ENDING
from napari_gdls.io.manifest import remove_set, write_manifest
from napari_gdls.io.tables import write_table
from napari_gdls.recipe import LABELLINGS, METHODS
from napari_gdls.segmentation.output_formats import (
    FORMATS,
    LABEL_ENDINGS,
    ResultFile,
    chosen_formats,
    format_of,
    format_of_content,
    require_format,
    require_replaceable,
)
from napari_gdls.segmentation.picture import segmentation_picture
from napari_gdls.segmentation.script import NamingChoices, reproducing_script
from napari_gdls.segmentation.tables import mineral_table, phase_merge_table, phase_table

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

MANIFEST = "manifest"
"""Key of the manifest in `result_files`; it is written last."""

_COMPANION_ENDINGS = {
    "segments": ".segments.csv",
    "phases": ".phases.csv",
    "minerals": ".minerals.csv",
    "phase merges": ".phase_merges.csv",
    "confidence": ".confidence.tif",
    "picture": ".picture.png",
    "recipe": ".recipe.json",
    "constraints": ".constraints.json",
    "script": ".script.py",
    MANIFEST: MANIFEST_ENDING,
}
"""What stands beside the label image NAME.ome.tif, and what is put behind NAME."""


def result_files(
    output: str | os.PathLike[str],
    recipe: Recipe,
    *,
    confidence: bool = False,
    constraints: bool = False,
    minerals: bool = False,
    also: Iterable[str] = (),
) -> dict[str, Path]:
    """Files that a run with a recipe writes: what is in each, and where it goes.

    Parameters
    ----------
    output : path-like
        Name of the labels, which the others are called after: NAME.ome.tif, NAME.png, NAME.ome.zarr or NAME.geojson.
    recipe : Recipe
    confidence : bool
        Whether the probability of every pixel's phase is to be written, too.
    constraints : bool
        Whether there are constraints, which go with the results.
    minerals : bool
        Whether phases are to be named, where there are any: what they are and what is in them goes with the results.
    also : iterable of str
        Formats to write besides: keys of `napari_gdls.segmentation.output_formats.FORMATS`.

    Raises
    ------
    OutputError
        If labels cannot be written under this name, this recipe gives no confidence or not what a format shows, there
        is no such format, or a package that it needs is not installed.
    """
    target = Path(output)
    name = target.name
    ending = next((end for end in LABEL_ENDINGS if name.lower().endswith(end) and len(name) > len(end)), None)
    labels_format = format_of(target)
    if ending is None or labels_format is None:
        kinds = " or ".join(f"NAME{row.endings[0]}" for row in FORMATS.values() if row.holds_labels)
        raise OutputError(f"{output}: labels are written as {kinds}; give one of these.")
    if confidence and not recipe.gives_confidence:
        methods = " or ".join(name for name, row in METHODS.items() if row.labelling is not None)
        labellings = " or ".join(name for name, row in LABELLINGS.items() if row.gives_confidence)
        how = "" if recipe.pixel_labelling is None else f" and the labelling {recipe.pixel_labelling!r}"
        raise OutputError(
            f"no confidence comes with the method {recipe.method!r}{how}; do without, or choose the method {methods} "
            f"with the labelling {labellings}."
        )
    stem = name[: -len(ending)]
    contents = ["labels", "segments"]
    if recipe.method_row.makes_phases:
        contents += ["phases"] + ["minerals"] * minerals + ["phase merges"]
        contents += ["phase map"] * (len(labels_format.files) > 1)
    contents += ["confidence"] * confidence + ["picture", "recipe"] + ["constraints"] * constraints + ["script"]
    names = _names(name, stem)
    files = {content: names[content] for content in contents}
    for row in chosen_formats(also).values():
        if row is not labels_format:
            wanted = [file for file in row.files if file.beside is None or file.beside in files]
            files |= {file.content: stem + file.ending for file in wanted}
    paths = {content: target.with_name(file) for content, file in {**files, MANIFEST: names[MANIFEST]}.items()}
    for content, path in paths.items():
        row_of = format_of_content(content, path)
        if row_of is not None:
            require_format(row_of, path, recipe)
    return paths


def without_content(files: Mapping[str, Path], content: str) -> dict[str, Path]:
    """Files of a set without one, and without those that are written only beside it.

    Parameters
    ----------
    files : map of str to Path
        From `result_files`.
    content : str
        Such as "minerals", where nobody has named the phases.
    """
    gone = {file.content for row in FORMATS.values() for file in row.files if file.beside == content} | {content}
    return {what: path for what, path in files.items() if what not in gone}


def _names(labels: str, stem: str) -> dict[str, str]:
    """All names that a set of results may have, from that of the label image and its part before the ending."""
    named = {what: stem + ending for what, ending in _COMPANION_ENDINGS.items()}
    also = {file.content: stem + file.ending for row in FORMATS.values() for file in row.files}
    return {"labels": labels, "phase map": f"{stem}.phases{labels[len(stem) :]}", **named, **also}


def require_writable_files(files: Mapping[str, Path], *, overwrite: bool) -> None:
    """Refuse targets that cannot be written, before the work is done whose results are to go there.

    Parameters
    ----------
    files : map of str to Path
        From `result_files`.
    overwrite : bool
        Whether files that are there may be replaced.

    Raises
    ------
    OutputError
        If there are such files already and `overwrite` is false, one of them is a folder, or the system refuses.
    """
    folder = next(iter(files.values())).absolute().parent
    try:
        there = [str(path) for path in files.values() if path.exists()]
        missing = not folder.is_dir()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to ({error.strerror or error}).") from None
    if missing:
        raise OutputError(f"{folder}: the folder does not exist; make it first.")
    if there and not overwrite:
        raise OutputError(f"{', '.join(there)}: already there; choose another name, or give `overwrite=True`.")
    for content, path in files.items():
        row = format_of_content(content, path)
        if row is not None:
            require_replaceable(row, path)
        require_writable(path, overwrite=overwrite, folder=row is not None and row.mark is not None)


def require_field_fits(files: Mapping[str, Path], field: Field) -> None:
    """Refuse formats that have no room for a field, before the work is done whose results are to go there.

    Parameters
    ----------
    files : map of str to Path
        From `result_files`.
    field : Field

    Raises
    ------
    OutputError
        If the field lacks what a format needs, such as the size of its pixels.
    """
    for content, path in files.items():
        row = format_of_content(content, path)
        if row is not None and row.require_field is not None:
            row.require_field(path, field)


def write_results(
    result: Segmentation,
    files: Mapping[str, Path],
    *,
    overwrite: bool,
    opening: str | None = None,
    naming: NamingChoices | None = None,
) -> None:
    """Write the files of a result, the manifest last: a set without one that fits is not whole.

    Parameters
    ----------
    result : Segmentation
    files : map of str to Path
        From `result_files`.
    overwrite : bool
    opening, naming
        For the script that makes the result again; see `napari_gdls.segmentation.script.reproducing_script`.

    Raises
    ------
    OutputError
        If a file is there and `overwrite` is false, or the system refuses.
    """
    field = result.field
    manifest = files[MANIFEST]
    if overwrite:
        # What it names is about to change, and what only another method writes would stay beside the new files.
        possible = _names(files["labels"].name, manifest.name.removesuffix(MANIFEST_ENDING)).values()
        remove_set(manifest, set(possible) - {file.name for file in files.values()})
    labels_format = format_of(files["labels"])
    assert labels_format is not None  # result_files() has seen to it
    _write(labels_format.files[0], result, files["labels"], overwrite=overwrite)
    write_table(files["segments"], result.segment_table(), overwrite=overwrite)
    if "phases" in files:
        write_table(files["phases"], phase_table(result), overwrite=overwrite)
        write_table(files["phase merges"], phase_merge_table(result), overwrite=overwrite)
    if "phase map" in files:
        _write(labels_format.files[1], result, files["phase map"], overwrite=overwrite)
    if "minerals" in files:
        write_table(files["minerals"], mineral_table(result), overwrite=overwrite)
    if "confidence" in files:
        assert result.confidence is not None  # result_files() has seen to it
        write_float_image(files["confidence"], result.confidence, pixel_size=field.pixel_size, overwrite=overwrite)
    write_image(files["picture"], segmentation_picture(result), overwrite=overwrite)
    write_text(files["recipe"], result.recipe.to_json() + "\n", overwrite=overwrite)
    if "constraints" in files:
        write_text(files["constraints"], result.constraints.to_json() + "\n", overwrite=overwrite)
    for row in FORMATS.values():
        for file in row.files:
            if file.content in files:
                _write(file, result, files[file.content], overwrite=overwrite)
    script = reproducing_script(result, files, opening=opening, naming=naming)
    write_text(files["script"], script, overwrite=overwrite)
    written = {what: path for what, path in files.items() if what != MANIFEST}
    write_manifest(manifest, written, json.loads(result.recipe.to_json()))


def _write(file: ResultFile, result: Segmentation, path: Path, *, overwrite: bool) -> None:
    row = format_of_content(file.content, path)
    assert row is not None
    require_replaceable(row, path)
    file.write(result, path, overwrite=overwrite)


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a name that results have, `result_files`."""
    return os.fspath(path).lower().endswith((*_COMPANION_ENDINGS.values(), *IMAGE_ENDINGS))
