"""Lines of elements in the dock of spectra: marked, asked for by a click, windows, files."""

from __future__ import annotations

import numpy as np
import pytest
from pyqtgraph import Point
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_gdls.io import read_spectrum
from napari_gdls.spectra import line_energy

DISC = (22, 30)
"""A pixel of the mineral with the peak at 6.4 keV."""


@pytest.fixture
def dock(bench, sparse_field, sparse_contents):
    """The dock with the spectrum of the disc."""
    bench.add(sparse_field, sparse_contents)
    dock = bench.open()
    bench.click(*DISC)
    return dock


def _click_at(bench, dock, energy) -> None:
    plot = dock.view.spectra
    middle = np.mean(plot.plotItem.vb.viewRange()[1])
    place = plot.mapFromScene(plot.plotItem.vb.mapViewToScene(Point(energy, middle)))
    QTest.mouseClick(plot.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    bench.settle()


def test_lines_stand_at_their_energies_with_relative_heights(bench, dock):
    QTest.keyClicks(dock.controls.elements.text, "Fe")
    QTest.keyClick(dock.controls.elements.text, Qt.Key.Key_Return)
    assert bench.session.chosen.marked_elements == ("Fe",)
    sticks = {name: (energy, height) for name, energy, height in dock.view.spectra.sticks}
    assert sticks["Fe Ka"][0] == pytest.approx(line_energy("Fe", "Ka") / 1000)
    assert sticks["Fe Kb"][0] == pytest.approx(line_energy("Fe", "Kb") / 1000)
    assert 0.05 < sticks["Fe Kb"][1] / sticks["Fe Ka"][1] < 0.25
    assert "Fe Ka" in dock.view.spectra.marked
    bench.close()
    dock = bench.open()
    assert dock.controls.elements.text.text() == "Fe"
    assert "Fe Ka" in dock.view.spectra.marked


def test_a_click_on_a_peak_offers_lines_and_one_of_them_marks_the_element(bench, dock):
    _click_at(bench, dock, 6.45)
    assert dock.peaks.isVisibleTo(dock)
    assert "6.4" in dock.peaks.text.text()
    titles = [button.text() for button in dock.peaks.buttons]
    assert "Fe K\u03b1 6.40" in titles
    QTest.mouseClick(dock.peaks.buttons[titles.index("Fe K\u03b1 6.40")], Qt.MouseButton.LeftButton)
    assert bench.session.chosen.marked_elements == ("Fe",)
    assert dock.controls.elements.text.text() == "Fe"


def test_table_on_the_clipboard_and_files_hold_the_counts(bench, dock, tmp_path, monkeypatch):
    counts = dock.spectra[0].counts
    dock.copy()
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].split("\t")[0] == "energy [keV]"
    np.testing.assert_array_equal([float(line.split("\t")[1]) for line in lines[1:]], counts)
    for text, name in (("CSV", "a.csv"), (".msa", "a.msa"), ("picture", "a.png")):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(tmp_path / name), ""))
        next(action for action in dock.controls.save_menu.actions() if text in action.text()).trigger()
    table = np.genfromtxt(tmp_path / "a.csv", delimiter=",", skip_header=1)
    np.testing.assert_array_equal(table[:, 1], counts)
    spectrum = read_spectrum(tmp_path / "a.msa")
    np.testing.assert_array_equal(spectrum.counts, counts)
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_normalised_scales_say_what_they_are(bench, dock):
    counts = dock.spectra[0].counts
    above = counts[3:]  # channels of 20 eV: those below 50 eV are noise
    for name, divisor, label in (
        ("counts", 1.0, "counts"),
        ("each", dock.spectra[0].n_spectra, "counts per measurement"),
        ("total", above.sum() / 100, "% of all counts"),
        ("peak", above.max() / 100, "% of the highest peak"),
    ):
        dock.controls.scale.setCurrentIndex(dock.controls.scale.findData(name))
        np.testing.assert_allclose(dock.view.spectra.listDataItems()[0].yData, counts / divisor)
        assert dock.view.spectra.getAxis("left").labelText == label
