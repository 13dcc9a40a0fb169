"""The dock widget, in a real viewer, with the real chain."""

from __future__ import annotations

import time

import numpy as np
import pytest
from napari.layers import Image, Layer
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QEvent, QObject, Qt, QTimer
from qtpy.QtWidgets import QApplication, QMessageBox

import napari_gdls as gdls
from napari_gdls.mineralogy.resolution import tau_z_in_words
from napari_gdls.plugin.layers import contents
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role, layer_segmentation
from napari_gdls.plugin.widgets.segment import SegmentWidget
from napari_gdls.plugin.widgets.tau_z_words import most_telling
from napari_gdls.segmentation.summary import summary_lines


@pytest.fixture
def shown():
    """Messages that the user has seen, by severity."""
    notification_manager.records.clear()

    def messages(severity: str) -> list[str]:
        return [record.message for record in notification_manager.records if record.severity == severity]

    yield messages
    notification_manager.records.clear()


@pytest.fixture
def widget(viewer, sparse_field):
    """The dock widget as napari makes it, with a sparse field open."""
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")
    assert isinstance(widget, SegmentWidget)
    return widget


def run(widget: SegmentWidget, qtbot) -> None:
    widget.run_button.click()
    assert widget.running
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)


OF_MERGE = ["bse", "phases", "confidence", "segments", "measurements", "graph"]


def layer_of(viewer, role: str) -> Layer:
    return next(layer for layer in viewer.layers if layer_role(layer) == role)


def roles(viewer) -> list[str]:
    return [layer_role(layer) for layer in viewer.layers]


def test_a_run_adds_its_layers(widget, viewer, qtbot, sparse_field, shown):
    run(widget, qtbot)
    assert roles(viewer) == OF_MERGE
    found = layer_segmentation(layer_of(viewer, "segments"))
    expected = gdls.segment(sparse_field)
    np.testing.assert_array_equal(layer_of(viewer, "segments").data, expected.labels)
    assert found.recipe == expected.recipe
    text = widget.result_label.text()
    assert f"{expected.n_segments} segments of {expected.n_phases} phases" in text
    assert all(line.replace("tau_z", "τz") in text for line in summary_lines(found))
    assert "embedding" in text
    assert widget.run_button.isEnabled()
    assert not widget.cancel_button.isEnabled()
    assert widget.progress_bar.isHidden()
    assert shown("error") == []


def test_only_what_changed_is_computed_again(widget, viewer, qtbot, sparse_field):
    run(widget, qtbot)
    first, graph_layer = layer_segmentation(layer_of(viewer, "segments")), layer_of(viewer, "graph")
    widget.recipe_form["tau_z"].value = 0.4
    run(widget, qtbot)
    second = layer_segmentation(layer_of(viewer, "segments"))
    assert second.recipe.tau_z == pytest.approx(0.4)
    assert second.embedding is first.embedding
    assert second.graph.edges is first.graph.edges
    assert layer_of(viewer, "graph") is graph_layer
    np.testing.assert_array_equal(
        layer_of(viewer, "segments").data, gdls.segment(sparse_field, tau_z=second.recipe.tau_z).labels
    )
    widget.recipe_form["max_distance"].value = 1.5
    run(widget, qtbot)
    third = layer_segmentation(layer_of(viewer, "segments"))
    assert third.embedding is first.embedding
    assert third.graph.edges is not first.graph.edges
    assert roles(viewer) == OF_MERGE


def test_the_scale_of_the_field_is_that_of_every_run(widget, viewer, qtbot, sparse_field):
    widget.recipe_form["calibration"].value = "field"
    expected = gdls.segment(sparse_field, calibration="field")
    for _ in range(2):
        run(widget, qtbot)
        found = layer_segmentation(layer_of(viewer, "segments"))
        assert found.calibration == expected.calibration
        np.testing.assert_array_equal(found.measurement_phases.pool.counts, expected.measurement_phases.pool.counts)
    expected_words = tau_z_in_words(0.3, calibration=expected.calibration)
    qtbot.waitUntil(lambda: most_telling(expected_words)[0] in widget.recipe_form.words.text(), timeout=30_000)


def test_edited_labels_are_kept_and_the_user_is_told(widget, viewer, qtbot, shown):
    run(widget, qtbot)
    edited = layer_of(viewer, "segments")
    edited.data[20:25, 28:33] = 50  # by a script: no stroke that would have become a correction
    run(widget, qtbot)
    assert roles(viewer).count("segments") == 1
    assert (edited.data == 50).any()
    assert not edited.visible
    assert edited.name == "pair: segments before (merge 0.3)"
    assert shown("info") == [f"Edited labels are kept: {edited.name}."]


def slow_chain(monkeypatch, seconds: float = 20.0) -> list[str]:
    """Make the chain slow, as on a large field, and note how it ends."""
    ends: list[str] = []
    chain = contents.contents_of_run

    def compute(field, recipe, progress, **known):
        try:
            for i in range(round(seconds / 0.01)):
                progress("embedding", i * 0.01 / seconds)
                time.sleep(0.01)
            return chain(field, recipe, progress, **known)
        except gdls.errors.Cancelled:
            ends.append("cancelled")
            raise

    monkeypatch.setattr("napari_gdls.plugin.widgets.segment.contents_of_run", compute)
    return ends


def test_cancel_takes_effect_within_a_second_and_leaves_no_layers(widget, viewer, qtbot, monkeypatch, shown):
    ends = slow_chain(monkeypatch)
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.progress_bar.value() > 0)
    assert not widget.run_button.isEnabled()
    assert "embedding" in widget.progress_bar.format()
    start = time.monotonic()
    widget.cancel_button.click()
    assert not widget.running
    assert widget.run_button.isEnabled()
    qtbot.waitUntil(lambda: ends == ["cancelled"], timeout=1000)
    assert time.monotonic() - start < 1
    qtbot.wait(200)
    assert roles(viewer) == ["bse", "measurements"]
    assert widget.result_label.text() == "Cancelled."
    assert shown("error") == []


def test_the_real_chain_can_be_cancelled(widget, viewer, qtbot):
    widget.run_button.click()
    qtbot.waitUntil(lambda: "starting" not in widget.progress_bar.format(), timeout=60_000)
    widget.cancel()
    qtbot.wait(500)
    assert roles(viewer) == ["bse", "measurements"]
    run(widget, qtbot)
    assert roles(viewer) == OF_MERGE


def test_the_window_stays_awake_during_a_run(widget, qtbot, monkeypatch):
    slow_chain(monkeypatch, seconds=1.0)
    ticks: list[float] = []
    timer = QTimer()
    timer.setInterval(10)
    timer.timeout.connect(lambda: ticks.append(time.monotonic()))
    timer.start()
    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.progress_bar.value() > 800, timeout=10_000)
    timer.stop()
    widget.cancel()
    assert np.median(np.diff(ticks)) < 0.1


def test_closing_the_dock_ends_the_run(viewer, sparse_field, qtbot, monkeypatch):
    ends = slow_chain(monkeypatch)
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    widget = SegmentWidget(viewer)
    widget.run()
    qtbot.waitUntil(lambda: widget.progress_bar.value() > 0)
    widget.deleteLater()
    qtbot.waitUntil(lambda: ends == ["cancelled"], timeout=1000)
    viewer.layers.clear()
    viewer.add_layer(field_layers(sparse_field)[0])  # nobody of the deleted widget listens any more


def test_complaints_are_one_message_and_change_nothing(widget, viewer, qtbot, shown):
    run(widget, qtbot)
    before = list(viewer.layers)
    widget.recipe_form["model"].value = "no-such-model"
    run(widget, qtbot)
    (message,) = shown("error")
    assert "no-such-model" in message
    assert "\n" not in message
    assert list(viewer.layers) == before
    assert "nothing was changed" in widget.result_label.text()
    assert widget.run_button.isEnabled()


def test_faults_of_the_program_are_shown_too(widget, viewer, qtbot, shown, monkeypatch):
    def compute(*_, **__):
        raise ZeroDivisionError("a fault")

    monkeypatch.setattr("napari_gdls.plugin.widgets.segment.contents_of_run", compute)
    with qtbot.captureExceptions():
        run(widget, qtbot)
    (record,) = [record for record in notification_manager.records if record.severity == "error"]
    assert isinstance(record.exception, ZeroDivisionError)
    assert roles(viewer) == ["bse", "measurements"]


def test_fields_can_be_chosen(widget, viewer, qtbot, sparse_field, dense_field):
    assert widget.session.chosen.field is sparse_field
    assert "60 x 48 px, 2 um per pixel; 180 spectra, every 4 px" in widget.field_label.text()
    other = field_layers(dense_field)
    for layer in other:
        viewer.add_layer(layer)
    viewer.add_layer(Image(np.zeros((4, 4))))
    assert [widget.field_choice.itemText(i) for i in range(widget.field_choice.count())] == ["pair", "field: BSE"]
    assert widget.session.chosen.field is dense_field  # the one opened last
    assert "every pixel" in widget.field_label.text()
    run(widget, qtbot)
    assert roles(viewer) == ["bse", "measurements", "bse", "counts", "phases", "confidence", "segments", "graph", ""]
    assert layer_segmentation(viewer.layers[6]).field is dense_field
    viewer.layers.clear()
    assert widget.session.chosen is None
    assert widget.field_label.text() == "No field is open."
    assert not widget.run_button.isEnabled()


def test_fields_of_one_name_are_told_apart(widget, viewer, sparse_field):
    for layer in field_layers(sparse_field.thinned(0.5)):
        viewer.add_layer(layer)
    assert [widget.field_choice.itemText(i) for i in range(widget.field_choice.count())] == ["pair [1]", "pair [2]"]


def test_a_result_whose_field_was_closed_is_dropped(widget, viewer, qtbot, monkeypatch):
    slow_chain(monkeypatch, seconds=0.5)
    widget.run_button.click()
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not widget.running, timeout=60_000)
    assert len(viewer.layers) == 0
    assert "dropped" in widget.result_label.text()


def test_running_without_a_field_is_explained(viewer, shown, qtbot):
    widget = SegmentWidget(viewer)
    qtbot.addWidget(widget)
    widget.run()
    assert not widget.running
    assert "Open a field first" in shown("error")[0]


def test_something_moves_every_second(widget, viewer, qtbot, monkeypatch):
    def compute(field, recipe, progress, **known):
        while True:
            progress("embedding", 0.5)
            time.sleep(0.02)

    monkeypatch.setattr("napari_gdls.plugin.widgets.segment.contents_of_run", compute)
    widget.run_button.click()
    qtbot.waitUntil(lambda: "embedding" in widget.progress_bar.format())
    assert widget.progress_bar.value() == 500
    seen = set()

    def three_seconds() -> bool:
        seen.add(widget.progress_bar.format().split(" · ")[1])
        return {"1 s", "2 s", "3 s"} <= seen

    qtbot.waitUntil(three_seconds, timeout=8_000)
    widget.cancel()


def test_napari_shows_the_run_among_its_activities(widget, viewer, qtbot, monkeypatch):
    from napari.utils.progress import progress

    ends = slow_chain(monkeypatch)
    widget.run_button.click()
    qtbot.waitUntil(lambda: any(each.desc.startswith("Segment: embedding") for each in progress._all_instances))
    widget.cancel_button.click()
    assert not [each for each in progress._all_instances if each.desc.startswith("Segment")]
    qtbot.waitUntil(lambda: ends == ["cancelled"], timeout=1000)


class Catcher(QObject):
    """Stands behind those who ask before a window is closed, and keeps it open after all."""

    def __init__(self) -> None:
        super().__init__()
        self.caught = 0

    def eventFilter(self, watched, event):
        if event.type() != QEvent.Type.Close:
            return False
        self.caught += 1
        event.ignore()
        return True


@pytest.mark.parametrize("closes", [False, True])
def test_closing_the_window_during_a_run_asks(make_napari_viewer, sparse_field, qtbot, monkeypatch, closes):
    viewer = make_napari_viewer(show=True)
    ends = slow_chain(monkeypatch)
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    _, widget = viewer.window.add_plugin_dock_widget("napari-gdls", "Segment EDS field")
    main, catcher, asked = widget.window(), Catcher(), []
    main.installEventFilter(catcher)  # filters of a later day come first

    def answer() -> None:
        box = QApplication.activeModalWidget()
        if not isinstance(box, QMessageBox):
            QTimer.singleShot(20, answer)
            return
        asked.append(box.text())
        buttons = QMessageBox.StandardButton
        qtbot.mouseClick(box.button(buttons.Yes if closes else buttons.No), Qt.MouseButton.LeftButton)

    widget.run_button.click()
    qtbot.waitUntil(lambda: widget.progress_bar.value() > 0)
    QTimer.singleShot(20, answer)
    main.close()
    assert asked == ["A run is under way, and its result will be lost. Close the window all the same?"]
    assert catcher.caught == closes
    assert widget.running is not closes
    widget.cancel()
    qtbot.waitUntil(lambda: ends == ["cancelled"], timeout=1000)
    main.close()
    assert catcher.caught == closes + 1  # nothing is under way any more: nobody asks
    main.removeEventFilter(catcher)


def test_a_result_waits_for_the_end_of_a_stroke(widget, viewer, qtbot, monkeypatch):
    run(widget, qtbot)
    labels = layer_of(viewer, "segments")
    first = layer_segmentation(labels)
    chain, ends = contents.contents_of_run, []

    def compute(*args, **known):
        try:
            return chain(*args, **known)
        finally:
            ends.append("computed")

    monkeypatch.setattr("napari_gdls.plugin.widgets.segment.contents_of_run", compute)
    with labels.block_history():  # as napari does from press to release
        widget.run_button.click()
        qtbot.waitUntil(lambda: ends == ["computed"], timeout=60_000)
        qtbot.wait(200)
        assert layer_segmentation(labels) is first
        assert widget.running
    qtbot.waitUntil(lambda: not widget.running)
    assert layer_segmentation(labels) is not first
