"""Label images: segments, phases or truth, as files that other programs read."""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.field import Field
from napari_gdls.io.atomic import atomic_file, write_bytes
from napari_gdls.io.described_labels import checked_labels
from napari_gdls.io.images import png_bytes, read_image
from napari_gdls.io.limits import checked_memory_limit, existing_path, read_bounded, require_memory
from napari_gdls.io.ome_zarr import is_ome_zarr, read_ome_zarr_labels

LABEL_ENDINGS = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png")
"""Endings of the names of label images that can be written, longer ones before those that end alike."""

_TILE = 256
"""Edge of the tiles of a TIFF, in px: what viewers of large images ask for."""


def write_labels(
    path: str | os.PathLike[str],
    labels: npt.ArrayLike,
    *,
    field: Field | None = None,
    pixel_size: float | None = None,
    titles: Mapping[int, str] | None = None,
    overwrite: bool = True,
) -> None:
    """Write a label image in the format that the ending of the name says.

    ============================  ===============================================================================
    ending                        format
    ============================  ===============================================================================
    .ome.tif, .ome.tiff, .tif     OME-TIFF, uint16 or uint32, tiled, deflate, with the pixel size
    .png                          8 or 16 bits of grey; for labels up to 65,535
    ============================  ===============================================================================

    Parameters
    ----------
    path : path-like
    labels : (H, W) array of int
        Labels from 0.
    field : Field, optional
        The field that they belong to; gives the pixel size.
    pixel_size : float, optional
        Edge of a pixel, in um. None: that of `field`.
    titles : map of int to str, optional
        What labels are called, for the description of an OME-TIFF ("1: quartz; 2: albite"); PNGs have no place for it.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If the labels are no whole numbers from 0, do not fit into the format or the field, the ending is unknown, or
        the system refuses; what stood at the target is untouched.
    """
    name = os.fspath(path)
    image = checked_labels(name, np.asarray(labels))
    if field is not None and image.shape != field.shape:
        raise OutputError(f"{name}: the labels have shape {image.shape} and the field {field.shape}; they must agree.")
    size = pixel_size if pixel_size is not None or field is None else field.pixel_size
    if size is not None and not (np.isfinite(size) and size > 0):
        raise OutputError(f"{name}: the pixel size is {size}; a positive number (um) is needed.")
    ending = name.lower()
    if ending.endswith((".tif", ".tiff")):
        _write_ome_tiff(path, image, size, titles or {}, overwrite=overwrite)
    elif ending.endswith(".png"):
        if image.max() > 65535:
            raise OutputError(f"{name}: labels go up to {image.max():,}, a PNG to 65,535; write OME-TIFF (.ome.tif).")
        write_bytes(path, png_bytes(image.astype(np.uint8 if image.max() < 256 else np.uint16)), overwrite=overwrite)
    else:
        raise OutputError(f"{name}: label images are written as .ome.tif, .tif or .png; choose one of these endings.")


def read_labels(path: str | os.PathLike[str], *, memory_limit: int | None = None) -> npt.NDArray[np.int64]:
    """Read a label image.

    Parameters
    ----------
    path : path-like
        TIFF, PNG or BMP of one channel (recognised by content; the numbers of a palette image), ``.npy``, or OME-Zarr
        of this program, see `napari_gdls.io.ome_zarr.read_ome_zarr_labels`.
    memory_limit : int, optional
        Most bytes that the image may take. None: 4 GiB.

    Returns
    -------
    (H, W) array of int64

    Raises
    ------
    FieldReadError
        If it is none of these, damaged, too large, or holds other things than whole numbers from 0.
    """
    file = existing_path(path)
    limit = checked_memory_limit(memory_limit)
    if is_ome_zarr(file):
        image = read_ome_zarr_labels(file, memory_limit=limit)
    elif file.is_dir():
        raise FieldReadError(
            file, "is a folder; a label image is needed", remedy="Give a TIFF, PNG or .npy file, or NAME.ome.zarr."
        )
    elif file.name.lower().endswith(".npy"):
        image = _read_npy(file, limit)
    else:
        image = read_image(file, limit, raw=True)
    if image.ndim != 2 or image.size == 0:
        raise FieldReadError(file, f"has shape {image.shape}; a label image (height, width) is needed")
    if image.dtype.kind not in "uib" or int(image.min()) < 0 or int(image.max()) >= 2**63:
        raise FieldReadError(file, f"holds {image.dtype} values; labels are whole numbers from 0")
    return image.astype(np.int64)


def write_image(path: str | os.PathLike[str], image: npt.NDArray[np.uint8], *, overwrite: bool = True) -> None:
    """Write a picture as PNG, atomically.

    Parameters
    ----------
    path : path-like
        Ends in ``.png``.
    image : (H, W) or (H, W, 3) array of uint8
    overwrite : bool

    Raises
    ------
    OutputError
        If the array is no picture, the ending is another, or the system refuses.
    """
    name = os.fspath(path)
    if not name.lower().endswith(".png"):
        raise OutputError(f"{name}: pictures are written as .png.")
    if image.dtype != np.uint8 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)) or not image.size:
        raise OutputError(f"{name}: an array of {image.dtype} and shape {image.shape} is no picture of 8 bits.")
    write_bytes(path, png_bytes(image), overwrite=overwrite)


def write_float_image(
    path: str | os.PathLike[str],
    image: npt.NDArray[np.floating],
    *,
    pixel_size: float | None = None,
    overwrite: bool = True,
) -> None:
    """Write an image of 32-bit floats, probabilities for instance, as TIFF with the pixel size, atomically.

    Parameters
    ----------
    path : path-like
    image : (H, W) array of float
    pixel_size : float, optional
        Edge of a pixel, in um.
    overwrite : bool

    Raises
    ------
    OutputError
        If the system refuses.
    """
    import tifffile

    with atomic_file(path, overwrite=overwrite) as file:
        tifffile.imwrite(
            file,
            image.astype(np.float32),
            photometric="minisblack",
            compression="adobe_deflate",
            **_resolution(pixel_size),
        )


def _resolution(pixel_size: float | None) -> dict[str, Any]:
    """The pixel size (um) as tags, for programs that do not know OME-XML."""
    if pixel_size is None:
        return {}
    return {"resolution": (1e4 / pixel_size, 1e4 / pixel_size), "resolutionunit": "CENTIMETER"}


def _write_ome_tiff(
    path: str | os.PathLike[str],
    image: npt.NDArray[Any],
    size: float | None,
    titles: Mapping[int, str],
    *,
    overwrite: bool,
) -> None:
    import tifffile

    dtype = np.uint16 if image.max() < 2**16 else np.uint32
    values = image.astype(dtype)
    # Derived from the content, so that equal labels give equal files.
    identity = uuid.uuid5(uuid.NAMESPACE_OID, hashlib.sha256(values.tobytes()).hexdigest() + str((values.shape, size)))
    metadata: dict[str, Any] = {"axes": "YX", "Name": Path(path).name, "UUID": f"urn:uuid:{identity}"}
    if size is not None:
        metadata |= {"PhysicalSizeX": size, "PhysicalSizeXUnit": "µm", "PhysicalSizeY": size, "PhysicalSizeYUnit": "µm"}
    if titles:
        metadata["Description"] = "; ".join(f"{label}: {title}" for label, title in titles.items())
    with atomic_file(path, overwrite=overwrite) as file:
        tifffile.imwrite(
            file,
            values,
            ome=True,
            bigtiff=image.size * np.dtype(dtype).itemsize > 2**31,
            photometric="minisblack",
            tile=(_TILE, _TILE),
            compression="adobe_deflate",
            software=f"napari-gdls {__version__}",
            metadata=metadata,
            **_resolution(size),
        )


def _read_npy(path: Path, limit: int) -> npt.NDArray[Any]:
    import io
    import math

    data = read_bounded(path, limit, "the label file")
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.hasobject or math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
            raise ValueError("its header does not fit its length, or it holds Python objects")
        require_memory(path, 2 * len(data), limit, "the labels")
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    except FieldReadError:
        raise
    except Exception as error:  # numpy parses the header as Python text, with the errors of its tokenizer
        raise FieldReadError(path, f"is no .npy file, or damaged: {error}", remedy="Save it again.") from None
