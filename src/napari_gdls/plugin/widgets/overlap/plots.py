"""Plots of spectra, and of what speaks for a number of components, in the colours of napari's theme."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from napari_gdls.energy import EnergyAxis
    from napari_gdls.overlap import ComponentEvidence
    from napari_gdls.spectra import Line

_HEIGHT = 190
"""Pixels: a plot of spectra, so that peaks stand out and the buttons below stay in sight."""
_LOW_HEIGHT = 130
"""Pixels: a plot with a point for each number of components."""
_DECADES = 3.5
"""Of counts below the highest channel in a logarithmic plot, where the scatter of single counts does not reach."""
_LEAST_WEIGHT = 0.3
"""Of lines that are marked, relative to the strongest of their element: its main lines."""
_LOWEST_MARKED = 0.25
"""keV: marks below would stand in the noise peak of the detector."""
_EV_PER_KEV = 1000.0  # by definition
_LABEL = {"rotateAxis": (1, 0), "anchors": [(1, 0), (1, 0)]}
"""Of a marked line: along it."""
_LABEL_PLACES = (0.95, 0.72)
"""Of these labels in turn, as parts of the height: so those of neighbouring lines do not hide each other."""
_CHOSEN = pg.mkPen("#ff5a36", width=2)


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
    """

    counts: npt.NDArray[np.float64]
    colour: str
    name: str = ""
    width: float = 1.2
    dashed: bool = False


class Plot(ThemedPlot):
    """A plot of a given height, in a dock that scrolls.

    Parameters
    ----------
    parent : QWidget
    height : int
        In pixels.
    """

    def __init__(self, parent: QWidget, height: int = _HEIGHT) -> None:
        super().__init__(parent)
        self.setFixedHeight(height)
        self.setMouseEnabled(x=True, y=False)

    def wheelEvent(self, event: object) -> None:
        """Zoom with Ctrl only: the wheel alone scrolls the dock."""
        if event.modifiers() & Qt.KeyboardModifier.ControlModifier:  # type: ignore[attr-defined]
            super().wheelEvent(event)
        else:
            event.ignore()  # type: ignore[attr-defined]

    def mouseDoubleClickEvent(self, event: object) -> None:
        """Show all."""
        self.autoRange()
        super().mouseDoubleClickEvent(event)


class SpectrumPlot(Plot):
    """Spectra over energy in keV, linear or logarithmic, with lines of elements.

    Parameters
    ----------
    parent : QWidget
    height : int
        In pixels.
    """

    def __init__(self, parent: QWidget, height: int = _HEIGHT) -> None:
        super().__init__(parent, height)
        self.setLabel("bottom", "keV")
        self.legend = self.addLegend(offset=(-4, 2), labelTextSize="8pt", verSpacing=-6)
        self._energies: npt.NDArray[np.float64] = np.empty(0)
        self._curves: tuple[Curve, ...] = ()
        self._items: list[pg.PlotDataItem] = []
        self._marks: list[pg.InfiniteLine] = []
        self._logarithmic = False

    def set_axis(self, energy: EnergyAxis, low: float, high: float) -> None:
        """Set the energies of the channels, and which of them are seen at first (eV)."""
        self._energies = energy.centers / _EV_PER_KEV
        self.setLimits(xMin=float(self._energies[0]), xMax=float(self._energies[-1]))
        self.setXRange(low / _EV_PER_KEV, high / _EV_PER_KEV, padding=0.0)

    def show_curves(self, curves: Sequence[Curve]) -> None:
        """Show these spectra; quick where there are as many as before, as while a slider is moved."""
        legend = [(curve.name, curve.colour) for curve in self._curves]
        self._curves = tuple(curves)
        if len(self._items) != len(self._curves):
            for item in self._items:
                self.removeItem(item)
            self._items = [self.plot([], []) for _ in self._curves]
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
        self.enableAutoRange(axis="y")
        self.setXRange(*seen, padding=0.0)

    def mark_lines(self, elements: Sequence[str], beam_energy: float, *, strongest_only: bool = False) -> None:
        """Mark the main lines of elements that a beam of this energy (keV) excites."""
        from napari_gdls.spectra import main_lines

        lines: list[Line] = []
        for element in elements:
            try:
                found = main_lines(element, beam_energy, smallest=_LEAST_WEIGHT)
            except GdlsError:
                continue  # an element without lines in sight, such as H
            seen = [
                line
                for line in sorted(found, key=lambda line: -line.weight)
                if _LOWEST_MARKED <= line.energy / _EV_PER_KEV <= self._energies[-1]
            ]
            lines += seen[:1] if strongest_only else seen
        lines.sort(key=lambda line: line.energy)
        names = [f"{line.element} {line.name}" for line in lines]
        if names == list(self.marked):
            return
        for mark in self._marks:
            self.removeItem(mark)
        self._marks = []
        for line, name, place in zip(lines, names, itertools.cycle(_LABEL_PLACES), strict=False):
            mark = pg.InfiniteLine(
                line.energy / _EV_PER_KEV,
                angle=90,
                pen=pg.mkPen(self.text_colour, width=1, style=Qt.PenStyle.DotLine),
                label=name,
                labelOpts=_LABEL | {"color": self.text_colour, "position": place},
            )
            self.addItem(mark, ignoreBounds=True)
            self._marks.append(mark)

    @property
    def curves(self) -> tuple[Curve, ...]:
        """What is shown."""
        return self._curves

    @property
    def marked(self) -> tuple[str, ...]:
        """Lines that are marked, such as "Si Ka"."""
        return tuple(mark.label.format for mark in self._marks)

    def _draw(self) -> None:
        highest = max((float(np.max(curve.counts, initial=0.0)) for curve in self._curves), default=0.0)
        floor = highest * 10.0**-_DECADES if self._logarithmic else -np.inf
        for item, curve in zip(self._items, self._curves, strict=True):
            style = Qt.PenStyle.DashLine if curve.dashed else Qt.PenStyle.SolidLine
            item.setPen(pg.mkPen(curve.colour, width=curve.width, style=style))
            item.setData(self._energies, np.maximum(curve.counts, floor))


class EvidencePlots(QWidget):
    """What speaks for a number of components: deviance of counts that were held out, and eigenvalues with their edge.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.deviance = Plot(self, _LOW_HEIGHT)
        self.deviance.setTitle("held-out deviance", size="8pt")
        self.deviance.setToolTip(
            "How much worse than the best a decomposition of half of the counts predicts the other half. The best is "
            "chosen."
        )
        self.eigenvalues = Plot(self, _LOW_HEIGHT)
        self.eigenvalues.setTitle("eigenvalues", size="8pt")
        self.eigenvalues.setToolTip(
            "Of the spectra, weighted by counting noise. Noise alone stays below the dashed line (Marchenko, Pastur)."
        )
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.deviance)
        layout.addWidget(self.eigenvalues)
        for plot in (self.deviance, self.eigenvalues):
            plot.setMouseEnabled(x=False, y=False)
            plot.setLabel("bottom", "components")
            plot.setLogMode(x=False, y=True)

    def show_evidence(self, evidence: ComponentEvidence | None, chosen: int | None) -> None:
        """Show evidence, with the number of components that is in use marked."""
        for plot in (self.deviance, self.eigenvalues):
            plot.clear()
        if evidence is None:
            return
        colour = self.deviance.text_colour
        n, deviance = np.asarray(evidence.n), np.asarray(evidence.deviance, dtype=np.float64)
        deviance = deviance - deviance.min()
        # The least lies at the bottom of the logarithmic scale, below all differences that count.
        worse = deviance[deviance > 0]
        deviance = np.maximum(deviance, worse.min() / 2 if len(worse) else 1.0)
        self.deviance.plot(n, deviance, pen=colour, symbol="o", symbolSize=5, symbolBrush=colour, symbolPen=None)
        here = n == (evidence.chosen if chosen is None else chosen)
        self.deviance.plot(
            n[here],
            deviance[here],
            pen=None,
            symbol="o",
            symbolSize=11,
            symbolBrush=None,
            symbolPen=_CHOSEN,
        )
        values = np.asarray(evidence.eigenvalues, dtype=np.float64)[: 2 * len(n)]
        values = values[values > 0]
        places = np.arange(1, len(values) + 1)
        above = values > evidence.edge
        for part, fill in ((above, colour), (~above, None)):
            self.eigenvalues.plot(
                places[part], values[part], pen=None, symbol="o", symbolSize=6, symbolBrush=fill, symbolPen=colour
            )
        self.eigenvalues.addItem(
            pg.InfiniteLine(float(np.log10(evidence.edge)), angle=0, pen=pg.mkPen(colour, style=Qt.PenStyle.DashLine))
        )
