"""Counts in an energy window as image layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.metadata import layer_field, layer_metadata, layer_role
from napari_gdls.plugin.layers.placing import insert_in_order

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field

_ROLE = "map"
"""Of layers that show amounts of something, pixel by pixel."""
_ABOVE = ("phases", "confidence", "segments")
"""Roles of the layers that would hide a map."""
_PERCENTILES = (0.2, 99.8)
"""Of the counts of the measurements that become black and white: a hot measurement does not hide the rest. By eye."""


def window_image(field: Field, low: float, high: float) -> npt.NDArray[np.float64]:
    """Counts in an energy window at every pixel: those of the nearest measurement; for a thread beside the window.

    Parameters
    ----------
    field : Field
    low, high : float
        eV.

    Returns
    -------
    (H, W) array of float64
        Background included. NaN where the field is not valid.
    """
    counts = field.window_map(low, high)
    if not field.is_dense:
        from scipy.ndimage import distance_transform_edt

        nearest = distance_transform_edt(np.isnan(counts), return_distances=False, return_indices=True)
        counts = counts[tuple(nearest)]
    return np.where(field.valid, counts, np.nan)


def add_window_map(
    viewer: napari.Viewer, field: Field, low: float, high: float, image: npt.NDArray[np.float64]
) -> Image:
    """Show counts in an energy window (eV) as a layer of a field; one of the same window is replaced.

    Segments and phases of the field are hidden, as they would cover it; their eyes show them again.

    Parameters
    ----------
    viewer : napari.Viewer
    field : Field
    low, high : float
        eV.
    image : (H, W) array
        From `window_image`.
    """
    name = layer_name(field, f"counts {low / 1000:.2f}-{high / 1000:.2f} keV")
    for layer in viewer.layers:
        if layer_field(layer) is field and layer_role(layer) in _ABOVE:
            layer.visible = False
    for layer in viewer.layers:
        if isinstance(layer, Image) and layer_field(layer) is field and layer.name == name:
            layer.data, layer.visible = image, True
            return layer
    black, white = np.nanpercentile(image, _PERCENTILES)
    active = viewer.layers.selection.active
    layer = Image(
        image,
        name=name,
        colormap="inferno",
        contrast_limits=(float(black), float(white)) if black < white else None,
        metadata=layer_metadata(_ROLE, field),
        **scale_and_units(field),
    )
    insert_in_order(viewer, field, _ROLE, layer)
    if active is not None:
        viewer.layers.selection.active = active
    return layer
