"""Segments as connected components of the thresholded graph (paper, section 3.6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.graph.measurement_graph import MeasurementGraph


def cut_by_thresholds(graph: MeasurementGraph, *, tau_b: float, tau_z: float) -> npt.NDArray[np.int64]:
    """Connected components of the graph without the edges above the thresholds (paper, section 3.6).

    Parameters
    ----------
    graph : MeasurementGraph
    tau_b : float
        Edges with a larger delta_b are cut; a fraction of the full BSE scale. inf: none is.
    tau_z : float
        Edges with a larger delta_z are cut; 1 cuts 5 % of the edges inside a material. inf: none is cut.

    Returns
    -------
    (N,) array of int64
        0..K-1, numbered in the order in which the segments first appear.

    Raises
    ------
    RecipeError
        If a threshold is negative or no number.
    """
    for name, value in (("tau_b", tau_b), ("tau_z", tau_z)):
        if value != np.inf:  # which cuts nothing
            checked_number(name, value)
    kept = graph.edges[(graph.delta_b <= tau_b) & (graph.delta_z <= tau_z)]
    return connected_components(kept, graph.n_measurements)


def connected_components(edges: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Component of each of `n` vertices, shape (n,), numbered by first appearance."""
    from scipy.sparse import coo_array, csgraph

    ones = np.ones(len(edges), dtype=np.int8)
    adjacency = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, component = csgraph.connected_components(adjacency, directed=False)
    return numbered_by_appearance(component)


def numbered_by_appearance(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Labels renumbered 0, 1, ... in the order in which they first appear; (N,), as they are.

    `skimage.segmentation.relabel_sequential` numbers in the order of the labels instead.
    """
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])


def components_kept_apart(pairs: npt.NDArray[np.int64], apart: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Components of n vertices joined by pairs, one after the other, without those that join what must stay apart.

    Parameters
    ----------
    pairs : (P, 2) array of int64
        In the order in which they join.
    apart : (A, 2) array of int64
        Vertices that must be in different components.
    n : int

    Returns
    -------
    (n,) array of int64
        Numbered in the order of their first vertices.
    """
    if len(apart) == 0:
        return connected_components(pairs, n)
    forbidden: list[set[int]] = [set() for _ in range(n)]
    for a, b in apart.tolist():
        forbidden[a].add(b)
        forbidden[b].add(a)
    members = [{k} for k in range(n)]
    for a, b in pairs.tolist():
        if members[a] is members[b] or not forbidden[a].isdisjoint(members[b]):
            continue
        members[a] |= members[b]
        forbidden[a] |= forbidden[b]
        for k in members[a]:
            members[k], forbidden[k] = members[a], forbidden[a]
    first = np.array([min(group) for group in members])
    return np.unique(first, return_inverse=True)[1].astype(np.int64)
