"""Segments as connected components of the thresholded graph (paper, section 3.6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.graph.measurement_graph import MeasurementGraph

DEFAULT_TAU_B = 0.05
DEFAULT_TAU_Z = 1.0


def cut_by_thresholds(
    graph: MeasurementGraph, *, tau_b: float | None = None, tau_z: float | None = None
) -> npt.NDArray[np.int64]:
    """Connected components of the graph without the edges above the thresholds (paper, section 3.6).

    Parameters
    ----------
    graph : MeasurementGraph
    tau_b : float, optional
        Edges with a larger delta_b are cut. None: 0.05 of the full BSE scale.
    tau_z : float, optional
        Edges with a larger delta_z are cut. None: 1, which cuts 5 % of the edges inside a material.

    Returns
    -------
    (N,) array of int64
        0..K-1, numbered in the order in which the segments first appear.

    Raises
    ------
    RecipeError
        If a threshold is negative or NaN.
    """
    largest_b = DEFAULT_TAU_B if tau_b is None else tau_b
    largest_z = DEFAULT_TAU_Z if tau_z is None else tau_z
    for name, value in (("tau_b", largest_b), ("tau_z", largest_z)):
        if not value >= 0:
            raise RecipeError(f"{name} is {value}; a number of 0 or more is needed.")
    kept = graph.edges[(graph.delta_b <= largest_b) & (graph.delta_z <= largest_z)]
    return connected_components(kept, graph.n_measurements)


def connected_components(edges: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Component of each of `n` vertices, shape (n,), numbered by first appearance."""
    from scipy.sparse import coo_array, csgraph

    ones = np.ones(len(edges), dtype=np.int8)
    adjacency = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(n, n))
    _, component = csgraph.connected_components(adjacency, directed=False)
    return numbered_by_appearance(component)


def numbered_by_appearance(labels: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Labels anew, 0, 1, ... in the order in which they first appear; same shape, one dimension."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return np.asarray(rank[inverse])
