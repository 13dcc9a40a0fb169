"""The dock of phases and segments: sorting, searching, hiding, colours by hand, and one selection with the map."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from qtpy.QtCore import QItemSelectionModel, QPoint, Qt
from qtpy.QtTest import QTest

from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.segment_list import SegmentModel


@pytest.fixture
def viewer_with_result(viewer, zoned_field, qtbot):
    for layer in field_layers(zoned_field):
        viewer.add_layer(layer)
    dock = open_dock(viewer, "segment")
    dock.run_button.click()
    qtbot.waitUntil(lambda: not dock.running and not viewer_session(viewer).busy, timeout=60_000)
    return viewer


@pytest.fixture
def dock(viewer_with_result):
    return open_dock(viewer_with_result, "phases")


def settled(viewer, qtbot):
    qtbot.waitUntil(lambda: not viewer_session(viewer).busy, timeout=20_000)


def texts(table, column):
    return [table.item(row, column).text() for row in range(table.rowCount())]


def colours_in_map(viewer, phase):
    segments = next(layer for layer in viewer.layers if layer_role(layer) == "segments")
    inside = viewer_session(viewer).session.chosen.shown.segmentation.phase_map() == phase + 1
    return segments.get_color(int(segments.data[inside][0]))


def test_phases_are_sorted_by_a_click_on_a_title(dock, qtbot):
    table = dock.panel.phases
    header = table.horizontalHeader()

    def click(column):
        where = header.sectionViewportPosition(column) + 4
        QTest.mouseClick(
            header.viewport(),
            Qt.MouseButton.LeftButton,
            pos=QPoint(where, header.height() // 2),
        )

    areas = [float(text.split(" ± ")[0]) for text in texts(table, 4)]
    click(4)
    assert [float(text.split(" ± ")[0]) for text in texts(table, 4)] == sorted(areas)
    click(4)
    assert [float(text.split(" ± ")[0]) for text in texts(table, 4)] == sorted(areas, reverse=True)
    table.selectRow(0)
    assert dock.session.chosen.selected_phases == {int(table.item(0, 1).text()) - 1}
    click(4)
    assert texts(table, 1) == ["1", "2", "3"]


def test_the_search_leaves_what_it_finds(dock, qtbot):
    dock.session.rename_phase(dock.session.chosen, 1, "my glass")
    settled(dock._viewer, qtbot)
    qtbot.keyClicks(dock.panel.search, "GLASS")
    assert [row for row in range(3) if not dock.panel.phases.isRowHidden(row)] == [1]
    dock.panel.search.clear()
    assert not any(dock.panel.phases.isRowHidden(row) for row in range(3))


def test_an_eye_hides_a_phase_on_the_map(dock, viewer_with_result, qtbot):
    panel = dock.panel
    panel.phases.item(1, 0).setCheckState(Qt.CheckState.Unchecked)
    settled(viewer_with_result, qtbot)
    assert dock.session.chosen.hidden_phases == {1}
    panel.phases.selectRow(2)
    QTest.mouseClick(panel.only_button, Qt.MouseButton.LeftButton)
    assert dock.session.chosen.hidden_phases == {0, 1}
    assert [panel.phases.item(row, 0).checkState() == Qt.CheckState.Checked for row in range(3)] == [False, False, True]
    QTest.mouseClick(panel.all_button, Qt.MouseButton.LeftButton)
    assert dock.session.chosen.hidden_phases == frozenset()


def test_a_colour_by_hand_is_that_of_the_map_and_outlasts_a_run(dock, viewer_with_result, qtbot):
    own = (1.0, 0.0, 1.0)
    before = dock.session.chosen.shown.phase_colours[0].copy()
    dock.panel.colour(1, own)
    settled(viewer_with_result, qtbot)
    qtbot.waitUntil(lambda: np.allclose(dock.session.chosen.shown.phase_colours[1], own), timeout=10_000)
    np.testing.assert_array_equal(dock.session.chosen.shown.phase_colours[0], before)
    np.testing.assert_allclose(dock.panel.phases.item(1, 0).background().color().getRgbF()[:3], own, atol=0.01)
    shown = np.asarray(colours_in_map(viewer_with_result, 1))[:3]
    assert shown[1] < shown[0]  # lighter or darker from grain to grain, but magenta
    assert shown[1] < shown[2]
    segment = open_dock(viewer_with_result, "segment")
    segment.run_button.click()
    qtbot.waitUntil(lambda: not segment.running, timeout=60_000)
    settled(viewer_with_result, qtbot)
    qtbot.waitUntil(lambda: np.allclose(dock.session.chosen.shown.phase_colours[1], own), timeout=10_000)
    dock.panel.colour(1, None)
    settled(viewer_with_result, qtbot)
    qtbot.waitUntil(lambda: not np.allclose(dock.session.chosen.shown.phase_colours[1], own), timeout=10_000)


def test_the_list_of_segments_and_the_map_select_each_other(dock, viewer_with_result, qtbot):
    dock.tabs.setCurrentIndex(1)
    segments, state = dock.segments, dock.session.chosen
    qtbot.waitUntil(segments.isVisible) if dock.isVisible() else segments._list()
    assert segments.model.rowCount() == state.shown.segmentation.n_segments
    model = segments.model
    segments.view.selectionModel().select(
        model.index(1, 0), QItemSelectionModel.SelectionFlag.ClearAndSelect | QItemSelectionModel.SelectionFlag.Rows
    )
    label = int(model.labels[1])
    assert state.selected_segments == {label}
    assert state.selected_phases == {int(state.shown.segmentation.phases[label - 1])}
    dock.session.select(state, segments={int(model.labels[0])})
    segments._show_selection()
    rows = {index.row() for index in segments.view.selectionModel().selectedRows()}
    assert rows == {0}


def test_the_table_of_segments_is_saved_as_it_is_seen(dock, tmp_path):
    dock.segments._list()
    column = list(dock.segments.model.table).index("area [px]")
    dock.segments.model.sort(column, Qt.SortOrder.DescendingOrder)
    dock.segments.save(str(tmp_path / "segments.csv"))
    with (tmp_path / "segments.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    areas = [int(row["area [px]"]) for row in rows]
    assert areas == sorted(areas, reverse=True)
    assert sum(areas) == int((dock.session.chosen.shown.segmentation.labels > 0).sum())


@pytest.mark.parametrize("down", [False, True])
def test_thousands_of_segments_are_sorted_stably(down):
    rng = np.random.default_rng(3)
    table = {
        "label": np.arange(1, 20_001),
        "phase": rng.integers(1, 9, 20_000),
        "mean BSE": rng.normal(1e4, 2e3, 20_000),
    }
    model = SegmentModel()
    model.set_table(table, np.zeros((8, 3)))
    model.sort(1, Qt.SortOrder.DescendingOrder if down else Qt.SortOrder.AscendingOrder)
    order = sorted(range(20_000), key=lambda k: (-table["phase"][k] if down else table["phase"][k], k))
    np.testing.assert_array_equal(model.labels, table["label"][order])
    model.keep(table["phase"] == 3)
    assert model.rowCount() == int((table["phase"] == 3).sum())
    assert model.data(model.index(0, 1)) == "3"
