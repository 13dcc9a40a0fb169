"""The selected measurements on the map: an image over it that lights up where they are."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_gdls.plugin.layers.appearance import layer_title, scale_and_units
from napari_gdls.plugin.layers.metadata import layer_field, layer_metadata, layer_role

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.session import Session

ROLE = "selected measurements"
"""Of the layer; see `napari_gdls.plugin.layers.metadata`."""

_COLOUR = (1.0, 1.0, 0.35, 0.75)
"""Yellow, sRGB and opacity: lighter than phases are, and the map shows through. Chosen by eye."""

_LEAST = 2
"""Measurements from which the layer is used: a single one, as every click selects, lies in the grain that lights up."""


def selected_pixels(field: Field, measurements: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """Image of some measurements: 1 in a square around each, as wide as their distance, else 0.

    Parameters
    ----------
    field : Field
    measurements : (n,) array of int

    Returns
    -------
    (H, W) array of uint8
    """
    height, width = field.shape
    image = np.zeros(field.shape, dtype=np.uint8)
    rows, columns = field.locations[measurements].T
    before = int(max(round(field.sampling_distance), 1) - 1) // 2
    after = int(max(round(field.sampling_distance), 1) - 1) - before
    for down in range(-before, after + 1):
        for right in range(-before, after + 1):
            image[np.clip(rows + down, 0, height - 1), np.clip(columns + right, 0, width - 1)] = 1
    image[~field.valid] = 0
    return image


class MeasurementSelectionLayer:
    """An Image layer with the selected measurements of the chosen field of a viewer; it comes with the first of them.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._shown: frozenset[int] = frozenset()
        session.selection_changed.connect(self._on_change)
        session.chosen_changed.connect(self._on_change)

    @property
    def layer(self) -> Image | None:
        """The layer of the chosen field; None where there is none (yet)."""
        viewer, state = self._viewer(), self._session.chosen
        if viewer is None or state is None:
            return None
        return next(
            (each for each in viewer.layers if layer_role(each) == ROLE and layer_field(each) is state.field), None
        )

    def _on_change(self, state: FieldState | None = None) -> None:
        chosen, viewer = self._session.chosen, self._viewer()
        if viewer is None or chosen is None or (state is not None and state is not chosen):
            return
        selected = chosen.selected_measurements
        layer = self.layer
        wanted = len(selected) >= _LEAST
        if not wanted:
            if layer is not None and layer.data.any():
                layer.data = np.zeros(chosen.field.shape, dtype=np.uint8)
            return
        image = selected_pixels(chosen.field, np.fromiter(selected, dtype=np.int64, count=len(selected)))
        if layer is not None:
            if not np.array_equal(layer.data, image):
                layer.data = image
            return
        active = viewer.layers.selection.active
        viewer.add_layer(_new_layer(chosen.field, image))
        viewer.layers.selection.active = active


def _new_layer(field: Field, image: npt.NDArray[np.uint8]) -> Image:
    options: dict[str, Any] = scale_and_units(field)
    return Image(
        image,
        name=f"{layer_title(field)}: selected measurements",
        colormap=Colormap([[0.0, 0.0, 0.0, 0.0], _COLOUR], name="selection"),
        contrast_limits=(0, 1),
        blending="translucent",
        interpolation2d="nearest",
        metadata=layer_metadata(ROLE, field),
        **options,
    )
