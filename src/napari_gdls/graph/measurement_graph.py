"""The graph of the measurements as plain arrays."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError, RecipeError

if TYPE_CHECKING:
    import networkx as nx

    from napari_gdls.embedding.calibration import Calibration
    from napari_gdls.field import Field


@dataclass(frozen=True, eq=False)
class MeasurementGraph:
    """Planar graph G = (V, E) of the measurements of a field (paper, section 3.6).

    Attributes
    ----------
    locations : (N, 2) array of int64
        Row and column of every measurement (vertex).
    edges : (E, 2) array of int64
        Measurements at both ends, the lower index first; sorted.
    delta_b : (E,) array of float64
        BSE difference as a fraction of the full scale (eq. 1).
    delta_z : (E,) array of float64
        Calibrated distance of the embedded spectra; see `napari_gdls.embedding.Calibration`.
    distance_z : (E,) array of float64
        The distance itself (eq. 2).
    length : (E,) array of float64
        Distance of the two locations, in px.
    height : (E,) array of float64 or None
        Height of the merge tree at which both ends come together; None before there is a tree. See
        `napari_gdls.graph.merging.MergeTree`.

    Raises
    ------
    GdlsError
        If the arrays have other shapes or kinds, an edge joins what is no measurement, or a number is negative or NaN.
    """

    locations: npt.NDArray[np.int64]
    edges: npt.NDArray[np.int64]
    delta_b: npt.NDArray[np.float64]
    delta_z: npt.NDArray[np.float64]
    distance_z: npt.NDArray[np.float64]
    length: npt.NDArray[np.float64]
    height: npt.NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        for name in ("locations", "edges"):
            object.__setattr__(self, name, checked_pairs(name, getattr(self, name)))
        if self.edges.size and not (self.edges.min() >= 0 and self.edges.max() < self.n_measurements):
            raise GdlsError(
                f"edges run from {self.edges.min()} to {self.edges.max()} in a graph of {self.n_measurements:,} "
                "measurements; edges are pairs of indices into `locations`."
            )
        for name in ("delta_b", "delta_z", "distance_z", "length", "height"):
            values = getattr(self, name)
            if values is None and name == "height":
                continue
            values = np.asarray(values)
            if values.shape != (self.n_edges,) or values.dtype.kind not in "uif" or not (values >= 0).all():
                raise GdlsError(
                    f"{name} is {values.dtype} of shape {values.shape}; a number of 0 or more is needed for each of "
                    f"{self.n_edges:,} edges."
                )

    @property
    def n_measurements(self) -> int:
        """Number of vertices."""
        return len(self.locations)

    @property
    def n_edges(self) -> int:
        """Number of edges."""
        return len(self.edges)

    def require_field(self, field: Field) -> None:
        """Refuse a field that the graph was not built from.

        Raises
        ------
        RecipeError
        """
        if not np.array_equal(self.locations, field.locations):
            raise RecipeError(
                f"the graph, of {self.n_measurements:,} measurements, was not built from this field, of "
                f"{field.n_measurements:,}; build it from the field: build_graph(field, z)."
            )

    def with_calibration(self, calibration: Calibration, counts: npt.NDArray[np.float64]) -> MeasurementGraph:
        """The graph with delta_z on another scale.

        Parameters
        ----------
        calibration : Calibration
        counts : (N,) array
            Counts of the measurements, `Field.total_counts`.
        """
        u, v = self.edges.T
        return dataclasses.replace(self, delta_z=calibration.delta_z(self.distance_z, counts[u], counts[v]))

    def to_networkx(self) -> nx.Graph:
        """The graph for networkx: nodes with `row` and `column`, edges with `delta_b`, `delta_z`, `length`, `height`.

        The height is there only where it is known.
        """
        import networkx as nx

        graph = nx.Graph()
        graph.add_nodes_from(
            (i, {"row": row, "column": column}) for i, (row, column) in enumerate(self.locations.tolist())
        )
        attributes = {"delta_b": self.delta_b, "delta_z": self.delta_z, "length": self.length}
        if self.height is not None:
            attributes["height"] = self.height
        rows = zip(*(values.tolist() for values in attributes.values()), strict=True)
        graph.add_edges_from(
            (u, v, dict(zip(attributes, row, strict=True)))
            for (u, v), row in zip(self.edges.tolist(), rows, strict=True)
        )
        return graph

    def __repr__(self) -> str:
        return f"<MeasurementGraph: {self.n_measurements:,} measurements, {self.n_edges:,} edges>"


def checked_pairs(name: str, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Pairs of whole numbers as compiled code takes them, (P, 2) int64.

    Raises
    ------
    GdlsError
        If they are something else.
    """
    try:
        pairs = np.asarray(values)
    except ValueError:  # rows of different lengths
        raise GdlsError(f"{name} are rows of different lengths; pairs of whole numbers, (P, 2), are needed.") from None
    if pairs.ndim != 2 or pairs.shape[1] != 2 or (pairs.dtype.kind not in "ui" and pairs.size):
        raise GdlsError(f"{name} are {pairs.dtype} of shape {pairs.shape}; pairs of whole numbers, (P, 2), are needed.")
    return np.ascontiguousarray(pairs, dtype=np.int64)
