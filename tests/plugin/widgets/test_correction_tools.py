"""Grains are corrected with the mouse and with keys, and the dock says what was done."""

from __future__ import annotations

import numpy as np
import pytest
from mouse_on_map import MouseOnMap
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt

from napari_gdls import Recipe
from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.progress import silent
from napari_gdls.recipe import Assign, Cut, Join, Paint, Split

MATRIX, DISC = (6, 6), (22, 30)  # pixels of measurements of both minerals
CONTROL = Qt.KeyboardModifier.ControlModifier
CONTROL_SHIFT = CONTROL | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture(scope="module")
def contents(sparse_field):
    return contents_of_run(sparse_field, Recipe(), silent)


@pytest.fixture
def session(viewer, sparse_field, contents):
    """A viewer with a segmented field."""
    notification_manager.records.clear()
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    followed = viewer_session(viewer)
    place_layers(viewer, contents)
    followed.session.finish_run(sparse_field, Recipe(), contents.result)
    yield followed.session
    notification_manager.records.clear()


@pytest.fixture
def mouse(viewer, session):
    return MouseOnMap(viewer)


@pytest.fixture
def dock(viewer, session):
    return open_dock(viewer, "corrections")


def segments_of(viewer):
    return next(layer for layer in reversed(viewer.layers) if layer_role(layer) == "segments")


def said():
    return [record.message for record in notification_manager.records]


def test_every_tool_has_a_button_and_makes_the_segments_active(dock, viewer):
    viewer.layers.selection.active = viewer.layers[0]
    for name, button in dock.tool_buttons.items():
        button.click()
        assert dock.tools.name == name
        assert [each.isChecked() for each in dock.tool_buttons.values()].count(True) == 1
        assert button.isChecked()
        assert viewer.layers.selection.active is segments_of(viewer)
        assert dock.hint.text() == dock.tools.hint != ""
        assert "{" not in dock.hint.text()
        assert segments_of(viewer).mouse_pan == (name == "pick")


def test_a_stroke_splits(dock, mouse, session, viewer):
    dock.tool_buttons["split"].click()
    mouse.drag(segments_of(viewer), (0, 32), (24, 34), (47, 32))
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Split)
    np.testing.assert_allclose(edit.stroke[0], (0, 32), atol=0.5)
    np.testing.assert_allclose(edit.stroke[-1], (47, 32), atol=0.5)
    assert dock.edits.list.item(0).text().startswith("1  split phase ")


def test_strokes_that_mean_nothing_say_so_and_escape_gives_one_up(dock, mouse, session, viewer):
    segments = segments_of(viewer)
    mouse.key(Qt.Key.Key_X)
    assert dock.tool_buttons["split"].isChecked()
    mouse.click(segments, *DISC)
    assert "crosses no grain" in said()[-1]
    mouse.press(segments, 0, 32)
    mouse.move(segments, (0, 32), (24, 32))
    pane = mouse.pane()
    assert pane.isVisibleTo(mouse.canvas)
    assert len(pane.points) > 3
    mouse.key(Qt.Key.Key_Escape)
    assert not pane.isVisibleTo(mouse.canvas)
    mouse.move(segments, (24, 32), (47, 32))
    mouse.release(segments, 47, 32)
    assert session.chosen.history.edits == ()
    mouse.key(Qt.Key.Key_Escape)
    assert dock.tool_buttons["pick"].isChecked()
    viewer.dims.ndisplay = 3
    dock.tool_buttons["split"].click()
    mouse.drag(segments, (0, 32), (47, 32))
    assert session.chosen.history.edits == ()


def test_grains_are_joined_by_clicks_and_by_strokes(dock, mouse, session, viewer):
    segments = segments_of(viewer)
    mouse.key(Qt.Key.Key_J)
    mouse.click(segments, *MATRIX)
    assert session.chosen.history.edits == ()
    mouse.click(segments, 10, 6)
    assert said()[-1] == "Both clicks lie in one grain."
    mouse.click(segments, *DISC)
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Join)
    assert {int(segments.data[place]) for place in edit.places} == {1, 2}
    mouse.key(Qt.Key.Key_Z, CONTROL)
    assert session.chosen.history.edits == ()
    mouse.key(Qt.Key.Key_Z, CONTROL_SHIFT)
    assert session.chosen.history.edits == (edit,)
    mouse.click(segments, *MATRIX)
    mouse.key(Qt.Key.Key_Escape)  # begins anew: the next click joins with nothing
    mouse.click(segments, *DISC)
    assert session.chosen.history.edits == (edit,)
    mouse.key(Qt.Key.Key_J)
    mouse.drag(segments, MATRIX, DISC)
    mouse.key(Qt.Key.Key_L)
    mouse.drag(segments, MATRIX, (22, 30))
    assert len(session.chosen.history.edits) == 3
    mouse.drag(segments, MATRIX, DISC, (45, 55))
    assert len(session.chosen.history.edits) == 3
    assert "in one grain" in said()[-1]


def test_edges_are_cut_by_a_stroke(dock, mouse, session, viewer, contents):
    dock.tool_buttons["cut"].click()
    mouse.drag(segments_of(viewer), (14, 32), (30, 32))
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Cut)
    assert all((a[1] < 32) != (b[1] < 32) for a, b in edit.pairs)
    assert f"at {len(edit.pairs)} edges" in dock.edits.list.item(0).text()


def test_a_grain_gets_the_phase_that_is_chosen(dock, mouse, session, viewer, contents):
    segments, found = segments_of(viewer), contents.result.segmentation
    assert dock.phase.count() == 1 + found.n_phases
    dock.tool_buttons["assign"].click()
    assert "a new phase" in dock.hint.text()
    dock.phase.setCurrentIndex(1 + int(found.phases[segments.data[MATRIX] - 1]))
    dock.phase.activated.emit(dock.phase.currentIndex())
    assert found.phase_titles[dock.tools.target] in dock.hint.text()
    mouse.click(segments, *MATRIX)
    assert "already" in said()[-1]
    mouse.click(segments, *DISC)
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Assign)
    assert len(edit.places) == np.count_nonzero(found.measurement_labels == segments.data[DISC] - 1)
    assert segments.data[edit.phase] == segments.data[MATRIX]
    mouse.key(Qt.Key.Key_BracketRight)
    mouse.key(Qt.Key.Key_BracketLeft)
    mouse.key(Qt.Key.Key_BracketLeft)
    assert dock.phase.currentIndex() == 0 or dock.tools.target != found.phases[segments.data[MATRIX] - 1]
    session.select(session.chosen, segments=[int(segments.data[DISC])])
    dock.tools.set_target(None)
    dock.assign_button.click()
    assert session.chosen.history.edits[-1].phase is None


def test_paint_becomes_a_correction_when_the_mouse_is_released(dock, mouse, session, viewer):
    segments = segments_of(viewer)
    disc = int(segments.data[DISC])
    session.select(session.chosen, segments=[disc])
    dock.tool_buttons["brush"].click()
    assert segments.selected_label == disc
    assert f"#{disc}" in dock.hint.text()
    segments.brush_size = 3
    mouse.drag(segments, (6, 6), (6, 14))
    (edit,) = session.chosen.history.edits
    assert edit == Paint(((6, 6), (6, 10), (6, 14)), edit.into)
    assert segments.data[edit.into] == disc
    mouse.drag(segments, (0, 0), (0, 4))  # no measurement lies there
    assert "No measurement" in said()[-1]
    assert segments.data[0, 2] != disc
    mouse.key(Qt.Key.Key_BracketRight)
    assert segments.brush_size == 4
    mouse.key(Qt.Key.Key_4)
    assert dock.tool_buttons["bucket"].isChecked()
    mouse.click(segments, 40, 50)
    assert len(session.chosen.history.edits) == 2
    assert session.chosen.history.edits[-1].into == edit.into or len(session.chosen.history.edits[-1].places) > 50


def test_what_is_selected_is_joined_by_a_key(dock, mouse, session, viewer):
    mouse.key(Qt.Key.Key_M)
    assert said()[-1].startswith("Select two grains or more")
    session.select(session.chosen, phases=[0, 1])
    mouse.key(Qt.Key.Key_M)
    session.select(session.chosen, segments=[1, 2])
    dock.merge_button.click()
    merged, joined = session.chosen.history.edits
    assert (merged.kind, joined.kind) == ("merge phases", "join")


def test_edges_of_the_graph_are_cut_and_drawn_with_keys_and_mouse(dock, mouse, session, viewer, contents):
    graph = next(layer for layer in viewer.layers if layer_role(layer) == "graph")
    graph.visible = True
    viewer.layers.selection.active = graph
    edges = contents.result.segmentation.graph.edges
    ends = contents.result.segmentation.field.locations[edges[[2, 7]]]
    graph.selected_data = {2, 7}
    mouse.key(Qt.Key.Key_Delete)
    (edit,) = session.chosen.history.edits
    np.testing.assert_array_equal(edit.pairs, ends)
    assert graph.nshapes == len(edges)
    graph.mode = "add_line"
    mouse.drag(graph, (6.3, 6.2), (22.2, 29.9))
    assert session.chosen.history.edits[-1] == Join(((6, 6), (22, 30)))
    np.testing.assert_array_equal(graph.features[["u", "v"]], edges)
    graph.selected_data = set()
    mouse.key(Qt.Key.Key_Backspace)
    assert said()[-1].startswith("No edge is selected")
    mouse.key(Qt.Key.Key_Z, CONTROL)
    assert len(session.chosen.history.edits) == 1


def test_the_list_of_edits_zooms_drops_clears_and_outlives_the_dock(dock, mouse, session, viewer):
    session.do(session.chosen, Join((MATRIX, DISC)))
    session.rename_phase(session.chosen, 0, "quartz")
    session.do(session.chosen, Split(((14.0, 32.0), (30.0, 32.0))))
    edits = dock.edits
    assert not edits.redo_button.isEnabled()
    edits.list.setCurrentRow(edits.list.count() - 1)
    looked = []
    session.looked_at.connect(lambda state, box: looked.append(box))
    edits.zoom_button.click()
    ((row, column, height, width),) = looked
    assert row < 14 < 30 < row + height
    assert column < 32 < column + width
    texts = [edits.list.item(k).text() for k in range(edits.list.count())]
    edits.list.setCurrentRow(0)
    edits.drop_button.click()
    left = [edits.list.item(k).text() for k in range(edits.list.count())]
    assert [text.split("  ")[1] for text in left] == [text.split("  ")[1] for text in texts[1:]]
    edits.undo_button.click()
    assert [edits.list.item(k).text() for k in range(edits.list.count())] == texts
    viewer.window.remove_dock_widget(dock)
    again = open_dock(viewer, "corrections")
    assert again is not dock
    assert [again.edits.list.item(k).text() for k in range(again.edits.list.count())] == texts
    again.edits.clear_button.click()
    assert again.edits.list.count() == 0
    assert not again.edits.clear_button.isEnabled()
    viewer.layers.clear()
    assert again.message.text() == "No field is open."
    assert not again.tool_buttons["split"].isEnabled()
