"""The list of phases in the dock: what it says, merging by hand with undo, and a larger tau_z without a run."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from opened_docks import phases_of

from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.viewers import viewer_session


@pytest.fixture
def widget(viewer, zoned_field):
    """The dock after a run that found the matrix and two zones of the disc."""
    for layer in field_layers(zoned_field):
        viewer.add_layer(layer)
    return viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]


def run(widget, qtbot):
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)


def settled(viewer, qtbot):
    qtbot.waitUntil(lambda: not viewer_session(viewer).busy, timeout=10_000)


def set_tau_z(widget, tau_z):
    """As by moving the slider."""
    widget.recipe_form["tau_z"]["number"].value = tau_z


def data_of(viewer, role):
    return next(layer.data for layer in viewer.layers if layer_role(layer) == role)


def cells(table, row):
    return [item.text() if (item := table.item(row, column)) else "" for column in range(table.columnCount())]


def test_phases_and_what_could_be_one_are_listed(widget, viewer, qtbot):
    panel = phases_of(widget)
    assert phases_of(widget).shown is None
    run(widget, qtbot)
    found = panel.shown.segmentation
    assert phases_of(widget).shown is not None
    assert panel.phases.rowCount() == found.n_phases == 3
    for phase in range(3):
        swatch, number, _name, _probability, percent, segments, bse, mixture = cells(panel.phases, phase)
        assert (swatch, number, segments, mixture) == ("", str(phase + 1), "1", "")
        value, error = (float(part) for part in percent.split(" ± "))
        assert value == pytest.approx(found.modal.percent[phase], abs=0.06)
        assert error == pytest.approx(found.modal.error[phase], abs=0.06)
        assert float(bse.replace(",", "")) == pytest.approx([15_000, 41_000, 40_000][phase], rel=0.05)
        colour = panel.phases.item(phase, 0).background().color().getRgbF()[:3]
        np.testing.assert_allclose(colour, panel.shown.phase_colours[phase], atol=0.01)
    assert panel.merges.rowCount() == 2
    first = found.merges[0]
    assert cells(panel.merges, 0)[:2] == ["2 + 3", f"{first.difference:.2f}"]
    assert cells(panel.merges, 1)[0] == "1 + 2, 3"
    widget.recipe_form.method.value = "threshold"
    set_tau_z(widget, 4.0)
    assert not viewer_session(viewer).busy  # other methods have no preview
    np.testing.assert_array_equal(data_of(viewer, "segments"), found.labels)
    run(widget, qtbot)
    assert phases_of(widget).shown is None
    assert panel.shown is None


def test_a_larger_tau_z_is_shown_without_a_run(widget, viewer, qtbot):
    run(widget, qtbot)
    found = layer_segmentation(viewer.layers.selection.active)
    layers = list(viewer.layers)
    for value in (0.5, 1.0, 2.7):
        set_tau_z(widget, value)
    settled(viewer, qtbot)
    assert not widget.running
    assert list(viewer.layers) == layers
    expected = found.coarsened(2.7)
    assert expected.n_phases == 2
    np.testing.assert_array_equal(data_of(viewer, "segments"), expected.labels)
    np.testing.assert_array_equal(data_of(viewer, "phases"), expected.phase_map())
    assert "τz = 2.70, without a new run" in phases_of(widget).message.text()
    set_tau_z(widget, 0.1)
    settled(viewer, qtbot)
    np.testing.assert_array_equal(data_of(viewer, "segments"), found.labels)
    assert "needs a new run: press Segment" in phases_of(widget).message.text()
    assert layer_segmentation(viewer.layers.selection.active) is found
    run(widget, qtbot)
    assert layer_segmentation(viewer.layers.selection.active).recipe.tau_z == pytest.approx(0.1)


def test_merging_by_hand_and_undo(widget, viewer, qtbot):
    run(widget, qtbot)
    panel = phases_of(widget)
    found = panel.shown.segmentation
    assert not panel.undo_button.isEnabled()
    panel.phases.selectRow(0)
    panel.merge_button.click()
    assert "two phases or more" in notification_manager.records[-1].message
    panel.merges.selectRow(0)
    assert {index.row() for index in panel.phases.selectedIndexes()} == {1, 2}
    panel.merge_button.click()
    settled(viewer, qtbot)
    merged = found.with_phases_merged([0, 1, 1])
    np.testing.assert_array_equal(data_of(viewer, "segments"), merged.labels)
    assert panel.phases.rowCount() == 2
    assert cells(panel.phases, 1)[5] == "1"
    assert panel.message.text().startswith("2 phases, 2 segments. 1 merge by hand.")
    panel.select((0, 1))
    panel.merge_button.click()
    settled(viewer, qtbot)
    assert data_of(viewer, "segments").max() == 1
    assert not panel.merge_button.isEnabled()
    panel.undo_button.click()
    settled(viewer, qtbot)
    np.testing.assert_array_equal(data_of(viewer, "segments"), merged.labels)
    panel.undo_button.click()
    settled(viewer, qtbot)
    np.testing.assert_array_equal(data_of(viewer, "segments"), found.labels)
    assert not panel.undo_button.isEnabled()


def test_merges_by_hand_stay_while_tau_z_is_moved(widget, viewer, qtbot):
    run(widget, qtbot)
    panel = phases_of(widget)
    found = panel.shown.segmentation
    panel.select((0, 1))
    panel.merge_button.click()
    settled(viewer, qtbot)
    by_hand = found.with_phases_merged([0, 0, 1])
    set_tau_z(widget, 2.0)
    settled(viewer, qtbot)
    np.testing.assert_array_equal(data_of(viewer, "phases"), by_hand.coarsened(2.0).phase_map())
    panel.undo_button.click()
    settled(viewer, qtbot)
    np.testing.assert_array_equal(data_of(viewer, "phases"), found.coarsened(2.0).phase_map())


def test_painted_labels_are_no_prey_of_a_preview(widget, viewer, qtbot):
    run(widget, qtbot)
    painted = viewer.layers.selection.active
    painted.fill((5, 5), 9)
    kept = painted.data.copy()
    set_tau_z(widget, 2.7)
    settled(viewer, qtbot)
    np.testing.assert_array_equal(painted.data, kept)
    assert not painted.visible
    (shown,) = [layer for layer in viewer.layers if layer_role(layer) == "segments"]
    assert shown.visible


def test_closing_the_field_clears_the_list(widget, viewer, qtbot):
    run(widget, qtbot)
    set_tau_z(widget, 2.7)
    viewer.layers.clear()
    qtbot.wait(300)
    assert len(viewer.layers) == 0
    assert phases_of(widget).shown is None
    assert phases_of(widget).shown is None
