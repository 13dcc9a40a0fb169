"""Compiled parts of the merge tree: costs, the merging itself, and walks in the finished tree.

A region is a set of measurements, named by one of them (its root). Edges of the regions are kept as half-edges in
linked lists: half-edge 2 e starts at the first end of edge e, half-edge 2 e + 1 at the second. Lists of two regions are
joined by one link, and half-edges that have become loops or doubles are dropped when a list is walked.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.graph.edge_heap import drop, sift_down, sift_up

_TABLE_SIZE = 1 << 14
"""Sums of counts up to which t log t is looked up; most sums of few measurements are below, in 128 kB."""

_RISEN_BY, _RISEN_BY_AT_LEAST = 1e-12, 1e-9
"""A cost that is found again counts as risen beyond this, as a fraction of it and in all; less is rounding."""


def entropy_table() -> npt.NDArray[np.float64]:
    """Values of t log t for whole t from 0, shape (16384,)."""
    t = np.arange(1, _TABLE_SIZE)
    return np.concatenate([[0.0], t * np.log(t)])


class Regions(NamedTuple):
    """Sums over the measurements of each region, by root; changed in place while regions merge."""

    counts: npt.NDArray[np.int64]
    """(N, K) counts in energy windows."""
    entropy: npt.NDArray[np.float64]
    """(N,) sum of t log t over the windows less that of the total."""
    total: npt.NDArray[np.int64]
    """(N,) counts."""
    bse: npt.NDArray[np.float64]
    """(N,) mean BSE, in any unit: in that of the noise of one measurement for the costs of merges."""
    size: npt.NDArray[np.float64]
    """(N,) number of measurements."""


@nb.njit(cache=True, nogil=True)
def _t_log_t(t: int | np.int64, table: npt.NDArray[np.float64]) -> float:
    return float(table[t]) if t < table.shape[0] else float(t * np.log(float(t)))


@nb.njit(cache=True, nogil=True)
def entropy_of(counts: npt.NDArray[np.int64], table: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Sum of t log t less N log N, and N, of the counts of one region."""
    total, entropy = 0, 0.0
    for k in range(len(counts)):
        total += counts[k]
        entropy += _t_log_t(counts[k], table)
    return entropy - _t_log_t(total, table), total


@nb.njit(cache=True, nogil=True)
def g_statistic(regions: Regions, a: int, b: int, table: npt.NDArray[np.float64]) -> float:
    """Likelihood-ratio statistic of the hypothesis that two regions have one spectrum (Sokal & Rohlf 1995, ch. 17).

    Relies on regions a and b below K, with counts of 0 or more and their entropies.
    """
    counts, joint = regions.counts, 0.0
    for k in range(counts.shape[1]):
        joint += _t_log_t(counts[a, k] + counts[b, k], table)
    joint -= _t_log_t(regions.total[a] + regions.total[b], table)
    return float(max(2.0 * (regions.entropy[a] + regions.entropy[b] - joint), 0.0))


@nb.njit(cache=True, nogil=True)
def _cost(regions: Regions, a: int, b: int, table: npt.NDArray[np.float64], bse_scatter: float) -> float:
    step = regions.bse[a] - regions.bse[b]
    bse = step * step / (1.0 / regions.size[a] + 1.0 / regions.size[b] + bse_scatter)
    return float(g_statistic(regions, a, b, table) + bse)


@nb.njit(cache=True, nogil=True)
def root_of(parent: npt.NDArray[np.integer], a: int) -> int:
    """Root of a region, halving the way there for the next time."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a


@nb.njit(cache=True, nogil=True)
def absorb(regions: Regions, a: int, b: int, table: npt.NDArray[np.float64]) -> None:
    """Add region b to region a."""
    n = regions.size[a] + regions.size[b]
    regions.bse[a] = (regions.bse[a] * regions.size[a] + regions.bse[b] * regions.size[b]) / n
    regions.size[a] = n
    for k in range(regions.counts.shape[1]):
        regions.counts[a, k] += regions.counts[b, k]
    entropy, total = entropy_of(regions.counts[a], table)
    regions.entropy[a] = entropy
    regions.total[a] = total


class Merging(NamedTuple):
    """State of the merging of N regions along M edges, between blocks of merges; changed in place.

    32-bit numbers where they are many: what is looked up here and there stays in the caches of the processor.
    """

    edges: npt.NDArray[np.int32]
    """(M, 2) the two regions that each edge joined at the beginning."""
    heap: npt.NDArray[np.int32]
    """(M,) edges as a heap by `key`; the first `progress[LENGTH]` of them."""
    position: npt.NDArray[np.int32]
    """(M,) where each edge stands in the heap, -1 off it."""
    key: npt.NDArray[np.float64]
    """(M,) cost of joining the regions at both ends, as far as it is known."""
    head: npt.NDArray[np.int32]
    """(N,) first half-edge of each region, -1 for none."""
    tail: npt.NDArray[np.int32]
    """(N,) last one."""
    following: npt.NDArray[np.int32]
    """(2 M,) next half-edge of the same region, -1 after the last."""
    parent: npt.NDArray[np.int32]
    """(N,) way to the root of each region."""
    seen: npt.NDArray[np.int32]
    """(N,) merge at which a region was last met as a neighbour."""
    refreshed_at: npt.NDArray[np.float64]
    """(N,) size of each region when its costs were last found."""
    kept: npt.NDArray[np.int64]
    """(N - 1,) root that is left of each merge."""
    absorbed: npt.NDArray[np.int64]
    """(N - 1,) root that is gone."""
    height: npt.NDArray[np.float64]
    """(N - 1,) height of each merge: the highest cost so far."""
    progress: npt.NDArray[np.int64]
    """(2,) number of merges made, and length of the heap."""


DONE, LENGTH = 0, 1  # indices into `progress`


@nb.njit(cache=True, nogil=True)
def start_merging(
    regions: Regions, edges: npt.NDArray[np.int64], table: npt.NDArray[np.float64], bse_scatter: float
) -> Merging:
    """The state before the first merge.

    Relies on less than 2**30 edges between 0 and N - 1, as `MeasurementGraph` has, on counts of 0 or more whose sums
    over all regions stay below 2**63, on finite BSE and on sizes above 0, as those of a `Field` are.
    """
    n, m = len(regions.size), len(edges)
    heap, position, key = np.arange(m, dtype=np.int32), np.arange(m, dtype=np.int32), np.empty(m)
    head, tail = np.full(n, np.int32(-1)), np.full(n, np.int32(-1))
    following = np.full(2 * m, np.int32(-1))
    for e in range(m):
        key[e] = _cost(regions, edges[e, 0], edges[e, 1], table, bse_scatter)
        for side in range(2):
            u, half = edges[e, side], 2 * e + side
            if head[u] < 0:
                head[u] = half
            else:
                following[tail[u]] = half
            tail[u] = half
    for i in range(m // 2 - 1, -1, -1):
        sift_down(heap, position, key, i, m)
    most = max(n - 1, 0)
    return Merging(
        edges.astype(np.int32),
        heap,
        position,
        key,
        head,
        tail,
        following,
        np.arange(n, dtype=np.int32),
        np.full(n, np.int32(-1)),
        regions.size.copy(),
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.empty(most),
        np.array([0, m]),
    )


@nb.njit(cache=True, nogil=True)
def merge_some(
    state: Merging,
    regions: Regions,
    table: npt.NDArray[np.float64],
    bse_scatter: float,
    refresh_growth: float,
    most_costs: int,
) -> bool:
    """Merge neighbouring regions, the cheapest pair first, until so many costs were found, or none are left.

    Costs are kept for the edges at hand and found again when a region has grown by `refresh_growth`, and in any case
    before a merge: an edge whose cost has risen meanwhile goes back into the heap. Returns whether pairs are left.

    Relies on a state that `start_merging` has made of the same regions.
    """
    edges, heap, position, key, parent = state.edges, state.heap, state.position, state.key, state.parent
    done, length, costs = state.progress[DONE], state.progress[LENGTH], 0
    highest = state.height[done - 1] if done > 0 else 0.0
    while length > 0 and costs < most_costs:
        e = heap[0]
        a, b = root_of(parent, edges[e, 0]), root_of(parent, edges[e, 1])
        if a == b:
            length = drop(heap, position, key, e, length)
            continue
        cost = _cost(regions, a, b, table, bse_scatter)
        costs += 1
        if cost > key[e] * (1 + _RISEN_BY) + _RISEN_BY_AT_LEAST:
            key[e] = cost
            sift_down(heap, position, key, 0, length)
            continue
        if regions.size[a] < regions.size[b] or (regions.size[a] == regions.size[b] and a > b):
            a, b = b, a
        highest = max(highest, cost)
        state.kept[done], state.absorbed[done], state.height[done] = a, b, highest
        done += 1
        absorb(regions, a, b, table)
        parent[b] = a
        half = _join_lists(state.head, state.tail, state.following, a, b)
        whole = regions.size[a] >= refresh_growth * state.refreshed_at[a]
        if whole:
            state.refreshed_at[a] = regions.size[a]
            half = state.head[a]
        length, found = _refresh(state, regions, table, bse_scatter, a, half, whole, done, length)
        costs += found
    state.progress[DONE], state.progress[LENGTH] = done, length
    return bool(length > 0)


@nb.njit(cache=True, nogil=True)
def _join_lists(
    head: npt.NDArray[np.int32], tail: npt.NDArray[np.int32], following: npt.NDArray[np.int32], a: int, b: int
) -> int:
    """Append the half-edges of region b to those of region a; the first of them, -1 for none."""
    first_of_b = head[b]
    if first_of_b >= 0:
        if head[a] < 0:
            head[a] = first_of_b
        else:
            following[tail[a]] = first_of_b
        tail[a] = tail[b]
    return int(first_of_b)


# In line, since a call that hands over all the arrays costs several percent of the time of the tree.
@nb.njit(cache=True, nogil=True, inline="always")
def _refresh(
    state: Merging,
    regions: Regions,
    table: npt.NDArray[np.float64],
    bse_scatter: float,
    a: int,
    half: int,
    whole: bool,
    done: int,
    length: int,
) -> tuple[int, int]:
    """Find the costs of a's edges again, from a half-edge on; drop loops and doubles.

    Where the list is walked as a whole, half-edges that are off the heap are taken out of it. Returns the length of the
    heap and the number of costs.
    """
    heap, position, key = state.heap, state.position, state.key
    previous, costs = -1, 0
    while half >= 0:
        e, after = half >> 1, state.following[half]
        if position[e] >= 0:
            other = root_of(state.parent, state.edges[e, 1 - (half & 1)])
            if other == a or state.seen[other] == done:
                length = drop(heap, position, key, e, length)
            else:
                state.seen[other] = done
                before = key[e]
                key[e] = _cost(regions, a, other, table, bse_scatter)
                costs += 1
                if key[e] < before:
                    sift_up(heap, position, key, position[e])
                else:
                    sift_down(heap, position, key, position[e], length)
        if whole:
            if position[e] >= 0:
                previous = half
            elif previous < 0:
                state.head[a] = after
            else:
                state.following[previous] = after
            if after < 0:
                state.tail[a] = previous
        half = after
    return length, costs


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


@nb.njit(cache=True, nogil=True)
def entropies_of(
    counts: npt.NDArray[np.int64], table: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """`entropy_of` of every row.

    Relies on counts of 0 or more whose sums stay below 2**63.
    """
    entropy, total = np.empty(len(counts)), np.empty(len(counts), dtype=np.int64)
    for i in range(len(counts)):
        entropy[i], total[i] = entropy_of(counts[i], table)
    return entropy, total
