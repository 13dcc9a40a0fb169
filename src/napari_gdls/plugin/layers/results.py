"""Putting results into the viewer without ever overwriting what the user has edited."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Points, Shapes

from napari_gdls.plugin.layers import _edge_shapes
from napari_gdls.plugin.layers.appearance import label_colormap, phase_colours, segment_colours
from napari_gdls.plugin.layers.graph import follow, merge_heights
from napari_gdls.plugin.layers.metadata import (
    METADATA_KEY,
    layer_field,
    layer_role,
    layer_segmentation,
    set_segmentation,
)
from napari_gdls.plugin.layers.phases import confidence_layer, mixed_layer, phase_layer
from napari_gdls.plugin.layers.segments import edge_layers, field_layers, segment_features, segment_layer

if TYPE_CHECKING:
    import napari
    from napari.utils.colormaps import DirectLabelColormap

    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class RunResult:
    """A segmentation, and what its layers need that takes time to compute.

    Attributes
    ----------
    segmentation : Segmentation
        Its modal composition and list of merges are computed already, if it has phases.
    features : dict
        Of the segments, from `napari_gdls.plugin.layers.segments.segment_features`.
    colormap : DirectLabelColormap
        Of the segments.
    phase_colours : (P, 3) array or None
        None if the method made no phases.
    heights : (E,) array or None
        Of the edges of the graph, from `napari_gdls.plugin.layers.graph.merge_heights`.
    """

    segmentation: Segmentation
    features: dict[str, npt.NDArray[Any]]
    colormap: DirectLabelColormap
    phase_colours: npt.NDArray[np.float64] | None
    heights: npt.NDArray[np.float64] | None


def compute(
    field: Field,
    recipe: Recipe,
    progress: Progress,
    *,
    constraints: Constraints | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
) -> RunResult:
    """All of a run that can be done beside the window: `napari_gdls.segment`, and the look of its result.

    Parameters
    ----------
    field : Field
    recipe : Recipe
    progress : Progress
    constraints : Constraints, optional
    embedding : (N, d) array, optional
    graph : MeasurementGraph, optional
        Results of an earlier run; see `napari_gdls.segment`.
    """
    progress("starting", 0.0)
    # Here, because it imports torch, which takes seconds when it is the first to do so.
    from napari_gdls.pipeline import segment

    segmentation = segment(field, recipe, constraints=constraints, embedding=embedding, graph=graph, progress=progress)
    colours = None if segmentation.measurement_phases is None else phase_colours(segmentation)
    heights = merge_heights(segmentation, segmentation.graph.edges)
    result = _result(segmentation, segment_colours(segmentation, colours), colours, heights, progress)
    # Once in a session these compile, and take a second each: here they hold up nobody.
    result.colormap.map(segmentation.labels[:1, :1])
    _edge_shapes.fault()
    return result


def derived(earlier: RunResult, segmentation: Segmentation, progress: Progress) -> RunResult:
    """The result for a segmentation that came of an earlier one by merging phases.

    Colours stay: a phase has that of its largest part.

    Parameters
    ----------
    earlier : RunResult
    segmentation : Segmentation
    progress : Progress
    """
    if segmentation is earlier.segmentation:
        return earlier
    before, after = earlier.segmentation.measurement_phases, segmentation.measurement_phases
    assert before is not None
    assert after is not None
    assert earlier.phase_colours is not None
    pair, size = np.unique(np.stack([after.labels, before.labels]), axis=1, return_counts=True)
    order = np.lexsort((pair[1], -size, pair[0]))
    _, largest = np.unique(pair[0, order], return_index=True)
    colours = earlier.phase_colours[pair[1, order][largest]]
    return _result(segmentation, segment_colours(segmentation, colours), colours, earlier.heights, progress)


def _result(
    segmentation: Segmentation,
    of_segments: npt.NDArray[np.float64],
    of_phases: npt.NDArray[np.float64] | None,
    heights: npt.NDArray[np.float64] | None,
    progress: Progress,
) -> RunResult:
    progress("table", 0.0)
    features = segment_features(segmentation)
    progress("table", 0.5)
    if segmentation.measurement_phases is not None:
        _ = segmentation.modal, segmentation.merges  # they are kept
    return RunResult(segmentation, features, label_colormap(of_segments), of_phases, heights)


def place(viewer: napari.Viewer, result: RunResult, *, keep_earlier: bool = False) -> Labels:
    """Add the layers of a segmentation to the viewer.

    The layers of the last run on the same field are replaced if they are as that run left them; so trying out
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
    new = _layers(result)
    for role in ("phases", "confidence", "segments"):
        _insert(viewer, field, role, new[role], [] if keep_earlier else _last_unedited(viewer, field, role))
    same_graph = [
        layer
        for layer in _results(viewer, field, "graph")
        if (shown := layer_segmentation(layer)) is not None and _are_same(shown.graph, segmentation.graph)
    ]
    if same_graph and all(isinstance(layer, Shapes) for layer in same_graph):
        for layer in same_graph:
            set_segmentation(layer, segmentation)
            follow(layer, segmentation)
    else:  # Vectors come with a layer of the cut edges, which are others now
        replaced = [] if keep_earlier else _last_unedited(viewer, field, "graph")
        _insert(viewer, field, "graph", edge_layers(segmentation, heights=result.heights), replaced)
    _insert(viewer, field, "mixed", new["mixed"], [] if keep_earlier else _last_unedited(viewer, field, "mixed"))
    (labels,) = new["segments"]
    viewer.layers.selection.active = labels
    assert isinstance(labels, Labels)
    return labels


def update(viewer: napari.Viewer, result: RunResult) -> None:
    """Let the layers of the last result show another one with the same graph, as while a slider is moved.

    Layers stay the same objects. Those that were edited stay as they are, and the new result comes as another layer;
    the graph is left alone.

    Parameters
    ----------
    viewer : napari.Viewer
    result : RunResult
    """
    field, active = result.segmentation.field, viewer.layers.selection.active
    # What napari draws takes it time, and those that only hand on what they hold are never drawn.
    for role, layers in _layers(result, visible=False).items():
        shown = _last_unedited(viewer, field, role)
        if len(shown) == len(layers) == 1:  # to remove and add a layer takes napari half a second
            _take_over(shown[0], layers[0])
        else:
            _insert(viewer, field, role, layers, shown)
            if role == "segments" and not shown:
                layers[0].visible = True
    if active in viewer.layers:  # new layers make themselves the active one
        viewer.layers.selection.active = active


def is_edited(layer: Layer) -> bool:
    """Whether a result layer differs from the segmentation that it shows.

    Labels are compared pixel by pixel, graphs line by line: however the change was made, it is seen. Results from a
    file count as edited, because nobody can tell.
    """
    segmentation = layer_segmentation(layer)
    if segmentation is None:
        return True
    if isinstance(layer, Labels):
        expected = segmentation.phase_map() if layer_role(layer) == "phases" else segmentation.labels
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


def _layers(result: RunResult, *, visible: bool = True) -> dict[str, list[Layer]]:
    """New layers of a result by their role, without the graph; `visible` is that of the segments."""
    segmentation, colours = result.segmentation, result.phase_colours
    layers: dict[str, Layer | None] = {
        "phases": phase_layer(segmentation, colours=colours),
        "confidence": confidence_layer(segmentation),
        "segments": segment_layer(segmentation, features=result.features, colormap=result.colormap, visible=visible),
        "mixed": mixed_layer(segmentation, colours=colours),
    }
    return {role: [] if layer is None else [layer] for role, layer in layers.items()}


def _are_same(graph: MeasurementGraph, other: MeasurementGraph) -> bool:
    """Whether two graphs have the same edges and distances; each run puts the heights of its own tree beside them."""
    return graph.edges is other.edges and graph.delta_z is other.delta_z


def _take_over(layer: Layer, new: Layer) -> None:
    """Let a layer show what a new one of its kind would."""
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


def _insert(viewer: napari.Viewer, field: Field, role: str, layers: Sequence[Layer], replaced: Sequence[Layer]) -> None:
    """Put layers in the place of others; without others, phases above the images of their field, the rest above all."""
    if not _results(viewer, field, "bse"):
        viewer.layers.insert(0, field_layers(field)[0])
    if replaced:
        place = min(viewer.layers.index(layer) for layer in replaced)
        for layer in layers:
            layer.visible, layer.opacity = replaced[0].visible, replaced[0].opacity
        for layer in replaced:
            viewer.layers.remove(layer)
    else:
        below = ("bse", "counts", "phases", "confidence") if role in ("phases", "confidence") else None
        place = 1 + max(
            viewer.layers.index(layer)
            for layer in viewer.layers
            if layer_field(layer) is field
            and (layer_role(layer) != "measurements" if below is None else layer_role(layer) in below)
        )
    for offset, layer in enumerate(layers):
        viewer.layers.insert(place + offset, layer)
