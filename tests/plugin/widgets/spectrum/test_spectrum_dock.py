"""The dock of spectra: what is clicked, pinned and compared."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_gdls.plugin.spectrum_sums import GroupSums

DISC, MATRIX = (22, 30), (4, 4)
"""Pixels inside of the two minerals."""


def _drawn(dock) -> np.ndarray:
    """Counts of the first curve, as they are drawn."""
    return dock.view.spectra.listDataItems()[0].yData


def _press(button) -> None:
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


@pytest.fixture
def opened(request, bench):
    """A segmented field with the dock open."""
    kind = getattr(request, "param", "sparse")
    field = request.getfixturevalue(f"{kind}_field")
    state = bench.add(field, request.getfixturevalue(f"{kind}_contents"))
    return bench.open(), state


def test_a_click_shows_the_sum_of_the_segment(bench, opened):
    dock, state = opened
    bench.click(*DISC)
    segmentation = state.shown.segmentation
    label = segmentation.labels[DISC]
    assert state.selected_segments == {label}
    assert state.selected_phases == {segmentation.phases[label - 1]}
    chosen = np.where(segmentation.measurement_labels == label - 1, 0, -1)
    np.testing.assert_array_equal(_drawn(dock), state.field.summed_spectra(chosen, 1)[0])
    assert f"{int(_drawn(dock)[3:].sum()):,} counts" in dock.controls.message.text()
    assert f"{np.count_nonzero(chosen == 0):,} measurements" in dock.controls.message.text()


@pytest.mark.parametrize("opened", ["sparse", "dense"], indirect=True)
def test_sources_show_phase_measurement_and_all(bench, opened):
    dock, state = opened
    bench.click(*MATRIX)
    segmentation, field = state.shown.segmentation, state.field
    (phase,) = state.selected_phases
    _press(dock.controls.source_buttons["phase"])
    bench.settle()
    members = np.where(segmentation.grouped.labels == phase, 0, -1)
    np.testing.assert_array_equal(_drawn(dock), field.summed_spectra(members, 1)[0])
    _press(dock.controls.source_buttons["measurement"])
    bench.settle()
    (measurement,) = state.selected_measurements
    distance = np.hypot(*(field.locations - MATRIX).T)
    assert distance[measurement] == distance.min()
    np.testing.assert_array_equal(_drawn(dock), np.asarray(field.spectra[[measurement]].sum(axis=0)).ravel())
    _press(dock.controls.source_buttons["all"])
    bench.settle()
    np.testing.assert_array_equal(_drawn(dock), field.total_spectrum)


def test_shift_click_adds_segments(bench, opened):
    dock, state = opened
    bench.click(*DISC)
    bench.click(*MATRIX, modifiers=Qt.KeyboardModifier.ShiftModifier)
    labels = state.shown.segmentation.labels
    assert state.selected_segments == {labels[DISC], labels[MATRIX]}
    group = np.isin(state.shown.segmentation.measurement_labels, [labels[DISC] - 1, labels[MATRIX] - 1])
    np.testing.assert_array_equal(_drawn(dock), state.field.summed_spectra(np.where(group, 0, -1), 1)[0])


def test_pins_outlive_the_dock_and_make_differences(bench, opened):
    dock, state = opened
    bench.click(*DISC)
    first = _drawn(dock).copy()
    _press(dock.controls.pin)
    assert len(dock.view.spectra.curves) == 2
    bench.close()
    dock = bench.open()
    assert [curve.counts.tolist() for curve in dock.view.spectra.curves][-1] == first.tolist()
    bench.click(*MATRIX)
    second = dock.spectra[0].counts
    dock.controls.difference.setCurrentIndex(1)
    above = slice(3, None)  # channels of 20 eV: those below 50 eV are noise
    expected = 100 * second / second[above].sum() - 100 * first / first[above].sum()
    np.testing.assert_allclose(_drawn(dock), expected)
    curve = dock.view.spectra.curves[0]
    assert (curve.low <= curve.counts).all()
    assert (curve.high >= curve.counts).all()
    _press(dock.controls.clear)
    assert state.pinned == ()
    assert len(dock.view.spectra.curves) == 1
    np.testing.assert_array_equal(_drawn(dock), second)


def test_without_a_field_and_without_segments(bench, sparse_field):
    dock = bench.open()
    assert dock.controls.message.text() == "No field is open."
    state = bench.add(sparse_field)
    bench.settle()
    assert "press Segment" in dock.controls.message.text()
    bench.click(*DISC)
    _press(dock.controls.source_buttons["measurement"])
    bench.settle()
    (measurement,) = state.selected_measurements
    np.testing.assert_array_equal(_drawn(dock), np.asarray(sparse_field.spectra[[measurement]].sum(axis=0)).ravel())
    _press(dock.controls.source_buttons["all"])
    bench.settle()
    np.testing.assert_array_equal(_drawn(dock), sparse_field.total_spectrum)


def test_sums_are_those_of_the_field_also_when_taken_over(dense_field):
    labels = np.zeros(dense_field.n_measurements, dtype=np.int64)
    labels[:100], labels[100:130] = 1, 2
    first = GroupSums(dense_field, labels, 3)
    expected = dense_field.summed_spectra(labels, 3)
    for k in range(3):
        np.testing.assert_array_equal(first.sum_of([k]), expected[k])
    np.testing.assert_array_equal(first.sum_of([0, 2]), expected[[0, 2]].sum(axis=0))
    changed = labels.copy()
    changed[100:130] = 0
    second = GroupSums(dense_field, np.where(changed == 1, 0, 1), 2, first)
    np.testing.assert_array_equal(second.sum_of([1]), expected[0] + expected[2])
    same = GroupSums(dense_field, np.where(labels == 0, 2, labels - 1), 3, first)
    np.testing.assert_array_equal(same.sum_of([2]), expected[0])
    assert same.at_once([0, 1, 2])
