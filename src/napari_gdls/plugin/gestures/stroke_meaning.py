"""What strokes and chosen grains mean as corrections. Pure functions on the segmentation that is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.parting import Efforts, Piece, crossed, parted_by_stroke
from napari_gdls.plugin.gestures.strokes import Stroke, crossed_edges, crossed_labels, thinned
from napari_gdls.recipe import Assign, Cut, Join, Paint, Place, Split
from napari_gdls.segmentation import place_of_phase, place_of_segment

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def joined(segmentation: Segmentation, labels: Iterable[int]) -> Join | None:
    """Segments become one; None for less than two.

    Parameters
    ----------
    segmentation : Segmentation
    labels : iterable of int
        From 1; those that are none of its segments are left out.
    """
    known = [label for label in dict.fromkeys(labels) if 0 < label <= segmentation.n_segments]
    return Join(tuple(place_of_segment(segmentation, label - 1) for label in known)) if len(known) > 1 else None


def split_by(segmentation: Segmentation, stroke: Stroke) -> tuple[Split, tuple[int, ...]] | None:
    """Segments are parted along a stroke, and which, from 1; None where it parts none."""
    labels = parted_labels(segmentation, stroke)
    return (Split(thinned(stroke)), labels) if labels else None


def cut_by(segmentation: Segmentation, stroke: Stroke, hidden: Collection[int] = ()) -> Cut | None:
    """Neighbours of one segment on both sides of a stroke become of different ones; None where it crosses none.

    Parameters
    ----------
    segmentation : Segmentation
    stroke : sequence of (float, float)
    hidden : collection of int
        Phases, from 0, that nobody sees: their segments stay as they are.
    """
    edges = _crossed_inside(segmentation, stroke)
    edges = edges[~np.isin(segmentation.phases[segmentation.measurement_labels[edges[:, 0]]], list(hidden))]
    pairs = segmentation.field.locations[edges].tolist()
    return Cut(tuple(((a[0], a[1]), (b[0], b[1])) for a, b in pairs)) if pairs else None


def assigned(segmentation: Segmentation, measurements: npt.ArrayLike, phase: int | None) -> Assign | None:
    """Measurements get another phase; None where there are none, or all have it.

    Parameters
    ----------
    segmentation : Segmentation
        With phases.
    measurements : array of int
        From 0.
    phase : int, optional
        From 0. None: a new phase.
    """
    chosen = np.unique(np.asarray(measurements, dtype=np.int64))
    if len(chosen) == 0 or (phase is not None and (segmentation.grouped.labels[chosen] == phase).all()):
        return None
    return Assign(places(segmentation, chosen), None if phase is None else place_of_phase(segmentation, phase))


def painted(
    segmentation: Segmentation,
    before: npt.NDArray[np.integer],
    after: npt.NDArray[np.integer],
    *,
    whole: bool = False,
) -> tuple[Paint, ...]:
    """What was painted on labels: one correction for each label that measurements have got.

    Parameters
    ----------
    segmentation : Segmentation
        Whose measurements lie under the labels.
    before, after : (H, W) array of int
        Labels of its pixels. A label that was nowhere before is a new segment.
    whole : bool
        Segments are taken whole where a part of them was painted: the bucket fills pixels that touch, but a hand means
        the grain.

    Returns
    -------
    tuple of Paint
        Empty where no measurement has another label than before. Measurements that were erased (label 0) stay as they
        were: every measurement is of some segment.
    """
    rows, columns = segmentation.field.locations.T
    was, now = before[rows, columns].astype(np.int64), after[rows, columns].astype(np.int64)
    changed = (was != now) & (now > 0)
    if whole and changed.any():
        for label in np.unique(was[changed & (was > 0)]).tolist():
            of_label = was == label
            now[of_label] = now[of_label & changed][0]
        changed = (was != now) & (now > 0)
    found = []
    for label in np.unique(now[changed]).tolist():
        moved = np.flatnonzero(changed & (now == label))
        staying = np.flatnonzero((was == label) & ~changed)
        into = places(segmentation, staying[:1])[0] if len(staying) else None
        found.append(Paint(places(segmentation, moved), into))
    return tuple(found)


def parted_labels(segmentation: Segmentation, stroke: Stroke) -> tuple[int, ...]:
    """Labels of the segments that a stroke parts, rising; not those that it only enters."""
    inside = _crossed_inside(segmentation, stroke)
    if len(inside) == 0:
        return ()
    line, efforts = np.asarray(thinned(stroke)), Efforts.of(segmentation.graph)
    found = []
    for segment in np.unique(segmentation.measurement_labels[inside]).tolist():
        piece = Piece.of(efforts, np.flatnonzero(segmentation.measurement_labels == segment))
        ends = segmentation.graph.locations[piece.members[piece.ends]].astype(np.float64)
        if parted_by_stroke(piece, *crossed(line, ends[:, 0], ends[:, 1])) is not None:
            found.append(segment + 1)
    return tuple(found)


def seen_labels(segmentation: Segmentation, stroke: Stroke, hidden: Collection[int] = ()) -> tuple[int, ...]:
    """Labels of the segments that a stroke passes over, in its order, without those of hidden phases, from 0."""
    crossed_ones = crossed_labels(segmentation.labels, stroke)
    return tuple(label for label in crossed_ones if int(segmentation.phases[label - 1]) not in hidden)


def measurements_of(segmentation: Segmentation, labels: Iterable[int]) -> npt.NDArray[np.int64]:
    """Measurements, from 0, of segments, whose labels count from 1."""
    wanted = np.array([label - 1 for label in labels], dtype=np.int64)
    return np.flatnonzero(np.isin(segmentation.measurement_labels, wanted))


def places(segmentation: Segmentation, measurements: npt.NDArray[np.integer]) -> tuple[Place, ...]:
    """Pixels of measurements."""
    return tuple((row, column) for row, column in segmentation.field.locations[measurements].tolist())


def _crossed_inside(segmentation: Segmentation, stroke: Stroke) -> npt.NDArray[np.int64]:
    """Edges, (C, 2) measurements, that a stroke crosses and whose ends are of one segment."""
    edges = segmentation.graph.edges[crossed_edges(segmentation.graph, stroke)]
    segments = segmentation.measurement_labels[edges]
    inside: npt.NDArray[np.int64] = edges[segments[:, 0] == segments[:, 1]].astype(np.int64)
    return inside
