"""Parting a segment of the measurement graph: along a line that is drawn over it, or between given measurements."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from napari_gdls.graph.components import components_kept_apart, connected_components
from napari_gdls.graph.measurement_graph import MeasurementGraph

_LEAST_EFFORT = 1e-6
"""Of a step along an edge, in medians of delta_z and delta_b, so that of ways without any difference the shortest is
taken."""

_LEAST_MEDIAN = 1e-9
"""So that a field whose edges mostly do not differ divides by something."""

_CRUMB = 3
"""Measurements that a part needs to be one beside larger ones: fewer are corners that a line cuts off where it enters
or leaves a grain, and their spectra may all be mixtures (`napari_gdls.phases.phase_sums.LEAST_INTERIOR`)."""

_CRUMB_SHARE = 0.1
"""Share of a segment that is no crumb, however few measurements it is: a grain of five may be parted in two and three.
A choice."""

_DRAWN = 0.5
"""Share of the border between two parts that must have been drawn where a line does not reach through: what it only
enters with an end stays whole. A choice: lines end a little inside of a grain's rim, or reach a little into the next.
"""

_OFF_THE_LATTICE = (1.3e-4, 1.7e-4)
"""px by which lines are moved down and right, so that none runs through measurements, which lie on whole pixels."""


@dataclass(frozen=True, eq=False)
class Efforts:
    """How hard it is to go along each edge of a graph: delta_z and delta_b in units of their medians.

    Attributes
    ----------
    graph : MeasurementGraph
    of_edge : (E,) array of float64
    """

    graph: MeasurementGraph
    of_edge: npt.NDArray[np.float64]

    @classmethod
    def of(cls, graph: MeasurementGraph) -> Efforts:
        """Of all edges of a graph."""
        effort = np.full(graph.n_edges, _LEAST_EFFORT)
        if graph.n_edges:
            for values in (graph.delta_z, graph.delta_b):
                effort += values / max(float(np.median(values)), _LEAST_MEDIAN)
        return cls(graph, effort)


@dataclass(frozen=True, eq=False)
class Piece:
    """A segment as a graph of its own.

    Attributes
    ----------
    members : (M,) array of int64
        Its measurements, rising.
    ends : (e, 2) array of int64
        Edges inside of it, as indices into `members`.
    effort : (e,) array of float64
    places : (M, 2) array of int64
        Rows and columns of its measurements.
    """

    members: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    effort: npt.NDArray[np.float64]
    places: npt.NDArray[np.int64]

    @classmethod
    def of(cls, efforts: Efforts, members: npt.NDArray[np.int64]) -> Piece:
        """From the measurements of a segment, rising, and the graph that they are of."""
        edges = efforts.graph.edges
        first, last = np.searchsorted(edges[:, 0], [members[0], members[-1] + 1])  # edges are sorted
        number = np.full(int(members[-1] - members[0]) + 1, -1, dtype=np.int64)
        number[members - members[0]] = np.arange(len(members))
        a, b = edges[first:last].T - members[0]
        reached = np.flatnonzero(b < len(number))
        a, b = number[a[reached]], number[b[reached]]
        inside = np.flatnonzero((a >= 0) & (b >= 0))
        effort = efforts.of_edge[first:last][reached[inside]]
        ends = np.stack([a[inside], b[inside]], axis=1)
        return cls(members, ends, effort, efforts.graph.locations[members])


def crossed(
    stroke: npt.NDArray[np.float64], a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Which straight lines from a to b a stroke crosses an odd number of times, and whether a lies left of it there.

    Parameters
    ----------
    stroke : (V, 2) array of float64
        Vertices, rows and columns in px.
    a, b : (E, 2) arrays of float64
        Ends, likewise.

    Returns
    -------
    odd, left : (E,) arrays of bool
    """
    line = stroke + _OFF_THE_LATTICE
    odd, left = np.zeros(len(a), dtype=np.bool_), np.zeros(len(a), dtype=np.bool_)
    low, high = np.minimum(a, b), np.maximum(a, b)
    for p, q in pairwise(line):
        near = np.flatnonzero(((high >= np.minimum(p, q)) & (low <= np.maximum(p, q))).all(axis=1))
        if len(near) == 0:
            continue
        u, v = a[near], b[near]
        of_a, of_b = _side(p, q, u), _side(p, q, v)
        hit = (of_a != of_b) & (_side(u, v, p) != _side(u, v, q))
        odd[near[hit]] ^= True
        left[near[hit]] = of_a[hit]
    return odd, left


def _side(p: npt.NDArray[np.float64], q: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether x lies to the left of the line from p to q; points on it count for the right."""
    along, to = q - p, x - p
    return np.asarray(along[..., 0] * to[..., 1] - along[..., 1] * to[..., 0] > 0)


def parted_by_stroke(
    piece: Piece, odd: npt.NDArray[np.bool_], left: npt.NDArray[np.bool_]
) -> npt.NDArray[np.int64] | None:
    """Parts of a segment that a stroke crosses.

    What falls apart along the stroke are the parts. Where it does not reach through, measurements go to the side that
    they are nearest to, if most of the border between the sides has been drawn.

    Parameters
    ----------
    piece : Piece
    odd, left : (e,) arrays of bool
        Of its edges; see `crossed`.

    Returns
    -------
    (M,) array of int64 or None
        Part of each measurement; None where the stroke does not part it.
    """
    n = len(piece.members)
    before = connected_components(piece.ends, n)
    part = connected_components(piece.ends[~odd], n)
    following = int(part.max()) + 1
    for whole in np.unique(before[piece.ends[odd, 0]]).tolist():
        here = odd & (before[piece.ends[:, 0]] == whole)
        pairs = piece.ends[here]
        own = np.flatnonzero(before == whole)
        settled = _without_crumbs(piece, part, own)
        if len(np.unique(settled[own])) == 1:
            sides = _nearest_side(piece, ~odd & (before[piece.ends[:, 0]] == whole), pairs, left[here], own)
            if sides is not None:
                settled = part.copy()
                settled[own] = following + sides[own]
                following += 2
                settled = _without_crumbs(piece, settled, own)
                border = settled[piece.ends[:, 0]] != settled[piece.ends[:, 1]]
                border &= before[piece.ends[:, 0]] == whole
                if np.count_nonzero(border & odd) < _DRAWN * np.count_nonzero(border):
                    settled[own] = settled[own[0]]
        part = settled
    pieces_before = len(np.unique(before))
    if len(np.unique(part)) == pieces_before:
        return None
    _take_along(piece, part, before, piece.ends[odd])
    return part


def _take_along(
    piece: Piece, part: npt.NDArray[np.int64], before: npt.NDArray[np.int64], touched: npt.NDArray[np.int64]
) -> None:
    """Give what lies apart from all that is parted to the part that lies nearest, in place.

    Edges need not join all of a segment: its pixels may, where measurements see past others, or a hand.

    Parameters
    ----------
    piece : Piece
    part : (M,) array of int64
    before : (M,) array of int64
        What edges join.
    touched : array of int64
        Members of what is parted.
    """
    from scipy.spatial import cKDTree

    parted = np.isin(before, np.unique(before[touched]))
    if not parted.all():
        tree = cKDTree(piece.places[parted])
        for each in np.unique(before[~parted]).tolist():
            own = np.flatnonzero(before == each)
            far, nearest = tree.query(piece.places[own])
            part[own] = part[parted][nearest[np.argmin(far)]]


def _without_crumbs(piece: Piece, part: npt.NDArray[np.int64], own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Parts, the smallest ones joined with those that they share most edges with; `own` are those of one piece."""
    part = part.copy()
    while True:
        numbers, size = np.unique(part[own], return_counts=True)
        least = min(_CRUMB, max(_CRUMB_SHARE * len(own), 2.0) if len(own) > 4 else 1.0)
        small = numbers[size < least]
        if len(numbers) < 2 or len(small) == 0:
            return part
        crumb = int(small[np.argmin(size[size < least])])
        a, b = part[piece.ends].T
        beside = np.concatenate([b[(a == crumb) & (b != crumb)], a[(b == crumb) & (a != crumb)]])
        if len(beside) == 0:  # cannot be: the piece was connected
            return part
        host, shared = np.unique(beside, return_counts=True)
        part[part == crumb] = host[np.argmax(shared)]


def _nearest_side(
    piece: Piece,
    roads: npt.NDArray[np.bool_],
    pairs: npt.NDArray[np.int64],
    left: npt.NDArray[np.bool_],
    own: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64] | None:
    """Side of the crossed edges, 0 or 1, that each measurement is nearest to along the others; (M,), -1 elsewhere."""
    votes = np.zeros(len(piece.members), dtype=np.int64)
    np.add.at(votes, np.where(left, pairs[:, 0], pairs[:, 1]), 1)
    np.add.at(votes, np.where(left, pairs[:, 1], pairs[:, 0]), -1)
    seeds = np.unique(pairs)
    side = (votes[seeds] < 0).astype(np.int64)
    if len(np.unique(side)) < 2:
        return None
    out = np.full(len(piece.members), -1, dtype=np.int64)
    out[own] = nearest_group(piece, roads, seeds, side)[own]
    return out


def nearest_group(
    piece: Piece, roads: npt.NDArray[np.bool_], seeds: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Group of the seed that each measurement can be reached from most easily; (M,), -1 where none reaches.

    Parameters
    ----------
    piece : Piece
    roads : (e,) array of bool
        Edges that can be gone along.
    seeds : (s,) array of int64
        Indices into its members.
    groups : (s,) array of int64
        From 0.
    """
    import scipy.sparse as sp
    from scipy.sparse.csgraph import dijkstra

    n = len(piece.members)
    ends = piece.ends[roads].astype(np.int32)  # older scipy finds no ways in matrices of longer indices
    ways = sp.csr_array((piece.effort[roads], (ends[:, 0], ends[:, 1])), shape=(n, n))
    _, _, source = dijkstra(ways, directed=False, indices=seeds, min_only=True, return_predecessors=True)
    group_of = np.full(n + 1, -1, dtype=np.int64)
    group_of[seeds] = groups
    return np.asarray(group_of[np.where(source < 0, n, source)])


def parted_by_pairs(piece: Piece, pairs: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Parts of a segment in which the two of every pair are in different ones, as few as can be found easily.

    Edges between pairs are taken away; where that does not part them, ends that lie side by side without being a pair
    are on one side, and each measurement goes to the side that it is nearest to.

    Parameters
    ----------
    piece : Piece
    pairs : (P, 2) array of int64
        Indices into its members, the two of a pair different.

    Returns
    -------
    (M,) array of int64
    """
    n = len(piece.members)
    before = connected_components(piece.ends, n)
    roads = ~_among(piece.ends, pairs, n)
    part = connected_components(piece.ends[roads], n)
    ends = np.unique(pairs)
    rank = np.full(n, -1, dtype=np.int64)
    rank[ends] = np.arange(len(ends))
    beside = rank[piece.ends[roads]]
    group = components_kept_apart(beside[(beside >= 0).all(axis=1)], rank[pairs], len(ends))
    broken = np.unique(part[pairs[part[pairs[:, 0]] == part[pairs[:, 1]]].ravel()])
    # A part in which no pair is left is one side by itself.
    of_end = np.where(np.isin(part[ends], broken), group, len(ends) + part[ends])
    shared = nearest_group(piece, roads, ends, of_end)
    shared = np.where(shared < 0, 2 * n + before, shared)
    shared = np.unique(shared, return_inverse=True)[1]
    shared = joined_where_they_touch(piece, shared, shared[pairs], roads)
    _take_along(piece, shared, before, ends)
    return np.asarray(shared)


def joined_where_they_touch(
    piece: Piece,
    part: npt.NDArray[np.int64],
    apart: npt.NDArray[np.int64],
    roads: npt.NDArray[np.bool_] | None = None,
) -> npt.NDArray[np.int64]:
    """Parts of a segment, those that touch and need not be apart as one, where they share most edges first.

    Parameters
    ----------
    piece : Piece
    part : (M,) array of int64
        0..K - 1.
    apart : (A, 2) array of int64
        Parts that must not become one.
    roads : (e,) array of bool, optional
        Edges that count. None: all.

    Returns
    -------
    (M,) array of int64
        Numbered in the order of their first parts.
    """
    ends = piece.ends if roads is None else piece.ends[roads]
    touching, count = np.unique(np.sort(part[ends], axis=1), axis=0, return_counts=True)
    real = touching[:, 0] != touching[:, 1]
    order = np.argsort(-count[real], kind="stable")
    return components_kept_apart(touching[real][order], apart, int(part.max()) + 1)[part]


def _among(edges: npt.NDArray[np.int64], pairs: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.bool_]:
    """Which edges are among some pairs, in either order."""
    low, high = np.sort(pairs, axis=1).T
    first, second = np.sort(edges, axis=1).T
    return np.isin(first * n + second, low * n + high)
