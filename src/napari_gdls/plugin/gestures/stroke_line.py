"""The line that is drawn over the canvas while the mouse is held: a glass pane of Qt, so that no layer is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    import napari

_WIDTH = 2.0
"""Pixels of the screen, of the line; chosen by eye."""
_RIM = 2.0
"""Pixels of the screen by which a dark rim is wider: the line is seen on grains of any colour; chosen by eye."""


class StrokeLine(QWidget):
    """A line over the canvas of a viewer.

    Parameters
    ----------
    canvas : QWidget
        Of the viewer; see `canvas_of`.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._points: list[QPointF] = []
        self._colour = QColor(Qt.GlobalColor.white)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAttribute(Qt.WidgetAttribute.WA_NoSystemBackground)
        self.hide()

    @property
    def points(self) -> tuple[tuple[float, float], ...]:
        """Where the line runs: x and y in pixels of the canvas."""
        return tuple((point.x(), point.y()) for point in self._points)

    def begin(self, colour: str) -> None:
        """Begin another line."""
        self._points = []
        self._colour = QColor(colour)
        parent = self.parentWidget()
        if parent is not None:
            self.setGeometry(parent.rect())
        self.show()
        self.raise_()

    def draw_to(self, x: float, y: float) -> None:
        """Draw on, to a point of the canvas in pixels."""
        self._points.append(QPointF(x, y))
        self.update()

    def end(self) -> None:
        """Take the line away."""
        self._points = []
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the line with its rim."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        line = QPolygonF(self._points)
        for colour, width in ((QColor(0, 0, 0, 160), _WIDTH + _RIM), (self._colour, _WIDTH)):
            painter.setPen(QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
            painter.drawPolyline(line)
        painter.end()


def canvas_of(viewer: napari.Viewer) -> QWidget | None:
    """The widget that napari draws into; None where the viewer has no window, or another napari hides it elsewhere."""
    window = getattr(viewer, "window", None)
    canvas = getattr(getattr(window, "_qt_viewer", None), "canvas", None)  # napari names no public way to it
    native = getattr(canvas, "native", None)
    return native if isinstance(native, QWidget) else None
