"""Names of phases in the dock: the list, changing them in place, and the part that says how they are named."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import notification_manager
from opened_docks import phases_of
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit
from stand_in_minerals import NAMES

from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.viewers import viewer_session

NUMBER, NAME, PROBABILITY = 1, 2, 3


@pytest.fixture
def window(display, make_napari_viewer):
    """A napari viewer whose window is open."""
    return make_napari_viewer(show=True)


@pytest.fixture
def widget(window, field_to_name, quick_runs, naming):
    """The dock, in an open window, with a field whose phases can be named."""
    notification_manager.records.clear()
    for layer in field_layers(field_to_name):
        window.add_layer(layer)
    yield window.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]
    naming.held = False
    viewer_session(window).naming.cancel()
    notification_manager.records.clear()


@pytest.fixture
def run(widget, window, qtbot):
    """Press the button and wait until the phases are named."""

    def press_and_wait():
        widget.run_button.click()
        qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
        settled()

    def settled():
        followed = viewer_session(window)
        qtbot.waitUntil(lambda: not (followed.busy or followed.naming.busy), timeout=10_000)

    press_and_wait.settled = settled
    return press_and_wait


def column(table, number) -> list[str]:
    return [table.item(row, number).text() for row in range(table.rowCount())]


def open_editor(table, row, qtbot) -> QLineEdit:
    """As by a double click of the mouse on the name."""
    table.scrollToItem(table.item(row, NAME))
    where = table.visualItemRect(table.item(row, NAME)).center()
    qtbot.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    qtbot.mouseDClick(table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    return editor_of(table)


def editor_of(table) -> QLineEdit:
    (editor,) = table.findChildren(QLineEdit)
    return editor


def typed(editor, text, qtbot, end=Qt.Key.Key_Return) -> None:
    editor.selectAll()
    if text:
        qtbot.keyClicks(editor, text)
    else:
        qtbot.keyClick(editor, Qt.Key.Key_Delete)
    table = editor.parent()
    qtbot.keyClick(editor, end)
    qtbot.waitUntil(lambda: table.findChildren(QLineEdit) == [])  # Qt ends it later


def layer_of(viewer, role):
    return [layer for layer in viewer.layers if layer_role(layer) == role][-1]


def results_in(viewer):
    """Layers of fields and results; what is selected is outlined by one more."""
    return [layer for layer in viewer.layers if layer_role(layer) != "selection"]


def test_names_and_how_sure_they_are(widget, run, naming):
    naming.names = ("plagioclase", "unknown", "quartz")
    phases = phases_of(widget).phases
    run()
    assert column(phases, NAME) == ["plagioclase", "unknown", "quartz"]
    assert column(phases, PROBABILITY) == ["0.93"] * 3
    tip = phases.item(0, NAME).toolTip()
    assert tip.splitlines()[:3] == ["plagioclase", "Not to be told from: labradorite", "Si 25.0 wt%"]
    assert "1: plagioclase" in phases_of(widget).merges.item(1, 0).toolTip()
    assert "plagioclase: phases 1 and 3 could be one" in widget.minerals.message.text()


def test_names_are_waited_for(widget, run, naming, qtbot):
    naming.held = True
    phases = phases_of(widget).phases
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.minerals.progress_bar.isVisible(), timeout=60_000)
    assert set(column(phases, NAME)) == {"…"}
    qtbot.waitUntil(lambda: widget.minerals.progress_bar.value() == 500)
    assert widget.minerals.progress_bar.format() == "names %p%"
    widget.minerals.cancel_button.click()
    assert widget.minerals.progress_bar.isHidden()
    assert set(column(phases, NAME)) == {""}
    naming.held = False
    assert widget.minerals.again_button.isVisible()
    widget.minerals.again_button.click()
    run.settled()
    assert column(phases, NAME) == list(NAMES[:3])
    assert widget.minerals.again_button.isHidden()


def test_a_name_is_changed_in_place(widget, run, window, qtbot):
    run()
    panel, segments = phases_of(widget), layer_of(window, "segments")
    layers = results_in(window)
    typed(open_editor(panel.phases, 1, qtbot), "my glass", qtbot)
    run.settled()
    assert column(panel.phases, NAME) == [NAMES[0], "my glass", NAMES[2]]
    assert column(panel.phases, PROBABILITY) == ["0.93", "hand", "0.93"]
    assert "Measured: biotite" in panel.phases.item(1, NAME).toolTip()
    assert panel.message.text().endswith(" 1 name by hand.")
    assert results_in(window) == layers
    assert "my glass (by hand)" in set(segments.features["mineral"])
    assert layer_segmentation(segments).recipe.names[0].name == "my glass"
    panel.undo_button.click()
    run.settled()
    assert column(panel.phases, NAME) == list(NAMES[:3])
    assert widget.recipe_form.recipe().names == ()


def test_what_is_no_new_name_changes_nothing(widget, run, qtbot):
    run()
    panel = phases_of(widget)
    where = panel.phases.visualItemRect(panel.phases.item(0, NUMBER)).center()
    qtbot.mouseDClick(panel.phases.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert panel.phases.findChildren(QLineEdit) == []  # other cells are to look at
    panel.name_editing.renamed.emit(0, "a\x07b")
    assert "printable" in notification_manager.records[-1].message
    typed(open_editor(panel.phases, 0, qtbot), "other", qtbot, end=Qt.Key.Key_Escape)
    typed(open_editor(panel.phases, 0, qtbot), NAMES[0], qtbot)
    assert column(panel.phases, NAME) == list(NAMES[:3])
    assert not panel.undo_button.isEnabled()
    assert widget.session.chosen.history.edits == ()


def test_f2_and_an_empty_name_for_the_measured_one(widget, run, qtbot):
    run()
    panel = phases_of(widget)
    panel.phases.setCurrentCell(2, NAME)
    qtbot.keyClick(panel.phases, Qt.Key.Key_F2)
    assert editor_of(panel.phases).selectedText() == NAMES[2]
    typed(editor_of(panel.phases), "chert", qtbot)
    run.settled()
    assert column(panel.phases, NAME)[2] == "chert"
    typed(open_editor(panel.phases, 2, qtbot), "", qtbot)
    run.settled()
    assert column(panel.phases, NAME)[2] == NAMES[2]
    panel.undo_button.click()
    run.settled()
    assert column(panel.phases, NAME)[2] == "chert"


def test_a_name_that_is_being_typed_survives_the_measured_ones(widget, run, naming, qtbot):
    naming.held = True
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running and len(naming.asked) == 1, timeout=60_000)
    panel = phases_of(widget)
    editor = open_editor(panel.phases, 1, qtbot)
    editor.selectAll()
    qtbot.keyClicks(editor, "my gl")
    naming.held = False
    run.settled()
    assert editor_of(panel.phases) is editor
    qtbot.keyClicks(editor, "ass")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: column(panel.phases, NAME) == [NAMES[0], "my glass", NAMES[2]])


def test_further_runs_keep_names_by_hand(widget, run, qtbot, window):
    run()
    panel = phases_of(widget)
    typed(open_editor(panel.phases, 1, qtbot), "left half", qtbot)
    run.settled()
    before = layer_of(window, "phases").data == 2
    widget.recipe_form["significance"].value = 8.0
    run()
    (row,) = [k for k, name in enumerate(column(panel.phases, NAME)) if name == "left half"]
    now = layer_of(window, "phases").data == row + 1
    assert (now & before).sum() > 0.9 * before.sum()
    widget.recipe_form.method.value = "threshold"
    with pytest.warns(UserWarning, match="makes no phases"):
        run()
    widget.recipe_form.method.value = "merge"
    run()
    assert "left half" in column(panel.phases, NAME)


def test_merged_phases_keep_the_name_by_hand(widget, run, naming, qtbot):
    run()
    panel = phases_of(widget)
    typed(open_editor(panel.phases, 2, qtbot), "rim", qtbot)
    run.settled()
    panel.select((1, 2))
    panel.merge_button.click()
    run.settled()
    assert column(panel.phases, NAME) == [NAMES[0], "rim"]
    assert [asked[0] for asked in naming.asked] == [3, 2]  # what is merged is measured anew
    typed(open_editor(panel.phases, 1, qtbot), "core", qtbot)
    run.settled()
    assert column(panel.phases, NAME) == [NAMES[0], "core"]
    assert [name.name for name in widget.session.recipe.names] == ["core"]
    for expected in ([NAMES[0], "rim"], [*NAMES[:2], "rim"], list(NAMES[:3])):
        panel.undo_button.click()
        run.settled()
        assert column(panel.phases, NAME) == expected
    assert not panel.undo_button.isEnabled()


def test_phases_under_a_larger_tau_z_can_be_named(widget, run, qtbot):
    run()
    panel = phases_of(widget)
    widget.recipe_form["tau_z"]["number"].value = 2.7
    run.settled()
    assert panel.phases.rowCount() == 2
    typed(open_editor(panel.phases, 1, qtbot), "disc", qtbot)
    run.settled()
    assert column(panel.phases, NAME) == [NAMES[0], "disc"]
    widget.recipe_form["tau_z"]["number"].value = 0.3
    run.settled()
    assert column(panel.phases, NAME).count("disc") == 1
    panel.undo_button.click()
    run.settled()
    assert column(panel.phases, NAME) == list(NAMES[:3])


def test_painted_labels_are_no_prey_of_names(widget, run, window, naming, qtbot):
    naming.held = True
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running and len(naming.asked) == 1, timeout=60_000)
    painted = layer_of(window, "segments")
    painted.fill((5, 5), 9)
    kept, layers = painted.data.copy(), results_in(window)
    naming.held = False
    run.settled()
    assert results_in(window) == layers
    np.testing.assert_array_equal(painted.data, kept)
    assert NAMES[1] in " ".join(painted.features["mineral"])
    assert layer_segmentation(painted).names


def test_the_minerals_that_phases_can_be_are_chosen(widget, run, naming, qtbot, monkeypatch):
    library = widget.minerals.library
    qtbot.waitUntil(lambda: len(library.names) > 1, timeout=10_000)
    run()
    rock = library.names[1]
    library._combo.value = rock
    run.settled()
    monkeypatch.setattr(
        "napari_gdls.plugin.widgets.parameter_fields.QFileDialog.getOpenFileName", lambda *_: ("/my/minerals.csv", "")
    )
    qtbot.mouseClick(library._button.native, Qt.MouseButton.LeftButton)
    run.settled()
    assert [asked[1] for asked in naming.asked] == ["", rock, "/my/minerals.csv"]
    assert widget.session.chosen.naming.library == "/my/minerals.csv"
    qtbot.mouseClick(widget.minerals.wanted, Qt.MouseButton.LeftButton, pos=widget.minerals.wanted.rect().center())
    assert widget.session.chosen.naming.wanted is widget.minerals.wanted.isChecked()


def test_the_beam_energy_is_asked_for_where_the_file_does_not_say_it(window, zoned_field, naming, qtbot):
    for layer in field_layers(zoned_field):
        window.add_layer(layer)
    widget = window.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")[1]
    panel = widget.minerals
    qtbot.waitUntil(panel.beam_energy.isVisible)
    assert "beam energy is known" in panel.message.text()
    widget.run_button.click()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert naming.asked == []
    panel.beam_energy.lineEdit().selectAll()
    qtbot.keyClicks(panel.beam_energy.lineEdit(), "15")
    qtbot.keyClick(panel.beam_energy.lineEdit(), Qt.Key.Key_Return)
    followed = viewer_session(window)
    qtbot.waitUntil(lambda: not (followed.busy or followed.naming.busy), timeout=10_000)
    assert [asked[2] for asked in naming.asked] == [15.0]
    assert column(phases_of(widget).phases, NAME) == list(NAMES[:3])


def test_what_goes_wrong_is_said(widget, run, naming):
    from napari_gdls.errors import RecipeError

    naming.error = RecipeError("my.csv, line 3: <no> formula.")
    run()
    assert "The phases were not named: my.csv, line 3: &lt;no&gt; formula." in widget.minerals.message.text()
    assert widget.minerals.again_button.isVisible()
