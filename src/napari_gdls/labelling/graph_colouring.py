"""Graph colouring: a few numbers for many labels, such that labels that can meet at a pixel have different ones."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp


def colours_of_labels(
    neighbours: npt.NDArray[np.int64], labels: npt.NDArray[np.int64], hops: int = 2
) -> npt.NDArray[np.int64]:
    """Greedy colouring of the graph of labels in conflict (Welsh & Powell 1967).

    Two labels conflict when some of their measurements are within `hops` steps of each other. Labels with many
    conflicts choose first, so the result is the same for the same input.

    Parameters
    ----------
    neighbours : (P, 2) array of int64
        Pairs of neighbouring measurements.
    labels : (N,) array of int64
        Label of every measurement, 0..K-1.
    hops : int
        1 or more.

    Returns
    -------
    (K,) array of int64
        Colour of every label, from 0.

    References
    ----------
    D. J. A. Welsh, M. B. Powell, An upper bound for the chromatic number of a graph and its application to timetabling
    problems, The Computer Journal 10 (1967) 85-86.
    """
    n, n_labels = len(labels), int(labels.max()) + 1
    ones = np.ones(len(neighbours), dtype=np.int8)
    step = sp.csr_array((ones, (neighbours[:, 0], neighbours[:, 1])), shape=(n, n))
    step = (step + step.T + sp.eye_array(n, dtype=np.int8, format="csr")).astype(bool)
    reached = step
    for _ in range(hops - 1):
        reached = reached @ step
    reached = reached.tocoo()
    a, b = labels[reached.coords[0]], labels[reached.coords[1]]
    apart = a != b
    conflict = sp.csr_array((np.ones(np.count_nonzero(apart), dtype=bool), (a[apart], b[apart])), shape=(n_labels,) * 2)
    conflict.sum_duplicates()
    order = np.argsort(-np.diff(conflict.indptr), kind="stable")
    return np.asarray(_greedy(conflict.indptr.astype(np.int64), conflict.indices.astype(np.int64), order))


@nb.njit(cache=True, nogil=True)
def _greedy(
    indptr: npt.NDArray[np.int64], indices: npt.NDArray[np.int64], order: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Colours of the nodes, chosen in an order.

    Relies on a graph in compressed rows whose `indices` are nodes, and on `order` that holds every node once.
    """
    colour = np.full(len(order), -1, dtype=np.int64)
    taken_by = np.full(len(order) + 1, -1, dtype=np.int64)
    for node in order:
        for k in range(indptr[node], indptr[node + 1]):
            if colour[indices[k]] >= 0:
                taken_by[colour[indices[k]]] = node
        free = 0
        while taken_by[free] == node:
            free += 1
        colour[node] = free
    return colour
