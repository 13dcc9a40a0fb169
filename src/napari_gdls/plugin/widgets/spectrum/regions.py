"""Regions that are drawn on the map: the measurements in them are selected."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer, Shapes
from napari.utils.notifications import show_info
from qtpy.QtCore import QObject, QTimer

from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.layers.regions import measurements_in, region_layer

if TYPE_CHECKING:
    import napari

    from napari_gdls.plugin.session import Session

_PAUSE = 100
"""Milliseconds after the last change until a region is read: it changes with every move of the mouse."""


class RegionTool(QObject):
    """Lets the user draw a region of the chosen field, and selects the measurements in it.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
    parent : QObject
    """

    def __init__(self, viewer: napari.Viewer, session: Session, parent: QObject) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(getattr(viewer, "__wrapped__", viewer))
        self._session = session
        self._watched: weakref.WeakSet[Layer] = weakref.WeakSet()
        self._last: weakref.ref[Layer] | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE)
        self._pause.timeout.connect(self._read)

    def draw(self) -> None:
        """Take the active layer of the user's own, if it is one of labels or shapes; else let a polygon be drawn."""
        viewer, state = self._viewer(), self._session.chosen
        if viewer is None or state is None:
            return
        active = viewer.layers.selection.active
        if isinstance(active, Labels | Shapes) and not layer_role(active):
            self._take(active)
            return
        layer = region_layer(viewer, state.field)
        if layer not in self._watched:
            self._watched.add(layer)
            layer.events.data.connect(self._on_data)
        layer.visible = True
        viewer.layers.selection.active = layer
        layer.mode = "add_polygon"
        self._last = weakref.ref(layer)
        show_info("Click the corners of the region; a double click ends it.")

    def _on_data(self, event: Any) -> None:
        self._last = weakref.ref(event.source)
        self._pause.start()

    def _read(self) -> None:
        layer = None if self._last is None else self._last()
        if layer is not None:
            self._take(layer)

    def _take(self, layer: Layer) -> None:
        """Select the measurements in a layer."""
        viewer, state = self._viewer(), self._session.chosen
        if viewer is None or state is None:
            return
        shown = next((each for each in viewer.layers if layer_field(each) is state.field and each.ndim == 2), None)
        if shown is None or layer_field(layer) not in (None, state.field):
            return
        inside = measurements_in(layer, state.field, shown)
        self._session.select(state, measurements=inside.tolist())
