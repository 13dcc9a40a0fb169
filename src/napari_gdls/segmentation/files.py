"""The files of a result: their names, checked before the work, and written when it is done. Nothing is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io import labels as label_images
from napari_gdls.io.atomic import require_writable, write_text
from napari_gdls.io.manifest import ENDING as MANIFEST_ENDING
from napari_gdls.io.manifest import remove_set, write_manifest
from napari_gdls.io.tables import write_table
from napari_gdls.recipe import LABELLINGS, METHODS
from napari_gdls.segmentation.picture import segmentation_picture
from napari_gdls.segmentation.script import NamingChoices, reproducing_script
from napari_gdls.segmentation.tables import mineral_table, phase_merge_table, phase_table, segment_table

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


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    *,
    field: Field | None = None,
    pixel_size: float | None = None,
    titles: Mapping[int, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write a label image, or the table of its segments, in the format that the ending of the name says.

    ============================  ===============================================================================
    ending                        format
    ============================  ===============================================================================
    .ome.tif, .ome.tiff, .tif     OME-TIFF, uint16 or uint32, tiled, deflate, with the pixel size
    .png                          8 or 16 bits of grey; for labels up to 65,535
    .csv                          table of segments, see `napari_gdls.segmentation.segment_table`; needs `field`
    ============================  ===============================================================================

    Parameters
    ----------
    path : path-like
    labels : (H, W) array of int
        Labels from 0.
    field : Field, optional
        The field that they belong to; gives the pixel size, and the measurements of the table.
    pixel_size : float, optional
        Edge of a pixel, in um. None: that of `field`.
    titles : mapping of int to str, optional
        What labels are called; OME-TIFF has a place for it.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the labels are no whole numbers from 0, do not fit into the format or the field, the ending is unknown, or
        the system refuses; what stood at the target is untouched.
    """
    name = os.fspath(path)
    if not name.lower().endswith(".csv"):
        if not name.lower().endswith(label_images.LABEL_ENDINGS):
            raise OutputError(f"{name}: labels are written as .ome.tif, .tif, .png or .csv; choose one of these.")
        label_images.write_labels(path, labels, field=field, pixel_size=pixel_size, titles=titles, overwrite=overwrite)
        return
    if field is None:
        raise OutputError(f"{name}: a table of segments needs the field (field=).")
    image = np.asarray(labels)
    if image.shape != field.shape:
        raise OutputError(f"{name}: the labels have shape {image.shape} and the field {field.shape}; they must agree.")
    write_table(path, segment_table(image, field), overwrite=overwrite)


def result_files(
    output: str | os.PathLike[str],
    recipe: Recipe,
    *,
    confidence: bool = False,
    constraints: bool = False,
    minerals: bool = False,
) -> dict[str, Path]:
    """Files that a run with a recipe writes: what is in each, and where it goes.

    Parameters
    ----------
    output : path-like
        Name of the label image, which the others are called after.
    recipe : Recipe
    confidence : bool
        Whether the probability of every pixel's phase is to be written, too.
    constraints : bool
        Whether there are constraints, which go with the results.
    minerals : bool
        Whether phases are to be named, where there are any: what they are and what is in them goes with the results.

    Raises
    ------
    OutputError
        If labels cannot be written under this name, or this recipe gives no confidence.
    """
    target = Path(output)
    name = target.name
    endings = label_images.LABEL_ENDINGS
    ending = next((end for end in endings if name.lower().endswith(end) and len(name) > len(end)), None)
    if ending is None:
        raise OutputError(f"{output}: labels are written as NAME.ome.tif or NAME.png; give one of these.")
    if confidence and not recipe.gives_confidence:
        methods = " or ".join(name for name, row in METHODS.items() if row.labelling is not None)
        labellings = " or ".join(name for name, row in LABELLINGS.items() if row.gives_confidence)
        how = "" if recipe.pixel_labelling is None else f" and the labelling {recipe.pixel_labelling!r}"
        raise OutputError(
            f"no confidence comes with the method {recipe.method!r}{how}; do without, or choose the method {methods} "
            f"with the labelling {labellings}."
        )
    names = _names(name, name[: -len(ending)])
    companions = ["labels", "segments"]
    if recipe.method_row.makes_phases:
        companions += ["phases"] + ["minerals"] * minerals + ["phase merges", "phase map"]
    companions += ["confidence"] * confidence + ["picture", "recipe"] + ["constraints"] * constraints
    companions += ["script", MANIFEST]
    return {what: target.with_name(names[what]) for what in companions}


def _names(labels: str, stem: str) -> dict[str, str]:
    """All names that a set of results may have, from that of the label image and its part before the ending."""
    named = {what: stem + ending for what, ending in _COMPANION_ENDINGS.items()}
    return {"labels": labels, "phase map": f"{stem}.phases{labels[len(stem) :]}", **named}


def require_writable_files(
    files: Mapping[str, Path], *, overwrite: bool, permission: str = "allow them to be replaced (option overwrite)"
) -> None:
    """Refuse targets that cannot be written, before the work is done whose results are to go there.

    Parameters
    ----------
    files : map of str to Path
        From `result_files`.
    overwrite : bool
        Whether files that are there may be replaced.
    permission : str
        How the user says that they may, for the message.

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
        raise OutputError(f"{', '.join(there)}: already there; choose another name, or {permission}.")
    for path in files.values():
        require_writable(path, overwrite=overwrite)


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
    label_images.write_labels(files["labels"], result.labels, field=field, overwrite=overwrite)
    write_table(files["segments"], result.segment_table(), overwrite=overwrite)
    if "phases" in files:
        write_table(files["phases"], phase_table(result), overwrite=overwrite)
        write_table(files["phase merges"], phase_merge_table(result), overwrite=overwrite)
        titles = dict(enumerate(result.phase_titles, 1)) if result.names else None
        label_images.write_labels(
            files["phase map"], result.phase_map(), field=field, titles=titles, overwrite=overwrite
        )
    if "minerals" in files:
        write_table(files["minerals"], mineral_table(result), overwrite=overwrite)
    if "confidence" in files:
        assert result.confidence is not None  # result_files() has seen to it
        label_images.write_float_image(
            files["confidence"], result.confidence, pixel_size=field.pixel_size, overwrite=overwrite
        )
    label_images.write_image(files["picture"], segmentation_picture(result), overwrite=overwrite)
    write_text(files["recipe"], result.recipe.to_json() + "\n", overwrite=overwrite)
    if "constraints" in files:
        write_text(files["constraints"], result.constraints.to_json() + "\n", overwrite=overwrite)
    script = reproducing_script(result, files, opening=opening, naming=naming)
    write_text(files["script"], script, overwrite=overwrite)
    written = {what: path for what, path in files.items() if what != MANIFEST}
    write_manifest(manifest, written, json.loads(result.recipe.to_json()))


def is_result(path: str | os.PathLike[str]) -> bool:
    """Whether a file has a name that results have, `result_files`."""
    return os.fspath(path).lower().endswith((*_COMPANION_ENDINGS.values(), *label_images.LABEL_ENDINGS))
