"""Regions of a field that the user draws or paints, as measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer, Shapes

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.layers.appearance import layer_title, scale_and_units
from napari_gdls.plugin.layers.metadata import layer_field, layer_metadata, layer_role

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field

REGION = "region"
"""Role of the layer that regions are drawn on."""
_COLOUR = "#ffd24a"
"""Of their borders; yellow, as no cut (red) and no link (green) is."""
_WIDTH = 0.4
"""Of their borders, in sampling distances; by eye."""


def region_layer(viewer: napari.Viewer, field: Field) -> Shapes:
    """The layer that regions of a field are drawn on; a new one where there is none.

    Parameters
    ----------
    viewer : napari.Viewer
    field : Field
    """
    for layer in viewer.layers:
        if isinstance(layer, Shapes) and layer_role(layer) == REGION and layer_field(layer) is field:
            return layer
    layer = Shapes(
        ndim=2,
        name=f"{layer_title(field)}: region",
        edge_color=_COLOUR,
        face_color="transparent",
        edge_width=_WIDTH * field.sampling_distance,
        metadata=layer_metadata(REGION, field),
        **scale_and_units(field),
    )
    viewer.add_layer(layer)
    return layer


def measurements_in(layer: Layer, field: Field, field_layer: Layer) -> npt.NDArray[np.int64]:
    """Measurements of a field that lie in the shapes of a layer, or under what is painted on it.

    Parameters
    ----------
    layer : Layer
        Shapes, or Labels of which the selected label counts; of two dimensions.
    field : Field
    field_layer : Layer
        One that shows the field, pixel by pixel.

    Returns
    -------
    (n,) array of int64
        From 0, rising.

    Raises
    ------
    RecipeError
        If it is a layer of another kind.
    """
    places = np.rint(_places_on(layer, field, field_layer)).astype(np.int64)
    if layer.ndim != 2 or not isinstance(layer, Shapes | Labels):
        raise RecipeError(f"{layer.name} is neither a layer of shapes nor one of labels; select one, or draw a region.")
    if isinstance(layer, Labels):
        inside = _values_at(np.asarray(layer.data), places) == layer.selected_label
    else:
        shape = np.maximum(places.max(axis=0) + 1, 1)
        inside = _values_at(_mask_of(layer, tuple(shape.tolist())), places) > 0
    return np.flatnonzero(inside)


def _mask_of(layer: Shapes, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    """Pixels within the shapes; lines and paths have none."""
    areas = [k for k, kind in enumerate(layer.shape_type) if kind not in ("line", "path")]
    mask = np.zeros(shape, dtype=np.bool_)
    for k in areas:
        mask |= layer._data_view.shapes[k].to_mask(shape)
    return mask


def _places_on(layer: Layer, field: Field, field_layer: Layer) -> npt.NDArray[np.float64]:
    """Places of the measurements in the pixels of a layer, (N, 2)."""

    def on_layer(row: float, column: float) -> npt.NDArray[np.float64]:
        world = field_layer.data_to_world((row, column))
        return np.asarray(layer.world_to_data(world)[-2:], dtype=np.float64)

    # Layers are affine: three points say all.
    origin = on_layer(0.0, 0.0)
    down, right = on_layer(1.0, 0.0) - origin, on_layer(0.0, 1.0) - origin
    places: npt.NDArray[np.float64] = origin + field.locations[:, :1] * down + field.locations[:, 1:] * right
    return places


def _values_at(values: npt.NDArray[Any], places: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Values of an image at places; 0 outside."""
    inside = ((places >= 0) & (places < values.shape)).all(axis=1)
    out = np.zeros(len(places), dtype=values.dtype)
    out[inside] = values[places[inside, 0], places[inside, 1]]
    return out
