"""All formats that a result can be written in, one row each.

The command line (``-o``, ``--also``), the dock, `napari_gdls.segmentation.result_files` and
`napari_gdls.segmentation.write_result` are made from the rows. A new format is a module with a function that writes a
`Segmentation` to a path, whole or not at all and always the same bytes, and a row here.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io.labels import write_labels
from napari_gdls.io.parquet import require_parquet, write_parquet
from napari_gdls.io.summed_spectra import require_hspy
from napari_gdls.segmentation.described import write_result_geojson, write_result_ome_zarr
from napari_gdls.segmentation.legend import write_legend
from napari_gdls.segmentation.mindif_export import require_mindif_field, write_result_mindif
from napari_gdls.segmentation.phase_spectrum_files import write_phase_spectra, write_summed_hspy
from napari_gdls.segmentation.stored_segmentations import write_segmentation
from napari_gdls.segmentation.tables import mineral_table, phase_merge_table, phase_table

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation


class Writer(Protocol):
    """Writes a result to a path, atomically; equal results give equal files."""

    def __call__(self, segmentation: Segmentation, path: Path, *, overwrite: bool) -> None:
        """Raise `OutputError` where it cannot; what stood at the target is untouched then."""


@dataclass(frozen=True)
class ResultFile:
    """One file, or one folder, of a format.

    Attributes
    ----------
    content : str
        What is in it, as manifest and command line call it; different for all files of all formats.
    ending : str
        What follows the NAME of a set of results: ``.legend.svg``.
    write : Writer
    beside : str or None
        It is written only where a set has this content, too: the key of `napari_gdls.segmentation.result_files`.
    """

    content: str
    ending: str
    write: Writer
    beside: str | None = None


@dataclass(frozen=True)
class ResultFormat:
    """A format of results.

    Attributes
    ----------
    title : str
        In words, for help and menus.
    endings : tuple of str
        Names of a single file of it (`write_result`) end so, in small letters.
    files : tuple of ResultFile
        What it adds to a set of results. The first is that of `write_result`.
    holds_labels : bool
        Whether the first file holds the label of every pixel, so that ``-o`` may name it.
    needs_phases : bool
        Whether there is nothing to write where the method makes no phases.
    mark : str or None
        For formats that are folders: a pattern of the name of a file that stands in every such folder. A folder without
        one is something else, and is not replaced.
    require_installed : callable or None
        Raises `OutputError` for a path where an optional package is missing.
    require_field : callable or None
        Raises `OutputError` for a path and a field that the format has no room for.
    """

    title: str
    endings: tuple[str, ...]
    files: tuple[ResultFile, ...]
    holds_labels: bool = False
    needs_phases: bool = False
    mark: str | None = None
    require_installed: Callable[[Path], None] | None = None
    require_field: Callable[[Path, Field], None] | None = None


def _write_segments(segmentation: Segmentation, path: Path, *, overwrite: bool) -> None:
    write_labels(path, segmentation.labels, field=segmentation.field, overwrite=overwrite)


def _write_phase_map(segmentation: Segmentation, path: Path, *, overwrite: bool) -> None:
    titles = dict(enumerate(segmentation.phase_titles, 1)) if segmentation.names else None
    write_labels(path, segmentation.phase_map(), field=segmentation.field, titles=titles, overwrite=overwrite)


def _as_parquet(table: Callable[[Segmentation], Mapping[str, npt.NDArray[Any]]]) -> Writer:
    def write(segmentation: Segmentation, path: Path, *, overwrite: bool) -> None:
        write_parquet(path, table(segmentation), overwrite=overwrite)

    return write


def _label_images(name: str, ending: str) -> tuple[ResultFile, ...]:
    return (
        ResultFile(f"segments ({name})", ending, _write_segments),
        ResultFile(f"phase map ({name})", f".phases{ending}", _write_phase_map, beside="phases"),
    )


def _tables() -> tuple[ResultFile, ...]:
    of_content: dict[str, Callable[[Segmentation], Mapping[str, npt.NDArray[Any]]]] = {
        "segments": lambda segmentation: segmentation.segment_table(),
        "phases": phase_table,
        "minerals": mineral_table,
        "phase merges": phase_merge_table,
    }
    return tuple(
        ResultFile(
            f"{content} (Parquet)",
            f".{content.replace(' ', '_')}.parquet",
            _as_parquet(table),
            beside=content,
        )
        for content, table in of_content.items()
    )


def _write_store(segmentation: Segmentation, path: Path, *, overwrite: bool) -> None:
    """The field and its segmentation, without the seconds that it took: equal results are equal files."""
    write_segmentation(path, _untimed(segmentation), overwrite=overwrite)


def _untimed(segmentation: Segmentation) -> Segmentation:
    before, run = segmentation.uncorrected, segmentation.merged_from
    return dataclasses.replace(
        segmentation,
        timings={},
        uncorrected=None if before is None else _untimed(before),
        merged_from=None if run is None else _untimed(run),
    )


FORMATS = {
    "ome-tiff": ResultFormat(
        "OME-TIFF of the segments, and of the phases",
        (".ome.tif", ".ome.tiff", ".tif", ".tiff"),
        _label_images("OME-TIFF", ".ome.tif"),
        holds_labels=True,
    ),
    "png": ResultFormat(
        "PNG of the segments, and of the phases", (".png",), _label_images("PNG", ".png"), holds_labels=True
    ),
    "ome-zarr": ResultFormat(
        "OME-Zarr: BSE image, segments and phases with colours, names and properties",
        (".ome.zarr",),
        (ResultFile("OME-Zarr", ".ome.zarr", write_result_ome_zarr),),
        holds_labels=True,
        mark="zarr.json",
    ),
    "geojson": ResultFormat(
        "GeoJSON: segments as polygons, for QuPath and GIS",
        (".geojson",),
        (ResultFile("GeoJSON", ".geojson", write_result_geojson),),
        holds_labels=True,
    ),
    "legend": ResultFormat(
        "legend of the phases as SVG",
        (".svg",),
        (ResultFile("legend", ".legend.svg", write_legend),),
        needs_phases=True,
    ),
    "parquet": ResultFormat("tables as Parquet", (".parquet",), _tables(), require_installed=require_parquet),
    "msa": ResultFormat(
        "summed spectrum of each phase as EMSA/MAS",
        (".spectra",),
        (ResultFile("spectra", ".spectra", write_phase_spectra),),
        needs_phases=True,
        mark="*.msa",
    ),
    "hspy": ResultFormat(
        "summed spectra as a signal of HyperSpy",
        (".hspy",),
        (ResultFile("HyperSpy", ".spectra.hspy", write_summed_hspy),),
        require_installed=require_hspy,
    ),
    "mindif": ResultFormat(
        "MinDIF export of the phases",
        (".mindif",),
        (ResultFile("MinDIF", ".mindif", write_result_mindif),),
        needs_phases=True,
        mark="measurement.xml",
        require_field=require_mindif_field,
    ),
    "store": ResultFormat(
        "native store of field and result, to go on from",
        (".gdls.zarr.zip",),
        (ResultFile("store", ".gdls.zarr.zip", _write_store),),
    ),
}
"""By the name that ``--also`` takes."""

LABEL_ENDINGS = tuple(
    sorted((end for row in FORMATS.values() if row.holds_labels for end in row.endings), key=len, reverse=True)
)
"""Endings of names that ``-o`` takes, longer ones before those that end alike."""


def format_of(path: str | os.PathLike[str]) -> ResultFormat | None:
    """The format that the ending of a name says, the longest that fits; None where there is none."""
    name = Path(path).name.lower()
    fitting = [
        (len(ending), row) for row in FORMATS.values() for ending in row.endings
        if name.endswith(ending) and len(name) > len(ending)
    ]  # fmt: skip
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def chosen_formats(names: Iterable[str]) -> dict[str, ResultFormat]:
    """The formats of these names, each once, in the order of `FORMATS`.

    Raises
    ------
    OutputError
        If there is no such format.
    """
    wanted = list(names)
    for name in wanted:
        if name not in FORMATS:
            raise OutputError(f"{name[:40]!r} is no format of results; there are {', '.join(FORMATS)}.")
    return {name: row for name, row in FORMATS.items() if name in wanted}


def require_format(row: ResultFormat, path: Path, recipe: Recipe) -> None:
    """Refuse a format that a run with this recipe cannot be written in, before it begins.

    Raises
    ------
    OutputError
        If the method makes no phases and the format is of these, or an optional package is missing.
    """
    if row.needs_phases and not recipe.method_row.makes_phases:
        raise OutputError(
            f"{path}: the method {recipe.method!r} makes no phases, and this is the {row.title}; choose another format."
        )
    if row.require_installed is not None:
        row.require_installed(path)


def require_replaceable(row: ResultFormat, path: Path) -> None:
    """Refuse to replace a folder that is not of the format that is to be written there.

    Raises
    ------
    OutputError
    """
    try:
        foreign = row.mark is not None and path.is_dir() and any(path.iterdir()) and not any(path.glob(row.mark))
    except OSError as error:
        raise OutputError(f"{path}: cannot be looked into ({error.strerror}).") from None
    if foreign:
        raise OutputError(f"{path}: is a folder with something else in it, which stays; choose another name.")


def format_of_content(content: str, path: Path) -> ResultFormat | None:
    """The format of a file of a set of results, by its content; None for those that every set has.

    Parameters
    ----------
    content : str
        Key of `napari_gdls.segmentation.result_files`.
    path : Path
        Where it goes.
    """
    if content == "labels":
        return format_of(path)
    return next((row for row in FORMATS.values() if content in [file.content for file in row.files]), None)


def also_of(contents: Iterable[str]) -> list[str]:
    """Names of the formats of which a set of results has files besides its labels, by the contents of the set."""
    there = set(contents)
    return [name for name, row in FORMATS.items() if there & {file.content for file in row.files}]
