"""Putting results into the viewer without ever overwriting what the user has edited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from napari.layers import Image, Labels, Layer, Points, Shapes

from napari_gdls.plugin.layers.edits import is_edited
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of, show_heights_of
from napari_gdls.plugin.layers.metadata import (
    METADATA_KEY,
    layer_field,
    layer_role,
    layer_segmentation,
    set_segmentation,
)
from napari_gdls.plugin.layers.phases import confidence_layer, mixed_layer, phase_features, phase_layer
from napari_gdls.plugin.layers.segments import segment_layer

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.plugin.layers.contents import LayerContents
    from napari_gdls.segmentation.result import Segmentation


def place_layers(viewer: napari.Viewer, contents: LayerContents, *, keep_earlier: bool = False) -> Labels:
    """Add the layers of a segmentation to the viewer.

    The layers of the last run on the same field are replaced if they are as that run left them; so trying out
    thresholds does not fill the layer list. Labels that were painted on since stay, and the new ones come as another
    layer. Of the graph, too, edited layers stay; a graph that has not changed keeps its layer. Replaced layers hand on
    their visibility and opacity.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    keep_earlier : bool
        Replace nothing.

    Returns
    -------
    Labels
        The new layer of the segments, which becomes the active one.
    """
    segmentation = contents.result.segmentation
    field = segmentation.field
    new = _new_layers(contents)
    for role in ("phases", "confidence", "segments"):
        _insert(viewer, field, role, new[role], [] if keep_earlier else _last_unedited(viewer, field, role))
    same_graph = [
        layer
        for layer in _result_layers(viewer, field, "graph")
        if (shown := layer_segmentation(layer)) is not None and _are_same(shown.graph, segmentation.graph)
    ]
    if same_graph and all(isinstance(layer, Shapes) for layer in same_graph):
        for layer in same_graph:
            set_segmentation(layer, segmentation)
            show_heights_of(segmentation, layer)
    else:  # Vectors come with a layer of the cut edges, which are others now
        replaced = [] if keep_earlier else _last_unedited(viewer, field, "graph")
        _insert(viewer, field, "graph", graph_layers_of(segmentation, heights=contents.heights), replaced)
    _insert(viewer, field, "mixed", new["mixed"], [] if keep_earlier else _last_unedited(viewer, field, "mixed"))
    (labels,) = new["segments"]
    viewer.layers.selection.active = labels
    assert isinstance(labels, Labels)
    return labels


def update_layers(viewer: napari.Viewer, contents: LayerContents) -> None:
    """Let the layers of the last result show another one with the same graph, as while a slider is moved.

    Layers stay the same objects. Those that were edited stay as they are, and the new result comes as another layer;
    the graph is left alone.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    """
    field, active = contents.result.segmentation.field, viewer.layers.selection.active
    # What napari draws takes it time, and those that only hand on what they hold are never drawn.
    for role, layers in _new_layers(contents, visible=False).items():
        shown = _last_unedited(viewer, field, role)
        if len(shown) == len(layers) == 1:  # to remove and add a layer takes napari half a second
            _take_over(shown[0], layers[0])
        else:
            _insert(viewer, field, role, layers, shown)
            if role == "segments" and not shown:
                layers[0].visible = True
    if active in viewer.layers:  # new layers make themselves the active one
        viewer.layers.selection.active = active


def rename_layers(viewer: napari.Viewer, contents: LayerContents, before: Segmentation) -> None:
    """Let the layers of a result show other names of its phases, those that were edited among them.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    before : Segmentation
        The result with the names that it had, which the layers show.
    """
    result = contents.result
    segmentation = result.segmentation
    features = {"segments": contents.features, "phases": phase_features(segmentation, result.phase_table)}
    for role in ("phases", "confidence", "segments", "graph", "mixed"):
        for layer in _result_layers(viewer, segmentation.field, role):
            if layer_segmentation(layer) is before:
                set_segmentation(layer, segmentation)
                if role in features:
                    layer.features = features[role]


def _new_layers(contents: LayerContents, *, visible: bool = True) -> dict[str, list[Layer]]:
    """New layers of a result by their role, without the graph; `visible` is that of the segments."""
    result = contents.result
    segmentation, colours = result.segmentation, result.phase_colours
    layers: dict[str, Layer | None] = {
        "phases": phase_layer(segmentation, colours=colours, table=result.phase_table),
        "confidence": confidence_layer(segmentation),
        "segments": segment_layer(
            segmentation, features=contents.features, colormap=contents.colormap, visible=visible
        ),
        "mixed": mixed_layer(segmentation, colours=colours),
    }
    return {role: [] if layer is None else [layer] for role, layer in layers.items()}


def _are_same(graph: MeasurementGraph, other: MeasurementGraph) -> bool:
    """Whether two graphs have the same edges and distances; each run puts the heights of its own tree beside them."""
    return graph.edges is other.edges and graph.delta_z is other.delta_z


def _take_over(layer: Layer, new: Layer) -> None:
    """Let a layer show what a new one does."""
    layer.name = new.name
    layer.metadata = {**layer.metadata, METADATA_KEY: new.metadata[METADATA_KEY]}
    if isinstance(layer, Image):
        if layer.data is not new.data:
            layer.data = new.data
        return
    layer.data = new.data
    layer.features = new.features
    if isinstance(layer, Points):
        layer.face_color = new.face_color
    else:
        layer.colormap = new.colormap


def _result_layers(viewer: napari.Viewer, field: Field, role: str) -> list[Layer]:
    return [layer for layer in viewer.layers if layer_field(layer) is field and layer_role(layer) == role]


def _last_unedited(viewer: napari.Viewer, field: Field, role: str) -> list[Layer]:
    """Layers of the latest result of a field, if nobody has edited any of them."""
    layers = _result_layers(viewer, field, role)
    if not layers:
        return []
    latest = layer_segmentation(layers[-1])
    of_latest = [layer for layer in layers if layer_segmentation(layer) is latest]
    return [] if any(is_edited(layer) for layer in of_latest) else of_latest


def _insert(viewer: napari.Viewer, field: Field, role: str, layers: Sequence[Layer], replaced: Sequence[Layer]) -> None:
    """Put layers where others are; without others, phases above the images of their field, the rest above all."""
    if not _result_layers(viewer, field, "bse"):
        viewer.layers.insert(0, field_layers(field)[0])
    if replaced:
        index = min(viewer.layers.index(layer) for layer in replaced)
        for layer in layers:
            layer.visible, layer.opacity = replaced[0].visible, replaced[0].opacity
        for layer in replaced:
            viewer.layers.remove(layer)
    else:
        below = ("bse", "counts", "phases", "confidence") if role in ("phases", "confidence") else None
        index = 1 + max(
            viewer.layers.index(layer)
            for layer in viewer.layers
            if layer_field(layer) is field
            and (layer_role(layer) != "measurements" if below is None else layer_role(layer) in below)
        )
    for offset, layer in enumerate(layers):
        viewer.layers.insert(index + offset, layer)
