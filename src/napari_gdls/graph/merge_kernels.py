"""Compiled parts of the merge tree: costs, a heap of edges, the merging itself, and walks in the finished tree.

A region is a set of measurements, named by one of them (its root). Edges of the regions are kept as half-edges in
linked lists: half-edge 2 e starts at the first end of edge e, half-edge 2 e + 1 at the second. Lists of two regions are
joined by one link, and half-edges that have become loops or doubles are dropped when a list is walked.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

_TABLE_SIZE = 1 << 14


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
    """(N,) mean BSE in units of the noise of one measurement."""
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
    """Likelihood-ratio statistic of the hypothesis that two regions have one spectrum (Sokal & Rohlf 1995, ch. 17)."""
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
def _before(e: int, f: int, key: npt.NDArray[np.float64]) -> bool:
    return key[e] < key[f] or (key[e] == key[f] and e < f)


@nb.njit(cache=True, nogil=True)
def _up(heap: npt.NDArray[np.int64], place: npt.NDArray[np.int64], key: npt.NDArray[np.float64], i: int) -> None:
    e = heap[i]
    while i > 0:
        parent = (i - 1) >> 1
        if not _before(e, heap[parent], key):
            break
        heap[i] = heap[parent]
        place[heap[i]] = i
        i = parent
    heap[i] = e
    place[e] = i


@nb.njit(cache=True, nogil=True)
def _down(
    heap: npt.NDArray[np.int64], place: npt.NDArray[np.int64], key: npt.NDArray[np.float64], i: int, length: int
) -> None:
    e = heap[i]
    while True:
        child = 2 * i + 1
        if child >= length:
            break
        if child + 1 < length and _before(heap[child + 1], heap[child], key):
            child += 1
        if _before(e, heap[child], key):
            break
        heap[i] = heap[child]
        place[heap[i]] = i
        i = child
    heap[i] = e
    place[e] = i


@nb.njit(cache=True, nogil=True)
def _drop(
    heap: npt.NDArray[np.int64], place: npt.NDArray[np.int64], key: npt.NDArray[np.float64], e: int, length: int
) -> int:
    """Take edge e off the heap; the new length."""
    i, last = place[e], heap[length - 1]
    place[e] = -1
    length -= 1
    if last != e:
        heap[i] = last
        place[last] = i
        _down(heap, place, key, i, length)
        _up(heap, place, key, place[last])
    return length


@nb.njit(cache=True, nogil=True)
def root_of(parent: npt.NDArray[np.int64], a: int) -> int:
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


@nb.njit(cache=True, nogil=True)
def merge_all(
    regions: Regions,
    edges: npt.NDArray[np.int64],
    table: npt.NDArray[np.float64],
    bse_scatter: float,
    refresh_growth: float,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Merge neighbouring regions, the cheapest pair first, until none have an edge between them.

    Costs are kept for the edges at hand and found anew when a region has grown by `refresh_growth`, and in any case
    before a merge: an edge whose cost has risen meanwhile goes back into the heap.

    Returns the kept and the absorbed root of every merge, and its height: the highest cost so far.
    """
    n, m = len(regions.size), len(edges)
    heap, place, key = np.arange(m), np.arange(m), np.empty(m)
    head, tail, following = np.full(n, -1), np.full(n, -1), np.full(2 * m, -1)
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
        _down(heap, place, key, i, m)
    parent, seen = np.arange(n), np.full(n, -1)
    refreshed_at = regions.size.copy()
    kept, absorbed = np.empty(max(n - 1, 0), dtype=np.int64), np.empty(max(n - 1, 0), dtype=np.int64)
    height = np.empty(max(n - 1, 0))
    done, length, highest = 0, m, 0.0
    while length > 0:
        e = heap[0]
        a, b = root_of(parent, edges[e, 0]), root_of(parent, edges[e, 1])
        if a == b:
            length = _drop(heap, place, key, e, length)
            continue
        cost = _cost(regions, a, b, table, bse_scatter)
        if cost > key[e] * (1 + 1e-12) + 1e-9:
            key[e] = cost
            _down(heap, place, key, 0, length)
            continue
        if regions.size[a] < regions.size[b] or (regions.size[a] == regions.size[b] and a > b):
            a, b = b, a
        highest = max(highest, cost)
        kept[done], absorbed[done], height[done] = a, b, highest
        done += 1
        absorb(regions, a, b, table)
        parent[b] = a
        first_of_b = head[b]
        if first_of_b >= 0:
            if head[a] < 0:
                head[a] = first_of_b
            else:
                following[tail[a]] = first_of_b
            tail[a] = tail[b]
        whole = regions.size[a] >= refresh_growth * refreshed_at[a]
        if whole:
            refreshed_at[a] = regions.size[a]
        half, previous = (head[a] if whole else first_of_b), -1
        while half >= 0:
            e, after = half >> 1, following[half]
            if place[e] >= 0:
                other = root_of(parent, edges[e, 1 - (half & 1)])
                if other == a or seen[other] == done:
                    length = _drop(heap, place, key, e, length)
                else:
                    seen[other] = done
                    before = key[e]
                    key[e] = _cost(regions, a, other, table, bse_scatter)
                    if key[e] < before:
                        _up(heap, place, key, place[e])
                    else:
                        _down(heap, place, key, place[e], length)
            if whole:
                if place[e] >= 0:
                    previous = half
                elif previous < 0:
                    head[a] = after
                else:
                    following[previous] = after
                if after < 0:
                    tail[a] = previous
            half = after
    return kept[:done], absorbed[:done], height[:done]


@nb.njit(cache=True, nogil=True)
def labels_after(
    kept: npt.NDArray[np.int64], absorbed: npt.NDArray[np.int64], n: int, n_merges: int
) -> npt.NDArray[np.int64]:
    """Region of each of n measurements after the first merges, numbered by first appearance."""
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
    """`entropy_of` of every row."""
    entropy, total = np.empty(len(counts)), np.empty(len(counts), dtype=np.int64)
    for i in range(len(counts)):
        entropy[i], total[i] = entropy_of(counts[i], table)
    return entropy, total
