"""The session of a viewer follows its layers, and outlives the docks."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image
from opened_docks import phases_of
from qtpy.compat import isalive

from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.segment import SegmentWidget

pytestmark = pytest.mark.usefixtures("display", "qapp")


def layer_of(viewer, role):
    return next(layer for layer in viewer.layers if layer_role(layer) == role)


def opened(viewer) -> SegmentWidget:
    return viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]


def run(widget, qtbot):
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)


def close(widget, viewer, qtbot):
    """Close a dock as its x does."""
    viewer.window.remove_dock_widget(widget)
    widget.deleteLater()
    qtbot.waitUntil(lambda: not isalive(widget))


def test_each_viewer_has_one_session_and_its_own():
    one, other = ViewerModel(), ViewerModel()
    assert viewer_session(one) is viewer_session(one) is not viewer_session(other)


def test_fields_come_and_go_with_their_layers(sparse_field, dense_field):
    viewer = ViewerModel()
    session = viewer_session(viewer).session
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        viewer.add_layer(layer)
    assert [(state.field, state.title) for state in session.states] == [
        (sparse_field, "pair"),
        (dense_field, "field: BSE"),
    ]
    viewer.layers.remove(layer_of(viewer, "bse"))
    assert len(session.states) == 2  # its dots are still there
    viewer.layers.remove(layer_of(viewer, "measurements"))
    assert [state.field for state in session.states] == [dense_field]


def test_the_memory_of_a_closed_field_is_free_again(sparse_field):
    viewer = ViewerModel()
    session = viewer_session(viewer).session
    field = sparse_field.thinned(0.9)
    reference = weakref.ref(field)
    for layer in field_layers(field):
        viewer.add_layer(layer)
    assert session.chosen.field is field
    del field, layer
    viewer.layers.clear()
    assert session.states == ()
    viewer.add_layer(Image(np.zeros((2, 2))))  # napari remembers the last active layer until there is another
    gc.collect()
    assert reference() is None


def test_a_session_ends_with_its_viewer():
    viewer = ViewerModel()
    reference = weakref.ref(viewer_session(viewer).session)
    del viewer
    gc.collect()
    assert reference() is None


def test_closing_and_opening_the_dock_again_loses_nothing(viewer, zoned_field, qtbot):
    for layer in field_layers(zoned_field):
        viewer.add_layer(layer)
    first = opened(viewer)
    first.recipe_form.method.value = "threshold"
    first.recipe_form["tau_z"].value = 2.5
    first.recipe_form.method.value = "merge"
    first.recipe_form["smallest"].value = 2
    run(first, qtbot)
    phases_of(first).merges.selectRow(0)
    phases_of(first).merge_button.click()
    qtbot.waitUntil(lambda: not viewer_session(viewer).busy, timeout=10_000)
    phases_of(first).phases.selectRow(1)
    before = (
        first.result_label.text(),
        first.session.chosen.history,
        phases_of(first).message.text(),
        first.recipe_form.recipe(),
        first.session.chosen.selected_phases,
    )
    shown = layer_of(viewer, "segments").data.copy()
    assert "1 merge by hand" in before[2]
    close(first, viewer, qtbot)

    second = opened(viewer)
    assert second is not first
    assert before == (
        second.result_label.text(),
        second.session.chosen.history,
        phases_of(second).message.text(),
        second.recipe_form.recipe(),
        second.session.chosen.selected_phases,
    )
    assert {index.row() for index in phases_of(second).phases.selectedIndexes()} == {1}
    assert phases_of(second).shown is not None
    np.testing.assert_array_equal(layer_of(viewer, "segments").data, shown)
    second.recipe_form.method.value = "threshold"
    assert second.recipe_form["tau_z"].value == 2.5
    second.recipe_form.method.value = "merge"
    # And it goes on from there: undo of the merge, and a run that reuses the embedding.
    embedding = second.session.chosen.run.embedding
    phases_of(second).undo_button.click()
    qtbot.waitUntil(lambda: not viewer_session(viewer).busy, timeout=10_000)
    assert phases_of(second).phases.rowCount() == 3
    second.session.redo(second.session.chosen)
    run(second, qtbot)
    qtbot.waitUntil(lambda: not viewer_session(viewer).busy, timeout=10_000)
    assert second.session.chosen.run.embedding is embedding
    assert phases_of(second).phases.rowCount() == 2
    assert "1 merge by hand" in phases_of(second).message.text()
    np.testing.assert_array_equal(layer_of(viewer, "segments").data, shown)


def test_two_docks_show_the_same(viewer, sparse_field, dense_field, qtbot):
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        viewer.add_layer(layer)
    one = opened(viewer)
    other = SegmentWidget(viewer)
    qtbot.addWidget(other)
    one.field_choice.setCurrentIndex(0)
    assert other.field_choice.currentText() == "pair"
    assert other.field_label.text() == one.field_label.text()
    other.recipe_form["tau_z"].value = 0.9
    assert one.recipe_form["tau_z"].value == 0.9
    run(one, qtbot)
    assert phases_of(other).phases.rowCount() == phases_of(one).phases.rowCount() == 2
    assert other.result_label.text() == one.result_label.text()


def test_the_dock_shows_the_chosen_field(viewer, sparse_field, dense_field, qtbot):
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        viewer.add_layer(layer)
    widget = opened(viewer)
    widget.session.choose(sparse_field)
    run(widget, qtbot)
    summary = widget.result_label.text()
    assert phases_of(widget).shown is not None
    widget.session.choose(dense_field)
    assert widget.result_label.text() == ""
    assert phases_of(widget).shown is None
    widget.session.choose(sparse_field)
    assert widget.result_label.text() == summary
    assert phases_of(widget).shown is not None
