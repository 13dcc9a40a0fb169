"""Putting results into the viewer without ever overwriting what the user has edited."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer, Shapes

from napari_gdls.plugin import _edge_shapes
from napari_gdls.plugin.graph_layer import colour_limits, recolour
from napari_gdls.plugin.layers import edge_layers, field_layers, segment_colormap, segment_features, segment_layer
from napari_gdls.plugin.metadata import layer_field, layer_role, layer_segmentation, set_segmentation

if TYPE_CHECKING:
    import napari
    from napari.utils.colormaps import DirectLabelColormap

    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.pipeline import Segmentation
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Recipe


@dataclass(frozen=True)
class RunResult:
    """A segmentation, and what its layers need that takes time to compute."""

    segmentation: Segmentation
    features: dict[str, npt.NDArray[Any]]
    colormap: DirectLabelColormap


def compute(
    field: Field,
    recipe: Recipe,
    progress: Progress,
    *,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
) -> RunResult:
    """All of a run that can be done beside the window: `napari_gdls.segment`, and the look of the segments.

    Parameters
    ----------
    field : Field
    recipe : Recipe
    progress : Progress
    embedding : (N, d) array, optional
    graph : MeasurementGraph, optional
        Results of an earlier run; see `napari_gdls.segment`.
    """
    progress("starting", 0.0)
    # Here, because it imports torch, which takes seconds when it is the first to do so.
    from napari_gdls.pipeline import segment

    segmentation = segment(field, recipe, embedding=embedding, graph=graph, progress=progress)
    progress("table", 0.0)
    features = segment_features(segmentation)
    progress("table", 0.5)
    colormap = segment_colormap(segmentation)
    # Once in a session these compile, and take a second each: here they hold up nobody.
    colormap.map(segmentation.labels[:1, :1])
    _edge_shapes.fault()
    return RunResult(segmentation, features, colormap)


def place(viewer: napari.Viewer, result: RunResult, *, keep_earlier: bool = False) -> Labels:
    """Add the layers of a segmentation to the viewer.

    The Labels of the last run on the same field are replaced if they are as that run left them; so trying out
    thresholds does not fill the layer list. Labels that were painted on since stay, and the new ones come as another
    layer. Of the graph, too, edited layers stay; a graph that has not changed keeps its layer. Replaced layers hand on
    their visibility and opacity.

    Parameters
    ----------
    viewer : napari.Viewer
    result : RunResult
    keep_earlier : bool
        Replace nothing.

    Returns
    -------
    Labels
        The new layer of the segments, which becomes the active one.
    """
    segmentation = result.segmentation
    field = segmentation.field
    labels = segment_layer(segmentation, features=result.features, colormap=result.colormap)
    _insert(viewer, field, [labels], [] if keep_earlier else _last_unedited(viewer, field, "segments"))
    same_graph = [
        layer
        for layer in _results(viewer, field, "graph")
        if (shown := layer_segmentation(layer)) is not None and shown.graph is segmentation.graph
    ]
    if same_graph and all(isinstance(layer, Shapes) for layer in same_graph):
        for layer in same_graph:
            _keep_graph(layer, segmentation)
    else:  # Vectors come with a layer of the cut edges, which are others now
        replaced = [] if keep_earlier else _last_unedited(viewer, field, "graph")
        _insert(viewer, field, edge_layers(segmentation), replaced)
    viewer.layers.selection.active = labels
    return labels


def is_edited(layer: Layer) -> bool:
    """Whether a result layer differs from the segmentation that it shows.

    Labels are compared pixel by pixel, graphs line by line: however the change was made, it is seen. Results from a
    file count as edited, because nobody can tell.
    """
    segmentation = layer_segmentation(layer)
    if segmentation is None:
        return True
    if isinstance(layer, Labels):
        return not np.array_equal(layer.data, segmentation.labels)
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


def _results(viewer: napari.Viewer, field: Field, role: str) -> list[Layer]:
    return [layer for layer in viewer.layers if layer_field(layer) is field and layer_role(layer) == role]


def _last_unedited(viewer: napari.Viewer, field: Field, role: str) -> list[Layer]:
    """Layers of the latest result of a field, if nobody has edited any of them."""
    layers = _results(viewer, field, role)
    if not layers:
        return []
    latest = layer_segmentation(layers[-1])
    of_latest = [layer for layer in layers if layer_segmentation(layer) is latest]
    return [] if any(is_edited(layer) for layer in of_latest) else of_latest


def _insert(viewer: napari.Viewer, field: Field, layers: list[Layer], replaced: list[Layer]) -> None:
    """Put layers in the place of others; without others, above the images and the results of their field."""
    if not _results(viewer, field, "bse"):
        viewer.layers.insert(0, field_layers(field)[0])
    if replaced:
        place = min(viewer.layers.index(layer) for layer in replaced)
        for layer in layers:
            layer.visible, layer.opacity = replaced[0].visible, replaced[0].opacity
        for layer in replaced:
            viewer.layers.remove(layer)
    else:
        of_field = [layer for layer in viewer.layers if layer_field(layer) is field]
        place = 1 + max(viewer.layers.index(layer) for layer in of_field if layer_role(layer) != "measurements")
    for offset, layer in enumerate(layers):
        viewer.layers.insert(place + offset, layer)


def _keep_graph(layer: Shapes, segmentation: Segmentation) -> None:
    """Let the layer of an unchanged graph stand for a later segmentation; its colours follow the threshold."""
    earlier = layer_segmentation(layer)
    set_segmentation(layer, segmentation)
    if earlier is not None and earlier.recipe.tau_z != segmentation.recipe.tau_z:
        recolour(layer, "delta_z", colour_limits(segmentation.recipe.tau_z))
