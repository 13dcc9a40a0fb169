"""What is meant by filling, growing and removing grains, as corrections of a segmentation.

Segments count from 0 here, as in `Segmentation.measurement_labels`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_whole_number
from napari_gdls.errors import RecipeError
from napari_gdls.lattice import neighbours
from napari_gdls.recipe import Paint, Place

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def places_of_segment(segmentation: Segmentation, segment: int) -> tuple[Place, ...]:
    """Pixels of all measurements of a segment.

    Raises
    ------
    RecipeError
        If there is no such segment.
    """
    return _places(segmentation, _measurements_of(segmentation, segment))


def place_of_segment(segmentation: Segmentation, segment: int) -> Place:
    """Pixel of a measurement deep inside a segment, where another run finds it again.

    The one that lies furthest from its border and from that of the image; of equally deep ones the first.

    Raises
    ------
    RecipeError
        If there is no such segment, or it has no measurement.
    """
    own = _measurements_of(segmentation, segment)
    if len(own) == 0:
        raise RecipeError(f"segment {segment + 1} has no measurement, and so no place.")
    return _places(segmentation, own[[np.argmax(_depths(segmentation, segment, own))]])[0]


def holes_of(segmentation: Segmentation, segment: int, *, largest: int | None = None) -> Paint | None:
    """What a segment surrounds goes to it.

    Parameters
    ----------
    segmentation : Segmentation
    segment : int
        From 0.
    largest : int, optional
        Pixels of the largest hole that is filled. None: all are.

    Returns
    -------
    Paint or None
        None where no hole has a measurement. What touches the rim of the image is no hole.
    """
    from scipy.ndimage import label

    own = _measurements_of(segmentation, segment)
    box = _box(segmentation.labels == segment + 1)
    if len(own) == 0 or box is None:
        return None
    outside = np.pad(segmentation.labels[box] != segment + 1, 1, constant_values=True)
    pieces = label(outside)[0][1:-1, 1:-1]  # pixels that touch by a corner alone are of different holes
    surrounded = pieces > 1  # the first piece begins in the upper left corner of the rim
    if largest is not None:
        size = np.bincount(pieces.ravel())
        surrounded &= (size <= checked_whole_number("largest", largest, 1))[pieces]
    locations = segmentation.field.locations
    first = np.array([side.start for side in box])
    inside = ((locations >= first) & (locations < [side.stop for side in box])).all(axis=1)
    within = np.flatnonzero(inside)
    filled = within[surrounded[tuple((locations[within] - first).T)]]
    filled = filled[segmentation.measurement_labels[filled] != segment]
    return Paint(_places(segmentation, filled), _places(segmentation, own[:1])[0]) if len(filled) else None


def specks_of(segmentation: Segmentation, smallest: int, phases: Iterable[int] | None = None) -> tuple[Paint, ...]:
    """Small segments go to the neighbour that they share most of their border with.

    Specks that touch nothing but specks go where these go.

    Parameters
    ----------
    segmentation : Segmentation
    smallest : int
        Pixels that a segment needs to stay.
    phases : iterable of int, optional
        From 0: specks of these phases only.

    Returns
    -------
    tuple of Paint
        One for each segment that takes specks in.
    """
    least = checked_whole_number("smallest", smallest, 1)
    area = np.bincount(segmentation.labels.ravel(), minlength=segmentation.n_segments + 1)[1:]
    speck = area < least
    if phases is not None:
        speck &= np.isin(segmentation.phases, list(phases))
    pairs, shared = _borders(segmentation.labels)
    pairs, shared = np.concatenate([pairs, pairs[:, ::-1]]), np.concatenate([shared, shared])
    of_speck = speck[pairs[:, 0]]
    pairs, shared = pairs[of_speck], shared[of_speck]
    host = np.where(speck, -1, np.arange(segmentation.n_segments))
    while True:
        settled = host[pairs[:, 1]] >= 0
        settled &= host[pairs[:, 0]] < 0
        if not settled.any():
            break
        choices, where = np.unique(
            np.stack([pairs[settled, 0], host[pairs[settled, 1]]], axis=1), axis=0, return_inverse=True
        )
        length = np.bincount(where.ravel(), weights=shared[settled])
        order = np.lexsort((choices[:, 1], -length, choices[:, 0]))
        best = order[np.unique(choices[order, 0], return_index=True)[1]]
        host[choices[best, 0]] = choices[best, 1]
    goes_to = host[segmentation.measurement_labels]
    moved = speck[segmentation.measurement_labels] & (goes_to >= 0)
    return _painted_into(segmentation, np.flatnonzero(moved), goes_to[moved])


def grown(segmentation: Segmentation, segment: int, steps: int = 1) -> Paint | None:
    """The measurements beside a segment go to it.

    Parameters
    ----------
    segmentation : Segmentation
    segment : int
        From 0.
    steps : int
        Edges of the graph that it grows by.

    Returns
    -------
    Paint or None
        None where nothing is beside it.
    """
    own = _measurements_of(segmentation, segment)
    inside = segmentation.measurement_labels == segment
    taken = inside.copy()
    for _ in range(checked_whole_number("steps", steps, 1)):
        ends = taken[segmentation.graph.edges]
        taken[segmentation.graph.edges[ends.any(axis=1)]] = True
    new = np.flatnonzero(taken & ~inside)
    if len(new) == 0 or len(own) == 0:
        return None
    return Paint(_places(segmentation, new), _places(segmentation, own[:1])[0])


def shrunk(segmentation: Segmentation, segment: int, steps: int = 1) -> tuple[Paint, ...]:
    """The outermost measurements of a segment go to the neighbours that they have most edges to.

    Parameters
    ----------
    segmentation : Segmentation
    segment : int
        From 0.
    steps : int
        Edges of the graph that it shrinks by.

    Returns
    -------
    tuple of Paint
        One for each neighbour that takes some; empty where it has none, or nothing of the segment would be left.
    """
    _measurements_of(segmentation, segment)
    now = segmentation.measurement_labels.copy()
    edges = segmentation.graph.edges
    for _ in range(checked_whole_number("steps", steps, 1)):
        ends = now[edges]
        rim = (ends == segment).sum(axis=1) == 1
        first = ends[rim, 0] == segment
        inner = np.where(first, edges[rim, 0], edges[rim, 1])
        other = np.where(first, ends[rim, 1], ends[rim, 0])
        choices, count = np.unique(np.stack([inner, other], axis=1), axis=0, return_counts=True)
        order = np.lexsort((choices[:, 1], -count, choices[:, 0]))
        best = order[np.unique(choices[order, 0], return_index=True)[1]]
        now[choices[best, 0]] = choices[best, 1]
    if not (now == segment).any():
        return ()
    moved = np.flatnonzero(now != segmentation.measurement_labels)
    return _painted_into(segmentation, moved, now[moved])


def _painted_into(
    segmentation: Segmentation, moved: npt.NDArray[np.int64], into: npt.NDArray[np.int64]
) -> tuple[Paint, ...]:
    """Measurements go to segments, as corrections that can be done one after the other."""
    staying = np.ones(len(segmentation.measurement_labels), dtype=bool)
    staying[moved] = False
    stays = np.flatnonzero(staying)
    present, first = np.unique(segmentation.measurement_labels[stays], return_index=True)
    example = dict(zip(present.tolist(), stays[first].tolist(), strict=True))
    return tuple(
        Paint(_places(segmentation, moved[into == host]), _places(segmentation, np.array([example[host]]))[0])
        for host in np.unique(into).tolist()
        if host in example
    )


def _measurements_of(segmentation: Segmentation, segment: int) -> npt.NDArray[np.int64]:
    known = checked_whole_number("segment", segment, 0, segmentation.n_segments - 1)
    return np.flatnonzero(segmentation.measurement_labels == known)


def _places(segmentation: Segmentation, measurements: npt.NDArray[np.int64]) -> tuple[Place, ...]:
    return tuple((row, column) for row, column in segmentation.field.locations[measurements].tolist())


def _depths(segmentation: Segmentation, segment: int, measurements: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Distance of measurements from the border of a segment and of the image, in px; 0 where they lie outside."""
    from scipy.ndimage import distance_transform_edt

    inside = segmentation.labels == segment + 1
    box = _box(inside)
    if box is None:
        return np.zeros(len(measurements))
    depth = distance_transform_edt(np.pad(inside[box], 1))
    rows, columns = (segmentation.field.locations[measurements] - [side.start - 1 for side in box]).T
    within = (rows >= 0) & (rows < depth.shape[0]) & (columns >= 0) & (columns < depth.shape[1])
    found = np.zeros(len(measurements))
    found[within] = depth[rows[within], columns[within]]
    return found


def _box(inside: npt.NDArray[np.bool_]) -> tuple[slice, slice] | None:
    """Rows and columns that hold all pixels of a mask; None where it has none."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if len(rows) == 0:
        return None
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _borders(labels: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of segments, (B, 2) from 0, that have pixels side by side, and how many, (B,)."""
    n, keys = int(labels.max(initial=0)) + 1, []
    for here, there in neighbours(labels):
        border = (here != there) & (here > 0) & (there > 0)
        a, b = here[border].astype(np.int64), there[border].astype(np.int64)
        keys.append(np.minimum(a, b) * n + np.maximum(a, b))
    key, shared = np.unique(np.concatenate(keys), return_counts=True)
    return np.stack([key // n, key % n], axis=1) - 1, shared
