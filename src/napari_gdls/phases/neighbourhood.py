"""Neighbours of every measurement, and how much they have to do with each other."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.bse import noise_of_value
from napari_gdls.field import Field
from napari_gdls.graph.measurement_graph import MeasurementGraph

_WIDTH = 3.0
_LEAST_AFFINITY = 0.1


@dataclass(frozen=True, eq=False)
class Neighbourhood:
    """The measurement graph as compressed rows.

    Attributes
    ----------
    edges : (E, 2) array of int64
    indptr, neighbours : (N + 1,), (2 E,) arrays of int64
        Neighbours of measurement i are ``neighbours[indptr[i]:indptr[i + 1]]``.
    affinity : (2 E,) array of float32
        How much likelier two neighbours are of one phase than not, as a logarithm: 1 where their BSE is the same,
        falling to 0.1 where it differs by much more than its noise.
    """

    edges: npt.NDArray[np.int64]
    indptr: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int64]
    affinity: npt.NDArray[np.float32]

    @classmethod
    def of(cls, field: Field, graph: MeasurementGraph) -> Neighbourhood:
        """From the graph of a field."""
        width = _WIDTH * np.sqrt(2) * noise_of_value(field, graph.delta_b)
        alike = np.exp(-((graph.delta_b / width) ** 2)) * (1 - _LEAST_AFFINITY) + _LEAST_AFFINITY
        ends = graph.edges.T.reshape(-1)
        other = graph.edges.T[::-1].reshape(-1)
        order = np.argsort(ends, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(ends, minlength=graph.n_measurements))])
        affinity = np.concatenate([alike, alike])[order].astype(np.float32)
        return cls(graph.edges, indptr, other[order], affinity)

    def interior(self, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Measurements whose neighbours all have their own label, (N,)."""
        return np.asarray(_interior(self.edges, labels))

    def contacts(self, labels: npt.NDArray[np.int64], n_labels: int) -> npt.NDArray[np.float64]:
        """Number of edges between any two different labels, (n_labels, n_labels)."""
        a, b = labels[self.edges].T
        apart = a != b
        count = np.bincount(a[apart] * n_labels + b[apart], minlength=n_labels**2).reshape(n_labels, n_labels)
        return np.asarray(count + count.T, dtype=np.float64)


@nb.njit(cache=True, nogil=True)
def _interior(edges: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    inside = np.ones(len(labels), dtype=np.bool_)
    for e in range(len(edges)):
        u, v = edges[e]
        if labels[u] != labels[v]:
            inside[u] = inside[v] = False
    return inside
