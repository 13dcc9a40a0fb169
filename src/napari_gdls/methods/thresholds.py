"""The paper's cut: components of the graph without the edges above the thresholds, pixels by a random walker.

Sections 3.6 and 3.7 of the paper, with edges, delta_z and walker as this package has them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.graph.components import connected_components, cut_by_thresholds
from napari_gdls.methods.contract import Found, Prepared
from napari_gdls.methods.pixels import labels_of_pixels
from napari_gdls.phases.constraints import constrained


def label(prepared: Prepared) -> npt.NDArray[np.int64]:
    """Segment of every measurement, (N,), 0..K-1 by first appearance."""
    recipe = prepared.recipe
    assert recipe.tau_b is not None  # recipes of prepared fields have their defaults spelled out
    assert recipe.tau_z is not None
    segments = cut_by_thresholds(prepared.graph, tau_b=recipe.tau_b, tau_z=recipe.tau_z)
    return connected_segments(prepared, segments)


def connected_segments(prepared: Prepared, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Connected pieces of groups of measurements, after splitting and joining them as the constraints want.

    Parameters
    ----------
    prepared : Prepared
        Its field is needed only if there are constraints, which name pixels.
    groups : (N,) array of int64
        Such as phases.

    Returns
    -------
    (N,) array of int64
        0..K-1 by first appearance. What constraints hold together is one segment, in one piece or not.
    """
    graph = prepared.graph
    chains = np.empty((0, 2), dtype=np.int64)
    if prepared.constraints:
        found = constrained(prepared.field, graph, groups, prepared.constraints)
        groups = found.labels
        single = np.flatnonzero(found.single[groups])
        _, head, group = np.unique(groups[single], return_index=True, return_inverse=True)
        chains = np.stack([single[head[group]], single], axis=1)
    kept = graph.edges[groups[graph.edges[:, 0]] == groups[graph.edges[:, 1]]]
    return connected_components(np.concatenate([kept, chains]), graph.n_measurements)


def run(prepared: Prepared) -> Found:
    """Cut the graph, then label the pixels."""
    with prepared.stages.stage("segments"):
        measurement_labels = label(prepared)
    with prepared.stages.stage("labelling"):
        labels, confidence, task = labels_of_pixels(prepared, measurement_labels)
    return Found(
        labels=labels,
        measurement_labels=measurement_labels,
        phases=np.arange(measurement_labels.max() + 1),
        confidence=confidence,
        pixel_task=task,
    )
