"""The area of a plot in which the mouse draws outlines, picks points, or moves what is seen."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import QPointF, Qt, Signal

Tool = Literal["lasso", "rectangle", "move"]
"""What dragging with the left button does."""

Way = Literal["replace", "add", "remove"]
"""What becomes of the selection before."""

_STEP = 3.0
"""Pixels of the screen between two vertices of a lasso: nearer ones say nothing that a hand means."""


def way_of(modifiers: Qt.KeyboardModifier) -> Way:
    """Shift adds to the selection; Ctrl or Alt removes from it."""
    if modifiers & Qt.KeyboardModifier.ShiftModifier:
        return "add"
    if modifiers & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier):
        return "remove"
    return "replace"


class DrawingBox(pg.ViewBox):
    """View of a plot with tools; the wheel zooms and the middle button moves whatever the tool is.

    Attributes
    ----------
    tool : Tool
    outlined : Signal(object, str)
        An outline was drawn: its vertices, (m, 2) array of places in the plot, and the `Way`.
    picked : Signal(float, float, str)
        A place was clicked: x, y, and the `Way`.
    """

    outlined = Signal(object, str)
    picked = Signal(float, float, str)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.tool: Tool = "lasso"
        self._outline = pg.PlotCurveItem(connect="all")
        self._outline.setZValue(100)
        self._outline.hide()
        self.addItem(self._outline, ignoreBounds=True)
        self._vertices: list[tuple[float, float]] = []
        self._last = QPointF()

    def set_outline_colour(self, colour: str) -> None:
        """Of what is being drawn: "#rrggbb"."""
        self._outline.setPen(pg.mkPen(colour, width=1.5, style=Qt.PenStyle.DashLine))

    @property
    def drawing(self) -> bool:
        """Whether an outline is under way."""
        return bool(self._vertices)

    def give_up(self) -> None:
        """Forget the outline under way."""
        self._vertices = []
        self._outline.hide()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:
        """Draw, or move what is seen."""
        if event.button() != Qt.MouseButton.LeftButton or self.tool == "move" or axis is not None:
            super().mouseDragEvent(event, axis)
            return
        event.accept()
        if event.isStart():
            self._last = event.buttonDownPos()
            self._vertices = [self._place(self._last)]
        if not self._vertices:
            return  # given up
        here = event.pos()
        if self.tool == "rectangle":
            (left, bottom), (right, top) = self._place(event.buttonDownPos()), self._place(here)
            self._vertices = [(left, bottom), (right, bottom), (right, top), (left, top)]
        elif event.isFinish() or math.hypot(here.x() - self._last.x(), here.y() - self._last.y()) >= _STEP:
            self._vertices.append(self._place(here))
            self._last = here
        if event.isFinish():
            outline = np.array(self._vertices)
            self.give_up()
            self.outlined.emit(outline, way_of(event.modifiers()))
        else:
            self._draw(np.array([*self._vertices, self._vertices[0]]))

    def mouseClickEvent(self, event: Any) -> None:
        """Pick; a double click shows all."""
        if event.button() != Qt.MouseButton.LeftButton:
            return
        event.accept()
        if event.double():
            self.autoRange()
        else:
            self.picked.emit(*self._place(event.pos()), way_of(event.modifiers()))

    def _place(self, position: QPointF) -> tuple[float, float]:
        place = self.mapToView(position)
        return float(place.x()), float(place.y())

    def _draw(self, outline: npt.NDArray[np.float64]) -> None:
        self._outline.setData(outline[:, 0], outline[:, 1])
        self._outline.show()
