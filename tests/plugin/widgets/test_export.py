"""Exporting from the dock: the files of the command line, of what is seen, and a script that makes them again."""

from __future__ import annotations

import runpy

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

import napari_gdls as gdls
from napari_gdls.io import faults_of_set, read_labels
from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.recipe import Join
from napari_gdls.segmentation import place_of_segment


@pytest.fixture
def dock(viewer, zoned_field, tmp_path, qtbot):
    """The dock after a run on a field that came from a file."""
    path = tmp_path / "zoned.gdls.zarr.zip"
    gdls.write_field(path, zoned_field)
    viewer.open(path, plugin="napari-gdls")
    dock = open_dock(viewer, "segment")
    assert not dock.export.button.isEnabled()
    dock.run_button.click()
    settled(dock, qtbot)
    return dock


def settled(dock, qtbot):
    qtbot.waitUntil(lambda: not dock.running and not viewer_session(dock._viewer).busy, timeout=60_000)


def exported(dock, qtbot, path):
    dock.export.export(path)
    qtbot.waitUntil(lambda: not dock.export.busy, timeout=60_000)


def test_a_corrected_result_is_made_again_by_its_script(dock, tmp_path, qtbot, monkeypatch):
    state = dock.session.chosen
    found = state.shown.segmentation
    dock.session.do(state, Join((place_of_segment(found, 1), place_of_segment(found, 2))))
    dock.session.rename_phase(state, 0, "my glass")
    settled(dock, qtbot)
    folder, again = tmp_path / "one", tmp_path / "two"
    folder.mkdir()
    again.mkdir()
    exported(dock, qtbot, folder / "zoned.ome.tif")
    labels = read_labels(folder / "zoned.ome.tif")
    np.testing.assert_array_equal(labels, state.shown.segmentation.labels)
    assert labels.max() == found.n_segments - 1
    assert not faults_of_set(folder / "zoned.manifest.json")
    recipe = gdls.Recipe.from_json((folder / "zoned.recipe.json").read_text())
    assert recipe.corrections == state.history.corrections
    assert [name.name for name in recipe.names] == ["my glass"]
    monkeypatch.chdir(again)
    runpy.run_path(str(folder / "zoned.script.py"))
    names = sorted(path.name for path in folder.iterdir())
    assert sorted(path.name for path in again.iterdir()) == names
    for name in names:
        if name != "zoned.manifest.json":  # it says when
            assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_a_larger_tau_z_is_in_the_script(dock, tmp_path, qtbot, monkeypatch):
    dock.recipe_form["tau_z"]["number"].value = 2.7
    settled(dock, qtbot)
    assert dock.session.chosen.shown.segmentation.n_phases == 2
    exported(dock, qtbot, tmp_path / "coarse.png")
    again = tmp_path / "again"
    again.mkdir()
    monkeypatch.chdir(again)
    runpy.run_path(str(tmp_path / "coarse.script.py"))
    assert (again / "coarse.png").read_bytes() == (tmp_path / "coarse.png").read_bytes()


def test_files_that_are_there_are_asked_about(dock, tmp_path, qtbot, monkeypatch):
    answers = [QMessageBox.StandardButton.No, QMessageBox.StandardButton.Yes]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: answers.pop(0))
    path = tmp_path / "zoned.ome.tif"
    (tmp_path / "zoned.phases.csv").write_text("mine")
    exported(dock, qtbot, path)
    assert (tmp_path / "zoned.phases.csv").read_text() == "mine"
    assert not path.exists()
    exported(dock, qtbot, path)
    assert "area [%]" in (tmp_path / "zoned.phases.csv").read_text()


def test_formats_that_are_ticked_are_written_besides(dock, tmp_path, qtbot):
    for action in dock.export.also_menu.actions():
        action.setChecked(action.data() in ("ome-zarr", "legend"))
    exported(dock, qtbot, tmp_path / "zoned.geojson")
    names = {path.name for path in tmp_path.iterdir()}
    assert {"zoned.geojson", "zoned.ome.zarr", "zoned.legend.svg", "zoned.manifest.json"} <= names
    assert not faults_of_set(tmp_path / "zoned.manifest.json")
    assert "also=['ome-zarr', 'legend']" in (tmp_path / "zoned.script.py").read_text()


def test_a_name_without_a_known_ending_is_refused(dock, tmp_path, qtbot):
    from napari.utils.notifications import notification_manager

    exported(dock, qtbot, tmp_path / "zoned.jpg")
    assert "NAME.ome.tif or NAME.png" in notification_manager.records[-1].message
