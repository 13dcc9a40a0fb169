"""Grains are corrected with the mouse and with keys, and the dock says what was done."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from mouse_on_map import MouseOnMap
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

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
MATRIX_FAR = (42, 50)
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


class SettledMouse(MouseOnMap):
    """Strokes and keys, each until its result is shown."""

    def __init__(self, viewer, qtbot):
        super().__init__(viewer)
        self.qtbot = qtbot

    def settle(self):
        self.qtbot.waitUntil(lambda: not viewer_session(self.viewer).busy, timeout=60_000)

    def release(self, *where, **how):
        super().release(*where, **how)
        self.settle()

    def key(self, *key):
        super().key(*key)
        self.settle()


@pytest.fixture
def mouse(viewer, session, qtbot):
    return SettledMouse(viewer, qtbot)


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


def labels_at(viewer, *places):
    return [int(segments_of(viewer).data[place]) for place in places]


def test_a_straight_stroke_gives_two_parts_and_one_of_cuts_keeps_edges_apart(dock, mouse, session, viewer, contents):
    before = segments_of(viewer).data.copy()
    area = session.chosen.shown.segmentation.modal.percent.copy()
    dock.tool_buttons["split"].click()
    mouse.drag(segments_of(viewer), (7, 32), (24, 31), (38, 32))
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Split)
    np.testing.assert_allclose(edit.stroke[0], (7, 32), atol=0.5)
    np.testing.assert_allclose(edit.stroke[-1], (38, 32), atol=0.5)
    disc = before == before[DISC]
    now, size = np.unique(segments_of(viewer).data[disc], return_counts=True)
    assert session.chosen.shown.segmentation.n_segments == len(np.unique(segments_of(viewer).data)) == 3
    assert size.min() > 0.3 * size.max()
    assert len(now) == 2
    left, right = labels_at(viewer, (22, 22), (22, 38))
    assert left != right
    assert session.chosen.selected_segments == {left, right}
    np.testing.assert_allclose(session.chosen.shown.segmentation.modal.percent, area)  # of one phase still
    title = contents.result.segmentation.phase_titles[contents.result.segmentation.phases[before[DISC] - 1]]
    assert dock.edits.list.item(0).text() == f"1  split {title} #{before[DISC]}"
    assert dock.edits.took.text().startswith("Shown after ")
    mouse.key(Qt.Key.Key_Z, CONTROL)
    np.testing.assert_array_equal(segments_of(viewer).data, before)
    assert dock.edits.list.count() == 0
    mouse.key(Qt.Key.Key_Z, CONTROL_SHIFT)
    assert len(np.unique(segments_of(viewer).data)) == 3
    mouse.key(Qt.Key.Key_Z, CONTROL)
    dock.tool_buttons["cut"].click()
    mouse.drag(segments_of(viewer), (14, 32), (30, 32))
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Cut)
    assert all((a[1] < 32) != (b[1] < 32) for a, b in edit.pairs)
    ends = [labels_at(viewer, a, b) for a, b in edit.pairs]
    assert all(a != b for a, b in ends)
    assert f"at {len(edit.pairs)} edges" in dock.edits.list.item(0).text()


def test_strokes_that_mean_nothing_say_so_and_escape_gives_one_up(dock, mouse, session, viewer):
    segments = segments_of(viewer)
    mouse.key(Qt.Key.Key_X)
    assert dock.tool_buttons["split"].isChecked()
    mouse.click(segments, *DISC)
    assert "parts no grain" in said()[-1]
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
    assert len(np.unique(segments.data)) == 1
    assert session.chosen.shown.segmentation.n_phases == 1
    mouse.key(Qt.Key.Key_Z, CONTROL)
    assert session.chosen.history.edits == ()
    assert len(np.unique(segments.data)) == 2
    mouse.key(Qt.Key.Key_Z, CONTROL_SHIFT)
    assert session.chosen.history.edits == (edit,)
    mouse.key(Qt.Key.Key_Z, CONTROL)
    mouse.click(segments, *MATRIX)
    mouse.key(Qt.Key.Key_Escape)  # begins anew: the next click joins with nothing
    mouse.click(segments, *DISC)
    mouse.key(Qt.Key.Key_Escape)
    assert session.chosen.history.edits == ()
    mouse.drag(segments, MATRIX, DISC)
    assert len(np.unique(segments.data)) == 1
    mouse.key(Qt.Key.Key_Z, CONTROL)
    mouse.key(Qt.Key.Key_L)
    mouse.drag(segments, MATRIX, DISC, (45, 55))
    assert "in one grain" in said()[-1]
    mouse.drag(segments, MATRIX, DISC)
    assert len(np.unique(segments.data)) == 1


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
    n_disc = np.count_nonzero(found.measurement_labels == segments.data[DISC] - 1)
    mouse.click(segments, *DISC)
    (edit,) = session.chosen.history.edits
    assert isinstance(edit, Assign)
    assert len(edit.places) == n_disc
    now = session.chosen.shown.segmentation
    assert now.n_phases == 1
    assert now.modal.percent.tolist() == [100]
    mouse.key(Qt.Key.Key_Z, CONTROL)
    chosen = []
    for key in (*[Qt.Key.Key_BracketRight] * 3, Qt.Key.Key_BracketLeft):
        mouse.key(key)
        chosen.append(dock.phase.currentIndex())
    assert sorted(chosen[:3]) == [0, 1, 2]
    assert chosen[3] == chosen[1]
    session.select(session.chosen, segments=[int(segments.data[DISC])])
    dock.tools.set_target(None)
    dock.assign_button.click()
    mouse.settle()
    assert session.chosen.history.edits[-1].phase is None
    assert dock.edits.list.item(0).text().endswith("→ new phase")


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
    assert labels_at(viewer, *edit.places) == labels_at(viewer, DISC) * 3
    assert labels_at(viewer, (2, 10), (10, 10)) == labels_at(viewer, MATRIX_FAR) * 2
    mouse.drag(segments, (40, 48), (40, 48.5))  # no measurement lies there
    assert "No measurement" in said()[-1]
    assert labels_at(viewer, (40, 48)) == labels_at(viewer, MATRIX_FAR)
    mouse.drag(segments, (42, 6), (42, 10))  # the same grain still, whatever its number is now
    assert labels_at(viewer, (42, 6), (42, 10)) == labels_at(viewer, DISC) * 2
    before = segments.data.copy()
    mouse.press(segments, 42, 34)
    mouse.move(segments, (42, 34), (42, 38))
    MouseOnMap.release(mouse, segments, 42, 38)
    assert not np.array_equal(segments.data, before)
    MouseOnMap.key(mouse, Qt.Key.Key_Z, CONTROL)  # before the result has come
    mouse.settle()
    np.testing.assert_array_equal(segments.data, before)
    mouse.key(Qt.Key.Key_BracketRight)
    assert segments.brush_size == 4
    mouse.key(Qt.Key.Key_Z, CONTROL)
    mouse.key(Qt.Key.Key_Z, CONTROL)
    assert len(np.unique(segments.data)) == 2
    mouse.key(Qt.Key.Key_4)
    assert dock.tool_buttons["bucket"].isChecked()
    mouse.click(segments, *MATRIX_FAR)
    assert len(np.unique(segments.data)) == 1  # nothing of it stays behind


def test_a_new_grain_is_painted_in_several_strokes(dock, mouse, session, viewer, qtbot):
    segments = segments_of(viewer)
    dock.tool_buttons["brush"].click()
    assert "a new grain" in dock.hint.text()
    segments.brush_size = 3
    mouse.drag(segments, (6, 6), (6, 10))
    mouse.drag(segments, (10, 6), (10, 10))
    assert len(set(labels_at(viewer, (6, 6), (6, 10), (10, 6), (10, 10)))) == 1
    assert len(np.unique(segments.data)) == 3
    mouse.key(Qt.Key.Key_Z, CONTROL)
    mouse.key(Qt.Key.Key_Z, CONTROL)
    mouse.drag(segments, (42, 6), (42, 10))
    assert len(np.unique(segments.data)) == 3
    assert session.chosen.history.edits[-1].into is None
    mouse.key(Qt.Key.Key_Z, CONTROL)
    # A result that comes during a stroke waits for its end.
    mouse.press(segments, 6, 6)
    session.do(session.chosen, Split(((7.0, 32.0), (38.0, 32.0))))
    shown = session.chosen.shown
    mouse.move(segments, (6, 6), (6, 10))
    qtbot.wait(1500)
    mouse.move(segments, (6, 10), (6, 14))
    assert session.chosen.shown is shown
    mouse.release(segments, 6, 14)
    assert session.chosen.history.edits[-1].places == ((6, 6), (6, 10), (6, 14))
    assert len(set(labels_at(viewer, (6, 6), (6, 10), (6, 14)))) == 1
    assert len(np.unique(segments.data)) == 4
    assert segments_of(viewer) is segments


def test_selected_grains_are_joined_grow_shrink_and_take_holes_and_specks(dock, mouse, session, viewer):
    mouse.key(Qt.Key.Key_M)
    assert said()[-1].startswith("Select two grains or more")
    session.select(session.chosen, phases=[0, 1])
    mouse.key(Qt.Key.Key_M)
    assert session.chosen.shown.segmentation.n_phases == 1
    (merged,) = session.chosen.history.edits
    mouse.key(Qt.Key.Key_Z, CONTROL)
    session.select(session.chosen, segments=[1, 2])
    dock.merge_button.click()
    mouse.settle()
    (joined,) = session.chosen.history.edits
    assert (merged.kind, joined.kind) == ("merge phases", "join")
    mouse.key(Qt.Key.Key_Z, CONTROL)
    session.select(session.chosen, segments=())
    segments = segments_of(viewer)

    def measured():
        """Measurements of the disc."""
        found = session.chosen.shown.segmentation
        return np.count_nonzero(found.measurement_labels == segments.data[DISC] - 1)

    before = measured()
    dock.grow_button.click()
    assert said()[-1].startswith("Select grains first")
    session.select(session.chosen, segments=labels_at(viewer, DISC))
    mouse.key(Qt.Key.Key_G)
    grown = measured()
    assert grown > 1.3 * before
    assert dock.edits.list.item(0).text().startswith("1  grew ")
    mouse.key(Qt.Key.Key_H)
    assert measured() < grown
    assert dock.edits.list.item(1).text().startswith("2  shrank ")
    session.select(session.chosen, segments=[int(segments.data[MATRIX])])
    mouse.key(Qt.Key.Key_F)
    assert "no holes of up to 10 px" in said()[-1]
    dock.smallest.setValue(5000)
    assert dock.area.text() == "2e+04 um²"
    mouse.key(Qt.Key.Key_F)
    assert len(np.unique(segments.data)) == 1
    assert dock.edits.list.item(2).text().startswith("3  filled the holes of ")
    dock.edits.undo_button.click()
    mouse.settle()
    dock.smallest.setValue(np.count_nonzero(segments.data == segments.data[DISC]))
    dock.specks_button.click()
    mouse.settle()
    assert len(np.unique(segments.data)) == 1
    assert dock.edits.list.item(2).text().startswith("3  removed specks of up to ")


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
    assert all(a != b for a, b in (labels_at(viewer, *map(tuple, pair)) for pair in edit.pairs))
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
    session.do(session.chosen, Split(((7.0, 32.0), (38.0, 32.0))))
    edits = dock.edits
    assert not edits.redo_button.isEnabled()
    edits.list.setCurrentRow(edits.list.count() - 1)
    looked = []
    session.looked_at.connect(lambda state, box: looked.append(box))
    edits.zoom_button.click()
    ((row, column, height, width),) = looked
    assert row < 7 < 38 < row + height
    assert column < 32 < column + width
    texts = [edits.list.item(k).text() for k in range(edits.list.count())]
    edits.list.setCurrentRow(0)
    QTest.keyClick(edits.list, Qt.Key.Key_Delete)
    left = [edits.list.item(k).text() for k in range(edits.list.count())]
    assert [text.split("  ")[1] for text in left] == [text.split("  ")[1] for text in texts[1:]]
    QTest.keyClick(edits.list, Qt.Key.Key_Z, CONTROL)
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


def test_hidden_grains_stay_as_they_are_and_what_cannot_be_done_is_said(dock, mouse, session, viewer):
    segments, state = segments_of(viewer), session.chosen
    session.hide_phases(state, [int(state.shown.segmentation.phases[segments.data[DISC] - 1])])
    dock.tool_buttons["merge"].click()
    mouse.drag(segments, MATRIX, DISC)
    dock.tool_buttons["split"].click()
    mouse.drag(segments, (7, 32), (38, 32))
    assert "hidden phases" in said()[-1]
    session.hide_phases(state, ())
    mouse.key(Qt.Key.Key_1)  # napari's eraser
    mouse.drag(segments, (6, 6), (6, 14))
    assert said()[-1].startswith("Erasing corrects nothing")
    assert labels_at(viewer, (6, 10)) == labels_at(viewer, MATRIX)
    assert state.history.edits == ()
    before = dataclasses.replace(state.shown.segmentation, recipe=Recipe(method="watershed"))
    state.shown = dataclasses.replace(state.shown, segmentation=before)
    dock.tool_buttons["merge"].click()
    mouse.drag(segments, MATRIX, DISC)
    assert said()[-1].startswith("Watershed (TIMA) cannot keep corrections")
    assert state.history.edits == ()
