"""A scatter or ternary plot: points, those selected among them, axes or a triangle."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import QWidget

from napari_gdls.plugin.plotting.enclosed import enclosed
from napari_gdls.plugin.plotting.points import PlotPoints
from napari_gdls.plugin.plotting.ternary import CORNERS, HEIGHT, grid_lines
from napari_gdls.plugin.widgets.plots.crowd import Crowd
from napari_gdls.plugin.widgets.plots.drawing_box import DrawingBox
from napari_gdls.plugin.widgets.themed_plot import ThemedPlot

_NEAR = 10.0
"""Pixels of the screen from a click within which a point is picked; as exact as hands are, chosen."""
_BEHIND = 0.25
"""Opacity of the points while others are selected, 0 to 1; chosen by eye."""
_WAIT = 15
"""Milliseconds until points are drawn anew after a change of the view, so that a wheel does not pile up redraws."""
_PARTS = 10
"""Parts of the sides of a triangle that grid lines stand for: 10 percent each."""
_LABELLED = (2, 4, 6, 8)  # of these parts: 20, 40, 60, 80 percent
_MARGINS = (0.12, 0.04)
"""Below and above a triangle of side 1: for the percents at its base."""
_WIDTH, _HEIGHT = 260, 230
"""Pixels: a plot is no smaller, so that a triangle can be read."""
_SIZES = (4.0, 14.0)
"""Diameters of the smallest and the largest segment, in pixels of the screen; chosen by eye."""


class PlotCanvas(ThemedPlot):
    """A plot of points that are picked and outlined with the mouse.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    chosen : Signal(object, str)
        Points were outlined or picked: (n,) array of bool, and whether they "replace" the selection, or are to "add" to
        it, or to "remove" from it.
    recoloured : Signal()
        napari has another theme.
    escaped : Signal()
        The key Esc was pressed, and no outline was under way.
    """

    chosen = Signal(object, str)
    recoloured = Signal()
    escaped = Signal()

    def __init__(self, parent: QWidget) -> None:
        self.box = DrawingBox()
        super().__init__(parent, viewBox=self.box)
        self.setMinimumSize(_WIDTH, _HEIGHT)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._points: PlotPoints | None = None
        self._shown: npt.NDArray[np.bool_] = np.empty(0, dtype=bool)
        self._frame: list[pg.GraphicsObject] = []
        self.all_points, self.selected_points = Crowd(self.box, 1.0), Crowd(self.box, 2.0)
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.setInterval(_WAIT)
        self._redraw.timeout.connect(self.draw)
        self.box.sigRangeChanged.connect(lambda *_: self._redraw.start())
        self.box.sigResized.connect(lambda *_: self._redraw.start())
        self.box.outlined.connect(self._on_outline)
        self.box.picked.connect(self._on_pick)
        self.box.autoRange = self.show_all
        self.box.set_outline_colour(self.text_colour)

    @property
    def points(self) -> PlotPoints | None:
        """What is shown."""
        return self._points

    def show_points(
        self, points: PlotPoints | None, colours: npt.NDArray[np.float64] | None, hidden: frozenset[int]
    ) -> None:
        """Show points, without those of hidden phases; the view stays as long as the axes do.

        Parameters
        ----------
        points : PlotPoints or None
        colours : (P, 3) array or None
            Of the phases. None: there are none.
        hidden : frozenset of int
        """
        before = self._points
        self._points = points
        if points is None:
            self._shown = np.empty(0, dtype=bool)
            self.all_points.set_points(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.empty((0, 3)))
            self.selected_points.set_points(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.empty((0, 3)))
            self._draw_frame()
            self.draw()
            return
        self._shown = np.isfinite(points.x)
        if hidden:
            self._shown &= ~np.isin(points.phase, list(hidden))
        self._group = np.maximum(points.phase, 0)
        text = QColor(self.text_colour)
        own = [[text.redF(), text.greenF(), text.blueF()]]
        self._colours = np.array(own) if colours is None else colours
        self._size = None if points.area is None else _diameters(points.area)
        self._set(self.all_points, self._shown)
        if before is None or (before.choice, before.source.field) != (points.choice, points.source.field):
            self._draw_frame()
            self.show_all()
        self.draw()

    def show_selection(self, selected: npt.NDArray[np.bool_] | None) -> None:
        """Let points stand out, (n,); None or none at all: no points do."""
        if selected is None or self._points is None or not selected.any():
            self.selected_points.set_points(np.empty(0), np.empty(0), np.empty(0, dtype=np.int64), np.empty((0, 3)))
            self.all_points.set_opacity(1.0)
        else:
            self._set(self.selected_points, self._shown & selected, edge=self.text_colour)
            self.all_points.set_opacity(_BEHIND)
        self.selected_points.draw()

    def show_all(self, *_: object) -> None:
        """Bring all points into sight; of a triangle all of it."""
        points = self._points
        if points is None:
            return
        if points.choice.kind == "ternary":
            self.box.setRange(
                xRange=(0.0, 1.0), yRange=(-_MARGINS[0], HEIGHT + _MARGINS[1]), padding=0.0, disableAutoRange=True
            )
            return
        bounds = self.all_points.bounds
        if bounds is not None:
            left, bottom, right, top = bounds
            width, height = (right - left) or 1.0, (top - bottom) or 1.0
            self.box.setRange(
                xRange=(left - 0.02 * width, left + 1.02 * width),
                yRange=(bottom - 0.02 * height, bottom + 1.02 * height),
                padding=0.0,
                disableAutoRange=True,
            )

    def draw(self) -> None:
        """Draw the points in sight."""
        self._redraw.stop()
        self.all_points.draw()
        self.selected_points.draw()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc gives up the outline under way, or the selection."""
        if event.key() != Qt.Key.Key_Escape:
            super().keyPressEvent(event)
        elif self.box.drawing:
            self.box.give_up()
        else:
            self.escaped.emit()

    def _set(self, crowd: Crowd, which: npt.NDArray[np.bool_], edge: str | None = None) -> None:
        assert self._points is not None
        index = np.flatnonzero(which)
        crowd.set_points(
            self._points.x[index],
            self._points.y[index],
            self._group[index],
            self._colours,
            size=None if self._size is None else self._size[index],
            edge=edge,
        )

    def _on_outline(self, outline: npt.NDArray[np.float64], way: str) -> None:
        if self._points is not None:
            self.chosen.emit(enclosed(self._points.x, self._points.y, outline) & self._shown, way)

    def _on_pick(self, x: float, y: float, way: str) -> None:
        points = self._points
        if points is None or not self._shown.any():
            return
        width, height = self.box.viewPixelSize()
        with np.errstate(invalid="ignore"):
            distance = np.hypot((points.x - x) / width, (points.y - y) / height)
        distance[~self._shown] = math.inf
        nearest = int(distance.argmin())
        if distance[nearest] <= _NEAR:
            picked = np.zeros(len(distance), dtype=bool)
            picked[nearest] = True
            self.chosen.emit(picked, way)

    def _follow_theme(self, event: object = None) -> None:
        super()._follow_theme(event)
        if event is not None:
            self.box.set_outline_colour(self.text_colour)
            self._draw_frame()
            self.recoloured.emit()

    def _draw_frame(self) -> None:
        """Axes with their titles, or a triangle with its corners and grid."""
        for item in self._frame:
            self.box.removeItem(item)
        self._frame = []
        points = self._points
        ternary = points is not None and points.choice.kind == "ternary"
        self.box.setAspectLocked(ternary, ratio=1)
        for side, k in (("bottom", 0), ("left", 1)):
            self.showAxis(side, points is not None and not ternary)
            if points is not None and not ternary:
                self.getAxis(side).setLogMode(**{"y" if k else "x": points.choice.logarithmic[k]})
                self.setLabel(side, points.titles[k], color=self.text_colour)
        if points is not None and ternary:
            self._draw_triangle(points.titles)

    def _draw_triangle(self, titles: tuple[str, ...]) -> None:
        text = QColor(self.text_colour)
        faint = QColor(text)
        faint.setAlphaF(0.25)
        lines = grid_lines(_PARTS).reshape(-1, 2)
        self._add(pg.PlotCurveItem(lines[:, 0], lines[:, 1], connect="pairs", pen=pg.mkPen(faint, width=1)))
        outline = np.vstack([CORNERS, CORNERS[:1]])
        self._add(pg.PlotCurveItem(outline[:, 0], outline[:, 1], pen=pg.mkPen(text, width=1.5)))
        # Beside the corners: docks are wider than high.
        for (x, y), title, anchor in zip(CORNERS, titles, ((-0.05, 0.5), (1.05, 0.5), (-0.05, 0.5)), strict=True):
            self._add_text(title, x, y, anchor, text)
        # Percent of each corner along the side that runs from it, against the clock.
        for part in _LABELLED:
            share = part / _PARTS
            for corner, anchor in enumerate(((1.0, 0.5), (0.5, 0.0), (0.0, 0.5))):
                x, y = share * CORNERS[corner] + (1 - share) * CORNERS[(corner + 1) % 3]
                self._add_text(f"{100 * share:.0f} %", x, y, anchor, text)

    def _add_text(self, text: str, x: float, y: float, anchor: tuple[float, float], colour: QColor) -> None:
        item = pg.TextItem(text, color=colour, anchor=anchor)
        item.setPos(float(x), float(y))
        self._add(item)

    def _add(self, item: pg.GraphicsObject) -> None:
        item.setZValue(0.5)
        self.box.addItem(item, ignoreBounds=True)
        self._frame.append(item)


def _diameters(area: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Of segments, so that the areas of dots grow with those of segments, within limits; in pixels of the screen."""
    smallest, largest = _SIZES
    root = np.sqrt(area / max(int(area.max(initial=1)), 1))
    return smallest + (largest - smallest) * root
