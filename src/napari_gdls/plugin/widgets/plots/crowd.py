"""Points of a plot as dots where there are few in sight, as an image of their density where there are many."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import QRectF

from napari_gdls.plugin.plotting.density import density_image

FloatArray = npt.NDArray[np.float64]

MOST_DOTS = 20_000
"""Points in sight that are drawn as dots; more are drawn as an image: dots would lie on each other, and take long."""

_CELL = 2
"""Pixels of the screen that a place of the image is wide and high; chosen by eye: fine, and single points are seen."""


class _Dots(pg.ScatterPlotItem):
    """Dots that leave clicks to the view below them, which knows the points of all phases."""

    def mouseClickEvent(self, event: Any) -> None:
        event.ignore()


class Crowd:
    """Some points in a view, in the colours of their groups.

    Parameters
    ----------
    box : pyqtgraph.ViewBox
    depth : float
        Of crowds over each other, the one with the greater depth is on top.
    """

    def __init__(self, box: pg.ViewBox, depth: float) -> None:
        self._box, self._depth = box, depth
        self._image = pg.ImageItem(axisOrder="row-major")
        self._image.setZValue(depth)
        box.addItem(self._image, ignoreBounds=True)
        self._dots: list[pg.ScatterPlotItem] = []
        self._x: FloatArray = np.empty(0)
        self._y: FloatArray = np.empty(0)
        self._group: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._size: FloatArray | None = None
        self._colours: FloatArray = np.empty((0, 3))
        self._edge: str | None = None
        self._opacity = 1.0

    @property
    def n_dots(self) -> int:
        """Points in sight that are drawn as dots; 0 while there is an image."""
        return sum(len(each.data) for each in self._dots)

    @property
    def bounds(self) -> tuple[float, float, float, float] | None:
        """Left, bottom, right, top of all points; None where there are none."""
        if len(self._x) == 0:
            return None
        return float(self._x.min()), float(self._y.min()), float(self._x.max()), float(self._y.max())

    def set_points(
        self,
        x: FloatArray,
        y: FloatArray,
        group: npt.NDArray[np.int64],
        colours: FloatArray,
        *,
        size: FloatArray | None = None,
        edge: str | None = None,
    ) -> None:
        """Set what is drawn at the next `draw`.

        Parameters
        ----------
        x, y : (n,) array
            Finite places.
        group : (n,) array of int
        colours : (G, 3) array
            sRGB, 0 to 1.
        size : (n,) array, optional
            Diameters of dots, in pixels of the screen.
        edge : str, optional
            Colour of a line around each dot.
        """
        self._x, self._y, self._group, self._size = x, y, group, size
        self._colours, self._edge = colours, edge

    def set_opacity(self, opacity: float) -> None:
        """Set how clear all of it is, 0 to 1."""
        self._opacity = opacity
        for item in (self._image, *self._dots):
            item.setOpacity(opacity)

    def draw(self) -> None:
        """Draw what is in sight now."""
        (left, right), (bottom, top) = self._box.viewRange()
        if len(self._x) == 0 or not (right > left and top > bottom):
            self._clear()
            return
        seen = (self._x >= left) & (self._x <= right) & (self._y >= bottom) & (self._y <= top)
        if np.count_nonzero(seen) <= MOST_DOTS:
            self._image.hide()
            self._draw_dots(np.flatnonzero(seen))
            return
        for dots in self._dots:
            dots.clear()
        width, height = max(int(self._box.width() / _CELL), 1), max(int(self._box.height() / _CELL), 1)
        image = density_image(self._x, self._y, self._group, self._colours, (left, bottom, right, top), (height, width))
        self._image.setImage(image, autoLevels=False, levels=None)
        self._image.setRect(QRectF(left, bottom, right - left, top - bottom))
        self._image.show()

    def _clear(self) -> None:
        self._image.hide()
        for dots in self._dots:
            dots.clear()

    def _draw_dots(self, seen: npt.NDArray[np.int64]) -> None:
        while len(self._dots) < len(self._colours):
            dots = _Dots(pxMode=True, pen=None)
            dots.setZValue(self._depth)
            dots.setOpacity(self._opacity)
            self._box.addItem(dots, ignoreBounds=True)
            self._dots.append(dots)
        group = self._group[seen]
        for k, dots in enumerate(self._dots):
            own = seen[group == k]
            if len(own) == 0 or k >= len(self._colours):
                dots.clear()
                continue
            colour = tuple(round(255 * part) for part in np.clip(self._colours[k], 0, 1))
            dots.setData(
                x=self._x[own],
                y=self._y[own],
                brush=pg.mkBrush(*colour),
                pen=None if self._edge is None else pg.mkPen(self._edge, width=1),
                size=(4.0 if self._edge is None else 6.0) if self._size is None else self._size[own],
            )
