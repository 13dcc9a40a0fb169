"""The dock of spectra opens by itself once, and what it says of a spectrum: fits, and what is missing for one."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_gdls import EnergyAxis, Field
from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.widgets.spectrum.dock import SpectrumWidget
from napari_gdls.spectra import simulate_spectra

DISC, MATRIX = (22, 30), (4, 4)
"""Pixels inside of the two minerals."""


def _docks(viewer) -> list[SpectrumWidget]:
    return [dock for dock in viewer.window._qt_window.findChildren(SpectrumWidget) if dock.parent() is not None]


def test_the_first_click_on_a_segment_opens_the_dock_and_closing_keeps_it_closed(bench, sparse_field, sparse_contents):
    state = bench.add(sparse_field, sparse_contents)
    bench.click(*DISC)
    bench.qtbot.waitUntil(lambda: len(_docks(bench.viewer)) == 1)
    (dock,) = _docks(bench.viewer)
    bench.qtbot.waitUntil(lambda: not dock.busy)
    assert dock.spectra[0].title == f"Segment {next(iter(state.selected_segments))}, phase 2"
    frame = dock.parent()
    area = bench.viewer.window._qt_window.dockWidgetArea(frame)
    assert area == Qt.DockWidgetArea.BottomDockWidgetArea
    bench.viewer.window.remove_dock_widget(dock)
    QApplication.processEvents()
    bench.click(*MATRIX)
    QTest.qWait(50)
    assert _docks(bench.viewer) == []
    open_dock(bench.viewer, "spectrum")
    assert len(_docks(bench.viewer)) == 1


def test_two_phases_are_laid_over_each_other(bench, sparse_field, sparse_contents):
    bench.add(sparse_field, sparse_contents)
    dock = bench.open()
    dock.overlay((0, 1))
    bench.settle()
    grouped = sparse_contents.result.segmentation.grouped.labels
    for k, item in enumerate(dock.view.spectra.listDataItems()):
        counts = sparse_field.summed_spectra(np.where(grouped == k, 0, -1), 1)[0]
        np.testing.assert_allclose(item.yData, 100 * counts / counts[3:].sum())  # without the noise below 50 eV
    first, second = (curve.colour for curve in dock.view.spectra.curves)
    assert first != second


def test_without_beam_energy_the_dock_says_where_to_set_it(bench, sparse_field, sparse_contents):
    bench.add(sparse_field, sparse_contents)
    dock = bench.open()
    bench.click(*DISC)
    QTest.mouseClick(dock.controls.fit, Qt.MouseButton.LeftButton, pos=_box(dock.controls.fit))
    bench.settle()
    assert "Minerals" in dock.material.details.title.text()
    assert "beam" in dock.material.details.title.text()
    assert len(dock.view.spectra.curves) == 1  # the spectrum is there all the same
    assert dock.view.shown_residuals is None


@pytest.fixture(scope="module")
def rock() -> Field:
    """A bright disc of forsterite in quartz, of 8 x 6 dense measurements with many counts."""
    axis = EnergyAxis(0.0, 20.0, 512)
    quartz, forsterite = (
        simulate_spectra(material, beam_energy=15, energy=axis, counts=4e4, seed=seed)[0]
        for seed, material in enumerate(({"Si": 0.467, "O": 0.533}, {"Mg": 0.3455, "Si": 0.1996, "O": 0.4549}))
    )
    inside = np.zeros((6, 8), dtype=bool)
    inside[2:5, 2:6] = True
    spectra = np.where(inside.reshape(-1, 1), forsterite, quartz)
    places = np.argwhere(np.ones((6, 8), dtype=bool))
    bse = np.where(inside, 40_000, 15_000).astype(np.uint16)
    return Field(bse, spectra, places, axis, beam_energy=15.0, name="rock")


def test_a_fit_shows_composition_candidates_and_residuals(bench, rock):
    state = bench.add(rock)
    bench.session.ask_names(state, wanted=False)
    dock = bench.open()
    bench.click(3, 3)
    QTest.mouseClick(dock.controls.source_buttons["measurement"], Qt.MouseButton.LeftButton)
    dock.controls.fit.setChecked(True)
    bench.settle()
    details = dock.material.details
    assert "forsterite" in details.title.text() or "olivine" in details.title.text()
    found = {
        details.composition.item(row, 0).text(): details.composition.item(row, 1).text()
        for row in range(details.composition.rowCount())
    }
    assert set(found) == {"O", "Mg", "Si"}
    value, error = (float(part) for part in found["Mg"].split(" \u00b1 "))
    assert abs(value - 34.55) < 4 * error
    residuals = dock.view.shown_residuals
    fit = dock.fits.answer.fit
    np.testing.assert_allclose(
        residuals[fit.used], ((fit.counts - fit.model) / np.sqrt(np.maximum(fit.model, 1.0)))[fit.used]
    )
    assert np.isnan(residuals[~fit.used]).all()
    assert {"Mg Ka", "Si Ka"} <= set(dock.view.spectra.marked)
    names = [curve.name for curve in dock.view.spectra.curves]
    assert names[1:] == ["fit", "continuum"]


def _box(tick):
    """The box of a tick, which a click must hit."""
    return tick.rect().topLeft() + type(tick.rect().topLeft())(8, tick.height() // 2)
