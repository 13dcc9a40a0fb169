"""The files of an unmixing: one folder of one run, written whole or not at all. Nothing is printed."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io.atomic import atomic_folder, require_writable, write_text
from napari_gdls.io.file_names import file_stems
from napari_gdls.io.image_stacks import write_image_stack
from napari_gdls.io.labels import write_image
from napari_gdls.io.manifest import ENDING as MANIFEST_ENDING
from napari_gdls.io.manifest import files_of_set, write_manifest
from napari_gdls.io.msa import write_msa
from napari_gdls.io.tables import write_table
from napari_gdls.overlap.picture import separation_picture
from napari_gdls.overlap.tables import (
    evidence_table,
    loading_table,
    ratio_table,
    share_table,
    spectrum_table,
    tie_table,
    trace_table,
    used_ties,
)

if TYPE_CHECKING:
    from napari_gdls.overlap.decomposition import Decomposition
    from napari_gdls.overlap.recipe import UnmixingRecipe
    from napari_gdls.overlap.separation import Separation
    from napari_gdls.overlap.traces import TraceReport
    from napari_gdls.overlap.unmixing import Unmixing

MANIFEST_NAME = f"unmixing{MANIFEST_ENDING}"
"""Name of the manifest in the folder; it is written last."""

_NAMES = {
    "masks": "masks.ome.tif",
    "abundances": "abundances.ome.tif",
    "spectra": "spectra.csv",
    "shares": "shares.csv",
    "ties": "ties.csv",
    "traces": "traces.csv",
    "ratios": "ratios.csv",
    "picture": "picture.png",
}
"""Files that any separation has."""
_DECOMPOSITION_NAMES = {"scores": "scores.ome.tif", "loadings": "loadings.csv"}
_EVIDENCE_NAMES = {"evidence": "evidence.csv"}
_RECIPE_NAMES = {"recipe": "recipe.json"}


@dataclass(frozen=True)
class _Result:
    """What is to be written."""

    separation: Separation
    decomposition: Decomposition | None
    components: Mapping[str, int] | None
    recipe: UnmixingRecipe | None
    report: TraceReport


def unmixing_files(
    folder: str | os.PathLike[str],
    phases: Iterable[str],
    *,
    decomposition: bool = True,
    evidence: bool = True,
    recipe: bool = True,
) -> dict[str, Path]:
    """Files of an unmixing: what is in each, and where it is.

    Parameters
    ----------
    folder : path-like
    phases : iterable of str
        Names of the phases, as `Separation.names`.
    decomposition : bool
        Whether there is a decomposition, whose scores and loadings go with it.
    evidence : bool
        Whether the number of its components was found.
    recipe : bool
        Whether there is a recipe: not where masks were made by hand.

    Returns
    -------
    dict of str to Path
        "masks", "abundances", "spectra", "shares", "ties", "traces", "ratios", "picture"; "scores", "loadings",
        "evidence", "recipe" where there are such; "NAME, pure" and "NAME, mask" for each phase; "manifest", the last.
    """
    names = dict(_NAMES)
    names |= _DECOMPOSITION_NAMES if decomposition else {}
    names |= _EVIDENCE_NAMES if decomposition and evidence else {}
    names |= _RECIPE_NAMES if recipe else {}
    taken = {name.partition(".")[0] for name in (*_NAMES.values(), *_DECOMPOSITION_NAMES.values(), "unmixing")}
    for phase, stem in file_stems(phases, taken).items():
        names |= {f"{phase}, pure": f"{stem}.msa", f"{phase}, mask": f"{stem}.mask.msa"}
    return {what: Path(folder) / name for what, name in {**names, "manifest": MANIFEST_NAME}.items()}


def require_writable_folder(folder: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a folder that cannot be written, before the work is done whose results are to go there.

    Parameters
    ----------
    folder : path-like
        One that is not there yet, an empty one, or one that holds an earlier unmixing and nothing else.
    overwrite : bool
        Whether an earlier unmixing may be replaced.

    Raises
    ------
    OutputError
        If it is a file, holds anything else, holds an unmixing and `overwrite` is false, or the system refuses.
    """
    target = Path(folder)
    try:
        there = sorted(path.name for path in target.iterdir()) if target.is_dir() else []
        is_file = not target.is_dir() and target.exists()
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to ({error.strerror or error}).") from None
    if is_file:
        raise OutputError(f"{folder}: a file is there, and a folder is to be written; choose another name.")
    foreign = sorted(set(there) - _earlier_files(target)) if there else []
    if foreign:
        more = f" and {len(foreign) - 3} more" if len(foreign) > 3 else ""
        raise OutputError(
            f"{folder}: holds {', '.join(foreign[:3])}{more}, which no unmixing has written; choose a folder that is "
            "empty or not there yet."
        )
    if there and not overwrite:
        raise OutputError(f"{folder}: holds an unmixing already; choose another folder, or give `overwrite=True`.")
    require_writable(target, overwrite=True, folder=True)


def manifest_in(folder: str | os.PathLike[str]) -> Path | None:
    """The manifest of the unmixing that a folder holds; None if it holds none."""
    manifest = Path(folder) / MANIFEST_NAME
    return manifest if manifest.is_file() else None


def _earlier_files(folder: Path) -> set[str]:
    """Names of the files that an earlier unmixing has written into a folder."""
    manifest = folder / MANIFEST_NAME
    try:
        return {path.name for path in files_of_set(manifest).values()} | {MANIFEST_NAME}
    except FieldReadError:
        return set()


def write_unmixing(
    unmixing: Unmixing, folder: str | os.PathLike[str], *, overwrite: bool = False, report: TraceReport | None = None
) -> dict[str, Path]:
    """Write all that an unmixing found into a folder.

    Parameters
    ----------
    unmixing : Unmixing
    folder : path-like
        See `require_writable_folder`.
    overwrite : bool
        Whether an earlier unmixing that is there may be replaced.
    report : TraceReport, optional
        None: that of the separation, for all elements that are found and the usual box.

    Returns
    -------
    dict of str to Path
        What is in each file and where it is; see `unmixing_files`.

    Raises
    ------
    OutputError
        See `require_writable_folder`. The folder is then as it was.
    """
    return write_separation(
        unmixing.separation,
        folder,
        decomposition=unmixing.decomposition,
        components=unmixing.components,
        recipe=unmixing.recipe,
        report=report,
        overwrite=overwrite,
    )


def write_separation(
    separation: Separation,
    folder: str | os.PathLike[str],
    *,
    decomposition: Decomposition | None = None,
    components: Mapping[str, int] | None = None,
    recipe: UnmixingRecipe | None = None,
    report: TraceReport | None = None,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Write a separation, of masks made by hand for instance, into a folder.

    Parameters
    ----------
    separation : Separation
    folder, report, overwrite
        As in `write_unmixing`.
    decomposition : Decomposition, optional
        What the masks were made from.
    components : map of str to int, optional
        The component that each phase started from, see `separation_picture`.
    recipe : UnmixingRecipe, optional
        What repeats the run, where there is such.

    Returns
    -------
    dict of str to Path
        See `unmixing_files`.

    Raises
    ------
    OutputError
        See `require_writable_folder`. The folder is then as it was.
    """
    require_writable_folder(folder, overwrite=overwrite)
    result = _Result(
        separation, decomposition, components, recipe, separation.trace_report() if report is None else report
    )

    def files_in(place: str | os.PathLike[str]) -> dict[str, Path]:
        return unmixing_files(
            place,
            separation.names,
            decomposition=decomposition is not None,
            evidence=decomposition is not None and decomposition.evidence is not None,
            recipe=recipe is not None,
        )

    with atomic_folder(folder, overwrite=True) as temporary:
        files = files_in(temporary)
        for what, path in files.items():
            if what != "manifest":
                _WRITERS.get(what, _write_spectrum_file(what))(result, path)
        saved = {"masks": "made by hand"} if recipe is None else json.loads(recipe.to_json())
        write_manifest(files["manifest"], {what: path for what, path in files.items() if what != "manifest"}, saved)
    return files_in(folder)


def _write_masks(result: _Result, path: Path) -> None:
    separation = result.separation
    images = {
        **{grain: separation.presence[grain] for grain in separation.grains},
        f"pure {separation.matrix}": separation.pure_matrix,
        "intersection": separation.intersection,
    }
    write_image_stack(path, images, pixel_size=separation.field.pixel_size)


def _write_abundances(result: _Result, path: Path) -> None:
    write_image_stack(path, result.separation.abundances(), pixel_size=result.separation.field.pixel_size)


def _write_scores(result: _Result, path: Path) -> None:
    decomposition = _decomposition(result)
    images = {f"component {k}": decomposition.scores[..., k] for k in range(decomposition.n_components)}
    write_image_stack(path, images, pixel_size=decomposition.field.pixel_size)


def _write_evidence(result: _Result, path: Path) -> None:
    evidence = _decomposition(result).evidence
    assert evidence is not None  # or there would be no such file
    write_table(path, evidence_table(evidence))


def _write_recipe(result: _Result, path: Path) -> None:
    assert result.recipe is not None  # or there would be no such file
    write_text(path, result.recipe.to_json() + "\n")


def _write_spectrum_file(what: str) -> Callable[[_Result, Path], None]:
    """A writer of the file of "NAME, pure" or "NAME, mask"."""
    name, _, kind = what.rpartition(", ")

    def write(result: _Result, path: Path) -> None:
        separation = result.separation
        spectra = separation.spectra if kind == "pure" else separation.mask_spectra
        comments = [f"{separation.field.name or 'field'}, {kind} spectrum of {name}"]
        if kind == "pure" and name in separation.factors:
            low, high = separation.intervals[name]
            ties = " ".join(used_ties(separation, name)) or "none"
            sure = "confirmed" if separation.confirmed[name] else "NOT confirmed"
            comments += [
                f"share of {' + '.join(separation.under[name])} in the mask {separation.factors[name]:.4f}, 95 % "
                f"{low:.4f} to {high:.4f}, ties {ties}, {sure}"
            ]
        write_msa(
            path,
            np.asarray(spectra[name], dtype=np.float64),
            separation.field.energy,
            title=f"{name}, {kind}",
            beam_energy=separation.field.beam_energy,
            comments=comments,
        )

    return write


def _decomposition(result: _Result) -> Decomposition:
    assert result.decomposition is not None  # or there would be no such file
    return result.decomposition


def _table(make: Callable[[_Result], Any]) -> Callable[[_Result, Path], None]:
    return lambda result, path: write_table(path, make(result))


_WRITERS: dict[str, Callable[[_Result, Path], None]] = {
    "masks": _write_masks,
    "abundances": _write_abundances,
    "spectra": _table(lambda result: spectrum_table(result.separation)),
    "shares": _table(lambda result: share_table(result.separation)),
    "ties": _table(lambda result: tie_table(result.separation)),
    "traces": _table(lambda result: trace_table(result.report)),
    "ratios": _table(lambda result: ratio_table(result.report, result.separation.matrix)),
    "picture": lambda result, path: write_image(
        path,
        separation_picture(
            result.separation,
            decomposition=result.decomposition,
            components=result.components,
            report=result.report,
        ),
    ),
    "scores": _write_scores,
    "loadings": _table(lambda result: loading_table(_decomposition(result))),
    "evidence": _write_evidence,
    "recipe": _write_recipe,
}
