"""A binary heap of edges by cost that knows where each edge stands; compiled, for `merge_kernels` alone.

`heap` holds edges, `position` where each of them stands, -1 off the heap, and `key` their costs. Edges of one cost come
in the order of their numbers, so that results do not depend on what happened before.
"""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt


@nb.njit(cache=True, nogil=True)
def _before(e: int, f: int, key: npt.NDArray[np.float64]) -> bool:
    return key[e] < key[f] or (key[e] == key[f] and e < f)


@nb.njit(cache=True, nogil=True)
def sift_up(heap: npt.NDArray[np.int32], position: npt.NDArray[np.int32], key: npt.NDArray[np.float64], i: int) -> None:
    """Move the edge at position i up to where it belongs, after its cost has fallen."""
    e = heap[i]
    while i > 0:
        parent = (i - 1) >> 1
        if not _before(e, heap[parent], key):
            break
        heap[i] = heap[parent]
        position[heap[i]] = i
        i = parent
    heap[i] = e
    position[e] = i


@nb.njit(cache=True, nogil=True)
def sift_down(
    heap: npt.NDArray[np.int32], position: npt.NDArray[np.int32], key: npt.NDArray[np.float64], i: int, length: int
) -> None:
    """Move the edge at position i down to where it belongs, after its cost has risen."""
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
        position[heap[i]] = i
        i = child
    heap[i] = e
    position[e] = i


@nb.njit(cache=True, nogil=True)
def drop(
    heap: npt.NDArray[np.int32], position: npt.NDArray[np.int32], key: npt.NDArray[np.float64], e: int, length: int
) -> int:
    """Take edge e off the heap; the new length."""
    i, last = position[e], heap[length - 1]
    position[e] = -1
    length -= 1
    if last != e:
        heap[i] = last
        position[last] = i
        sift_down(heap, position, key, i, length)
        sift_up(heap, position, key, position[last])
    return length
