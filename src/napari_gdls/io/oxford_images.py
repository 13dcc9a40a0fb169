"""Electron images in files of Oxford Instruments, brought into the frame of a map of spectra.

The images of a file have a grid of their own. The map lies in a part of it, "Relative Offset" and "Relative Size" of
the image from its top left corner, x before y, and has other pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldReadError
from napari_gdls.io.hdf5_tree import attribute
from napari_gdls.io.image_frames import size_in_words
from napari_gdls.io.limits import require_memory
from napari_gdls.io.map_contents import MapImage
from napari_gdls.io.oxford_header import COPY_AGAIN, Header

if TYPE_CHECKING:
    import h5py

DETECTORS = ("BSE", "FSE", "SE")
"""Groups of images by the electrons they show: backscattered, forward scattered, secondary."""

_OF_ATOMIC_NUMBER = ("", "none", "compo")
"""Mixing modes of BSE detectors whose images show the atomic number; others are of topography, or inverted."""
_ON_GRID = 0.01
"""px: a frame that lies so near to whole pixels is cut out, and not computed."""
_BEYOND = 1.0
"""px of the image that the frame of a map may lie beyond its border: it is given in single precision and rounded."""
_OTHER_EXTENT = 0.05
"""Share by which the extent of a map and that of its place in the image may differ: those of real files agree to a
thousandth."""


@dataclass(frozen=True)
class Frame:
    """Where a map lies in the images of its file.

    Attributes
    ----------
    shape : (int, int)
        Height and width of the map, px.
    offset, size : (float, float)
        Its top left corner and its size in parts of the image, x before y.
    step : (float or None, float or None)
        Size of its pixels in um, x before y.
    """

    shape: tuple[int, int]
    offset: tuple[float, float]
    size: tuple[float, float]
    step: tuple[float | None, float | None]


def images_in_frames(
    path: Path, technique: h5py.Group, frames: Sequence[tuple[Frame, tuple[str, ...]]], limit: int, prefix: str
) -> list[MapImage]:
    """All electron images of an acquisition, each in the frame of each map.

    Parameters
    ----------
    path : Path
        The file, for messages.
    technique : h5py.Group
        "Electron Image".
    frames : sequence of (Frame, titles of the maps in it)
    limit : int
        Most bytes that the images may take.
    prefix : str
        What their titles begin with.

    Raises
    ------
    FieldReadError
        If an image is of another size than the file says, or no image, or all need more than `limit`.
    """
    found, needed, header, grid = [], 0, None, (0, 0)
    for title, data in _image_data(technique):
        if header is None:
            header = Header(path, _group(path, technique, "Header"))
            grid = _grid(header)
        if data.size != grid[0] * grid[1] or data.dtype.kind not in "uif":
            raise FieldReadError(
                path,
                f"declares images of {size_in_words(grid)} px, and holds {data.size:,} values of {data.dtype}",
                where=str(data.name),
                remedy=COPY_AGAIN,
            )
        # As it is, as the numbers that means are made of, and in the frames.
        needed += data.size * (data.dtype.itemsize + 8) + 8 * sum(int(np.prod(frame.shape)) for frame, _ in frames)
        require_memory(path, needed, limit, "the images")
        pixels: npt.NDArray[Any] = np.asarray(data[()]).reshape(grid)
        pixels = pixels.astype(data.dtype.newbyteorder("="), copy=False)
        mode = str(attribute(data, "Mixing Mode") or "").strip()
        plain_bse = title.startswith("BSE/") and mode.lower() in _OF_ATOMIC_NUMBER
        named = f"{prefix}{title}" + ("" if mode.lower() in _OF_ATOMIC_NUMBER else f" ({mode})")
        for frame, maps in frames:
            placed, note = in_frame(pixels, frame, (header.number("X Step"), header.number("Y Step")))
            of = "" if len(frames) == 1 else f", frame of {', '.join(maps)}"
            if placed is None:
                found.append(MapImage(f"{named}{of}", pixels, note))
            else:
                found.append(MapImage(f"{named}{of}", placed, note, maps if plain_bse else ()))
    return found


def in_frame(
    pixels: npt.NDArray[Any], frame: Frame, step: tuple[float | None, float | None] = (None, None)
) -> tuple[npt.NDArray[Any] | None, str]:
    """The part of an image that a map lies in, in the pixels of the map.

    Parameters
    ----------
    pixels : (h, w) array
    frame : Frame
    step : (float or None, float or None)
        Size of the pixels of the image in um, x before y.

    Returns
    -------
    (H, W) array or None
        The mean of the image over each pixel of the map; where those are smaller than the pixels of the image, the
        linear interpolation at their centres. In the dtype of `pixels`. None if the map cannot lie where the file says.
    str
        What was done, or why not; empty where the map has the grid of the image.
    """
    spans = []
    for axis, word in ((1, "width"), (0, "height")):
        whole, cells = pixels.shape[axis], frame.shape[axis]
        first, span = frame.offset[1 - axis] * whole, frame.size[1 - axis] * whole
        if span <= 0 or first < -_BEYOND or first + span > whole + _BEYOND:
            return None, (
                f"the file does not say where the map lies in the image: from {first:.4g} px on, {span:.4g} px of its "
                f"{word} of {whole} px"
            )
        of_image, of_map = step[1 - axis], frame.step[1 - axis]
        if (
            of_image
            and of_map
            and abs(span * of_image - cells * of_map) > (_OTHER_EXTENT * cells * of_map + _BEYOND * abs(of_image))
        ):
            return None, (
                f"the file does not say where the map lies in the image: the {word} of the map is "
                f"{cells * of_map:.4g} um, that of its place {span * of_image:.4g} um"
            )
        spans.append((first, span, cells, whole))
    (left, wide, columns, _), (top, high, rows, _) = spans
    near = np.array([left - round(left), top - round(top), wide - columns, high - rows])
    if (np.abs(near) <= _ON_GRID).all():
        cut = pixels[round(top) : round(top) + rows, round(left) : round(left) + columns]
        whole_image = cut.shape == pixels.shape
        return cut, "" if whole_image else f"the image of {size_in_words(pixels.shape)} px is cropped to the map"
    across, down = (_means(*span) for span in spans)
    means = (across @ (down @ pixels.astype(np.float64)).T).T
    if pixels.dtype.kind in "ui":
        means = np.rint(means)
    what = "resampled" if min(near[:2]) == max(near[:2]) == 0 and wide == pixels.shape[1] else "cropped and resampled"
    return means.astype(pixels.dtype), f"the image of {size_in_words(pixels.shape)} px is {what} to the map"


def _means(first: float, span: float, cells: int, whole: int) -> sp.csr_array:
    """Matrix of the weights, (cells, whole), that pixels of an axis have in each cell: overlaps with the cell.

    Cells smaller than a pixel are widened to one, which makes the mean the linear interpolation at the centre.
    """
    width = max(span / cells, 1.0)
    centres = first + span * (np.arange(cells) + 0.5) / cells
    low, high = centres - width / 2, centres + width / 2
    nearest = np.floor(low).astype(int)[:, None] + np.arange(int(np.ceil(width)) + 1)
    overlap = np.clip(np.minimum(high[:, None], nearest + 1) - np.maximum(low[:, None], nearest), 0, None)
    rows = np.broadcast_to(np.arange(cells)[:, None], nearest.shape)
    # Beyond the border the image goes on as it ends.
    columns = np.clip(nearest, 0, whole - 1)
    weights = sp.coo_array((overlap.ravel() / width, (rows.ravel(), columns.ravel())), shape=(cells, whole))
    return weights.tocsr()


def _image_data(technique: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    """Titles and data of the images; other data sets are of particles, or say which tile a pixel is of."""
    import h5py

    for detector in DETECTORS:
        group = technique.get(f"Data/{detector}")
        if isinstance(group, h5py.Group):
            for name, item in group.items():
                if isinstance(item, h5py.Dataset):
                    yield f"{detector}/{name}", item


def _group(path: Path, parent: h5py.Group, name: str) -> h5py.Group:
    import h5py

    group = parent.get(name)
    if not isinstance(group, h5py.Group):
        raise FieldReadError(path, f"has no {name}", where=str(parent.name), remedy=COPY_AGAIN)
    return group


def _grid(header: Header) -> tuple[int, int]:
    rows, columns = header.cells("Y Cells"), header.cells("X Cells")
    if rows is None or columns is None:
        raise FieldReadError(
            header.path, "does not say the size of its images", where=str(header.group.name), remedy=COPY_AGAIN
        )
    return rows, columns
