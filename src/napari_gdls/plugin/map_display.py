"""What is selected and what is hidden, on the map of a viewer."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer, Slot

from napari_gdls.plugin.layers.highlight import SELECTION, highlight, highlight_layer, show_highlight
from napari_gdls.plugin.layers.label_layers import has_colours, label_colormap, set_colormap
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation, layers_of

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.layer_steps import LayerSteps
    from napari_gdls.plugin.session import Session

_LINE = 1.5
"""Width of outlines, in pixels of the screen; chosen by eye: seen, and small grains are not drowned."""
_WIDEST = 8
"""Of outlines, in pixels of the image: those of images of 10,000 pixels, as a whole, do not take seconds."""
_FINEST = 8
"""Pixels of an outline along a pixel of the image, at most: more would be seen where one pixel fills the canvas."""
_MOST_PIXELS = 4_000_000
"""Of an outline that is finer than its image: drawing it takes 20 ms then."""
_ZOOMED = 1.5
"""Ratio of zooms from which on outlines are drawn anew, with the width that fits."""
_PAUSE = 150
"""Milliseconds without a turn of the wheel after which that happens: longer than from one turn to the next."""


class MapDisplay(QObject):
    """Outlines what is selected of the chosen field of a viewer, and leaves hidden phases out of its layers.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
    steps : LayerSteps
        By which results come into the layers.
    """

    def __init__(self, viewer: napari.Viewer, session: Session, steps: LayerSteps) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._zoom = 0.0
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_PAUSE)
        self._later.timeout.connect(self._on_zoomed)
        session.selection_changed.connect(self._on_selection)
        session.chosen_changed.connect(self._on_selection)
        session.shown_changed.connect(self._on_selection)
        for signal in (session.display_changed, session.shown_changed):
            signal.connect(self._colour)
        steps.stepped.connect(self._colour_chosen)
        viewer.scene.camera.events.zoom.connect(self._on_zoom)

    @property
    def layer(self) -> Image | None:
        """The layer that outlines what is selected; None before anything was."""
        viewer = self._viewer()
        layers = [] if viewer is None else [layer for layer in viewer.layers if layer_role(layer) == SELECTION]
        return layers[-1] if layers and isinstance(layers[-1], Image) else None

    def _on_selection(self, changed: FieldState | None = None) -> None:
        state, viewer = self._session.chosen, self._viewer()
        if viewer is None or (changed is not None and changed is not state):
            return
        layer = self.layer
        picture = None if state is None or viewer.dims.ndisplay != 2 else self._picture(state)
        if state is None or picture is None:
            if layer is not None:
                layer.visible = False
            return
        if layer is None:
            active = viewer.layers.selection.active
            viewer.layers.append(highlight_layer(state.field, picture))
            viewer.layers.selection.active = active
        else:
            show_highlight(layer, state.field, picture)
            layer.visible = True

    def _picture(self, state: FieldState) -> Any:
        viewer = self._viewer()
        if viewer is None or state.shown is None:
            return None
        self._zoom = float(viewer.scene.camera.zoom)
        height, width = state.field.shape
        pixel = self._zoom * (1.0 if state.field.pixel_size is None else state.field.pixel_size)  # px of the screen
        finest = min(_FINEST, int(np.sqrt(_MOST_PIXELS / (height * width))))
        detail = int(np.clip(pixel / _LINE, 1, max(finest, 1)))
        return highlight(
            state.shown.segmentation,
            segments=state.selected_segments,
            phases=state.selected_phases,
            width=int(np.clip(round(_LINE * detail / max(pixel, 1e-6)), 1, _WIDEST)),
            detail=detail,
        )

    def _on_zoom(self, event: Any = None) -> None:
        layer = self.layer
        if layer is not None and layer.visible:
            self._later.start()

    @Slot()
    def _on_zoomed(self) -> None:
        viewer = self._viewer()
        if viewer is not None and not 1 / _ZOOMED < float(viewer.scene.camera.zoom) / max(self._zoom, 1e-9) < _ZOOMED:
            self._on_selection()

    @Slot()
    def _colour_chosen(self) -> None:
        if self._session.chosen is not None and self._session.chosen.hidden_phases:
            self._colour(self._session.chosen)

    def _colour(self, state: FieldState) -> None:
        """Leave hidden phases out of the layers that show the result of a field."""
        viewer, shown = self._viewer(), state.shown
        if viewer is None or shown is None or shown.phase_colours is None:
            return
        hidden = np.zeros(len(shown.phase_colours), dtype=bool)
        hidden[[phase for phase in state.hidden_phases if phase < len(hidden)]] = True
        phases = shown.segmentation.phases
        looks = {"segments": (shown.phase_colours[phases], hidden[phases]), "phases": (shown.phase_colours, hidden)}
        for role, (colours, unseen) in looks.items():
            for layer in layers_of(viewer, state.field, role):
                if layer_segmentation(layer) is not shown.segmentation or not isinstance(layer, Labels):
                    continue
                colormap = label_colormap(colours, hidden=unseen)
                if not has_colours(layer, colormap):
                    set_colormap(layer, colormap)
