"""The dock of overlapping phases, in a real viewer, with the real chain, used as a user does."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from napari.utils._test_utils import read_only_mouse_event
from napari.utils.interactions import mouse_move_callbacks, mouse_press_callbacks, mouse_release_callbacks
from napari.utils.notifications import notification_manager
from qtpy.compat import isalive
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_gdls import Field, overlap
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.widgets.overlap.dock import OverlapWidget
from napari_gdls.simulation import simulate_overlapping


@pytest.fixture
def shown():
    """Messages that the user has seen, by severity."""
    notification_manager.records.clear()

    def messages(severity: str) -> list[str]:
        return [record.message for record in notification_manager.records if record.severity == severity]

    yield messages
    notification_manager.records.clear()


@pytest.fixture(scope="session")
def film() -> Field:
    """A film of bridgmanite with grains of ferropericlase and Ca-perovskite."""
    return simulate_overlapping((48, 48), counts=200.0, seed=3, name="film")


@pytest.fixture(scope="session")
def unmixing(film) -> overlap.Unmixing:
    return overlap.unmix_overlapping(film)


@pytest.fixture(scope="session")
def decomposition(film) -> overlap.Decomposition:
    return overlap.decompose(film, 3)


@pytest.fixture
def viewer(display) -> ViewerModel:
    """A viewer without a window: what the dock does is the same, and it takes a tenth of the time."""
    return ViewerModel()


@pytest.fixture
def window(display, make_napari_viewer, film):
    """A viewer with a window, and the film in it."""
    viewer = make_napari_viewer(show=False)
    for layer in field_layers(film):
        viewer.add_layer(layer)
    return viewer


@pytest.fixture
def dock(viewer, film, qtbot) -> OverlapWidget:
    for layer in field_layers(film):
        viewer.add_layer(layer)
    return alone(viewer, qtbot)


def alone(viewer, qtbot) -> OverlapWidget:
    """The dock without a window of napari around it."""
    dock = OverlapWidget(viewer)
    qtbot.addWidget(dock)
    return dock


def opened(window) -> OverlapWidget:
    """The dock as napari makes it."""
    _, widget = window.window.add_plugin_dock_widget("napari-gdls", "Overlapping phases")
    assert isinstance(widget, OverlapWidget)
    return widget


def finish(dock: OverlapWidget, qtbot) -> None:
    """Wait for runs, for what is painted to be read, and for all that follows."""
    dock.overlap.read_layers()
    qtbot.waitUntil(lambda: not dock.running and not dock.overlap.work.busy, timeout=60_000)


@pytest.fixture
def unmixed_dock(dock, film, unmixing, qtbot) -> OverlapWidget:
    """The dock after an automatic run."""
    dock.overlap.session.take_unmixing(film, unmixing)
    finish(dock, qtbot)
    return dock


@pytest.fixture
def decomposed_dock(dock, film, decomposition, qtbot) -> OverlapWidget:
    """The dock after a decomposition."""
    dock.overlap.session.take_decomposition(film, decomposition)
    finish(dock, qtbot)
    return dock


def layers_of(viewer, role: str) -> list[Layer]:
    return [layer for layer in viewer.layers if layer_role(layer) == role]


def strokes_of(viewer) -> Labels:
    return layers_of(viewer, "strokes")[-1]


def names(dock: OverlapWidget) -> list[str]:
    return [component.name for component in dock.overlap.session.chosen.components]


def truth_of(state, i: int) -> np.ndarray:
    """True mask of the grain that a component is, by overlap with its mask or score."""
    score = np.nan_to_num(state.decomposition.scores[..., i])
    presence = state.field.metadata["truth"]["presence"]
    return max(presence.values(), key=lambda mask: score[mask].mean() - score[~mask].mean())


def paint_truth(dock: OverlapWidget, viewer) -> None:
    """Paint some strokes of each class, with the brush of the dock."""
    state = dock.overlap.session.chosen
    masks = {i: truth_of(state, i) for i in state.grains}
    taken = np.add.reduce([mask.astype(int) for mask in masks.values()])
    places = {i: mask & (taken == 1) for i, mask in masks.items()}
    places[state.matrix] = taken == 0
    places[state.both_label - 1] = taken > 1
    rng = np.random.default_rng(0)
    for i, place in places.items():
        pixels = np.argwhere(place)
        if len(pixels) == 0:
            continue
        dock.masks.brushes[i].click()
        layer = strokes_of(viewer)
        layer.brush_size = 1
        for pixel in pixels[rng.choice(len(pixels), min(30, len(pixels)), replace=False)]:
            layer.paint(tuple(pixel), i + 1)


def test_nothing_to_do_without_a_field(viewer, qtbot):
    dock = alone(viewer, qtbot)
    assert not dock.unmix_button.isEnabled()
    assert not dock.decompose_button.isEnabled()
    assert dock.field_label.text() == "No field is open."
    for panel in (dock.components, dock.masks, dock.separation, dock.traces, dock.export):
        assert panel.message.text()
    assert not dock.export.export_button.isEnabled()


def test_a_field_that_is_measured_here_and_there_is_refused_with_a_reason(viewer, sparse_field, qtbot):
    for layer in field_layers(sparse_field):
        viewer.add_layer(layer)
    dock = alone(viewer, qtbot)
    assert not dock.unmix_button.isEnabled()
    assert "need a spectrum at every pixel" in dock.field_label.text()


def test_artefacts_are_those_of_the_field_until_typed(dock, film, shown):
    assert dock.artefacts.text() == "Cu"
    dock.artefacts.setText("ga; CU")
    dock.artefacts.editingFinished.emit()
    assert dock.overlap.session.chosen.artefacts == ("Ga", "Cu")
    assert dock.artefacts.text() == "Ga, Cu"
    dock.artefacts.setText("Xx")
    dock.artefacts.editingFinished.emit()
    assert dock.overlap.session.chosen.artefacts == ("Ga", "Cu")
    assert dock.artefacts.text() == "Ga, Cu"
    assert "Xx" in shown("error")[0]


def test_decomposing_shows_scores_and_components(dock, viewer, qtbot, film):
    dock.n_components.setValue(3)
    dock.decompose_button.click()
    finish(dock, qtbot)
    expected = overlap.decompose(film, 3, artefacts=("Cu",))
    scores = layers_of(viewer, "score")
    assert [layer.name for layer in scores] == [f"film: score component {i}" for i in (1, 2, 3)]
    for i, layer in enumerate(scores):
        np.testing.assert_array_equal(layer.data, expected.scores[..., i])
    assert [layer.blending for layer in scores] == ["opaque", "additive", "additive"]
    state = dock.overlap.session.chosen
    assert state.matrix == expected.matrix_component
    assert [row.role.currentText() for row in dock.components.rows] == [c.role for c in state.components]
    assert "paint" in dock.masks.message.text()
    assert layers_of(viewer, "grain masks") == []
    # Again, with one less: layers are taken over, contrast that was changed stays.
    scores[0].contrast_limits = (1.0, 7.0)
    dock.n_components.setValue(2)
    dock.decompose_button.click()
    finish(dock, qtbot)
    assert layers_of(viewer, "score") == scores[:2]
    assert tuple(scores[0].contrast_limits) == (1.0, 7.0)
    assert scores[1].data.max() == pytest.approx(np.max(dock.overlap.session.chosen.decomposition.scores[..., 1]))


def test_components_are_named_and_coloured(decomposed_dock, viewer, qtbot, shown):
    dock = decomposed_dock
    row = dock.components.rows[1]
    row.name.selectAll()
    QTest.keyClicks(row.name, "ferropericlase")
    QTest.keyClick(row.name, Qt.Key.Key_Return)
    assert names(dock)[1] == "ferropericlase"
    assert layers_of(viewer, "score")[1].name == "film: score ferropericlase"
    assert dock.masks.brushes[1].text() == "ferropericlase"
    dock.components.rows[2].name.setText("ferropericlase")
    dock.components.rows[2].name.editingFinished.emit()
    assert names(dock)[2] == "component 3"
    assert dock.components.rows[2].name.text() == "component 3"
    assert "names must differ" in shown("error")[0]
    dock.overlap.session.edit_component(dock.overlap.session.chosen, 1, colour="#123456")
    np.testing.assert_allclose(
        layers_of(viewer, "score")[1].colormap.colors[-1][:3], np.array([0x12, 0x34, 0x56]) / 255, atol=1e-3
    )
    matrix = dock.overlap.session.chosen.matrix
    dock.components.rows[1 if matrix != 1 else 0].role.setCurrentText("matrix")
    assert dock.components.rows[matrix].role.currentText() == "grain"


def test_lines_are_marked_and_counts_shown_on_a_logarithmic_scale(decomposed_dock, qtbot, shown):
    dock = decomposed_dock
    dock.components.lines.setText("Si, Fe")
    dock.components.lines.editingFinished.emit()
    assert {"Si Ka", "Fe Ka"} <= set(dock.components.spectra.marked)
    dock.components.logarithmic.click()
    assert dock.components.spectra.getPlotItem().getAxis("left").logMode
    dock.components.lines.setText("Qq")
    dock.components.lines.editingFinished.emit()
    assert len(shown("error")) == 1


def test_an_automatic_run_fills_all_steps(window, qtbot, unmixing, shown):
    viewer, dock = window, opened(window)
    dock.unmix_button.click()
    assert dock.running
    finish(dock, qtbot)
    expected = unmixing
    state = dock.overlap.session.chosen
    assert state.is_as_found
    assert sorted(names(dock)) == sorted(expected.names)
    for name, mask in expected.presence.items():
        np.testing.assert_array_equal(state.masks[state.component_named(name)], mask)
    (masks,) = layers_of(viewer, "grain masks")
    np.testing.assert_array_equal(masks.data, state.mask_labels())
    assert not masks.editable
    assert dock.separation.grains.rowCount() == len(expected.separation.grains)
    assert dock.separation.ties.rowCount() == len(expected.separation.ties[expected.separation.grains[0]])
    assert dock.separation.reason.text() == expected.separation.reasons[expected.separation.grains[0]]
    lines = len(expected.separation.trace_report().rows)
    assert dock.traces.table.rowCount() == lines + len(expected.names)  # each phase has a line for its name
    assert dock.export.export_button.isEnabled()
    assert not dock.components.evidence.isHidden()
    assert dock.progress_bar.isHidden()
    assert shown("error") == []


def test_cancelling_changes_nothing(dock, viewer, qtbot):
    dock.unmix_button.click()
    assert dock.cancel_button.isEnabled()
    dock.cancel_button.click()
    assert not dock.running
    assert dock.status.text() == "Cancelled."
    assert dock.unmix_button.isEnabled()
    qtbot.wait(300)
    assert layers_of(viewer, "score") == []
    assert dock.overlap.session.chosen.decomposition is None


def test_strokes_make_masks_and_undo_takes_them_back(decomposed_dock, viewer, qtbot):
    dock = decomposed_dock
    paint_truth(dock, viewer)
    assert viewer.layers.selection.active is strokes_of(viewer)
    assert strokes_of(viewer).mode == "paint"
    finish(dock, qtbot)
    state = dock.overlap.session.chosen
    for i in state.grains:
        truth = truth_of(state, i)
        assert np.count_nonzero(truth & state.masks[i]) / np.count_nonzero(truth | state.masks[i]) > 0.6
    (masks,) = layers_of(viewer, "grain masks")
    before, strokes = masks.data.copy(), strokes_of(viewer).data.copy()
    i = state.grains[0]
    strokes_of(viewer).data_setitem(np.nonzero(before == i + 1), state.matrix + 1)  # all of a grain is matrix now
    qtbot.waitUntil(lambda: not np.array_equal(state.strokes, strokes), timeout=5_000)  # by itself, after a pause
    finish(dock, qtbot)
    assert np.count_nonzero(masks.data == i + 1) < np.count_nonzero(before == i + 1) / 2
    strokes_of(viewer).undo()
    qtbot.waitUntil(lambda: np.array_equal(state.strokes, strokes), timeout=5_000)
    finish(dock, qtbot)
    np.testing.assert_array_equal(masks.data, before)


def test_a_stroke_of_the_mouse_is_read_and_undone(window, film, unmixing, qtbot):
    viewer, dock = window, opened(window)
    dock.overlap.session.take_unmixing(film, unmixing)
    finish(dock, qtbot)
    state = dock.overlap.session.chosen
    QTest.mouseClick(dock.masks.brushes[state.matrix], Qt.MouseButton.LeftButton)
    strokes = strokes_of(viewer)
    assert viewer.layers.selection.active is strokes
    places = [strokes.data_to_world((10, column)) for column in (5, 20, 35)]
    for callbacks, kind, place in (
        (mouse_press_callbacks, "mouse_press", places[0]),
        (mouse_move_callbacks, "mouse_move", places[1]),
        (mouse_move_callbacks, "mouse_move", places[2]),
        (mouse_release_callbacks, "mouse_release", places[2]),
    ):
        event = read_only_mouse_event(type=kind, button=1, is_dragging=kind == "mouse_move", position=tuple(place))
        callbacks(strokes, event)
    qtbot.waitUntil(lambda: state.is_painted, timeout=5_000)
    finish(dock, qtbot)
    assert (state.strokes[10, 5:36] == state.matrix + 1).all()
    assert all(not mask[10, 5:36].any() for mask in state.masks.values())
    strokes.undo()  # the whole stroke
    qtbot.waitUntil(lambda: not state.is_painted, timeout=5_000)
    finish(dock, qtbot)
    for name, mask in unmixing.presence.items():
        np.testing.assert_array_equal(state.masks[state.component_named(name)], mask)


def test_smoothing_needs_no_new_classifier(decomposed_dock, viewer, qtbot):
    dock = decomposed_dock
    paint_truth(dock, viewer)
    finish(dock, qtbot)
    state = dock.overlap.session.chosen
    probabilities = state.probabilities
    dock.masks.smoothness.setValue(0.0)
    finish(dock, qtbot)
    rough = state.mask_labels()
    dock.masks.smoothness.setValue(3.0)
    finish(dock, qtbot)
    assert state.probabilities is probabilities
    smooth = state.mask_labels()
    assert borders(smooth) < borders(rough)


def borders(labels: np.ndarray) -> int:
    return np.count_nonzero(np.diff(labels, axis=0)) + np.count_nonzero(np.diff(labels, axis=1))


def test_strokes_correct_an_automatic_run(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    i = state.grains[0]
    before, separation = state.masks[i].copy(), state.separation
    row, column = np.argwhere(before)[len(np.argwhere(before)) // 2]
    dock.masks.brushes[state.matrix].click()
    strokes_of(viewer).paint((row, column), state.matrix + 1)
    finish(dock, qtbot)
    assert before[row, column]
    assert not state.masks[i][row, column]
    assert state.separation is not separation  # it follows
    assert not state.is_as_found
    strokes_of(viewer).undo()
    finish(dock, qtbot)
    np.testing.assert_array_equal(state.masks[i], before)
    dock.masks.smoothness.setValue(0.0)
    finish(dock, qtbot)
    assert borders(state.masks[i]) >= borders(before)
    dock.masks.classified.click()
    finish(dock, qtbot)
    assert state.source == "strokes"
    assert "paint" in dock.masks.message.text()
    dock.masks.automatic.click()
    finish(dock, qtbot)
    assert state.masks


def test_ties_and_shares_are_chosen_by_hand(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    name = state.components[state.grain].name
    found, n_ties = state.separation.factors[name], dock.separation.ties.rowCount()
    ties = state.separation.ties[name]
    row = next(i for i, tie in enumerate(ties) if not tie.used)
    table = dock.separation.ties
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualItemRect(table.item(row, 0)).center())
    assert state.by_hand == {state.grain: ties[row].element}
    assert dock.separation.ties.rowCount() == n_ties
    assert table.item(row, 3).text() == "✓"
    assert state.separation.factors[name] == pytest.approx(min(ties[row].share, 1.0), abs=0.01)
    dock.separation.share.slider.setValue(250)
    assert state.by_hand == {state.grain: 0.25}
    assert state.separation.factors[name] == pytest.approx(0.25)
    assert dock.separation.share.number.value() == 0.25
    mask, part, pure = dock.separation.spectra.curves
    np.testing.assert_allclose(mask.counts, part.counts + pure.counts, atol=1e-6)
    dock.separation.share.number.setValue(0.75)
    assert dock.separation.share.slider.value() == 750
    assert part.counts.sum() < dock.separation.spectra.curves[1].counts.sum()
    dock.separation.reset_button.click()
    assert state.by_hand == {}
    assert state.separation.factors[name] == pytest.approx(found)
    assert not dock.separation.reset_button.isEnabled()
    finish(dock, qtbot)


def test_choices_by_hand_outlive_other_masks(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    dock.overlap.session.choose_share(state, state.grain, 0.4)
    dock.masks.smoothness.setValue(0.1)
    finish(dock, qtbot)
    assert state.separation.factors[state.components[state.grain].name] == pytest.approx(0.4)


def test_another_grain_is_chosen_in_the_list(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    dock.separation.grains.selectRow(1)
    name = state.separation.grains[1]
    assert state.components[state.grain].name == name
    assert dock.separation.reason.text().lower() == state.separation.reasons[name].lower()
    assert dock.separation.share.share == pytest.approx(state.separation.factors[name], abs=1e-3)


def test_a_box_is_compared_with(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    before = state.report
    dock.traces.box_button.click()
    (box,) = layers_of(viewer, "box")
    finish(dock, qtbot)
    assert state.box == (20, 20, 28, 28)
    box.data = [np.array([[1.5, 2.5], [1.5, 12.5], [9.5, 12.5], [9.5, 2.5]])]
    finish(dock, qtbot)
    assert state.box == (2, 3, 10, 13)
    assert state.report is not before
    viewer.layers.remove(box)
    finish(dock, qtbot)
    assert state.box is None


def test_ratios_of_two_elements(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    dock.traces.numerator.setCurrentText("Ca")
    dock.traces.denominator.setCurrentText("Si")
    assert state.ratio == ("Ca", "Si")
    assert dock.traces.ratios.horizontalHeaderItem(1).text() == "Ca : Si"
    assert dock.traces.ratios.rowCount() == len(state.separation.names)
    value, _ = state.report.ratio("Ca", "Si", state.separation.names[1])
    shown_value = float(dock.traces.ratios.item(1, 1).text().split()[0])
    assert shown_value == pytest.approx(value, rel=0.1)
    dock.traces.phase.setCurrentText(state.separation.matrix)
    rows = [row for row in state.report.rows if row.phase == state.separation.matrix]
    assert dock.traces.table.rowCount() == len(rows)


def test_every_column_of_the_traces_can_be_seen_in_a_narrow_dock(unmixed_dock, qtbot):
    dock = unmixed_dock
    dock.show()
    dock.tabs.setCurrentWidget(dock.tabs.widget(3))
    dock.traces.table.setFixedWidth(250)
    qtbot.wait(50)
    bar = dock.traces.table.horizontalScrollBar()
    assert bar.maximum() > 0  # or the table is not narrow
    assert bar.isVisible()


@pytest.mark.filterwarnings("ignore::napari_gdls.errors.GdlsWarning")  # a grain as the matrix fits badly
def test_another_matrix_needs_another_run(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    grain = state.grains[0]
    dock.components.rows[grain].role.setCurrentText("matrix")
    finish(dock, qtbot)
    assert "press Unmix" in dock.masks.message.text()
    assert "step 2" in dock.separation.message.text()
    dock.unmix_button.click()
    finish(dock, qtbot)
    assert state.matrix == grain
    assert state.masks


def test_closing_and_opening_the_dock_again_loses_nothing(window, film, unmixing, qtbot):
    viewer, dock = window, opened(window)
    dock.overlap.session.take_unmixing(film, unmixing)
    finish(dock, qtbot)
    state = dock.overlap.session.chosen
    dock.overlap.session.edit_component(state, state.grain, name="ferropericlase")
    finish(dock, qtbot)
    dock.separation.share.slider.setValue(300)
    dock.traces.numerator.setCurrentText("Fe")
    finish(dock, qtbot)

    def seen(widget) -> list[str]:
        return [
            *(row.name.text() for row in widget.components.rows),
            widget.separation.reason.text(),
            *(widget.separation.grains.item(row, 1).text() for row in range(widget.separation.grains.rowCount())),
            widget.traces.numerator.currentText(),
            *(widget.traces.ratios.item(row, 1).text() for row in range(widget.traces.ratios.rowCount())),
            str(widget.separation.share.share),
            str(widget.n_components.value()),
        ]

    before, known = seen(dock), dock.overlap
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.waitUntil(lambda: not isalive(dock))
    strokes_of(viewer).paint((5, 5), state.both_label)  # painted while the dock is closed
    again = opened(viewer)
    assert again.overlap is known
    finish(again, qtbot)
    assert state.strokes[5, 5] == state.both_label
    strokes_of(viewer).undo()
    finish(again, qtbot)
    assert seen(again) == before
    again.separation.reset_button.click()
    assert state.by_hand == {}
    finish(again, qtbot)


def test_a_run_goes_on_while_the_dock_is_closed(window, qtbot):
    viewer, dock = window, opened(window)
    dock.n_components.setValue(3)
    dock.unmix_button.click()
    known = dock.overlap
    viewer.window.remove_dock_widget(dock)
    dock.deleteLater()
    qtbot.waitUntil(lambda: not isalive(dock))
    again = opened(viewer)
    assert again.overlap is known
    finish(again, qtbot)
    assert again.separation.grains.rowCount() == 2


def test_two_fields_do_not_mix(unmixed_dock, viewer, qtbot, film):
    dock = unmixed_dock
    other = simulate_overlapping((40, 40), system="metal", counts=300.0, seed=1, name="other")
    for layer in field_layers(other):
        viewer.add_layer(layer)
    dock.overlap.session.fields.choose(other)
    assert dock.separation.results.isHidden()
    dock.n_components.setValue(2)
    dock.decompose_button.click()
    finish(dock, qtbot)
    assert {layer.data.shape for layer in layers_of(viewer, "score")} == {(48, 48), (40, 40)}
    dock.overlap.session.fields.choose(film)
    assert not dock.separation.results.isHidden()
    assert dock.n_components.value() == 0


def test_everything_is_written_to_a_folder(unmixed_dock, viewer, qtbot, tmp_path, shown):
    dock = unmixed_dock
    dock.export.export(tmp_path / "found")
    finish(dock, qtbot)
    assert any((tmp_path / "found").glob("*.msa"))
    assert "Written to" in dock.status.text()
    assert not dock.status.isHidden()
    dock.separation.share.slider.setValue(300)
    finish(dock, qtbot)
    dock.export.export(tmp_path / "found")
    finish(dock, qtbot)
    assert len(shown("error")) == 1  # nothing is overwritten unasked
    dock.export.overwrite.setChecked(True)
    dock.export.export(tmp_path / "found")
    finish(dock, qtbot)
    assert len(shown("error")) == 1


def test_a_smoothness_that_is_taken_back_is_not_overtaken(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    before, found = state.mask_labels(), state.smoothness["automatic"]
    dock.overlap.session.set_smoothness(state, 0.0)
    dock.overlap.session.set_smoothness(state, found)
    finish(dock, qtbot)
    np.testing.assert_array_equal(state.mask_labels(), before)


def test_colours_may_change_while_phases_are_separated(unmixed_dock, viewer, qtbot):
    dock = unmixed_dock
    state = dock.overlap.session.chosen
    dock.overlap.session.edit_component(state, state.grain, name="ferropericlase")
    dock.overlap.session.edit_component(state, state.grain, colour="#ffffff")
    finish(dock, qtbot)
    assert "ferropericlase" in state.separation.grains
