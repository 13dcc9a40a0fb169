"""The dock of plots: the mouse in the plot selects on the map, and what is selected there stands out in the plot."""

from __future__ import annotations

import csv
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.path import Path as Outline
from napari.settings import get_settings
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_gdls import Recipe
from napari_gdls.plugin.docks import open_dock
from napari_gdls.plugin.layers.contents import contents_of_run
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.measurement_selection import ROLE
from napari_gdls.plugin.layers.metadata import layer_field, layer_role
from napari_gdls.plugin.layers.placing import place_layers
from napari_gdls.plugin.viewers import viewer_session
from napari_gdls.plugin.widgets.plots.dock import PlotsWidget
from napari_gdls.progress import silent

_BETWEEN = 12
"""Milliseconds between two moves of the mouse: pyqtgraph takes a hundred a second."""


class Plots:
    """A viewer with the dock of plots, and what a hand does there."""

    def __init__(self, viewer, qtbot) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.followed = viewer_session(viewer)
        self.session = self.followed.session
        self.dock: PlotsWidget | None = None

    def add(self, field, contents=None):
        """Open a field, and show what a run on it has found."""
        for layer in field_layers(field):
            self.viewer.add_layer(layer)
        self.session.choose(field)
        if contents is not None:
            place_layers(self.viewer, contents)
            self.session.finish_run(field, Recipe(), contents.result)
        return self.session.state_of(field)

    def open(self) -> PlotsWidget:
        """Open the dock, wide enough to draw in."""
        self.dock = PlotsWidget(self.viewer)
        self.frame = self.viewer.window.add_dock_widget(self.dock, area="bottom", name="plots")
        self.frame.setFloating(True)
        self.frame.resize(900, 420)
        self.frame.show()
        self.settle()
        return self.dock

    def close(self) -> None:
        """Close the dock, as its x does."""
        self.viewer.window.remove_dock_widget(self.frame)
        self.dock = None
        QApplication.processEvents()

    def settle(self) -> None:
        """Wait until all that is under way is shown."""
        QApplication.processEvents()
        self.qtbot.waitUntil(
            lambda: not ((self.dock is not None and self.dock.busy) or self.followed.busy), timeout=30_000
        )
        QApplication.processEvents()
        QTest.qWait(30)

    def choose(self, combo, text) -> None:
        """Choose a line of a combo box by the keyboard."""
        index = combo.findText(text)
        assert index >= 0, text
        combo.setCurrentIndex(index)
        combo.activated.emit(index)
        self.settle()

    def write(self, box, text) -> None:
        """Write a quantity into a box."""
        box.lineEdit().selectAll()
        QTest.keyClicks(box.lineEdit(), text)
        QTest.keyClick(box.lineEdit(), Qt.Key.Key_Return)
        self.settle()

    def pixel(self, x, y) -> QPoint:
        """Where a place of the plot is on its widget."""
        canvas = self.dock.canvas
        return canvas.mapFromScene(canvas.box.mapViewToScene(QPointF(x, y)))

    def drag(self, places, modifiers=Qt.KeyboardModifier.NoModifier) -> None:
        """Draw through places of the plot."""
        view = self.dock.canvas.viewport()
        points = [self.pixel(*place) for place in places]
        QTest.mouseMove(view, points[0])
        QTest.mousePress(view, Qt.MouseButton.LeftButton, modifiers, points[0])
        for start, end in pairwise(points):
            for part in np.linspace(0, 1, 4)[1:]:
                at = QPointF(start + (end - start) * float(part))
                QTest.qWait(_BETWEEN)
                left = Qt.MouseButton.LeftButton  # which QTest leaves out of moves
                moved = QEvent.Type.MouseMove
                event = QMouseEvent(
                    moved, at, QPointF(view.mapToGlobal(at.toPoint())), Qt.MouseButton.NoButton, left, modifiers
                )
                QApplication.sendEvent(view, event)
        QTest.mouseRelease(view, Qt.MouseButton.LeftButton, modifiers, points[-1])
        self.settle()

    def around(self, which, margin=0.01):
        """Corners around some points of the plot, and the place where the way began."""
        points = self.dock.points
        (left, right), (bottom, top) = self.dock.canvas.box.viewRange()
        dx, dy = margin * (right - left), margin * (top - bottom)
        x, y = points.x[which], points.y[which]
        low_x, high_x, low_y, high_y = x.min() - dx, x.max() + dx, y.min() - dy, y.max() + dy
        return [(low_x, low_y), (high_x, low_y), (high_x, high_y), (low_x, high_y), (low_x, low_y)]

    def selection_layer(self, field):
        return next(
            (each for each in self.viewer.layers if layer_role(each) == ROLE and layer_field(each) is field), None
        )


@pytest.fixture
def plots(viewer, qtbot):
    return Plots(viewer, qtbot)


@pytest.fixture(scope="module")
def dense_contents(dense_field):
    return contents_of_run(dense_field, Recipe(), silent)


@pytest.fixture(scope="module")
def sparse_contents(sparse_field):
    return contents_of_run(sparse_field, Recipe(), silent)


def disc_of(field):
    """Measurements of the bright disc, by what the field was made of."""
    rows, columns = field.locations.T
    return (rows - 22) ** 2 + (columns - 30) ** 2 < 15**2


@pytest.fixture
def segmented(plots, sparse_field, sparse_contents):
    """A segmented field with the dock open, BSE and counts."""
    state = plots.add(sparse_field, sparse_contents)
    plots.open()
    return plots, state


@pytest.fixture(params=["sparse", "dense"])
def segmented_either(request, plots):
    """Likewise, sparse or dense."""
    field = request.getfixturevalue(f"{request.param}_field")
    state = plots.add(field, request.getfixturevalue(f"{request.param}_contents"))
    plots.open()
    return plots, state


def test_a_lasso_selects_what_it_encloses(segmented_either):
    plots, state = segmented_either
    disc = disc_of(state.field)
    np.testing.assert_array_equal(plots.dock.points.x, state.field.bse_at_measurements)
    np.testing.assert_array_equal(plots.dock.points.y, state.field.total_counts)
    outline = plots.around(disc)
    plots.drag(outline)
    expected = Outline(outline).contains_points(np.stack([plots.dock.points.x, plots.dock.points.y], axis=1))
    assert state.selected_measurements == set(np.flatnonzero(expected).tolist())
    np.testing.assert_array_equal(expected, disc)  # matrix and disc lie far apart
    n = int(disc.sum())
    assert plots.dock.controls.selection.text() == f"{n:,} of {len(disc):,} measurements selected."
    lit = plots.selection_layer(state.field).data
    assert lit[tuple(state.field.locations[disc].T)].all()
    assert not lit[tuple(state.field.locations[~disc].T)].any()
    assert plots.dock.canvas.selected_points.n_dots == n


def test_shift_adds_and_control_removes(segmented):
    plots, state = segmented
    disc = disc_of(state.field)
    plots.drag(plots.around(disc))
    plots.drag(plots.around(~disc), Qt.KeyboardModifier.ShiftModifier)
    assert len(state.selected_measurements) == len(disc)
    plots.drag(plots.around(disc), Qt.KeyboardModifier.ControlModifier)
    assert state.selected_measurements == set(np.flatnonzero(~disc).tolist())
    plots.drag(plots.around(~disc), Qt.KeyboardModifier.AltModifier)
    assert state.selected_measurements == set()
    assert not plots.selection_layer(state.field).data.any()
    assert plots.dock.controls.selection.text().startswith("Nothing is selected")


def test_other_tools_and_clicks(segmented):
    plots, state = segmented
    disc = disc_of(state.field)
    QTest.mouseClick(plots.dock.controls.tool_buttons["rectangle"], Qt.MouseButton.LeftButton)
    corners = plots.around(disc)
    plots.drag([corners[0], corners[2]])
    assert state.selected_measurements == set(np.flatnonzero(disc).tolist())
    QTest.keyClick(plots.dock.canvas, Qt.Key.Key_Escape)
    assert state.selected_measurements == set()

    QTest.mouseClick(plots.dock.controls.tool_buttons["move"], Qt.MouseButton.LeftButton)
    before = plots.dock.canvas.box.viewRange()
    corners = plots.around(disc_of(state.field))
    plots.drag([corners[0], corners[2]])
    assert state.selected_measurements == set()
    assert plots.dock.canvas.box.viewRange() != before
    QTest.mouseClick(plots.dock.controls.all, Qt.MouseButton.LeftButton)
    np.testing.assert_allclose(plots.dock.canvas.box.viewRange(), before)

    points = plots.dock.points
    brightest = int(points.x.argmax())
    view = plots.dock.canvas.viewport()
    at = plots.pixel(points.x[brightest], points.y[brightest])
    QTest.mouseClick(view, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    plots.settle()
    (picked,) = state.selected_measurements
    assert plots.pixel(points.x[picked], points.y[picked]) == at


def test_a_selection_on_the_map_stands_out(segmented):
    plots, state = segmented
    found = state.shown.segmentation
    label = int(found.labels[22, 30])
    plots.session.select(state, segments=(label,), phases=(), measurements=())
    members = found.measurement_labels == label - 1
    crowd = plots.dock.canvas.selected_points
    drawn = np.sort(np.concatenate([each.getData()[0] for each in crowd._dots]))
    np.testing.assert_allclose(drawn, np.sort(state.field.bse_at_measurements[members]))
    plots.session.select(state, segments=(), phases=(1 - int(found.phases[label - 1]),))
    assert crowd.n_dots == np.count_nonzero(found.grouped.labels == 1 - found.phases[label - 1])
    plots.session.select(state, phases=())
    assert crowd.n_dots == 0


def test_the_selection_becomes_a_phase(segmented_either):
    plots, state = segmented_either
    before = state.shown.segmentation
    dark = np.flatnonzero(~disc_of(state.field))
    left = dark[state.field.locations[dark, 1] < 12]
    plots.session.select(state, segments=(), phases=(), measurements=left.tolist())
    QTest.mouseClick(plots.dock.controls.new_phase, Qt.MouseButton.LeftButton)
    plots.settle()
    after = state.shown.segmentation
    assert after.n_phases == before.n_phases + 1
    phases = after.grouped.labels
    (new,) = set(phases[left].tolist())
    np.testing.assert_array_equal(np.flatnonzero(phases == new), left)
    assert after.modal.percent[new] == pytest.approx(100 * len(left) / len(phases), abs=1)
    np.testing.assert_array_equal(plots.dock.points.phase, phases)
    plots.session.undo(state)
    plots.settle()
    assert state.shown.segmentation.n_phases == before.n_phases


def test_the_selection_gets_another_phase(segmented):
    plots, state = segmented
    before = state.shown.segmentation
    disc = disc_of(state.field)
    phase = int(before.grouped.labels[np.flatnonzero(disc)[0]])
    corner = np.flatnonzero((state.field.locations < 9).all(axis=1))
    plots.session.select(state, segments=(), phases=(), measurements=corner.tolist())
    menu = plots.dock.controls.assign_menu
    menu.aboutToShow.emit()
    assert [action.text().split(":")[0] for action in menu.actions()] == ["1", "2"]
    menu.actions()[phase].trigger()
    plots.settle()
    labels = state.shown.segmentation.grouped.labels
    np.testing.assert_array_equal(
        labels == labels[np.flatnonzero(disc)[0]], disc | np.isin(np.arange(len(disc)), corner)
    )


def test_segments_are_points_too(segmented):
    plots, state = segmented
    found = state.shown.segmentation
    plots.choose(plots.dock.controls.subject, "of segments")
    points = plots.dock.points
    assert len(points.x) == found.n_segments
    for segment in range(found.n_segments):
        members = found.measurement_labels == segment
        assert points.x[segment] == pytest.approx(state.field.bse_at_measurements[members].mean())
    bright = int(points.x.argmax())
    plots.drag(plots.around(np.arange(len(points.x)) == bright))
    assert state.selected_segments == {bright + 1}
    assert state.selected_phases == {int(found.phases[bright])}
    members = np.flatnonzero(found.measurement_labels == bright)
    assert state.selected_measurements == set(members.tolist())


def test_hidden_phases_are_not_plotted(segmented):
    plots, state = segmented
    labels = state.shown.segmentation.grouped.labels
    plots.session.hide_phases(state, [0])
    assert plots.dock.canvas.all_points.n_dots == np.count_nonzero(labels != 0)
    plots.drag(plots.around(np.ones(len(labels), dtype=bool), 0.015))
    assert state.selected_measurements == set(np.flatnonzero(labels != 0).tolist())


def test_the_choice_stays_with_the_field(plots, dense_field, sparse_field, sparse_contents):
    first = plots.add(sparse_field, sparse_contents)
    dock = plots.open()
    plots.choose(dock.controls.axes[1], "PC1")
    second = plots.add(dense_field)
    plots.settle()
    assert dock.controls.axes[1].currentText() == "counts"
    assert len(dock.points.x) == dense_field.n_measurements
    plots.write(dock.controls.axes[0], "PC1")
    assert "press Segment first" in dock.controls.message.text()
    assert dock.points is None
    plots.session.choose(sparse_field)
    plots.settle()
    assert dock.controls.axes[1].currentText() == "PC1"
    plots.close()
    dock = plots.open()
    assert first.plot.axes == ("BSE", "PC1")
    assert second.plot.axes == ("PC1", "counts")
    assert dock.controls.axes[1].currentText() == "PC1"
    assert dock.points.titles[1] == "principal component 1 of the embedding"
    components = dock.points.y
    disc = disc_of(sparse_field)
    assert min(components[disc].max(), components[~disc].max()) < max(components[disc].min(), components[~disc].min())


def test_without_a_field_and_without_a_result(plots, dense_field):
    dock = plots.open()
    assert "No field is open" in dock.controls.message.text()
    assert not dock.controls.save.isEnabled()
    state = plots.add(dense_field)
    plots.settle()
    assert len(dock.points.x) == dense_field.n_measurements
    assert dock.controls.message.text() == ""
    plots.drag(plots.around(disc_of(dense_field)))
    assert len(state.selected_measurements) == disc_of(dense_field).sum()
    assert not dock.controls.new_phase.isEnabled()  # there are no phases yet
    plots.choose(dock.controls.subject, "of segments")
    assert "press Segment" in dock.controls.message.text()
    plots.viewer.layers.clear()
    plots.settle()
    assert dock.points is None


def test_what_cannot_be_read_is_said_and_logarithms_are_drawn(segmented):
    plots, state = segmented
    controls = plots.dock.controls
    for text, said in (
        ("Xx", "Xx is no element"),
        ("Fe/", "missing"),
        ("wt(Fe)", "plot segments"),
        ("Fe", "beam energy"),
        ("PC9", "no PC9"),
    ):
        plots.write(controls.axes[0], text)
        assert said in controls.message.text()
    plots.write(controls.axes[0], "BSE")
    assert controls.message.text() == ""

    tick = plots.dock.controls.logarithmic[0]
    QTest.mouseClick(tick, Qt.MouseButton.LeftButton, pos=QPoint(8, tick.height() // 2))
    plots.settle()
    np.testing.assert_allclose(plots.dock.points.x, np.log10(state.field.bse_at_measurements.astype(float)))
    plots.drag(plots.around(disc_of(state.field)))
    assert state.selected_measurements == set(np.flatnonzero(disc_of(state.field)).tolist())


def test_points_and_pictures_are_saved(segmented, tmp_path):
    plots, state = segmented
    plots.dock.save_table(str(tmp_path / "points.csv"))
    with (tmp_path / "points.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == state.field.n_measurements
    found = state.shown.segmentation
    for k in (0, len(rows) - 1):
        assert [int(rows[k]["row [px]"]), int(rows[k]["column [px]"])] == state.field.locations[k].tolist()
        assert int(rows[k]["segment"]) == found.measurement_labels[k] + 1
        assert int(rows[k]["phase"]) == found.grouped.labels[k] + 1
        assert float(rows[k]["BSE [grey values]"]) == state.field.bse_at_measurements[k]
    for name in ("plot.png", "plot.svg"):
        plots.dock.save_picture(str(tmp_path / name))
        assert (tmp_path / name).stat().st_size > 2000
    assert "X-ray counts" in (tmp_path / "plot.svg").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_points_without_phases_are_seen_in_both_themes(plots, dense_field, theme):
    plots.add(dense_field)
    dock = plots.open()
    get_settings().appearance.theme = theme
    plots.settle()
    ground = dock.canvas.backgroundBrush().color().lightnessF()
    image = dock.canvas.grab().toImage()
    at = plots.pixel(float(np.median(dock.points.x)), float(np.median(dock.points.y)))
    dot = min(range(dense_field.n_measurements), key=lambda k: abs(dock.points.x[k] - np.median(dock.points.x)))
    at = plots.pixel(dock.points.x[dot], dock.points.y[dot])
    assert abs(image.pixelColor(at).lightnessF() - ground) > 0.3


def test_docks_at_the_bottom_are_tabs(plots, dense_field):
    plots.add(dense_field)
    spectrum, opened = (open_dock(plots.viewer, key) for key in ("spectrum", "plots"))
    frames = [widget.parentWidget() for widget in (spectrum, opened)]
    main = frames[0].parentWidget()
    assert {main.dockWidgetArea(frame) for frame in frames} == {Qt.DockWidgetArea.BottomDockWidgetArea}
    assert frames[0] in main.tabifiedDockWidgets(frames[1])
    assert open_dock(plots.viewer, "plots") is opened
