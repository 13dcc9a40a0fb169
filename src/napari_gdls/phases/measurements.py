"""Segments of the measurements, by any of the methods that work on their graph."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.components import connected_components, cut_by_thresholds
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.graph.merging import build_merge_tree
from napari_gdls.phases.constraints import Constraints, constrained
from napari_gdls.phases.find import find_phases
from napari_gdls.progress import Progress


def label_measurements(
    graph: MeasurementGraph,
    *,
    method: str = "merge",
    tau_b: float | None = None,
    tau_z: float | None = None,
    significance: float | None = None,
    field: Field | None = None,
    z: npt.NDArray[np.float32] | None = None,
    model: str = "default",
    constraints: Constraints | None = None,
    progress: Progress | None = None,
) -> npt.NDArray[np.int64]:
    """Give every measurement the label of its segment.

    Parameters
    ----------
    graph : MeasurementGraph
    method : {"merge", "threshold"}
        "merge": neighbours are of one segment when they are of one phase, see
        `napari_gdls.phases.find.find_phases`; sums spectra, so it needs `field` and `z`. "threshold": edges with
        delta_b > tau_b or delta_z > tau_z are cut; the connected components that are left are the segments (paper,
        section 3.6).
    tau_b, tau_z, significance : float, optional
        See `Recipe`; None: the method's default.
    field : Field, optional
        That the graph was built from.
    z : (N, d) array of float32, optional
        Embedded spectra that it was built from.
    model : str
        The embedding that made `z`.
    constraints : Constraints, optional
        For "merge" and "threshold"; need `field`.
    progress : Progress, optional

    Returns
    -------
    (N,) array of int64
        0..K-1, numbered in the order in which the segments first appear.

    Raises
    ------
    RecipeError
        If the method is unknown, a threshold is negative or NaN, or the method needs what is not given.
    """
    if constraints and field is None:
        raise RecipeError("constraints name pixels; give the field that the graph was built from: field=...")
    if method == "threshold":
        segments = cut_by_thresholds(graph, tau_b=tau_b, tau_z=tau_z)
    elif method == "merge":
        if field is None or z is None:
            raise RecipeError(
                "the method 'merge' sums spectra; give the field and its embedded spectra: field=..., z=... "
                "(or choose method='threshold', which needs the graph alone)."
            )
        from napari_gdls.embedding import load_embedding
        from napari_gdls.spectra.windows import window_counts

        counts = window_counts(field)
        tree = build_merge_tree(field, graph, counts=counts, progress=progress)
        segments = find_phases(
            field,
            graph,
            tree,
            z,
            counts,
            load_embedding(model),
            tau_z=tau_z,
            significance=significance,
            tau_b=tau_b,
            progress=progress,
        ).labels
    else:
        raise RecipeError(f"method {method!r} is unknown; choose 'merge' or 'threshold'.")
    chains = np.empty((0, 2), dtype=np.int64)
    if constraints and field is not None:
        found = constrained(field, graph, segments, constraints)
        segments = found.labels
        single = np.flatnonzero(found.single[segments])  # segments of one number, in one piece or not
        _, head, group = np.unique(segments[single], return_index=True, return_inverse=True)
        chains = np.stack([single[head[group]], single], axis=1)
    kept = graph.edges[segments[graph.edges[:, 0]] == segments[graph.edges[:, 1]]]
    return connected_components(np.concatenate([kept, chains]), graph.n_measurements)
