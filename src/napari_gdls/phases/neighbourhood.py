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
"""Difference in BSE at which affinity has fallen by a factor of e, in standard deviations of the difference of two
measurements of one material: chance hardly ever reaches it. Chosen on the benchmark fields."""

_LEAST_AFFINITY = 0.1
"""Affinity that is left across any step in brightness, since materials vary in brightness, too. Chosen on the benchmark
fields."""


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
        return interior(self.edges, labels)

    def contacts(self, labels: npt.NDArray[np.int64], n_labels: int) -> npt.NDArray[np.float64]:
        """Number of edges between any two different labels, (n_labels, n_labels)."""
        a, b = labels[self.edges].T
        apart = a != b
        count = np.bincount(a[apart] * n_labels + b[apart], minlength=n_labels**2).reshape(n_labels, n_labels)
        return np.asarray(count + count.T, dtype=np.float64)

    def phases_around(
        self,
        segments: npt.NDArray[np.int64],
        n_segments: int,
        labels: npt.NDArray[np.int64],
        n_phases: int,
        most: int,
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
        """The most frequent phases among the measurements of each segment and their neighbours, and their shares.

        Parameters
        ----------
        segments : (N,) array of int64
            0..n_segments - 1.
        n_segments : int
        labels : (N,) array of int64
            Phases, 0..n_phases - 1.
        n_phases : int
        most : int
            Phases that are named at most.

        Returns
        -------
        phases : (n_segments, most) array of int64
            The most frequent one first; -1 after the last.
        shares : (n_segments, most) array of float64
            Adding up to 1; 0 after the last.
        """
        return _phases_around(self.indptr, self.neighbours, segments, labels, n_segments, n_phases, most)


def interior(edges: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Measurements whose neighbours by edges (E, 2) all have their own label, (N,)."""
    return np.asarray(_interior(edges, labels))


@nb.njit(cache=True, nogil=True)
def _interior(edges: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Measurements whose neighbours all have their own label.

    Relies on edges between measurements that have a label, as `MeasurementGraph` has.
    """
    inside = np.ones(len(labels), dtype=np.bool_)
    for e in range(len(edges)):
        u, v = edges[e]
        if labels[u] != labels[v]:
            inside[u] = inside[v] = False
    return inside


@nb.njit(cache=True, nogil=True)
def _phases_around(
    indptr: npt.NDArray[np.int64],
    neighbours: npt.NDArray[np.int64],
    segments: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    n_segments: int,
    n_phases: int,
    most: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The most frequent phases of each segment and around it, and their shares.

    Relies on neighbours that exist, on segments of 0..n_segments - 1 and on labels of 0..n_phases - 1: those that the
    search has numbered.
    """
    phases, shares = np.full((n_segments, most), -1), np.zeros((n_segments, most))
    order, start = _by_segment(segments, n_segments)
    votes, stamp = np.zeros(n_phases), np.full(n_phases, -1)
    found = np.empty(n_phases, dtype=np.int64)
    for segment in range(n_segments):
        n_found = 0
        for i in range(start[segment], start[segment + 1]):
            v = order[i]
            for q in range(indptr[v] - 1, indptr[v + 1]):
                phase = labels[v] if q < indptr[v] else labels[neighbours[q]]
                if stamp[phase] != segment:
                    stamp[phase], votes[phase] = segment, 0.0
                    found[n_found] = phase
                    n_found += 1
                votes[phase] += 1.0
        n_named, whole = min(most, n_found), 0.0
        _put_first(found[:n_found], votes, n_named)
        for p in range(n_named):
            phases[segment, p] = found[p]
            whole += votes[found[p]]
        for p in range(n_named):
            shares[segment, p] = votes[found[p]] / whole
    return phases, shares


@nb.njit(cache=True, nogil=True)
def _by_segment(
    segments: npt.NDArray[np.int64], n_segments: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Measurements in the order of their segments, and where each segment starts; counted, as that compiles faster."""
    start = np.zeros(n_segments + 1, dtype=np.int64)
    for v in range(len(segments)):
        start[segments[v] + 1] += 1
    for segment in range(n_segments):
        start[segment + 1] += start[segment]
    position, order = start.copy(), np.empty(len(segments), dtype=np.int64)
    for v in range(len(segments)):
        order[position[segments[v]]] = v
        position[segments[v]] += 1
    return order, start


@nb.njit(cache=True, nogil=True)
def _put_first(found: npt.NDArray[np.int64], votes: npt.NDArray[np.float64], n: int) -> None:
    """Bring the n phases with the most votes to the front, in order; of two with as many the lower number."""
    for p in range(n):
        best = p
        for q in range(p + 1, len(found)):
            more = votes[found[q]] > votes[found[best]]
            if more or (votes[found[q]] == votes[found[best]] and found[q] < found[best]):
                best = q
        found[p], found[best] = found[best], found[p]
