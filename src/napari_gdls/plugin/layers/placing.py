"""Putting results into the viewer, in place of earlier ones, without ever overwriting what the user has edited."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer, Shapes

from napari_gdls.plugin.collection import collection_deferred
from napari_gdls.plugin.layers.appearance import layer_title, method_and_thresholds
from napari_gdls.plugin.layers.edits import is_edited
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.graph import graph_layers_of, hides_segments
from napari_gdls.plugin.layers.graph_later import bring_heights_up_to_date, is_unbuilt, set_heights_old, unbuilt_graph
from napari_gdls.plugin.layers.label_layers import has_colours, set_colormap, stroke_under_way
from napari_gdls.plugin.layers.looks import Look
from napari_gdls.plugin.layers.metadata import (
    METADATA_KEY,
    layer_field,
    layer_role,
    layer_segmentation,
    layers_of,
    set_segmentation,
)
from napari_gdls.plugin.layers.phases import mixed_measurements
from napari_gdls.plugin.layers.sight import hide, is_wanted

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.plugin.layers.contents import LayerContents
    from napari_gdls.segmentation.result import Segmentation

ORDER = (
    "bse",
    "counts",
    "map",
    "phases",
    "confidence",
    "segments",
    "selection",
    "mixed",
    "measurements",
    "graph",
    "marks",
    "truth",
)
"""Roles of the layers of a field, bottom first."""
_WITHOUT_GRAPH = ("segments", "phases", "confidence", "mixed")
"""Roles of the layers of a result that are made anew by everything that is done, what is looked at first."""

_being_placed: weakref.WeakSet[napari.Viewer] = weakref.WeakSet()


def place_layers(viewer: napari.Viewer, contents: LayerContents, *, keep_earlier: bool = False) -> Labels:
    """Let the layers of a field show what a run has found; see `placing`.

    Returns
    -------
    Labels
        The layer of the segments.
    """
    for _ in placing(viewer, contents, keep_earlier=keep_earlier):
        pass
    (labels,) = layers_of(viewer, contents.result.segmentation.field, "segments")
    assert isinstance(labels, Labels)
    return labels


def placing(
    viewer: napari.Viewer, contents: LayerContents, *, keep_earlier: bool = False, graph_later: bool = False
) -> Iterator[None]:
    """Let the layers of a field show what a run has found, a layer a step, the segments first.

    Layers of an earlier result are taken over: they stay the same objects, and keep the name, the visibility and the
    opacity that they have. Labels that were painted on since stay, hidden and under another name; so do all earlier
    results where that is asked. The first result hides the dots at the measurements.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    keep_earlier : bool
        Take over nothing but a graph that has not changed.
    graph_later : bool
        Leave a graph that is not in sight to `napari_gdls.plugin.graph_on_demand`, which has to be there.

    Yields
    ------
    None
        After each step. If the field is closed meanwhile, nothing more comes.
    """
    field = contents.result.segmentation.field
    with _placed(viewer, field):
        if not layers_of(viewer, field, "bse"):
            viewer.layers.insert(0, field_layers(field)[0])
        if not layers_of(viewer, field, "segments"):
            for dots in layers_of(viewer, field, "measurements"):
                hide(dots)
        _show(viewer, field, "segments", contents.looks["segments"], keep_earlier)
    for role in _WITHOUT_GRAPH[1:]:
        yield
        if not layers_of(viewer, field, "segments"):
            return
        with _placed(viewer, field):
            _show(viewer, field, role, contents.looks.get(role), keep_earlier)
    yield
    if layers_of(viewer, field, "segments"):
        with _placed(viewer, field):
            _show_graph(viewer, contents, graph_later)


def update_layers(viewer: napari.Viewer, contents: LayerContents, before: Segmentation | None = None) -> None:
    """Let the layers show another result of the same run, as while a slider is moved; see `updating`."""
    for _ in updating(viewer, contents, before):
        pass


def updating(viewer: napari.Viewer, contents: LayerContents, before: Segmentation | None = None) -> Iterator[None]:
    """Let the layers show another result of the same run, a layer a step, the segments first.

    As `placing`, but the graph is left alone, and layers that the user has deleted stay so.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    before : Segmentation, optional
        What was shown; a layer that it has and that is not there was deleted. None: all that are not there are made.

    Yields
    ------
    None
        After each step.
    """
    segmentation = contents.result.segmentation
    field = segmentation.field
    known = () if before is None else _roles_of(before)
    for role in _WITHOUT_GRAPH:
        if role != _WITHOUT_GRAPH[0]:
            yield
        if layers_of(viewer, field, role) or role not in known:
            with _placed(viewer, field):
                _show(viewer, field, role, contents.looks.get(role))
    for layer in layers_of(viewer, field, "graph"):
        if (shown := layer_segmentation(layer)) is not None and _are_same(shown.graph, segmentation.graph):
            set_segmentation(layer, segmentation)


def rename_layers(viewer: napari.Viewer, contents: LayerContents, before: Segmentation) -> None:
    """Let the layers of a result show other names of its phases, those that were edited among them.

    Parameters
    ----------
    viewer : napari.Viewer
    contents : LayerContents
    before : Segmentation
        The result with the names that it had, which the layers show.
    """
    segmentation = contents.result.segmentation
    for role in (*_WITHOUT_GRAPH, "graph"):
        for layer in layers_of(viewer, segmentation.field, role):
            if layer_segmentation(layer) is not before:
                continue
            if isinstance(layer, Labels) and "taken" in layer.metadata[METADATA_KEY]:
                contents.looks[role].show_in(layer)  # what was painted has changed nothing
                continue
            set_segmentation(layer, segmentation)
            if isinstance(layer, Labels):
                options = contents.looks[role].options
                layer.features = options["features"]
                if not has_colours(layer, options["colormap"]):
                    set_colormap(layer, options["colormap"])


def being_placed(viewer: napari.Viewer) -> bool:
    """Whether layers come and go because a result is put into the viewer, not because the user says so."""
    return getattr(viewer, "__wrapped__", viewer) in _being_placed


def is_being_painted(viewer: napari.Viewer, field: Field) -> bool:
    """Whether a stroke of the brush is under way on the segments of a field; a result would take its ground away."""
    layers = layers_of(viewer, field, "segments")
    return any(isinstance(layer, Labels) and stroke_under_way(layer) for layer in layers)


def in_order(layers: Iterable[Layer]) -> list[Layer]:
    """Layers of a field as `ORDER` has them, bottom first."""
    return sorted(layers, key=_rank)


def insert_in_order(viewer: napari.Viewer, field: Field, role: str, layer: Layer) -> None:
    """Add a layer of a field where `ORDER` has it: above the highest of its field that is to be below."""
    rank = ORDER.index(role)
    below = [
        index for index, other in enumerate(viewer.layers) if layer_field(other) is field and 0 <= _rank(other) <= rank
    ]
    above = [index for index, other in enumerate(viewer.layers) if layer_field(other) is field and _rank(other) > rank]
    place = 1 + max(below) if below else min(above, default=len(viewer.layers))
    viewer.layers.insert(place, layer)


def replace_layer(viewer: napari.Viewer, layer: Layer, others: Sequence[Layer]) -> None:
    """Put layers of the same field where another one is; they are active where that was, and the first has its name."""
    known = getattr(viewer, "__wrapped__", viewer)
    field, name, was_active = layer_field(layer), layer.name, viewer.layers.selection.active is layer
    assert field is not None
    with _placed(known, field):
        place = viewer.layers.index(layer)
        for offset, other in enumerate(others, start=1):
            viewer.layers.insert(place + offset, other)
        if was_active and others:
            viewer.layers.selection.active = others[-1]
        viewer.layers.remove(layer)
        for other in others[:1]:
            other.name = name
    if was_active and others:
        viewer.layers.selection.active = others[-1]


def _rank(layer: Layer) -> int:
    """Place of a layer among those of its field; those of earlier results lie with the others of their kind."""
    role = layer_role(layer).removeprefix(_EARLIER)
    return ORDER.index(role) if role in ORDER else -1


_EARLIER = "earlier "
"""Before the role of layers whose place in `ORDER` others have taken."""


@contextlib.contextmanager
def _placed(viewer: napari.Viewer, field: Field) -> Iterator[None]:
    """While layers of a field come and go; then its segments are the active layer, unless another field is worked on.

    napari makes every new layer the active one.
    """
    known = getattr(viewer, "__wrapped__", viewer)
    outermost = known not in _being_placed
    activates = getattr(known.layers, "_activate_on_insert", None)
    active = viewer.layers.selection.active
    segments = layers_of(viewer, field, "segments")
    _being_placed.add(known)
    if activates is not None:  # a private switch of napari; where there is none, layers become active and not again
        known.layers._activate_on_insert = False
    try:
        with collection_deferred():
            yield
    finally:
        if activates is not None:
            known.layers._activate_on_insert = activates
        new = [layer for layer in layers_of(viewer, field, "segments") if layer not in segments]
        if active is None or active not in viewer.layers or (new and layer_field(active) in (field, None)):
            active = next(iter(layers_of(viewer, field, "segments")), None)
        if active is not None and viewer.layers.selection.active is not active:
            viewer.layers.selection.active = active
        if outermost:
            _being_placed.discard(known)


def _show(viewer: napari.Viewer, field: Field, role: str, look: Look | None, keep_earlier: bool = False) -> None:
    """Let the layer of a role show something else, or nothing, in which case it goes."""
    inherited: Layer | None = None
    for layer in layers_of(viewer, field, role):
        if keep_earlier or is_edited(layer):
            inherited = layer
            visible, opacity = is_wanted(layer), layer.opacity
            _put_aside(layer)
        elif look is not None and isinstance(layer, look.kind):
            look.show_in(layer)
            return
        else:
            viewer.layers.remove(layer)
    if look is not None:
        layer = look.layer()
        if inherited is not None:
            layer.visible, layer.opacity = visible, opacity
        insert_in_order(viewer, field, role, layer)


def _show_graph(viewer: napari.Viewer, contents: LayerContents, later: bool) -> None:
    segmentation = contents.result.segmentation
    there = layers_of(viewer, segmentation.field, "graph")
    same = [
        layer
        for layer in there
        if (shown := layer_segmentation(layer)) is not None and _are_same(shown.graph, segmentation.graph)
    ]
    if same and all(isinstance(layer, Shapes) for layer in same):
        for layer in same:
            set_segmentation(layer, segmentation)
            set_heights_old(layer)
            if layer.visible or not later:
                bring_heights_up_to_date(layer)
        return
    visible = [is_wanted(layer) for layer in there]
    for layer in there:  # Vectors come with a layer of the cut edges, which are others now
        if not is_unbuilt(layer) and is_edited(layer):
            _put_aside(layer)
        else:
            viewer.layers.remove(layer)
    waits = later and hides_segments(segmentation)
    new = [unbuilt_graph(segmentation)] if waits else graph_layers_of(segmentation, heights=contents.heights)
    for layer in new:
        if visible:
            layer.visible = any(visible)
        insert_in_order(viewer, segmentation.field, "graph", layer)


def _put_aside(layer: Layer) -> None:
    """Hide a layer, and let it be called by what it shows: the result before the next."""
    entry: dict[str, Any] = layer.metadata[METADATA_KEY]
    role, recipe = entry["role"], entry.get("recipe")
    made = "" if recipe is None else f" ({method_and_thresholds(recipe)})"
    hide(layer)
    layer.name = f"{layer_title(entry['field'])}: {role} before{made}"
    entry["role"] = _EARLIER + role


def _roles_of(segmentation: Segmentation) -> tuple[str, ...]:
    """Roles of the layers that a result has, without the graph."""
    has = {
        "segments": True,
        "phases": segmentation.has_phases,
        "confidence": segmentation.confidence is not None,
        "mixed": len(mixed_measurements(segmentation)) > 0,
    }
    return tuple(role for role in _WITHOUT_GRAPH if has[role])


def _are_same(graph: MeasurementGraph, other: MeasurementGraph) -> bool:
    """Whether two graphs have the same edges and distances; each run puts the heights of its own tree beside them."""
    return graph.edges is other.edges and graph.delta_z is other.delta_z
