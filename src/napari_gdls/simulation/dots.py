"""Where spectra are measured: on a grid, or as TIMA places its dots."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from napari_gdls.bse import MAD_TO_SIGMA
from napari_gdls.errors import RecipeError
from napari_gdls.lattice import neighbours
from napari_gdls.simulation.texture import depth_in_region

_Places = npt.NDArray[np.int64]

_STEP = 2.5
"""BSE steps of this many standard deviations of the noise part two pieces of even brightness. Chosen, with what
follows, so that a TIMA field gets about as many dots as it has (see `tima_dots`)."""

_LEAST_STEP = 0.002
"""The same as a part of the full scale, for images with less noise than that."""

_MEDIAN_SIDE = 3
"""Side (px) of the square that the median takes noise out by."""

CLOSEST_TIMA_DOTS = 2.0
"""Least distance (px) of dots that TIMA's rule is followed for: closer ones would share sides."""


def grid_dots(shape: tuple[int, int], spacing: float) -> _Places:
    """Square grid of measurements, half a spacing from the upper and left border.

    Parameters
    ----------
    shape : (int, int)
        Height and width, in pixels.
    spacing : float
        In pixels.

    Returns
    -------
    (N, 2) array of int64
        Row and column.

    Raises
    ------
    RecipeError
        If the image has no room for a measurement.
    """
    row, column = (np.floor(np.arange(spacing / 2, length, spacing)).astype(np.int64) for length in shape)
    if not len(row) or not len(column):
        raise RecipeError(f"a field of {shape[0]} x {shape[1]} px has no room for a measurement every {spacing:g} px.")
    return np.stack(np.meshgrid(row, column, indexing="ij"), axis=-1).reshape(-1, 2)


def tima_dots(bse: npt.NDArray[np.unsignedinteger[Any]], spacing: float) -> _Places:
    """Measurements as TIMA's dot mapping places them: a grid of its own in each piece of even brightness.

    Parameters
    ----------
    bse : (H, W) array of uint8 or uint16
    spacing : float
        Of the grids, in pixels; at least 2.

    Returns
    -------
    (N, 2) array of int64
        Row and column, in raster order.

    Raises
    ------
    RecipeError
        If the spacing is below 2.

    Notes
    -----
    Pieces are pixels joined by small BSE steps, after a 3 x 3 median; single pixels go to the piece beside them. The
    grid of a piece goes through the pixel farthest from its border, so that even the smallest has a dot, and grids of
    neighbouring pieces do not line up. Where a line of the grid enters the piece more than half a spacing ahead of its
    first dot, the border gets one too. No two dots share a side.

    TIMA's own rule is not published. This one was made after the dots of a TIMA field of 500 x 500 px, one every 3 px
    (27,889 on a plain grid): it puts 30,711 where TIMA has 31,766, with much the same gaps along rows and columns.
    """
    if spacing < CLOSEST_TIMA_DOTS:
        raise RecipeError(
            f"spacing is {spacing:g} px; TIMA's dots are at least {CLOSEST_TIMA_DOTS:g} px apart: choose dots='grid'."
        )
    pieces = _even_pieces(bse)
    depth = depth_in_region(pieces)
    # The deepest pixel of every piece, the first in raster order among equals.
    order = np.lexsort((-depth.ravel(), pieces.ravel()))
    first = np.searchsorted(pieces.ravel()[order], np.arange(int(pieces.max()) + 1))
    origin = np.stack(np.unravel_index(order[first], pieces.shape), axis=-1)
    along = np.indices(pieces.shape)
    # How far ahead the next line of the grid is, along rows and columns.
    distance = along - origin[pieces].transpose(2, 0, 1)
    line = np.floor(np.ceil((distance - 0.5) / spacing) * spacing + 0.5)
    ahead = (line - distance).astype(np.int64)
    on_line = ahead == 0
    dots = on_line.all(axis=0)
    for axis in (0, 1):
        enters = np.ones(pieces.shape, dtype=bool)
        enters[(slice(None),) * axis + (slice(1, None),)] = np.diff(pieces, axis=axis) != 0
        target = along.copy()
        target[axis] = np.minimum(along[axis] + ahead[axis], pieces.shape[axis] - 1)
        reached = (ahead[axis] <= spacing / 2) & (pieces[target[0], target[1]] == pieces)
        dots |= enters & on_line[1 - axis] & ~reached
    beside = np.zeros_like(dots)
    beside[1:] |= dots[:-1]
    beside[:, 1:] |= dots[:, :-1]
    return np.argwhere(dots & ~beside)


def _even_pieces(bse: npt.NDArray[np.unsignedinteger[Any]]) -> npt.NDArray[np.int32]:
    """Connected pieces of even brightness, numbered from 0."""
    image = ndi.median_filter(bse, _MEDIAN_SIDE).astype(np.float32)
    pixel = np.arange(image.size).reshape(image.shape)
    pairs = np.concatenate([np.stack([here.ravel(), there.ravel()]) for here, there in neighbours(pixel)], axis=1)
    step = np.abs(image.ravel()[pairs[0]] - image.ravel()[pairs[1]])
    # Most neighbours lie in one mineral, so the median step is that of the noise.
    noise = MAD_TO_SIGMA * float(np.median(step)) if len(step) else 0.0
    first, second = pairs[:, step <= max(_STEP * noise, _LEAST_STEP * (float(np.iinfo(bse.dtype).max) + 1))]
    graph = sp.coo_array((np.ones(len(first), dtype=bool), (first, second)), shape=(image.size, image.size))
    _, labels = connected_components(graph.tocsr(), directed=False)
    pieces = labels.reshape(image.shape)
    single = (np.bincount(labels) == 1)[pieces]
    if single.all():
        return np.asarray(pieces, dtype=np.int32)
    nearest = ndi.distance_transform_edt(single, return_distances=False, return_indices=True)
    pieces = pieces[tuple(nearest)]
    return np.unique(pieces, return_inverse=True)[1].reshape(image.shape).astype(np.int32)
