"""Plots of spectra, and of what speaks for a number of components, in the colours of napari's theme."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_gdls.plugin.widgets.spectrum_plot import SpectrumPlot
from napari_gdls.plugin.widgets.themed_plot import ThemedPlot

if TYPE_CHECKING:
    from napari_gdls.overlap import ComponentEvidence

_HEIGHT = 190
"""Pixels: a plot of spectra, so that peaks stand out and the buttons below stay in sight."""
_LOW_HEIGHT = 130
"""Pixels: a plot with a point for each number of components."""
_CHOSEN = pg.mkPen("#ff5a36", width=2)


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


class LowSpectrumPlot(SpectrumPlot, Plot):
    """Spectra in a dock that scrolls.

    Parameters
    ----------
    parent : QWidget
    height : int
        In pixels.
    """

    def __init__(self, parent: QWidget, height: int = _HEIGHT) -> None:
        super().__init__(parent)
        self.setFixedHeight(height)


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
