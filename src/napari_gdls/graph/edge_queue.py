"""A queue of edges by cost, the cheapest first, in which any edge may change its cost or go; for `merge_kernels` alone.

Edges wait in buckets of about the same cost, as lists without order; those of the lowest bucket that holds any are
ordered by a heap (a calendar queue: Brown 1988, Commun. ACM 31:1220). Most changes concern edges whose turn is far off,
and cost a few steps here, where one heap of all edges would move them through all its levels. Edges of one cost come in
the order of their numbers, so that results do not depend on what happened before.
"""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

_DOUBLINGS = (-6, 40)
"""Powers of two between which costs have buckets of their own; a cost is a statistic G, of the order of the number of
energy windows for equal regions and of all counts for different ones. Those beyond share the first and the last."""

_BUCKETS_PER_DOUBLING = 8
"""Of these, the logarithm to base 2. With 256 buckets a field of 300,000 measurements has some 1,000 edges in the
fullest one, whose heap stays in the nearest cache. A choice."""

_SHIFT = 52 - _BUCKETS_PER_DOUBLING  # 52 bits of a float64 follow its power of two
_LOWEST = (1023 + _DOUBLINGS[0]) << _BUCKETS_PER_DOUBLING  # 1023 is the power of two of 1, as float64 has it
_N_BUCKETS = (_DOUBLINGS[1] - _DOUBLINGS[0]) << _BUCKETS_PER_DOUBLING

_BUCKET, _IN_HEAP, LEFT = _N_BUCKETS, _N_BUCKETS + 1, _N_BUCKETS + 2
"""Places in `EdgeQueue.buckets` of the number of the lowest bucket, the length of the heap, and the number of edges."""

_WAITING, GONE = np.int32(-2), np.int32(-1)
"""In the place of a place in the heap: for an edge in a bucket, and for one that is no longer in the queue."""

# One record for all that is known of an edge, since it is asked for together and seldom lies in the caches.
EDGE = np.dtype(
    [
        ("cost", np.float64),  # 0 or more
        ("place", np.int32),  # in the heap, or `_WAITING`, `GONE`
        ("next", np.int32),  # in the same bucket, -1 after the last
        ("previous", np.int32),  # likewise, -1 before the first
        ("known", np.int32),  # merge after which the cost was found
        ("first_end", np.int32),  # region that it joined at the beginning
        ("second_end", np.int32),
        ("after_first", np.int32),  # next half-edge of the region at its first end, -1 after the last
        ("after_second", np.int32),
    ]
)
"""An edge in the queue and in the lists of `merge_kernels`."""


class EdgeQueue(NamedTuple):
    """M edges, changed in place by the functions below.

    These take the arrays one by one, since compiled code is slow with tuples of arrays.
    """

    edges: npt.NDArray[np.void]
    """(M,) of `EDGE`."""
    heap: npt.NDArray[np.void]
    """(M,) costs and numbers of the edges of the lowest bucket, four children to each."""
    buckets: npt.NDArray[np.int32]
    """(B + 3,) first edge of each bucket, -1 for none; then `_BUCKET`, `_IN_HEAP`, `LEFT`."""


_ENTRY = np.dtype([("cost", np.float64), ("edge", np.int64)])


def edge_queue(edges: npt.NDArray[np.void]) -> EdgeQueue:
    """All edges (M,) of `EDGE`, with their costs; the queue keeps the array as its own."""
    buckets = np.full(_N_BUCKETS + 3, np.int32(-1))
    buckets[_IN_HEAP], buckets[LEFT] = 0, len(edges)
    _fill(edges, buckets)
    return EdgeQueue(edges, np.empty(len(edges), dtype=_ENTRY), buckets)


@nb.njit(cache=True, nogil=True)
def _fill(edges: npt.NDArray[np.void], buckets: npt.NDArray[np.int32]) -> None:
    """Put each edge into its bucket.

    Relies on arrays as `edge_queue` makes them, and on costs that are numbers of 0 or more.
    """
    for e in range(len(edges) - 1, -1, -1):
        _link(edges, buckets, e)


@nb.njit(cache=True, nogil=True)
def cheapest(edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], buckets: npt.NDArray[np.int32]) -> int:
    """The edge with the lowest cost; relies on one that is left."""
    if buckets[_IN_HEAP] == 0:
        bucket = buckets[_BUCKET] + 1
        while buckets[bucket] < 0:
            bucket += 1
        e, n = buckets[bucket], 0
        buckets[bucket] = -1
        while e >= 0:
            heap[n].cost, heap[n].edge, edges[e].place = edges[e].cost, e, n
            n += 1
            e = edges[e].next
        buckets[_BUCKET], buckets[_IN_HEAP] = bucket, n
        for i in range((n - 2) >> 2, -1, -1):
            _sift_down(edges, heap, i, n)
    return int(heap[0].edge)


@nb.njit(cache=True, nogil=True)
def change_cost(
    edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], buckets: npt.NDArray[np.int32], e: int, cost: float
) -> None:
    """Give an edge that is not gone another cost."""
    before, place = edges[e].cost, edges[e].place
    bucket, of_heap = _bucket_of(cost), buckets[_BUCKET]
    if place >= 0 and bucket <= of_heap:
        edges[e].cost, heap[place].cost = cost, cost
        if cost < before:
            _sift_up(edges, heap, place)
        else:
            _sift_down(edges, heap, place, buckets[_IN_HEAP])
        return
    if place < 0 and bucket == _bucket_of(before):
        edges[e].cost = cost
        return
    _take_out(edges, heap, buckets, e)
    edges[e].cost = cost
    if bucket > of_heap:
        _link(edges, buckets, e)
        return
    n = buckets[_IN_HEAP]
    buckets[_IN_HEAP] = n + 1
    heap[n].cost, heap[n].edge = cost, e
    _sift_up(edges, heap, n)


@nb.njit(cache=True, nogil=True)
def drop(edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], buckets: npt.NDArray[np.int32], e: int) -> None:
    """Let an edge go that is not gone."""
    _take_out(edges, heap, buckets, e)
    edges[e].place = GONE
    buckets[LEFT] -= 1


@nb.njit(cache=True, nogil=True)
def _bucket_of(cost: float) -> int:
    bits = int(np.float64(cost).view(np.int64))  # they rise as the costs do
    return min(max((bits >> _SHIFT) - _LOWEST, 0), _N_BUCKETS - 1)


@nb.njit(cache=True, nogil=True)
def _link(edges: npt.NDArray[np.void], buckets: npt.NDArray[np.int32], e: int) -> None:
    """Put an edge into the bucket of its cost."""
    bucket = _bucket_of(edges[e].cost)
    after = buckets[bucket]
    edges[e].place, edges[e].next, edges[e].previous = _WAITING, after, -1
    buckets[bucket] = e
    if after >= 0:
        edges[after].previous = e


@nb.njit(cache=True, nogil=True)
def _take_out(edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], buckets: npt.NDArray[np.int32], e: int) -> None:
    """Take an edge off the heap or out of its bucket."""
    i = edges[e].place
    if i < 0:
        before, after = edges[e].previous, edges[e].next
        if before >= 0:
            edges[before].next = after
        else:
            buckets[_bucket_of(edges[e].cost)] = after
        if after >= 0:
            edges[after].previous = before
        return
    n = buckets[_IN_HEAP] - 1
    buckets[_IN_HEAP] = n
    if i < n:
        heap[i].cost, heap[i].edge = heap[n].cost, heap[n].edge
        edges[heap[i].edge].place = i
        _sift_down(edges, heap, i, n)
        _sift_up(edges, heap, i)


@nb.njit(cache=True, nogil=True)
def _sift_up(edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], i: int) -> None:
    """Move the edge at place i of the heap up to where it belongs."""
    cost, e = heap[i].cost, heap[i].edge
    while i > 0:
        parent = (i - 1) >> 2
        if not (cost < heap[parent].cost or (cost == heap[parent].cost and e < heap[parent].edge)):
            break
        heap[i].cost, heap[i].edge = heap[parent].cost, heap[parent].edge
        edges[heap[i].edge].place = i
        i = parent
    heap[i].cost, heap[i].edge, edges[e].place = cost, e, i


@nb.njit(cache=True, nogil=True)
def _sift_down(edges: npt.NDArray[np.void], heap: npt.NDArray[np.void], i: int, n: int) -> None:
    """Move the edge at place i of the heap, of n, down to where it belongs."""
    cost, e = heap[i].cost, heap[i].edge
    while 4 * i + 1 < n:
        child = 4 * i + 1
        for other in range(child + 1, min(child + 4, n)):
            if heap[other].cost < heap[child].cost or (
                heap[other].cost == heap[child].cost and heap[other].edge < heap[child].edge
            ):
                child = other
        if cost < heap[child].cost or (cost == heap[child].cost and e < heap[child].edge):
            break
        heap[i].cost, heap[i].edge = heap[child].cost, heap[child].edge
        edges[heap[i].edge].place = i
        i = child
    heap[i].cost, heap[i].edge, edges[e].place = cost, e, i
