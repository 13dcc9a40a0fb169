"""Segments of the measurements as the published program of the paper's authors finds them.

Steps and constants are those of their program (github.com/RomanJuranek/graph-segmentation), which differs from the
paper in places. `napari_gdls.methods.published.pixels` goes on from here to the pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field

LONGEST_EDGE = 1.5
"""In sampling distances; the paper says 2."""

PUBLISHED_TAU_B = (0.2, 0.3, 0.4, 0.5, 0.6)
PUBLISHED_TAU_Z = (0.3, 0.4, 0.5, 0.6, 0.7)
"""Thresholds in the example of the published program; it has no defaults."""


def voronoi_edges(field: Field, z: npt.NDArray[np.floating], tau_b: float, tau_z: float) -> npt.NDArray[np.intp]:
    """Pairs of neighbouring measurements that the published program leaves joined.

    Parameters
    ----------
    field : Field
    z : (N, d) array
        Embedded spectra.
    tau_b : float
        Edges stay while |b_i - b_j| over the full scale is below.
    tau_z : float
        Edges stay while |z_i - z_j| is below: the bare distance, not the calibrated delta_z.

    Returns
    -------
    (E, 2) array of int
        Ridges of the Voronoi diagram (Qhull) shorter than `LONGEST_EDGE`.

    Raises
    ------
    RecipeError
        If a threshold is negative or NaN.
    GdlsError
        If `z` does not have a row for each measurement, or all measurements lie on a line.
    """
    from scipy.spatial import QhullError, Voronoi

    for name, value in (("tau_b", tau_b), ("tau_z", tau_z)):
        if not value >= 0:
            raise RecipeError(f"{name} is {value}; a number of 0 or more is needed.")
    vectors = np.asarray(z)
    if vectors.ndim != 2 or len(vectors) != field.n_measurements:
        raise GdlsError(
            f"z has shape {vectors.shape}; one row for each of the {field.n_measurements} spectra is needed."
        )
    try:
        ridges = Voronoi(field.locations.astype(np.float64)).ridge_points
    except (QhullError, ValueError):
        raise GdlsError(
            f"the {field.n_measurements} measurements have no Voronoi diagram, which the published method needs: "
            "fewer than three, or all on one line; choose another method."
        ) from None
    pairs = np.asarray(ridges, dtype=np.intp)
    u, v = pairs.T
    length = np.linalg.norm(field.locations[u] - field.locations[v], axis=1)
    bse = bse_fractions_at_measurements(field)
    delta_b = np.abs(bse[u] - bse[v])
    delta_z = np.linalg.norm(vectors[u] - vectors[v], axis=1)
    kept = (length < LONGEST_EDGE * field.sampling_distance) & (delta_b < tau_b) & (delta_z < tau_z)
    return np.compress(kept, pairs, axis=0)


def components(edges: npt.NDArray[np.intp], n: int) -> npt.NDArray[np.int64]:
    """Connected component (networkx) of each of `n` measurements, (n,), from 0 in the order of first appearance."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(range(n))
    graph.add_edges_from(edges.tolist())
    found = np.empty(n, dtype=np.int64)
    for number, members in enumerate(nx.connected_components(graph)):
        found[list(members)] = number
    return found


def label_measurements_as_published(
    field: Field, z: npt.NDArray[np.floating], tau_b: float, tau_z: float
) -> npt.NDArray[np.int64]:
    """Segments of the measurements, as the published program of the authors finds them.

    Parameters
    ----------
    field : Field
    z : (N, d) array
        Embedded spectra.
    tau_b, tau_z : float
        Differences of neighbours in one segment are below these: |b_i - b_j| over the BSE full scale (eq. 1), and the
        bare |z_i - z_j| (eq. 2). See `PUBLISHED_TAU_B` and `PUBLISHED_TAU_Z`.

    Returns
    -------
    (N,) array of int64
        0..K-1, numbered in the order in which the segments first appear.

    Raises
    ------
    RecipeError
        If a threshold is negative or NaN.
    GdlsError
        If `z` does not have a row for each measurement, or all measurements lie on a line.

    See Also
    --------
    napari_gdls.graph.cut_by_thresholds : the paper's cut as our graph has it.
    napari_gdls.methods.published.pixels.label_pixels_as_published : the next step.
    """
    return components(voronoi_edges(field, z, tau_b, tau_z), field.n_measurements)
