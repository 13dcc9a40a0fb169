"""One file of a result, or of labels that others made, in the format that its name says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import OutputError
from napari_gdls.io import STORE_ENDINGS, geojson, ome_zarr
from napari_gdls.io import labels as label_images
from napari_gdls.io.atomic import require_writable
from napari_gdls.io.described_labels import DescribedLabels, described_by_titles
from napari_gdls.io.tables import write_table
from napari_gdls.segmentation.output_formats import FORMATS, format_of, require_format, require_replaceable
from napari_gdls.segmentation.stored_segmentations import write_segmentation
from napari_gdls.segmentation.tables import segment_table

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation

_TABLE = ".csv"
DESCRIBED_ENDINGS = (geojson.ENDING, ome_zarr.ENDING)
"""Endings of formats that hold more than the labels."""


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
    .ome.zarr                     OME-Zarr 0.5 (a folder), with the BSE image of `field`, which it needs
    .geojson                      polygons along the edges of pixels, for QuPath and GIS
    .csv                          table of segments, see `napari_gdls.segmentation.segment_table`; needs `field`
    ============================  ===============================================================================

    Parameters
    ----------
    path : path-like
    labels : (H, W) array of int
        Labels from 0.
    field : Field, optional
        The field that they belong to; gives the pixel size, the BSE image, and the measurements of the table.
    pixel_size : float, optional
        Edge of a pixel, in um. None: that of `field`.
    titles : mapping of int to str, optional
        What labels are called; OME-TIFF, OME-Zarr and GeoJSON have a place for it.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the labels are no whole numbers from 0, do not fit into the format or the field, the ending is unknown, or
        the system refuses; what stood at the target is untouched.
    """
    name = os.fspath(path)
    ending = next((end for end in (_TABLE, *DESCRIBED_ENDINGS) if name.lower().endswith(end)), None)
    if ending is None:
        if not name.lower().endswith(label_images.LABEL_ENDINGS):
            raise OutputError(
                f"{name}: labels are written as .ome.tif, .tif, .png, .ome.zarr, .geojson or .csv; choose one of these."
            )
        label_images.write_labels(path, labels, field=field, pixel_size=pixel_size, titles=titles, overwrite=overwrite)
        return
    if field is None and ending == _TABLE:
        raise OutputError(f"{name}: a table of segments needs the field (field=).")
    image = np.asarray(labels)
    if field is not None and image.shape != field.shape:
        raise OutputError(f"{name}: the labels have shape {image.shape} and the field {field.shape}; they must agree.")
    if ending == _TABLE:
        assert field is not None
        write_table(path, segment_table(image, field), overwrite=overwrite)
        return
    size = pixel_size if pixel_size is not None or field is None else field.pixel_size
    write_described(path, _described(image, field, titles or {}), field, pixel_size=size, overwrite=overwrite)


def write_described(
    path: str | os.PathLike[str],
    described: DescribedLabels,
    field: Field | None,
    *,
    pixel_size: float | None,
    overwrite: bool,
) -> None:
    """Write labels with all that is known of them, as GeoJSON or OME-Zarr (`DESCRIBED_ENDINGS`).

    Parameters
    ----------
    path : path-like
    described : DescribedLabels
    field : Field or None
        That they belong to; OME-Zarr shows its BSE image.
    pixel_size : float or None
        Edge of a pixel, in um.
    overwrite : bool

    Raises
    ------
    OutputError
        If OME-Zarr is to be written without a field, or the system refuses; what stood at the target is untouched.
    """
    if os.fspath(path).lower().endswith(geojson.ENDING):
        geojson.write_geojson(path, described, pixel_size=pixel_size, overwrite=overwrite)
        return
    if field is None:
        raise OutputError(f"{os.fspath(path)}: OME-Zarr shows the BSE image of the field, and needs it (field=).")
    require_replaceable(FORMATS["ome-zarr"], Path(path))
    ome_zarr.write_ome_zarr(
        path,
        field.bse,
        [described],
        name=field.name or "field",
        valid=field.valid,
        pixel_size=pixel_size,
        overwrite=overwrite,
    )


def _described(image: npt.NDArray[Any], field: Field | None, titles: Mapping[int, str]) -> DescribedLabels:
    plain = described_by_titles("segments", image, titles)
    if field is None:
        return plain
    return DescribedLabels(plain.name, image, segment_table(image, field), plain.classes)


def write_result(path: str | os.PathLike[str], result: Segmentation, *, overwrite: bool = False) -> None:
    """Write a segmentation as one file, or one folder, in the format that the ending of the name says.

    ============================  ===============================================================================
    ending                        content
    ============================  ===============================================================================
    .ome.tif, .tif, .png          label of every pixel; see `write_labels`
    .ome.zarr                     folder: BSE image, segments and phases with colours, names, properties
    .geojson                      segments as polygons with their phases, for QuPath and GIS
    .csv, .parquet                table of segments
    .svg                          legend of the phases
    .spectra                      folder: summed spectrum of each phase, ``.msa``
    .hspy                         summed spectra of the phases, a signal of HyperSpy
    .mindif                       folder: MinDIF export of the phases
    .gdls.zarr, .gdls.zarr.zip    field and segmentation, to go on from; see `write_segmentation`
    ============================  ===============================================================================

    Parameters
    ----------
    path : path-like
    result : Segmentation
    overwrite : bool
        Whether what is there may be replaced.

    Raises
    ------
    OutputError
        If the ending is unknown, the result or its field lacks what the format shows, a package that it needs is not
        installed, or the system refuses; what stood at the target is untouched.
    """
    target = Path(path)
    name = target.name.lower()
    if name.endswith(STORE_ENDINGS):
        write_segmentation(path, result, overwrite=overwrite)
    elif name.endswith(_TABLE):
        write_table(path, result.segment_table(), overwrite=overwrite)
    else:
        row = format_of(target)
        if row is None:
            known = ", ".join(each.endings[0] for each in FORMATS.values())
            raise OutputError(f"{target}: results are written as {known}, .csv or .gdls.zarr; choose one of these.")
        require_format(row, target, result.recipe)
        if row.require_field is not None:
            row.require_field(target, result.field)
        require_replaceable(row, target)
        row.files[0].write(result, target, overwrite=overwrite)


def is_result_name(path: str | os.PathLike[str]) -> bool:
    """Whether `write_result` knows the ending of a name, that of stores left out."""
    return format_of(path) is not None or Path(path).name.lower().endswith(_TABLE)


def require_writable_result(path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Refuse a target that `write_result` would refuse, before a result is read or made that is to go there.

    Raises
    ------
    OutputError
        As `write_result`. Nothing is left at the target or beside it.
    """
    row = format_of(path)
    if row is not None:
        require_replaceable(row, Path(path))
    require_writable(path, overwrite=overwrite, folder=row is not None and row.mark is not None)
