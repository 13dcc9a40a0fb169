"""Labels as polygons along the edges of pixels: exact, so that rasterising them gives back the labels.

A label has one polygon for every part whose pixels share sides. Rings are traced with the pixels of the part on the
right hand as one sees the image (row 0 on top), and cut wherever they come to a point for the second time: so a ring
visits each of its points once, and polygons are valid as the Open Geospatial Consortium defines it (Simple Feature
Access, part 1: rings are simple, may touch in points, and the interior is in one piece).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int32]

_LARGEST_IMAGE = 2**31 - 1
"""Points of the lattice that 32 bits number."""


@dataclass(frozen=True, eq=False)
class LabelPolygons:
    """Polygons of all labels of an image.

    Attributes
    ----------
    points : (V, 2) array of int32
        x (column) and y (row) of the corners of pixels, (0, 0) the upper left corner of the image; ring after ring,
        none with its first point at the end once more. Outer rings run clockwise as one sees the image, holes the other
        way: in the numbers, x to the right and y up, outer rings are counter-clockwise, as RFC 7946 asks for.
    rings : (R + 1,) array of int64
        Where each ring begins in `points`.
    polygons : (P + 1,) array of int64
        Where each polygon begins among the rings: first the outer one, then its holes.
    labels : (P,) array of int64
        Label of each polygon, rising; the parts of one label in raster order.
    """

    points: Integers
    rings: npt.NDArray[np.int64]
    polygons: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]


def label_polygons(labels: npt.NDArray[Any]) -> LabelPolygons:
    """Polygons of the labels of an image; 0 is background and has none.

    Parameters
    ----------
    labels : (H, W) array of int
        From 0 to 2**32 - 1.

    Raises
    ------
    ValueError
        If the image has more than 2**31 - 1 corners of pixels.
    """
    from skimage.measure import label as numbered_parts

    height, width = labels.shape
    if (height + 1) * (width + 1) > _LARGEST_IMAGE:
        raise ValueError(f"an image of {height} x {width} px is too large to be traced")
    parts = np.pad(numbered_parts(labels.astype(np.int64), connectivity=1, background=0).astype(np.int32), 1)
    points, rings, part, area = _traced(parts)
    value = np.zeros(int(parts.max()) + 1, dtype=np.int64)
    value[parts[1:-1, 1:-1]] = labels
    # By label, then part (they are numbered in raster order), the outer ring first; otherwise as they were traced.
    order = np.lexsort((area < 0, part, value[part]))
    lengths = np.diff(rings)[order]
    starts = np.concatenate([[0], np.cumsum(lengths)])
    source = np.repeat(rings[:-1][order] - starts[:-1], lengths) + np.arange(starts[-1])
    first = np.flatnonzero(np.diff(part[order], prepend=-1))
    return LabelPolygons(
        points[source], starts, np.concatenate([first, [len(order)]]).astype(np.int64), value[part[order[first]]]
    )


@nb.njit(cache=True, nogil=True)
def _traced(parts: Integers) -> tuple[Integers, npt.NDArray[np.int64], Integers, npt.NDArray[np.int64]]:
    """Simple rings around the parts of an image.

    Relies on parts of 4-connected pixels, numbered from 1, with a margin of zeros of one pixel, and fewer than 2**31
    corners of pixels; `label_polygons` makes them so.

    Returns
    -------
    points : (V, 2) array of int32
    rings : (R + 1,) array of int64
    part : (R,) array of int32
    area : (R,) array of int64
        Twice the area of each ring, negative for holes.
    """
    height, width = parts.shape[0] - 2, parts.shape[1] - 2
    points = np.empty((1024, 2), dtype=np.int32)
    rings = np.zeros(1024, dtype=np.int64)
    part = np.empty(1024, dtype=np.int32)
    area = np.empty(1024, dtype=np.int64)
    stack = np.empty((1024, 2), dtype=np.int32)
    # Place in the stack of every point that the present ring has come to, -1 elsewhere.
    place = np.full((height + 1) * (width + 1), -1, dtype=np.int32)
    done = np.zeros((height + 2, width + 2), dtype=np.bool_)  # upper edges of pixels
    n_points = n_rings = 0
    # Right, down, left, up: the step along an edge; the pixel ahead on the left and on the right of a point.
    step_x, step_y = (1, 0, -1, 0), (0, 1, 0, -1)
    left_x, left_y = (1, 1, 0, 0), (0, 1, 1, 0)
    right_x, right_y = (1, 0, 0, 1), (1, 1, 0, 0)
    for row in range(1, height + 1):
        for column in range(1, width + 1):
            own = parts[row, column]
            # Every ring has an edge that is the upper one of a pixel.
            if own == 0 or parts[row - 1, column] == own or done[row, column]:
                continue
            x, y, direction, top = column - 1, row - 1, 0, 0
            while True:
                if direction == 0:
                    if done[y + 1, x + 1]:
                        break
                    done[y + 1, x + 1] = True
                x += step_x[direction]
                y += step_y[direction]
                turned = direction
                if parts[y + right_y[direction], x + right_x[direction]] != own:
                    turned = (direction + 1) % 4
                elif parts[y + left_y[direction], x + left_x[direction]] == own:
                    turned = (direction + 3) % 4
                if turned == direction:
                    continue
                direction = turned
                point = y * (width + 1) + x
                if place[point] >= 0:  # the ring has been here: what came since is a ring of its own
                    start = place[point]
                    n_points, n_rings, points, rings, part, area = _with_ring(
                        stack[start:top], own, n_points, n_rings, points, rings, part, area
                    )
                    for k in range(start, top):
                        place[np.int64(stack[k, 1]) * (width + 1) + stack[k, 0]] = -1
                    top = start
                place[point] = top
                if top == len(stack):
                    grown = np.empty((2 * top, 2), dtype=np.int32)
                    grown[:top] = stack
                    stack = grown
                stack[top, 0], stack[top, 1] = x, y
                top += 1
            n_points, n_rings, points, rings, part, area = _with_ring(
                stack[:top], own, n_points, n_rings, points, rings, part, area
            )
            for k in range(top):
                place[np.int64(stack[k, 1]) * (width + 1) + stack[k, 0]] = -1
    return points[:n_points], rings[: n_rings + 1], part[:n_rings], area[:n_rings]


@nb.njit(cache=True, nogil=True)
def _with_ring(
    ring: Integers,
    own: int,
    n_points: int,
    n_rings: int,
    points: Integers,
    rings: npt.NDArray[np.int64],
    part: Integers,
    area: npt.NDArray[np.int64],
) -> tuple[int, int, Integers, npt.NDArray[np.int64], Integers, npt.NDArray[np.int64]]:
    """One ring more; arrays that are full are replaced by longer ones."""
    end = n_points + len(ring)
    if end > len(points):
        more = np.empty((max(2 * len(points), end), 2), dtype=np.int32)
        more[:n_points] = points[:n_points]
        points = more
    if n_rings + 1 >= len(rings):
        n = 2 * len(rings)
        longer, parts, areas = np.zeros(n, np.int64), np.empty(n, np.int32), np.empty(n, np.int64)
        longer[: n_rings + 1] = rings[: n_rings + 1]
        parts[:n_rings] = part[:n_rings]
        areas[:n_rings] = area[:n_rings]
        rings, part, area = longer, parts, areas
    points[n_points:end] = ring
    twice = np.int64(0)
    for k in range(len(ring)):
        following = (k + 1) % len(ring)
        twice += np.int64(ring[k, 0]) * ring[following, 1] - np.int64(ring[following, 0]) * ring[k, 1]
    rings[n_rings + 1] = end
    part[n_rings] = own
    area[n_rings] = twice
    return end, n_rings + 1, points, rings, part, area
