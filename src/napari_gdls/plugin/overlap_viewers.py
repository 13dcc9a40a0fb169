"""The overlapping phases of a viewer: session, computing, and the layers that show them and are painted on."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer, Shapes
from qtpy.QtCore import QObject, QTimer, Slot

from napari_gdls.plugin.layers.metadata import layer_role, layers_of
from napari_gdls.plugin.layers.overlap import (
    BOX,
    STROKES,
    box_of,
    colour_layers,
    set_strokes_aside,
    show_box,
    show_masks,
    show_scores,
    show_strokes,
)
from napari_gdls.plugin.overlap_session import OverlapSession
from napari_gdls.plugin.overlap_work import OverlapWork
from napari_gdls.plugin.viewers import viewer_session

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.overlap_state import OverlapState

_PAUSE = 200
"""Milliseconds without painting after which masks follow: longer than from one mouse event to the next."""


class ViewerOverlap(QObject):
    """The overlapping phases of a viewer, whatever docks are open.

    Layers follow the session: score images, masks, and a layer for strokes come with a decomposition. The session
    follows what is painted in the strokes, be it painted, undone or erased, and the box that is drawn.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.

    Attributes
    ----------
    session : OverlapSession
    work : OverlapWork
    """

    def __init__(self, viewer: napari.Viewer) -> None:
        super().__init__()
        self.session = OverlapSession(viewer_session(viewer).session)
        self.work = OverlapWork(self.session)
        self._viewer = weakref.ref(viewer)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self.read_layers)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_layers)
        self.session.decomposed.connect(self._on_decomposed)
        self.session.components_changed.connect(self._on_components)
        self.session.masks_changed.connect(self._on_masks)

    def paint(self, state: OverlapState, label: int) -> None:
        """Let the user paint strokes of a label; 0 erases."""
        viewer = self._viewer()
        if viewer is None or state.decomposition is None:
            return
        layer = show_strokes(viewer, state)
        layer.visible = True
        viewer.layers.selection.active = layer
        layer.selected_label = label if label else layer.selected_label
        layer.mode = "paint" if label else "erase"

    def draw_box(self, state: OverlapState) -> None:
        """Let the user move the box that masks are compared to, or draw another one."""
        viewer = self._viewer()
        if viewer is None:
            return
        layer = show_box(viewer, state)
        layer.visible = True
        viewer.layers.selection.active = layer
        layer.mode = "select"
        layer.selected_data = {layer.nshapes - 1} if layer.nshapes else set()

    @Slot()
    def read_layers(self) -> None:
        """Tell the session what is painted and where the box is, now."""
        self._pause.stop()
        viewer = self._viewer()
        if viewer is None:
            return
        for fields in self.session.fields.states:
            state = self.session.state_of(fields.field)
            if state is None or state.decomposition is None:
                continue
            strokes = layers_of(viewer, state.field, STROKES)
            blank = np.zeros(state.field.shape, dtype=np.int32)
            self.session.set_strokes(state, np.asarray(strokes[-1].data) if strokes else blank)
            boxes = layers_of(viewer, state.field, BOX)
            self.session.set_box(state, box_of(boxes[-1]) if boxes and isinstance(boxes[-1], Shapes) else None)

    def _on_inserted(self, event: Any) -> None:
        layer: Layer = event.value
        if isinstance(layer, Labels) and layer_role(layer) == STROKES:
            for changed in (layer.events.paint, layer.events.labels_update, layer.events.set_data, layer.events.data):
                changed.connect(self._on_layers)
        elif isinstance(layer, Shapes) and layer_role(layer) == BOX:
            for changed in (layer.events.data, layer.events.set_data):
                changed.connect(self._on_layers)

    def _on_layers(self, event: Any = None) -> None:
        self._pause.start()

    def _on_decomposed(self, state: OverlapState) -> None:
        viewer = self._viewer()
        if viewer is not None and state.decomposition is not None:
            show_scores(viewer, state)
            if state.strokes is None:
                set_strokes_aside(viewer, state.field)
            show_strokes(viewer, state)

    def _on_components(self, state: OverlapState) -> None:
        viewer = self._viewer()
        if viewer is not None and state.decomposition is not None:
            colour_layers(viewer, state)
            show_masks(viewer, state)

    def _on_masks(self, state: OverlapState) -> None:
        viewer = self._viewer()
        if viewer is not None:
            show_masks(viewer, state)


_of_viewers: dict[int, ViewerOverlap] = {}
"""By the identity of the viewer, as long as that lives."""
_ending: set[ViewerOverlap] = set()
"""Those of viewers that are gone, until Qt has deleted them."""


def viewer_overlap(viewer: napari.Viewer) -> ViewerOverlap:
    """The overlapping phases of a viewer, the same object as long as the viewer lives.

    Parameters
    ----------
    viewer : napari.Viewer
        Or the stand-in for it that napari gives to plugins.
    """
    known = getattr(viewer, "__wrapped__", viewer)
    if id(known) not in _of_viewers:
        _of_viewers[id(known)] = ViewerOverlap(known)
        weakref.finalize(known, _end, id(known)).atexit = False
    return _of_viewers[id(known)]


def _end(viewer: int) -> None:
    """Delete what belonged to a viewer in the thread of the window, in whichever thread the viewer was collected."""
    overlap = _of_viewers.pop(viewer)
    _ending.add(overlap)
    overlap.destroyed.connect(lambda: _ending.discard(overlap))
    overlap.deleteLater()
