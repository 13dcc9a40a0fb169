"""Counts in an energy window as image layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Image

from napari_gdls.mineralogy.measurement_maps import filled_map
from napari_gdls.plugin.layers.maps import show_map

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field


def window_image(field: Field, low: float, high: float) -> npt.NDArray[np.float32]:
    """Counts in an energy window at every pixel: those of the nearest measurement; for a thread beside the window.

    Parameters
    ----------
    field : Field
    low, high : float
        eV.

    Returns
    -------
    (H, W) array of float32
        Background included. NaN where the field is not valid.
    """
    return filled_map(field, field.window_counts(low, high), "nearest")


def add_window_map(
    viewer: napari.Viewer, field: Field, low: float, high: float, image: npt.NDArray[np.float32]
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
    return show_map(viewer, field, f"counts {low / 1000:.2f}-{high / 1000:.2f} keV", image, unit="counts")
