"""Plots of spectra and of evidence for the number of components."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.QtWidgets import QWidget

from napari_gdls import EnergyAxis
from napari_gdls.plugin.widgets.overlap.plots import EvidencePlots, LowSpectrumPlot
from napari_gdls.plugin.widgets.spectrum_plot import Curve

pytestmark = pytest.mark.usefixtures("display")

AXIS = EnergyAxis(offset=0.0, width=10.0, size=1000)


@pytest.fixture
def window(qtbot) -> QWidget:
    window = QWidget()
    qtbot.addWidget(window)
    return window


@pytest.fixture
def plot(window) -> LowSpectrumPlot:
    plot = LowSpectrumPlot(window)
    plot.set_axis(AXIS, 250.0, 8000.0)
    return plot


def drawn(plot: LowSpectrumPlot) -> list[np.ndarray]:
    """Counts as they are drawn, of each curve."""
    return [item.yData for item in plot.getPlotItem().listDataItems()]


def test_curves_are_replaced_in_place(plot):
    counts = np.arange(1000.0)
    plot.show_curves([Curve(counts, "#ff0000", "a"), Curve(2 * counts, "#00ff00")])
    items = plot.getPlotItem().listDataItems()
    plot.show_curves([Curve(3 * counts, "#ff0000", "a"), Curve(2 * counts, "#00ff00")])
    assert plot.getPlotItem().listDataItems() == items
    np.testing.assert_array_equal(drawn(plot)[0], 3 * counts)
    assert len(plot.legend.items) == 1
    plot.show_curves([])
    assert drawn(plot) == []


def test_counts_that_have_no_logarithm_lie_at_the_bottom(plot):
    counts = np.full(1000, -3.0)
    counts[500] = 1e4
    plot.show_curves([Curve(counts, "#ff0000")])
    assert drawn(plot)[0].min() == -3.0
    seen = plot.viewRange()[0]
    plot.set_logarithmic(True)
    assert drawn(plot)[0].min() > 0
    assert drawn(plot)[0].max() == 1e4
    np.testing.assert_allclose(plot.viewRange()[0], seen)
    plot.set_logarithmic(False)
    assert drawn(plot)[0].min() == -3.0
    plot.show_curves([Curve(np.zeros(1000), "#ff0000")])
    plot.set_logarithmic(True)
    assert np.isfinite(plot.viewRange()).all()


def test_main_lines_are_marked(plot):
    plot.mark_lines(["Fe", "Si", "H"], 200.0)
    assert {"Si Ka", "Fe Ka"} <= set(plot.marked)
    plot.mark_lines(["Fe"], 200.0, strongest_only=True)
    assert len(plot.marked) == 1
    plot.mark_lines([], 200.0)
    assert plot.marked == ()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_plots_have_the_colours_of_the_theme(plot, theme):
    get_settings().appearance.theme = theme
    bright = plot.backgroundBrush().color().lightnessF() > 0.5
    assert bright == (theme == "light")


@pytest.mark.parametrize("chosen", [None, 2, 7])
def test_evidence(window, chosen):
    plots = EvidencePlots(window)
    evidence = SimpleNamespace(
        n=np.arange(1, 6),
        deviance=np.array([9.0, 3.0, 1.0, 1.1, 1.2]),
        chosen=3,
        eigenvalues=np.array([90.0, 9.0, 2.0, 1.0, 0.9, 0.8]),
        edge=1.2,
    )
    plots.show_evidence(evidence, chosen)
    curve, mark = plots.deviance.getPlotItem().listDataItems()
    np.testing.assert_allclose(curve.yData, [8.0, 2.0, 0.05, 0.1, 0.2])  # the least at the bottom
    assert list(() if mark.xData is None else mark.xData) == {None: [3], 2: [2], 7: []}[chosen]
    plots.show_evidence(None, None)
    assert plots.deviance.getPlotItem().listDataItems() == []
