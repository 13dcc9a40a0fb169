"""Maps of energy windows, made beside the window of napari."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, Slot

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.window_maps import add_window_map, window_image
from napari_gdls.plugin.task import Latest

if TYPE_CHECKING:
    import napari

    from napari_gdls.field import Field
    from napari_gdls.plugin.session import Session
    from napari_gdls.progress import Progress

Found = tuple["Field", float, float, npt.NDArray[np.float32]]


class WindowMaps(QObject):
    """Makes maps of energy windows of the chosen field.

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
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_map)
        self._latest.failed.connect(show_failure)

    @property
    def busy(self) -> bool:
        """Whether a map is under way."""
        return self._latest.busy

    def make(self, low: float, high: float) -> None:
        """Add a layer with the counts from `low` to `high` (eV)."""
        if self._session.chosen is not None:
            self._latest.ask(partial(_image, self._session.chosen.field, low, high))

    @Slot(object)
    def _on_map(self, found: Found) -> None:
        field, low, high, image = found
        viewer = self._viewer()
        if viewer is not None and self._session.state_of(field) is not None:
            add_window_map(viewer, field, low, high, image)


def _image(field: Field, low: float, high: float, progress: Progress) -> Found:
    progress("map", 0.0)
    return field, low, high, window_image(field, low, high)
