"""Mouse and keys on the canvas of a viewer, as a hand has them."""

from __future__ import annotations

import itertools

import numpy as np
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_gdls.plugin.gestures.stroke_line import StrokeLine, canvas_of

_STEPS = 5
"""Moves of the mouse between two vertices of a stroke."""
_BETWEEN = 12
"""Milliseconds between two moves: napari takes one every 5 ms."""


class MouseOnMap:
    """Clicks and strokes of real mouse events at pixels of a layer.

    Parameters
    ----------
    viewer : napari.Viewer
    """

    def __init__(self, viewer) -> None:
        self.viewer = viewer
        self.canvas = canvas_of(viewer)
        self._vispy = viewer.window._qt_viewer.canvas

    def point(self, layer: Layer, row: float, column: float) -> QPoint:
        """Where a pixel of a layer is on the canvas."""
        origin, right, down = (self._world(*at) for at in ((50, 50), (150, 50), (50, 150)))
        per_pixel = np.stack([down - origin, right - origin], axis=1) / 100
        y, x = np.linalg.solve(per_pixel, np.asarray(layer.data_to_world((row, column)))[-2:] - origin)
        return QPoint(round(50 + x), round(50 + y))

    def pane(self) -> StrokeLine:
        """Where the stroke under way is drawn."""
        return self.canvas.findChild(StrokeLine)

    def _world(self, x: float, y: float) -> np.ndarray:
        """Place in the world under a point of the canvas, as napari finds it for its mouse events."""
        view, _ = self._vispy._get_viewbox_at((x, y))
        return np.asarray(self._vispy._map_canvas2world((x, y), view))[-2:]

    def press(self, layer: Layer, row: float, column: float, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """Move there and press the left button."""
        QTest.mouseMove(self.canvas, self.point(layer, row, column))
        QTest.mousePress(self.canvas, Qt.MouseButton.LeftButton, modifiers, self.point(layer, row, column))

    def move(self, layer: Layer, *places: tuple[float, float]) -> None:
        """Move on over places."""
        for start, stop in itertools.pairwise(places):
            for part in np.linspace(0, 1, _STEPS + 1)[1:]:
                row, column = np.add(start, np.subtract(stop, start) * part)
                QTest.mouseMove(self.canvas, self.point(layer, row, column))
                QTest.qWait(_BETWEEN)

    def release(self, layer: Layer, row: float, column: float, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """Release the left button there."""
        QTest.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, modifiers, self.point(layer, row, column))
        QApplication.processEvents()

    def click(self, layer: Layer, row: float, column: float, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """Click once."""
        self.press(layer, row, column, modifiers)
        self.release(layer, row, column, modifiers)
        QTest.qWait(QApplication.doubleClickInterval() + 50 if modifiers is None else _BETWEEN)

    def drag(self, layer: Layer, *places: tuple[float, float]) -> None:
        """Draw from the first place over the others to the last, with the left button held."""
        self.press(layer, *places[0])
        self.move(layer, *places)
        self.release(layer, *places[-1])

    def key(self, key: Qt.Key, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """Press and release a key in the canvas."""
        QTest.keyClick(self.canvas, key, modifiers)
        QApplication.processEvents()
