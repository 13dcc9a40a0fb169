"""Several named images of one field in one OME-TIFF, a channel each: masks, abundances, score images."""

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
from napari_gdls.errors import OutputError
from napari_gdls.io.atomic import atomic_file

_ENDINGS = (".ome.tif", ".ome.tiff")
_TILE = 256
"""Edge of the tiles, in px: what viewers of large images ask for."""
_INSIDE = 255
"""Value of the pixels inside a mask, as binary images of ImageJ have it; outside is 0."""
_MICROMETRE = "µm"


def write_image_stack(
    path: str | os.PathLike[str],
    images: Mapping[str, npt.ArrayLike],
    *,
    pixel_size: float | None = None,
    overwrite: bool = True,
) -> None:
    """Write images of one size as the channels of an OME-TIFF, atomically.

    Parameters
    ----------
    path : path-like
        Ends in ``.ome.tif`` or ``.ome.tiff``.
    images : map of str to (H, W) array
        By the name of the channel. Masks (bool) are written as 8 bits, 0 and 255; numbers as 32-bit floats, NaN where
        nothing was measured.
    pixel_size : float, optional
        Edge of a pixel, in um.
    overwrite : bool
        Whether an existing file may be replaced.

    Raises
    ------
    OutputError
        If there is no image, their shapes or kinds differ, the ending is another, or the system refuses; what stood at
        the target is untouched.
    """
    import tifffile

    name = os.fspath(path)
    if not name.lower().endswith(_ENDINGS):
        raise OutputError(f"{name}: images are written as NAME.ome.tif; choose such a name.")
    stack = _stacked(name, images)
    titles = list(images)
    # Derived from the content, so that equal images give equal files.
    content = hashlib.sha256(stack.tobytes()).hexdigest() + str((stack.shape, stack.dtype.str, titles, pixel_size))
    metadata: dict[str, Any] = {
        "axes": "CYX",
        "Name": Path(path).name,
        "Channel": {"Name": titles},
        "UUID": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_OID, content)}",
    }
    resolution: dict[str, Any] = {}
    if pixel_size is not None:
        metadata |= {f"PhysicalSize{axis}": pixel_size for axis in "XY"}
        metadata |= {f"PhysicalSize{axis}Unit": _MICROMETRE for axis in "XY"}
        # For programs that do not know OME-XML.
        resolution = {"resolution": (1e4 / pixel_size, 1e4 / pixel_size), "resolutionunit": "CENTIMETER"}
    with atomic_file(path, overwrite=overwrite) as file:
        tifffile.imwrite(
            file,
            stack,
            ome=True,
            bigtiff=stack.nbytes > 2**31,
            photometric="minisblack",
            tile=(_TILE, _TILE),
            compression="adobe_deflate",
            software=f"napari-gdls {__version__}",
            metadata=metadata,
            **resolution,
        )


def _stacked(name: str, images: Mapping[str, npt.ArrayLike]) -> npt.NDArray[Any]:
    arrays = [np.asarray(image) for image in images.values()]
    shapes = sorted({array.shape for array in arrays})
    if len(shapes) != 1 or len(shapes[0]) != 2 or 0 in shapes[0]:
        raise OutputError(f"{name}: images of one size (height, width) are needed; these have the shapes {shapes}.")
    masks = [array.dtype.kind == "b" for array in arrays]
    if all(masks):
        return np.stack(arrays).astype(np.uint8) * np.uint8(_INSIDE)
    if any(masks) or any(array.dtype.kind not in "uif" for array in arrays):
        kinds = ", ".join(sorted({str(array.dtype) for array in arrays}))
        raise OutputError(f"{name}: either masks or real numbers are needed; the images are {kinds}.")
    return np.stack(arrays).astype(np.float32)
