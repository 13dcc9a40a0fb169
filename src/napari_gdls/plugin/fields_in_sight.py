"""Which field of a viewer is in sight: the chosen one, and that is the one whose layer is the active one."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QTimer

from napari_gdls.plugin.layers.metadata import layer_field, layer_role, layers_of
from napari_gdls.plugin.layers.placing import being_placed
from napari_gdls.plugin.layers.sight import bring_into_sight, put_out_of_sight

if TYPE_CHECKING:
    import napari
    from napari.layers import Layer

    from napari_gdls.field import Field
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.session import Session

_SHARE_OF_CANVAS = 0.35
"""Of the shorter edge of the canvas, that what is looked at takes; chosen by eye: its surroundings say where it is."""
_CLOSEST = 30.0
"""Sampling distances that the canvas shows at least: closer there is nothing to see but pixels; chosen by eye."""
_COME_ALONG = ("counts", "measurements", "truth")
"""Roles of layers that come with a field and are not what is worked on, so that they do not stay the active one."""


class FieldsInSight:
    """Keeps the layers of the chosen field of a viewer in sight, and those of other fields out of it.

    The active layer says which field is chosen, and a field that is chosen elsewhere brings its layers: they are as
    visible as they were when it went out of sight, and the camera is where it was. A field with a known pixel size
    comes with a scale bar. Layers of nobody's are left alone.

    Parameters
    ----------
    viewer : napari.Viewer
        Held weakly.
    session : Session
        Its fields are those of the layers already whenever this hears of them.
    """

    def __init__(self, viewer: napari.Viewer, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._shown: weakref.ref[FieldState] | None = None
        self._cameras: weakref.WeakKeyDictionary[FieldState, tuple[tuple[float, ...], float]] = (
            weakref.WeakKeyDictionary()
        )
        self._measured: weakref.WeakSet[FieldState] = weakref.WeakSet()
        self._inserted: weakref.WeakSet[Layer] = weakref.WeakSet()
        self._fitted: tuple[tuple[float, ...], float] | None = None
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.selection.events.active.connect(self._on_active)
        session.chosen_changed.connect(self._on_chosen)
        session.looked_at.connect(self._on_look)
        viewer.events.reset_view.connect(self._on_fitted)
        viewer.canvas.events.size.connect(self._on_resized)
        self._on_active()
        self._on_chosen()
        chosen, active = session.chosen, viewer.layers.selection.active
        if chosen is not None and (active is None or layer_role(active) in _COME_ALONG):
            self._activate(viewer, chosen.field)
        self._on_fitted()

    def _on_inserted(self, event: Any) -> None:
        layer = event.value
        field = layer_field(layer)
        chosen = self._session.chosen
        viewer = self._viewer()
        if viewer is None or field is None or chosen is None:
            return
        if field is not chosen.field and being_placed(viewer):  # of a run on a field that is out of sight
            put_out_of_sight(layer)
        if not being_placed(viewer):
            if not self._inserted:  # napari adds those of a file one by one, and makes the last the active one
                QTimer.singleShot(0, self._on_opened)
            self._inserted.add(layer)

    def _on_opened(self) -> None:
        """Layers were added: of those of a field, what is worked on becomes the active one."""
        viewer, inserted = self._viewer(), set(self._inserted)
        self._inserted.clear()
        active = None if viewer is None else viewer.layers.selection.active
        chosen = self._session.chosen
        if viewer is not None and chosen is not None and active in inserted and layer_role(active) in _COME_ALONG:
            self._activate(viewer, chosen.field)

    def _activate(self, viewer: napari.Viewer, field: Field) -> None:
        best = layers_of(viewer, field, "segments") or layers_of(viewer, field, "bse")
        if best:
            viewer.layers.selection.active = best[-1]

    def _on_active(self, event: Any = None) -> None:
        viewer = self._viewer()
        active = None if viewer is None else viewer.layers.selection.active
        if viewer is None or active is None or being_placed(viewer):
            return
        field = layer_field(active)
        if field is not None:
            self._session.choose(field)

    def _on_fitted(self, event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is not None:
            self._fitted = tuple(viewer.scene.camera.center), float(viewer.scene.camera.zoom)

    def _on_resized(self, event: Any = None) -> None:
        """Docks come and go: a map that the user has not moved stays in sight as a whole."""
        viewer, chosen = self._viewer(), self._session.chosen
        if viewer is None or chosen is None or viewer.dims.ndisplay != 2:
            return
        camera, images = viewer.scene.camera, layers_of(viewer, chosen.field, "bse")
        if images and self._fitted == (tuple(camera.center), float(camera.zoom)):
            viewer.fit_to_view(layers=images[-1:])

    def _on_chosen(self) -> None:
        viewer, chosen = self._viewer(), self._session.chosen
        before = None if self._shown is None else self._shown()
        if viewer is None or (chosen is not None and before is chosen):
            return
        if before is not None and before in self._session.states:
            camera = viewer.scene.camera
            self._cameras[before] = tuple(camera.center), float(camera.zoom)
        self._shown = None if chosen is None else weakref.ref(chosen)
        if chosen is None:
            return
        for layer in viewer.layers:
            field = layer_field(layer)
            if field is chosen.field:
                bring_into_sight(layer)
            elif field is not None:
                put_out_of_sight(layer)
        self._bring(viewer, chosen, is_first=before is None and len(self._session.states) == 1)

    def _bring(self, viewer: napari.Viewer, state: FieldState, *, is_first: bool) -> None:
        """Show a field whose layers are visible: with the camera, the active layer and the scale bar that it needs."""
        camera = viewer.scene.camera
        if state in self._cameras:
            camera.center, camera.zoom = self._cameras[state]
        elif not is_first and (images := layers_of(viewer, state.field, "bse")):
            viewer.fit_to_view(layers=images[-1:])
        active = viewer.layers.selection.active
        if active is None or layer_field(active) is not state.field:
            self._activate(viewer, state.field)
        if state not in self._measured and state.field.pixel_size is not None:
            self._measured.add(state)
            viewer.canvas.overlays.scale_bar.visible = True

    def _on_look(self, state: FieldState, part: tuple[float, float, float, float]) -> None:
        viewer = self._viewer()
        images = [] if viewer is None else layers_of(viewer, state.field, "bse")
        if viewer is None or not images:
            return
        self._session.choose(state.field)
        row, column, height, width = part
        pixel = float(np.abs(images[-1].scale[-1]))
        camera = viewer.scene.camera
        center = images[-1].data_to_world((row + (height - 1) / 2, column + (width - 1) / 2))
        camera.center = (*camera.center[:-2], *center[-2:])
        size = float(min(viewer.canvas.size))
        closest = size / (_CLOSEST * state.field.sampling_distance * pixel)
        camera.zoom = min(_SHARE_OF_CANVAS * size / (max(height, width, 1.0) * pixel), closest)
