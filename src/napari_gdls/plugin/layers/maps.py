"""Maps of elements and other quantities as image layers."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.metadata import METADATA_KEY, layer_metadata, layers_of
from napari_gdls.plugin.layers.placing import insert_in_order
from napari_gdls.plugin.layers.sight import hide

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field

ROLE = "map"
"""Of layers that show amounts of something, pixel by pixel."""
_ABOVE = ("phases", "confidence", "segments", "measurements")
"""Roles of the layers that would hide a map; dots lie on the very pixels that were measured."""
_PERCENTILES = (0.2, 99.8)
"""Of the values that become black and white: a hot measurement does not hide the rest. By eye."""
_SAMPLED = 200_000
"""Pixels at most that the percentiles are of: finding them in millions would block the window."""

COLOURMAP = "inferno"
"""Of a map alone: as bright as its values, to all kinds of eyes."""
OVERLAID = ("cyan", "magenta", "yellow", "gray")
"""Colours of maps that are added up. Pairs of them differ in brightness and for all kinds of eyes, other than red and
green."""


def contrast_limits(values: npt.NDArray[np.floating[Any]], *, from_zero: bool) -> tuple[float, float] | None:
    """Values that become black and white; None where there are no two.

    Parameters
    ----------
    values : array
        NaN: unknown.
    from_zero : bool
        0 is black.
    """
    flat = values.ravel()
    flat = flat[:: max(1, flat.size // _SAMPLED)]
    flat = flat[np.isfinite(flat)]
    if not flat.size:
        return None
    black, white = (float(each) for each in np.percentile(flat, _PERCENTILES))
    if from_zero:
        black = 0.0
    if not black < white:  # a rare element: what there is of it
        white = float(flat.max())
    return (black, white) if black < white else None


def show_map(
    viewer: napari.Viewer,
    field: Field,
    title: str,
    values: npt.NDArray[np.floating[Any]],
    *,
    unit: str = "",
    from_zero: bool = False,
    colourmap: str = COLOURMAP,
    overlaid: Collection[str] = (),
) -> Image:
    """Show a map of a field as a layer above its BSE image; one of the same title is taken over.

    Segments, phases and dots of the field are hidden, as they would cover it, and so are its other maps unless they
    are overlaid; their eyes show them again.

    Parameters
    ----------
    viewer : napari.Viewer
    field : Field
    title : str
        Second part of the layer's name.
    values : (H, W) array
        NaN stays transparent.
    unit : str
        Of the values; kept in the layer's metadata.
    from_zero : bool
        0 is black.
    colourmap : str
        Of napari.
    overlaid : collection of str
        Titles of maps that its colours are added to, its own among them.

    Returns
    -------
    Image
    """
    for role in _ABOVE:
        for layer in layers_of(viewer, field, role):
            hide(layer)
    name = layer_name(field, title)
    together = {layer_name(field, each) for each in overlaid}
    shown: Image | None = None
    for layer in layers_of(viewer, field, ROLE):
        if isinstance(layer, Image) and layer.name == name:
            shown = layer
        elif layer.name not in together:
            hide(layer)
    limits = contrast_limits(values, from_zero=from_zero)
    if shown is None:
        active = viewer.layers.selection.active
        shown = Image(
            values,
            name=name,
            colormap=colourmap,
            blending="translucent",
            contrast_limits=limits,
            metadata=layer_metadata(ROLE, field),
            **scale_and_units(field),
        )
        insert_in_order(viewer, field, ROLE, shown)
        if active is not None:
            viewer.layers.selection.active = active
    else:
        shown.data = values
        if limits is not None:
            shown.contrast_limits = limits
        shown.colormap, shown.visible = colourmap, True
    shown.metadata[METADATA_KEY] |= {"unit": unit}
    # The lowest covers the BSE image, or that would be added too.
    lowest, *others = [layer for layer in layers_of(viewer, field, ROLE) if layer.name in together] or [shown]
    for layer in (lowest, *others):
        layer.blending = "translucent" if layer is lowest else "additive"
    return shown
