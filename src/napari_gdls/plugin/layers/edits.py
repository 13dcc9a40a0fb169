"""What the user has done to the layers of a result: whether they are edited, and the corrections that edits mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Labels, Layer, Points, Shapes

from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation, taken_labels

if TYPE_CHECKING:
    from napari_gdls.recipe import Place


def is_edited(layer: Layer) -> bool:
    """Whether a result layer differs from the segmentation that it shows.

    Labels are compared pixel by pixel, graphs line by line: however the change was made, it is seen. Results from a
    file count as edited, because nothing is known of how they were.
    """
    segmentation = layer_segmentation(layer)
    if segmentation is None:
        return True
    if isinstance(layer, Labels):
        expected = segmentation.phase_map() if layer_role(layer) == "phases" else taken_labels(layer)
        return not np.array_equal(layer.data, expected)
    if isinstance(layer, Points) and segmentation.measurement_phases is not None:
        mixed = segmentation.measurement_phases.partner >= 0
        return not np.array_equal(layer.data, segmentation.field.locations[mixed])
    if isinstance(layer, Shapes):
        graph = segmentation.graph
        ends = segmentation.measurement_labels[graph.edges]
        made_of = (graph.edges, graph.edges[ends[:, 0] != ends[:, 1]])  # all edges, or the cut ones
        return not any(
            layer.nshapes == len(edges)
            and set(layer.shape_type) <= {"line"}
            and np.array_equal(np.reshape(layer.data, (-1, 2, 2)), graph.locations[edges].astype(np.float32))
            for edges in made_of
        )
    return False


def selected_pairs(layer: Shapes) -> list[tuple[Place, Place]]:
    """Measurements at both ends of the selected lines of a graph layer; lines that begin and end at one are left out.

    Parameters
    ----------
    layer : Shapes
        From `napari_gdls.plugin.layers.graph.graph_shapes`, that carries its segmentation.
    """
    segmentation = layer_segmentation(layer)
    chosen = sorted(layer.selected_data)
    if segmentation is None or not chosen:
        return []
    ends = layer.features[["u", "v"]].to_numpy(dtype=np.int64)[chosen]
    ends = ends[(ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])]
    pixels = segmentation.field.locations[ends].tolist()
    return [((a[0], a[1]), (b[0], b[1])) for a, b in pixels]
