"""Overlapping phases as layers: score images, strokes, masks of grains, and a box to compare with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Shapes
from napari.utils.colormaps import Colormap, DirectLabelColormap

from napari_gdls.plugin.layers.appearance import layer_title, scale_and_units
from napari_gdls.plugin.layers.metadata import (
    METADATA_KEY,
    layer_field,
    layer_metadata,
    layer_role,
    layers_of,
    metadata_entry,
)
from napari_gdls.plugin.overlap_state import BOTH_COLOUR, central_box

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.overlap_state import Box, OverlapState

SCORE, STROKES, MASKS, BOX = "score", "strokes", "grain masks", "box"
EARLIER_STROKES = "earlier strokes"

_BRIGHTEST = 99.5
"""Percentile of a score image that gets the full colour; chosen by eye: single bright pixels do not count."""
_MASK_OPACITY = 0.4
"""0 to 1; chosen by eye: masks can be told apart, and the score images below still show."""
_STROKE_OPACITY = 1.0
"""0 to 1; chosen by eye: strokes stand out from the masks that they make."""
_BRUSH_SIZE = 2
"""Pixels; small grains of maps of a hundred pixels are a few pixels wide."""
_BOX_EDGE = 0.4
"""Width of the edge of the box, in pixels; chosen by eye."""


def show_scores(viewer: napari.Viewer, state: OverlapState) -> None:
    """Show the score images of the decomposition: one image a component, in its colour, added up.

    Layers of an earlier decomposition are taken over; contrast that the user has changed stays. The lowest image hides
    what lies below it.
    """
    assert state.decomposition is not None
    scores = np.nan_to_num(state.decomposition.scores)
    there = layers_of(viewer, state.field, SCORE)
    for i in range(scores.shape[-1]):
        image = scores[..., i]
        limits = _limits(image)
        if i < len(there):
            layer = there[i]
            entry = layer.metadata[METADATA_KEY]
            untouched = tuple(layer.contrast_limits) == tuple(entry["contrast"])
            layer.data = image
            if untouched:
                layer.contrast_limits = limits
            entry["contrast"] = tuple(layer.contrast_limits) if untouched else entry["contrast"]
        else:
            layer = Image(
                image,
                name="score",
                contrast_limits=limits,
                blending="opaque" if i == 0 else "additive",
                interpolation2d="nearest",
                metadata=layer_metadata(SCORE, state.field),
                **scale_and_units(state.field),
            )
            layer.metadata[METADATA_KEY]["contrast"] = tuple(layer.contrast_limits)
            _insert_above(viewer, state.field, layer, (SCORE,))
    for layer in there[scores.shape[-1] :]:
        viewer.layers.remove(layer)
    colour_layers(viewer, state)


def colour_layers(viewer: napari.Viewer, state: OverlapState) -> None:
    """Give the layers the names and colours of the components as they are now."""
    title = layer_title(state.field)
    for layer, component in zip(layers_of(viewer, state.field, SCORE), state.components, strict=False):
        layer.name = f"{title}: score {component.name}"
        layer.colormap = Colormap(["#000000", component.colour], name=component.colour)
    for role in (STROKES, MASKS):
        for layer in layers_of(viewer, state.field, role):
            layer.colormap = component_colormap(state)


def set_strokes_aside(viewer: napari.Viewer, field: Field) -> None:
    """Keep strokes that belong to other components than there are now, in a layer that is only looked at."""
    for layer in layers_of(viewer, field, STROKES):
        if np.any(layer.data):
            layer.metadata = layer_metadata(EARLIER_STROKES, field)
            layer.name, layer.visible = f"{layer_title(field)}: earlier strokes", False


def show_strokes(viewer: napari.Viewer, state: OverlapState) -> Labels:
    """The layer to paint strokes in, made if there is none."""
    there = layers_of(viewer, state.field, STROKES)
    if there:
        layer = there[-1]
        layer.colormap = component_colormap(state)
        assert isinstance(layer, Labels)
        return layer
    strokes = np.zeros(state.field.shape, dtype=np.int32) if state.strokes is None else state.strokes.copy()
    layer = Labels(
        strokes,
        name=f"{layer_title(state.field)}: strokes",
        opacity=_STROKE_OPACITY,
        colormap=component_colormap(state),
        metadata=layer_metadata(STROKES, state.field),
        **scale_and_units(state.field),
    )
    layer.brush_size = _BRUSH_SIZE
    _insert_above(viewer, state.field, layer, (SCORE, MASKS))
    return layer


def show_masks(viewer: napari.Viewer, state: OverlapState) -> None:
    """Show the masks of the grains, if there are any; pixels of several have the colour of "both"."""
    there = layers_of(viewer, state.field, MASKS)
    labels = state.mask_labels()
    if there:
        if not np.array_equal(there[-1].data, labels):
            there[-1].data = labels
        return
    if not state.masks:
        return
    layer = Labels(
        labels,
        name=f"{layer_title(state.field)}: grain masks",
        opacity=_MASK_OPACITY,
        colormap=component_colormap(state),
        metadata=layer_metadata(MASKS, state.field),
        **scale_and_units(state.field),
    )
    layer.editable = False  # strokes are for that; the next stroke or smoothness makes these anew
    _insert_above(viewer, state.field, layer, (SCORE,))


def show_box(viewer: napari.Viewer, state: OverlapState) -> Shapes:
    """The layer with the box that whole masks are compared to, made if there is none."""
    there = layers_of(viewer, state.field, BOX)
    if there and isinstance(there[-1], Shapes):
        return there[-1]
    top, left, bottom, right = state.box or central_box(state.field.shape)
    corners = np.array([[top, left], [top, right], [bottom, right], [bottom, left]], dtype=np.float64)
    layer = Shapes(
        [corners - 0.5],  # pixel centres are at integers
        shape_type="rectangle",
        name=f"{layer_title(state.field)}: box",
        face_color="transparent",
        edge_color=BOTH_COLOUR,
        edge_width=_BOX_EDGE,
        metadata=layer_metadata(BOX, state.field),
        **scale_and_units(state.field),
    )
    viewer.layers.append(layer)
    return layer


def box_of(layer: Shapes) -> Box | None:
    """Pixels within the last shape of a layer, as (top, left, bottom, right); None if it has none."""
    if not layer.nshapes:
        return None
    corners = np.asarray(layer.data[-1], dtype=np.float64)
    low, high = np.round(corners.min(axis=0) + 0.5).astype(int), np.round(corners.max(axis=0) + 0.5).astype(int)
    high = np.maximum(high, low + 1)
    return int(low[0]), int(low[1]), int(high[0]), int(high[1])


def component_colormap(state: OverlapState) -> DirectLabelColormap:
    """Colours of strokes and masks: label i + 1 is component i, k + 1 both; 0 is transparent."""
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent", state.both_label: BOTH_COLOUR}
    colours.update({i + 1: component.colour for i, component in enumerate(state.components)})
    return DirectLabelColormap(color_dict=colours, name="components")


def _limits(image: npt.NDArray[np.float64]) -> tuple[float, float]:
    high = float(np.percentile(image, _BRIGHTEST))
    return 0.0, high if high > 0 else max(float(image.max()), 1.0)


def _insert_above(viewer: napari.Viewer, field: Field, layer: Layer, roles: Sequence[str]) -> None:
    """Put a layer above those of these roles and the images of the field, with what was active still active."""
    active = viewer.layers.selection.active
    below = [
        viewer.layers.index(other)
        for other in viewer.layers
        if layer_field(other) is field and layer_role(other) in ("bse", "counts", *roles)
    ]
    viewer.layers.insert(1 + max(below, default=len(viewer.layers) - 1), layer)
    if active is not None and layer_role(layer) != STROKES:
        viewer.layers.selection.active = active


def is_overlap_layer(layer: Layer, role: str) -> bool:
    """Whether a layer has this role among those of overlapping phases."""
    return metadata_entry(layer.metadata).get("role") == role
