"""The plot of the dock of spectra: the spectra, the fit with its residuals below, an energy window to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_gdls.plugin.widgets.spectrum_plot import EV_PER_KEV, SpectrumPlot
from napari_gdls.plugin.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from napari_gdls.energy import EnergyAxis

_HEIGHT = 150
"""Pixels that the plot has at least, so that peaks stand out in a small window."""
_RESIDUAL_HEIGHT = 64
"""Pixels of the plot of residuals: a few standard deviations are told apart."""
_LEAST_SIGMA, _MOST_SIGMA = 4.0, 15.0
"""Standard deviations at the ends of the axis of residuals, at least and at most: good fits look alike, and one bad
peak does not hide all others."""
_AXIS_WIDTH = 62
"""Pixels of the axes on the left, so that both plots have the same energies below each other."""
_FIRST_WINDOW = (6.3, 6.5)
"""keV; the window around Fe Ka that is there at first, where the axis holds it."""
_WINDOW_ALPHA = 60
"""Of 255: the window lets the spectrum be seen."""


class SpectrumView(QWidget):
    """Spectra over energy, residuals of a fit below, and an energy window.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    spectra : SpectrumPlot
    residuals : ThemedPlot
    clicked : Signal(float)
        An energy (keV) of the spectra was clicked.
    window_changed : Signal()
        The energy window was moved, or one of its ends.
    """

    clicked = Signal(float)
    window_changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.spectra = SpectrumPlot(self)
        self.spectra.setMinimumHeight(_HEIGHT)
        self.residuals = ThemedPlot(self)
        self.residuals.setFixedHeight(_RESIDUAL_HEIGHT)
        self.residuals.setMouseEnabled(x=True, y=False)
        self.residuals.setLabel("left", "fit [sd]")
        self.residuals.setToolTip("Counts less the fit, in standard deviations of counting.")
        self.residuals.hideAxis("bottom")  # it is that of the spectra
        self.residuals.setXLink(self.spectra)
        for plot in (self.spectra, self.residuals):
            plot.getAxis("left").setWidth(_AXIS_WIDTH)
        self._zero = pg.InfiniteLine(0.0, angle=0)
        self.residuals.addItem(self._zero, ignoreBounds=True)
        self._residual = self.residuals.plot([], [], connect="finite")
        self.residuals.hide()
        self.energy_window = pg.LinearRegionItem(_FIRST_WINDOW, brush=_faint("#4a8dff"), hoverBrush=_faint("#7ab0ff"))
        self.energy_window.setZValue(-5)
        self.energy_window.hide()
        self.spectra.addItem(self.energy_window, ignoreBounds=True)
        self._peak = pg.InfiniteLine(0.0, angle=90)
        self._peak.hide()
        self.spectra.addItem(self._peak, ignoreBounds=True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.spectra, 1)
        layout.addWidget(self.residuals)
        self.energy_window.sigRegionChanged.connect(lambda _: self.window_changed.emit())
        self.spectra.scene().sigMouseClicked.connect(self._on_click)
        self.spectra.recoloured.connect(self._recolour)
        self._recolour()

    @property
    def window_limits(self) -> tuple[float, float]:
        """Ends of the energy window, in eV."""
        low, high = sorted(self.energy_window.getRegion())
        return low * EV_PER_KEV, high * EV_PER_KEV

    @property
    def shown_residuals(self) -> npt.NDArray[np.float64] | None:
        """Residuals that are in sight, in standard deviations; None where there are none."""
        return None if self.residuals.isHidden() else self._residual.yData

    def set_axis(self, energy: EnergyAxis, low: float, high: float) -> None:
        """Set the energies of the channels, and which of them are seen at first (eV)."""
        self.spectra.set_axis(energy, low, high)
        ends = float(self.spectra.energies[0]), float(self.spectra.energies[-1])
        self.energy_window.setBounds(ends)
        if not ends[0] < _FIRST_WINDOW[0] < _FIRST_WINDOW[1] < ends[1]:
            middle, width = sum(ends) / 2, (ends[1] - ends[0]) / 20
            self.energy_window.setRegion((middle - width, middle + width))
        self.mark_peak(None)

    def show_window(self, shown: bool) -> None:
        """Show the energy window, in sight, or hide it."""
        low, high = self.spectra.viewRange()[0]
        first, last = sorted(self.energy_window.getRegion())
        if shown and not (low <= first and last <= high):
            self.energy_window.setRegion((low + 0.45 * (high - low), low + 0.55 * (high - low)))
        self.energy_window.setVisible(shown)

    def set_window(self, low: float, high: float) -> None:
        """Set the ends of the energy window, in eV."""
        self.energy_window.setRegion((low / EV_PER_KEV, high / EV_PER_KEV))

    def mark_peak(self, energy: float | None) -> None:
        """Mark an energy (keV) that was asked about, or none."""
        self._peak.setVisible(energy is not None)
        if energy is not None:
            self._peak.setPos(energy)

    def show_residuals(self, values: npt.NDArray[np.float64] | None) -> None:
        """Show residuals of the channels, in standard deviations and NaN where there are none; None hides the plot."""
        self.residuals.setVisible(values is not None)
        if values is None:
            return
        largest = float(np.nanmax(np.abs(values), initial=0.0))
        limit = min(max(largest, _LEAST_SIGMA), _MOST_SIGMA)
        self._residual.setData(self.spectra.energies, values)
        self.residuals.setYRange(-limit, limit, padding=0.02)

    @Slot()
    def _recolour(self) -> None:
        text = self.spectra.text_colour
        self._zero.setPen(pg.mkPen(text, style=Qt.PenStyle.DotLine))
        self._peak.setPen(pg.mkPen(text, style=Qt.PenStyle.DashLine))
        self._residual.setPen(pg.mkPen(text))

    def _on_click(self, event: object) -> None:
        box = self.spectra.plotItem.vb
        where = event.scenePos()  # type: ignore[attr-defined]
        if event.button() != Qt.MouseButton.LeftButton or not box.sceneBoundingRect().contains(where):  # type: ignore[attr-defined]
            return
        self.clicked.emit(float(box.mapSceneToView(where).x()))


def _faint(colour: str) -> QColor:
    faint = QColor(colour)
    faint.setAlpha(_WINDOW_ALPHA)
    return faint
