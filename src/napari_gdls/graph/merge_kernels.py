"""Compiled parts of the merge tree: the merging itself, and walks in the finished tree.

A region is a set of measurements, named by one of them (its root). Edges of the regions are kept as half-edges in
linked lists: half-edge 2 e starts at the first end of edge e, half-edge 2 e + 1 at the second. Lists of two regions are
joined by one link, and half-edges that have become loops or doubles are dropped when a list is walked.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.graph.edge_queue import EDGE, GONE, LEFT, EdgeQueue, change_cost, cheapest, drop, edge_queue
from napari_gdls.graph.prefetching import load_ahead
from napari_gdls.graph.region_sums import Regions, absorb_counts, g_statistic, mean_of_both, root_of
from napari_gdls.threads import in_blocks

_RISEN_BY, _RISEN_BY_AT_LEAST = 1e-12, 1e-9
"""A cost that is found again counts as risen beyond this, as a fraction of it and in all; less is rounding."""

_EDGES_AT_A_TIME = 1 << 14
"""Edges whose first costs a thread finds at a time: a millisecond."""

# One record for all that is known of a region: it fills a line of the caches, in which it seldom lies.
_REGION = np.dtype(
    [
        ("entropy", np.float64),  # as in `Regions`, likewise the next three
        ("total", np.int64),
        ("bse", np.float64),
        ("size", np.float64),
        ("refreshed_at", np.float64),  # size when its costs were last found
        ("seen", np.int32),  # merge at which it was last met as a neighbour
        ("changed", np.int32),  # merge by which its sums changed last
        ("head", np.int32),  # first half-edge, -1 for none
        ("tail", np.int32),  # last one
    ],
    align=True,
)


class Merging(NamedTuple):
    """State of the merging of N regions along M edges, between blocks of merges; changed in place."""

    counts: npt.NDArray[np.integer]
    """(N, K) counts of each region, by root."""
    regions: npt.NDArray[np.void]
    """(N,) of `_REGION`, by root."""
    parent: npt.NDArray[np.int32]
    """(N,) way to the root of each region."""
    queue: EdgeQueue
    """Edges by the cost of joining the regions at both ends, as far as it is known."""
    kept: npt.NDArray[np.int64]
    """(N - 1,) root that is left of each merge."""
    absorbed: npt.NDArray[np.int64]
    """(N - 1,) root that is gone."""
    height: npt.NDArray[np.float64]
    """(N - 1,) height of each merge: the highest cost so far."""
    done: npt.NDArray[np.int64]
    """(1,) number of merges made."""


def start_merging(
    sums: Regions, edges: npt.NDArray[np.int64], table: npt.NDArray[np.float64], bse_scatter: float
) -> Merging:
    """The state before the first merge; it keeps the counts as its own.

    Relies on less than 2**30 edges between 0 and N - 1, as `MeasurementGraph` has, on counts of 0 or more whose sums
    over all regions fit their dtype, on finite BSE and on sizes above 0, as those of a `Field` are.
    """
    n, m = len(sums.size), len(edges)
    regions = np.zeros(n, dtype=_REGION)
    for name in ("entropy", "total", "bse", "size"):
        regions[name] = getattr(sums, name)
    regions["refreshed_at"] = sums.size
    regions["seen"] = regions["head"] = regions["tail"] = -1
    joins = np.zeros(m, dtype=EDGE)
    joins["first_end"], joins["second_end"] = edges.T
    in_blocks(
        m,
        lambda first, last: _find_costs(sums.counts, regions, joins, table, bse_scatter, first, last),
        size=_EDGES_AT_A_TIME,
    )
    _list_half_edges(regions, joins)
    most = max(n - 1, 0)
    return Merging(
        counts=sums.counts,
        regions=regions,
        parent=np.arange(n, dtype=np.int32),
        queue=edge_queue(joins),
        kept=np.empty(most, dtype=np.int64),
        absorbed=np.empty(most, dtype=np.int64),
        height=np.empty(most),
        done=np.zeros(1, dtype=np.int64),
    )


@nb.njit(cache=True, nogil=True)
def _cost(
    counts: npt.NDArray[np.integer],
    regions: npt.NDArray[np.void],
    a: int,
    b: int,
    table: npt.NDArray[np.float64],
    bse_scatter: float,
) -> float:
    one, other = regions[a], regions[b]
    step = one.bse - other.bse
    of_bse = step * step / (1.0 / one.size + 1.0 / other.size + bse_scatter)
    return float(g_statistic(counts, a, b, one.entropy + other.entropy, one.total + other.total, table) + of_bse)


@nb.njit(cache=True, nogil=True)
def _find_costs(
    counts: npt.NDArray[np.integer],
    regions: npt.NDArray[np.void],
    edges: npt.NDArray[np.void],
    table: npt.NDArray[np.float64],
    bse_scatter: float,
    first: int,
    last: int,
) -> None:
    """Costs of the edges first..last - 1.

    Relies on what `start_merging` says, and on 0 <= first <= last <= M.
    """
    for e in range(first, last):
        edges[e].cost = _cost(counts, regions, edges[e].first_end, edges[e].second_end, table, bse_scatter)


@nb.njit(cache=True, nogil=True)
def _list_half_edges(regions: npt.NDArray[np.void], edges: npt.NDArray[np.void]) -> None:
    """Half-edges of each region in the order of the edges.

    Relies on edges between 0 and N - 1, and on regions that have none yet.
    """
    for half in range(2 * len(edges)):
        e = half >> 1
        u = edges[e].second_end if half & 1 else edges[e].first_end
        if regions[u].head < 0:
            regions[u].head = half
        else:
            _link(edges, regions[u].tail, half)
        _link(edges, half, -1)
        regions[u].tail = half


@nb.njit(cache=True, nogil=True)
def _link(edges: npt.NDArray[np.void], half: int, following: int) -> None:
    """Let a half-edge follow another one."""
    if half & 1:
        edges[half >> 1].after_second = following
    else:
        edges[half >> 1].after_first = following


@nb.njit(cache=True, nogil=True)
def merge_some(
    state: Merging, table: npt.NDArray[np.float64], bse_scatter: float, refresh_growth: float, most_costs: int
) -> bool:
    """Merge neighbouring regions, the cheapest pair first, until so many costs were found, or none are left.

    Costs are kept for the edges at hand and found again when a region has grown by `refresh_growth`, and in any case
    before a merge, if one of the regions has changed: an edge whose cost has risen meanwhile goes back into the queue.
    Returns whether pairs are left.

    Relies on a state that `start_merging` has made.
    """
    counts, regions, parent = state.counts, state.regions, state.parent
    edges, heap, buckets = state.queue
    done, costs = state.done[0], 0
    highest = state.height[done - 1] if done > 0 else 0.0
    while buckets[LEFT] > 0 and costs < most_costs:
        e = cheapest(edges, heap, buckets)
        a, b = root_of(parent, edges[e].first_end), root_of(parent, edges[e].second_end)
        if a == b:
            drop(edges, heap, buckets, e)
            continue
        cost = edges[e].cost
        if max(regions[a].changed, regions[b].changed) > edges[e].known:
            known = cost
            cost = _cost(counts, regions, a, b, table, bse_scatter)
            costs += 1
            if cost > known * (1 + _RISEN_BY) + _RISEN_BY_AT_LEAST:
                edges[e].known = done
                change_cost(edges, heap, buckets, e, cost)
                continue
        if regions[a].size < regions[b].size or (regions[a].size == regions[b].size and a > b):
            a, b = b, a
        highest = max(highest, cost)
        state.kept[done], state.absorbed[done], state.height[done] = a, b, highest
        done += 1
        _absorb(counts, regions, a, b, table)
        regions[a].changed, parent[b] = done, a
        half = _join_lists(regions, edges, a, b)
        whole = regions[a].size >= refresh_growth * regions[a].refreshed_at
        if whole:
            regions[a].refreshed_at = regions[a].size
            half = regions[a].head
        costs += _refresh(counts, regions, parent, edges, heap, buckets, table, bse_scatter, a, half, whole, done)
    state.done[0] = done
    return bool(buckets[LEFT] > 0)


@nb.njit(cache=True, nogil=True)
def _absorb(
    counts: npt.NDArray[np.integer], regions: npt.NDArray[np.void], a: int, b: int, table: npt.NDArray[np.float64]
) -> None:
    """Add the sums of region b to those of region a."""
    one, other = regions[a], regions[b]
    one.bse = mean_of_both(one.bse, one.size, other.bse, other.size)
    one.size += other.size
    one.entropy, one.total = absorb_counts(counts, a, b, table)


@nb.njit(cache=True, nogil=True)
def _join_lists(regions: npt.NDArray[np.void], edges: npt.NDArray[np.void], a: int, b: int) -> int:
    """Append the half-edges of region b to those of region a; the first of them, -1 for none."""
    first_of_b = regions[b].head
    if first_of_b >= 0:
        if regions[a].head < 0:
            regions[a].head = first_of_b
        else:
            _link(edges, regions[a].tail, first_of_b)
        regions[a].tail = regions[b].tail
    return int(first_of_b)


# In line, since a call that hands over all the arrays costs several percent of the time of the tree.
@nb.njit(cache=True, nogil=True, inline="always")
def _refresh(
    counts: npt.NDArray[np.integer],
    regions: npt.NDArray[np.void],
    parent: npt.NDArray[np.int32],
    edges: npt.NDArray[np.void],
    heap: npt.NDArray[np.void],
    buckets: npt.NDArray[np.int32],
    table: npt.NDArray[np.float64],
    bse_scatter: float,
    a: int,
    half: int,
    whole: bool,
    done: int,
) -> int:
    """Find the costs of a's edges again, from a half-edge on; drop loops and doubles.

    Where the list is walked as a whole, half-edges of edges that are gone are taken out of it. Returns the number of
    costs.
    """
    ahead = half
    while ahead >= 0:
        edge, is_second = edges[ahead >> 1], ahead & 1
        if edge.place != GONE:
            other = root_of(parent, edge.first_end if is_second else edge.second_end)
            load_ahead(counts, other)  # type: ignore[call-arg]  # the first parameter is numba's
            load_ahead(regions, other)
            load_ahead(edges, edge.next)
            load_ahead(edges, edge.previous)
        ahead = edge.after_second if is_second else edge.after_first
    previous, costs = -1, 0
    while half >= 0:
        e, is_second = half >> 1, half & 1
        edge = edges[e]
        after = edge.after_second if is_second else edge.after_first
        if edge.place != GONE:
            other = root_of(parent, edge.first_end if is_second else edge.second_end)
            if other == a or regions[other].seen == done:
                drop(edges, heap, buckets, e)
            else:
                regions[other].seen = done
                edge.known = done
                change_cost(edges, heap, buckets, e, _cost(counts, regions, a, other, table, bse_scatter))
                costs += 1
        if whole:
            if edge.place != GONE:
                previous = half
            elif previous < 0:
                regions[a].head = after
            else:
                _link(edges, previous, after)
            if after < 0:
                regions[a].tail = previous
        half = after
    return costs


@nb.njit(cache=True, nogil=True)
def labels_after(
    kept: npt.NDArray[np.int64], absorbed: npt.NDArray[np.int64], n: int, n_merges: int
) -> npt.NDArray[np.int64]:
    """Region of each of n measurements after the first merges, numbered by first appearance.

    Relies on merges of 0..n - 1 in which nothing is absorbed twice or into itself, as `MergeTree` checks, and on
    n_merges of them at most.
    """
    parent, number, out = np.arange(n), np.full(n, -1), np.empty(n, dtype=np.int64)
    for i in range(n_merges):
        parent[absorbed[i]] = kept[i]
    found = 0
    for i in range(n):
        root = root_of(parent, i)
        if number[root] < 0:
            number[root] = found
            found += 1
        out[i] = number[root]
    return out


@nb.njit(cache=True, nogil=True)
def joining_heights(
    kept: npt.NDArray[np.int64],
    absorbed: npt.NDArray[np.int64],
    height: npt.NDArray[np.float64],
    n: int,
    pairs: npt.NDArray[np.int64],
) -> npt.NDArray[np.float64]:
    """Height of the merge that brings the two of each pair together; inf where none does.

    The larger region absorbs the smaller, so the way to a root has at most log2 n steps.

    Relies on merges as `labels_after` does, and on pairs of 0..n - 1, which `MergeTree.heights_of` checks.
    """
    parent, step = np.full(n, -1), np.full(n, len(kept))
    for i in range(len(kept)):
        parent[absorbed[i]] = kept[i]
        step[absorbed[i]] = i
    out = np.empty(len(pairs))
    for p in range(len(pairs)):
        a, b, last = pairs[p, 0], pairs[p, 1], -1
        while a != b and a >= 0 and b >= 0:
            if step[a] <= step[b]:
                last = step[a]
                a = parent[a]
            else:
                last = step[b]
                b = parent[b]
        out[p] = np.inf if a != b else (0.0 if last < 0 else height[last])
    return out
