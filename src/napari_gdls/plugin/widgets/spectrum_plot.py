"""Plots of spectra over energy, with the lines of elements, in the colours of napari's theme."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor, QFont
from qtpy.QtWidgets import QGraphicsPathItem, QWidget

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from napari_gdls.energy import EnergyAxis
    from napari_gdls.spectra import Line

FloatArray = npt.NDArray[np.float64]

EV_PER_KEV = 1000.0  # by definition
_DECADES = 3.5
"""Of counts below the highest channel in a logarithmic plot, where the scatter of single counts does not reach."""
_LABELLED = 0.3
"""Weight from which a line has a label, relative to the strongest of its element: its main lines."""
_LEAST_WEIGHT = 0.02
"""Weight from which a line has a stick; lower ones would be hidden by the axis."""
_LOWEST_MARKED = 0.25
"""keV: marks below would stand in the noise peak of the detector."""
_LABEL_LENGTH = 46
"""Pixels above the highest channel in sight: the length of a label."""
_MOST_HEADROOM = 0.5
"""Share of the height of a low plot that labels may take."""
_MARGIN = 1.04
"""Height of the plot by that of the highest channel, where nothing has a label."""
_NEAR = 0.06
"""keV on both sides of a line within which the height of its peak is looked for: half of the resolution at 6 keV."""
_LABEL_SIZE = 8
"""Points: as the numbers at the axes."""
_BAND_ALPHA = 70
"""Of 255: a band through which the grid and other curves are seen."""


@dataclass(frozen=True, eq=False)
class Curve:
    """A spectrum to plot.

    Attributes
    ----------
    counts : (D,) array
    colour : str
        "#rrggbb".
    name : str
        For the legend.
    width : float
        Of the line, in pixels.
    dashed : bool
    low, high : (D,) array or None
        Limits of a band around it.
    """

    counts: FloatArray
    colour: str
    name: str = ""
    width: float = 1.2
    dashed: bool = False
    low: FloatArray | None = None
    high: FloatArray | None = None


class _Mark(NamedTuple):
    line: Line
    strongest: Line
    label: pg.TextItem | None


class SpectrumPlot(ThemedPlot):
    """Spectra over energy in keV, linear or logarithmic, with the lines of elements as sticks.

    The height follows what is in sight; the mouse moves and zooms energies only.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    recoloured : Signal()
        The theme is another one; who gave colours that follow it has to give them again.
    """

    recoloured = Signal()

    def __init__(self, parent: QWidget) -> None:
        self._curves: tuple[Curve, ...] = ()  # Qt asks for the height while it makes the plot
        super().__init__(parent)
        self.setLabel("bottom", "keV")
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)  # it would write "(x1e+03)"
        self.setMouseEnabled(x=True, y=False)
        self.legend = self.addLegend(offset=(-4, 2), labelTextSize="8pt", verSpacing=-6)
        self.legend.setLabelTextColor(self.text_colour)
        self._energies: FloatArray = np.empty(0)
        self._first_seen = 0.0, 1.0
        self._items: list[pg.PlotDataItem] = []
        self._bands: list[QGraphicsPathItem] = []
        self._marks: list[_Mark] = []
        self._sticks = pg.PlotCurveItem(connect="pairs")
        self.plotItem.vb.addItem(self._sticks, ignoreBounds=True)
        self._logarithmic = False
        self.least = 0.0
        self.plotItem.vb.disableAutoRange()
        self.plotItem.vb.sigXRangeChanged.connect(self._fit_height)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is shown."""
        return self._curves

    @property
    def energies(self) -> FloatArray:
        """Energies of the channels in keV."""
        return self._energies

    @property
    def marked(self) -> tuple[str, ...]:
        """Lines that have a label, such as "Si Ka", by energy."""
        return tuple(_text(mark.line) for mark in self._marks if mark.label is not None)

    @property
    def sticks(self) -> tuple[tuple[str, float, float], ...]:
        """Lines that are marked: name, energy in keV, height by that of the strongest line of the element."""
        return tuple((_text(mark.line), mark.line.energy / EV_PER_KEV, mark.line.weight) for mark in self._marks)

    def set_axis(self, energy: EnergyAxis, low: float, high: float) -> None:
        """Set the energies of the channels, and which of them are seen at first (eV)."""
        self._energies = energy.centers / EV_PER_KEV
        self._first_seen = low / EV_PER_KEV, high / EV_PER_KEV
        self.setLimits(xMin=float(self._energies[0]), xMax=float(self._energies[-1]))
        self.show_all()

    def show_all(self) -> None:
        """Show the energies that are seen at first."""
        self.setXRange(*self._first_seen, padding=0.0)

    def mouseDoubleClickEvent(self, event: object) -> None:
        """Show all."""
        self.show_all()
        super().mouseDoubleClickEvent(event)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Show these spectra; quick where there are as many as before, as while a slider is moved."""
        legend = [(curve.name, curve.colour) for curve in self._curves]
        self._curves = tuple(curves)
        if len(self._items) != len(self._curves):
            for item in self._items:
                self.removeItem(item)
            self._items = [self.plot([], [], connect="finite") for _ in self._curves]
        self._draw()
        if legend == [(curve.name, curve.colour) for curve in self._curves]:
            return
        self.legend.clear()
        for item, curve in zip(self._items, self._curves, strict=True):
            if curve.name:
                self.legend.addItem(item, curve.name)

    def set_logarithmic(self, logarithmic: bool) -> None:
        """Show counts on a logarithmic scale, or a linear one."""
        self._logarithmic = logarithmic
        seen = self.viewRange()[0]
        self.setLogMode(x=False, y=logarithmic)
        self._draw()
        self.setXRange(*seen, padding=0.0)

    def mark_lines(self, elements: Sequence[str], beam_energy: float, *, strongest_only: bool = False) -> None:
        """Mark the lines of elements that a beam of this energy (keV) excites.

        The strongest line of an element is as high as the peak there; others by their weights in the pure element.
        """
        lines: list[tuple[Line, Line]] = []
        for element in elements:
            seen = self._seen_lines(element, beam_energy)
            lines += [(line, seen[0]) for line in (seen[:1] if strongest_only else seen)]
        lines.sort(key=lambda pair: pair[0].energy)
        if [_text(line) for line, _ in lines] == [_text(mark.line) for mark in self._marks]:
            return
        for mark in self._marks:
            if mark.label is not None:
                self.removeItem(mark.label)
        self._marks = [_Mark(line, strongest, self._label(line)) for line, strongest in lines]
        self._place_marks()
        self._fit_height()

    def _follow_theme(self, event: object = None) -> None:
        super()._follow_theme(event)
        if event is None:  # while it is made
            return
        self.legend.setLabelTextColor(self.text_colour)
        for mark in self._marks:
            if mark.label is not None:
                mark.label.setColor(self.text_colour)
        self._place_marks()
        self.recoloured.emit()

    def _seen_lines(self, element: str, beam_energy: float) -> list[Line]:
        """Lines of an element within the axis, the strongest first; none of an element without such, as H."""
        from napari_gdls.spectra import main_lines

        try:
            found = main_lines(element, beam_energy, smallest=_LEAST_WEIGHT)
        except GdlsError:
            return []
        return [line for line in found if _LOWEST_MARKED <= line.energy / EV_PER_KEV <= self._energies[-1]]

    def _label(self, line: Line) -> pg.TextItem | None:
        if line.weight < _LABELLED:
            return None
        label = pg.TextItem(line.title, color=self.text_colour, anchor=(0, 0.5), angle=90)
        font = QFont()
        font.setPointSize(_LABEL_SIZE)
        label.setFont(font)
        self.addItem(label, ignoreBounds=True)
        return label

    def _place_marks(self) -> None:
        """Sticks from the axis, and labels above the peaks."""
        floor = self._floor()
        x, y = [], []
        for mark in self._marks:
            energy = mark.line.energy / EV_PER_KEV
            height = mark.line.weight / mark.strongest.weight * self._height_at(mark.strongest.energy / EV_PER_KEV)
            x += [energy, energy]
            y += [max(floor, 0.0), max(height, floor, 0.0)]
            if mark.label is not None:
                mark.label.setPos(energy, float(self._drawn(np.array(max(self._height_at(energy), height, floor)))))
        self._sticks.setData(np.array(x), self._drawn(np.array(y)), pen=pg.mkPen(self.text_colour, width=1))

    def _height_at(self, energy: float) -> float:
        """Of the highest curve near an energy (keV)."""
        first, last = np.searchsorted(self._energies, [energy - _NEAR, energy + _NEAR])
        return max((float(np.nanmax(curve.counts[first:last], initial=0.0)) for curve in self._curves), default=0.0)

    def _floor(self) -> float:
        """Lowest value that is drawn."""
        if not self._logarithmic:
            return -np.inf
        highest = max((float(np.nanmax(curve.counts, initial=0.0)) for curve in self._curves), default=0.0)
        return max(self.least or highest * 10.0**-_DECADES, np.finfo(float).tiny)

    def _drawn(self, values: FloatArray) -> FloatArray:
        return np.log10(np.maximum(values, self._floor())) if self._logarithmic else values

    def _draw(self) -> None:
        floor = self._floor()
        for item, curve in zip(self._items, self._curves, strict=True):
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            item.setPen(pg.mkPen(curve.colour, width=curve.width, style=style))
            item.setData(self._energies, np.maximum(curve.counts, floor))
        self._draw_bands()
        self._place_marks()
        self._fit_height()

    def _draw_bands(self) -> None:
        banded = [curve for curve in self._curves if curve.low is not None and curve.high is not None]
        while len(self._bands) > len(banded):
            self.plotItem.vb.removeItem(self._bands.pop())
        while len(self._bands) < len(banded):
            band = QGraphicsPathItem()
            band.setPen(pg.mkPen(None))
            self.plotItem.vb.addItem(band, ignoreBounds=True)
            self._bands.append(band)
        around = np.concatenate([self._energies, self._energies[::-1]])
        for band, curve in zip(self._bands, banded, strict=True):
            assert curve.low is not None
            assert curve.high is not None
            colour = QColor(curve.colour)
            colour.setAlpha(_BAND_ALPHA)
            band.setBrush(pg.mkBrush(colour))
            band.setPath(pg.arrayToQPath(around, self._drawn(np.concatenate([curve.high, curve.low[::-1]]))))

    def _fit_height(self, _: object = None) -> None:
        """Let what is in sight fill the height."""
        if not self._curves or not len(self._energies):
            return
        first, last = np.searchsorted(self._energies, self.viewRange()[0])
        parts = [
            each[first : last + 1]
            for curve in self._curves
            for each in (curve.counts, curve.high, curve.low)
            if each is not None
        ]
        highest = max(float(np.nanmax(part, initial=0.0)) for part in parts)
        lowest = min(float(np.nanmin(part, initial=0.0)) for part in parts)
        if self._logarithmic:
            bottom = float(np.log10(self._floor()))
            top = max(float(np.log10(max(highest, self._floor()))), bottom + 1.0)
        else:
            bottom, top = _MARGIN * lowest, highest if highest > lowest else lowest + 1.0
        self.setYRange(bottom, bottom + self._headroom() * (top - bottom), padding=0.0)

    def _headroom(self) -> float:
        """Height of the plot by that of the highest channel in sight: room for labels."""
        if not self.marked:
            return _MARGIN
        height = max(self.plotItem.vb.height(), 1.0)
        return 1.0 / (1.0 - min(_LABEL_LENGTH / height, _MOST_HEADROOM))

    def resizeEvent(self, event: object) -> None:
        """Leave the room that labels need."""
        super().resizeEvent(event)
        self._fit_height()


def _text(line: Line) -> str:
    return f"{line.element} {line.name}"
