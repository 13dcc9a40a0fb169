"""Regions and windows: drawn and painted regions of the map, maps of energy windows, the mouse over the map."""

from __future__ import annotations

import numpy as np
import pytest
from mouse_on_map import MouseOnMap
from qtpy.QtCore import QEvent, QPointF, Qt
from qtpy.QtGui import QMouseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

DISC, MATRIX = (22, 30), (4, 4)
"""Pixels inside of the two minerals."""


@pytest.fixture
def opened(request, bench):
    """A segmented field with the dock open."""
    kind = getattr(request, "param", "sparse")
    field = request.getfixturevalue(f"{kind}_field")
    state = bench.add(field, request.getfixturevalue(f"{kind}_contents"))
    return bench.open(), state


def _drawn(dock):
    return dock.view.spectra.listDataItems()[0].yData


def _sum_where(field, inside):
    return field.summed_spectra(np.where(inside, 0, -1), 1)[0]


def _hover(mouse, layer, place) -> None:
    """Move the mouse without a button; QTest would move the cursor of the screen, which hidden windows do not see."""
    point = QPointF(mouse.point(layer, *place))
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        point,
        QPointF(mouse.canvas.mapToGlobal(point.toPoint())),
        Qt.MouseButton.NoButton,
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
    )
    QApplication.sendEvent(mouse.canvas, move)
    QTest.qWait(20)  # napari takes a move every 5 ms


def test_a_drawn_region_is_summed_and_can_be_changed(bench, opened):
    dock, state = opened
    QTest.mouseClick(dock.controls.draw_region, Qt.MouseButton.LeftButton)
    layer = bench.viewer.layers.selection.active
    assert layer.mode == "add_polygon"
    layer.add_rectangles([[(9.6, 9.6), (9.6, 30.4), (20.4, 30.4), (20.4, 9.6)]])
    QTest.qWait(150)
    bench.settle()
    field = state.field
    inside = ((field.locations >= (10, 10)) & (field.locations <= (20, 30))).all(axis=1)
    assert state.selected_measurements == set(np.flatnonzero(inside).tolist())
    np.testing.assert_array_equal(_drawn(dock), _sum_where(field, inside))
    layer.data = []
    QTest.qWait(150)
    bench.settle()
    assert state.selected_measurements == frozenset()
    assert "Draw a region" in dock.controls.message.text()


def test_a_painted_layer_of_the_user_is_a_region(bench, opened):
    dock, state = opened
    painted = np.zeros(state.field.shape, dtype=np.uint8)
    painted[:12, :16] = 3
    scale = bench.viewer.layers[0].scale
    layer = bench.viewer.add_labels(painted, scale=scale, name="mine")
    layer.selected_label = 3
    bench.viewer.layers.selection.active = layer
    QTest.mouseClick(dock.controls.draw_region, Qt.MouseButton.LeftButton)
    bench.settle()
    inside = (state.field.locations < (12, 16)).all(axis=1)
    np.testing.assert_array_equal(_drawn(dock), _sum_where(state.field, inside))


@pytest.mark.parametrize("opened", ["sparse", "dense"], indirect=True)
def test_a_window_becomes_a_map(bench, opened):
    dock, state = opened
    dock.controls.window_tick.setChecked(True)
    dock.view.set_window(6200.0, 6600.0)
    assert dock.controls.make_map.text() == "Map of 6.20-6.60 keV"
    QTest.mouseClick(dock.controls.make_map, Qt.MouseButton.LeftButton)
    bench.settle()
    layer = next(layer for layer in bench.viewer.layers if "6.20-6.60 keV" in layer.name)
    field = state.field
    at_measurements = layer.data[tuple(field.locations.T)]
    np.testing.assert_array_equal(at_measurements, field.window_counts(6200.0, 6600.0))
    assert layer.data[DISC] > 10 * layer.data[MATRIX]
    assert np.isfinite(layer.data[field.valid]).all()
    np.testing.assert_array_equal(layer.scale, bench.viewer.layers[0].scale)


def test_the_spectrum_follows_the_mouse(bench, opened):
    dock, state = opened
    bench.click(*MATRIX)
    selected = state.selected_segments
    dock.controls.follow.setChecked(True)
    layer = bench.followed.keys.tools.segments_layer()
    mouse = MouseOnMap(bench.viewer)
    for place in (MATRIX, DISC):
        _hover(mouse, layer, place)
        bench.settle()
        segmentation = state.shown.segmentation
        label = segmentation.labels[place]
        np.testing.assert_array_equal(
            _drawn(dock), _sum_where(state.field, segmentation.measurement_labels == label - 1)
        )
    assert state.selected_segments == selected
    dock.controls.follow.setChecked(False)
    bench.settle()
    np.testing.assert_array_equal(
        _drawn(dock),
        _sum_where(state.field, state.shown.segmentation.measurement_labels == segmentation.labels[MATRIX] - 1),
    )
