"""The dock of batches: what is shown of a batch, opening what is finished, and batches that outlive the window."""

from __future__ import annotations

import os
import time

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QMimeData, QPoint, Qt, QUrl
from qtpy.QtGui import QDropEvent
from qtpy.QtTest import QTest

import napari_gdls as gdls
from napari_gdls.batch.finishing import finish
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import JournalWriter, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan, write_plan
from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.task_keys import InputFiles
from napari_gdls.batch.tasks import FieldReport, attempt, task_of
from napari_gdls.plugin import batch_process
from napari_gdls.plugin.widgets.batch.dock import BatchWidget
from napari_gdls.progress import silent

SIDE = 32


@pytest.fixture(autouse=True)
def recent_elsewhere(monkeypatch, tmp_path):
    monkeypatch.setattr(batch_process, "_list_of_recent", lambda: tmp_path / "state" / "recent.json")


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fields")
    whole = gdls.simulate_field((SIDE, 3 * SIDE), seed=3, counts=1000, spacing=2.0)
    inputs = []
    for k in range(3):
        left = k * SIDE
        inside = (whole.locations[:, 1] >= left) & (whole.locations[:, 1] < left + SIDE)
        tile = gdls.Field(
            whole.bse[:, left : left + SIDE],
            whole.spectra[inside],
            whole.locations[inside] - [0, left],
            whole.energy,
            sampling_distance=whole.sampling_distance,
            pixel_size=whole.pixel_size,
            beam_energy=whole.beam_energy,
        )
        gdls.write_field(folder / f"f{k}.gdls.zarr.zip", tile)
        position = (SIDE / 2 * whole.pixel_size, (left + SIDE / 2) * whole.pixel_size)
        inputs.append(FieldInput(f"f{k}", folder / f"f{k}.gdls.zarr.zip", position))
    return tuple(inputs)


@pytest.fixture(scope="module")
def finished(fields, tmp_path_factory):
    """A batch of two finished fields and one that is set aside, with its section."""
    layout = Layout(tmp_path_factory.mktemp("batch") / "out")
    layout.folder.mkdir()
    plan = BatchPlan(fields, section=SectionChoices(names=False, report=False))
    write_plan(layout, plan)
    for each in fields[:2]:
        answer = attempt(task_of(plan, each, layout, read_journal(layout), InputFiles()))
        assert isinstance(answer, FieldReport)
    JournalWriter(layout).write("set aside", "f2", error="it is too heavy to carry")
    finish(layout, plan, {"f2"}, progress=silent)
    return layout


@pytest.fixture
def dock(viewer, qtbot):
    widget = BatchWidget(viewer)
    qtbot.addWidget(widget)
    return widget


def watched(dock, qtbot, folder):
    dock.watch(folder)
    qtbot.waitUntil(lambda: dock.look is not None, timeout=20_000)


def test_the_states_of_a_batch_are_shown(dock, qtbot, finished):
    watched(dock, qtbot, finished.folder)
    shown = [[dock.table.index(row, column).data() for column in range(6)] for row in range(3)]
    assert [row[1] for row in shown] == ["done", "done", "set aside"]
    assert shown[2][5] == "it is too heavy to carry"
    assert "2 of 3 fields done, 1 set aside" in dock.message.text()
    assert dock.bar.value() == 3
    assert dock.resume_button.isEnabled()
    assert not dock.stop_button.isEnabled()
    assert not dock.report_button.isEnabled()
    assert not dock.timer.isActive()  # nobody works on it


def test_a_batch_is_found_again_in_the_list(viewer, dock, qtbot, finished):
    watched(dock, qtbot, finished.folder)
    later = BatchWidget(viewer)
    qtbot.addWidget(later)
    later.recent.setCurrentIndex(1)
    later.recent.activated.emit(1)
    qtbot.waitUntil(lambda: later.look is not None, timeout=20_000)
    assert later.look.layout.folder == finished.folder


def test_a_double_click_opens_a_field_with_the_phases_of_the_section(viewer, dock, qtbot, finished):
    watched(dock, qtbot, finished.folder)
    dock.show()
    row = dock.view.visualRect(dock.table.index(1, 0)).center()
    QTest.mouseClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=row)
    QTest.mouseDClick(dock.view.viewport(), Qt.MouseButton.LeftButton, pos=row)
    qtbot.waitUntil(lambda: any(layer.name == "f1: phases" for layer in viewer.layers), timeout=20_000)
    shown = viewer.layers["f1: phases"]
    from napari_gdls.batch.field_results import read_field_result
    from napari_gdls.batch.section_phases import read_section_phases

    state = dock.look.fields[1]
    result = read_field_result(finished.field("f1", state.key))
    of_parts = read_section_phases(finished.phases).of_parts["f1"]
    expected = np.concatenate([[0], of_parts[result.part_of_segment] + 1])[result.labels]
    np.testing.assert_array_equal(shown.data, expected)
    assert any("BSE" in layer.name for layer in viewer.layers)


def test_the_mosaic_opens_with_its_phases(viewer, dock, qtbot, finished):
    watched(dock, qtbot, finished.folder)
    assert dock.mosaic_button.isEnabled()
    QTest.mouseClick(dock.mosaic_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: len(viewer.layers) == 4, timeout=20_000)
    phases = viewer.layers[-1]
    assert isinstance(phases, Labels)
    assert phases.data.shape == (SIDE, 2 * SIDE)
    assert not phases.editable


def test_what_is_no_batch_is_said(dock, qtbot, tmp_path):
    dock.watch(tmp_path)
    qtbot.waitUntil(lambda: "no folder of a batch" in dock.message.text(), timeout=20_000)
    assert not dock.timer.isActive()


def test_files_are_dropped_and_taken_out(dock, fields):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(each.path)) for each in fields])
    event = QDropEvent(
        QPoint(5, 5), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    dock.inputs.dropEvent(event)
    assert dock.inputs.paths() == tuple(str(each.path) for each in fields)
    assert not dock.start_button.isEnabled()  # there is no folder for the results
    dock.output.setText("/somewhere")
    assert dock.start_button.isEnabled()
    dock.inputs.list.selectAll()
    QTest.mouseClick(dock.inputs.remove_button, Qt.MouseButton.LeftButton)
    assert dock.inputs.paths() == ()
    assert not dock.start_button.isEnabled()


def test_fields_that_cannot_be_read_are_named_before_anything_starts(dock, qtbot, fields, tmp_path):
    (tmp_path / "cut.gdls.zarr.zip").write_bytes(fields[0].path.read_bytes()[:1000])
    dock.inputs.add(str(fields[0].path), str(tmp_path / "cut.gdls.zarr.zip"))
    dock.output.setText(str(tmp_path / "out"))
    QTest.mouseClick(dock.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "cut" in dock.message.text(), timeout=20_000)
    assert "--" not in dock.message.text()  # words of the command line
    assert not (tmp_path / "out").exists()
    assert dock.start_button.isEnabled()


@pytest.mark.slow
def test_a_batch_outlives_the_window_is_stopped_and_goes_on(viewer, qtbot, fields, tmp_path):
    notification_manager.records.clear()
    out = tmp_path / "out"
    first = BatchWidget(viewer)
    first.inputs.add(*(str(each.path) for each in fields))
    first.output.setText(str(out))
    first.workers.setValue(1)
    QTest.mouseClick(first.start_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: first.look is not None and bool(first.look.drivers), timeout=120_000)
    first.close()
    first.deleteLater()
    again = BatchWidget(viewer)
    qtbot.addWidget(again)
    assert again.recent.itemText(1) == "out"
    again.watch(out)
    qtbot.waitUntil(lambda: again.look is not None and again.stop_button.isEnabled(), timeout=60_000)
    QTest.mouseClick(again.stop_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not again.look.drivers, timeout=60_000)
    QTest.mouseClick(again.resume_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: again.look is not None and again.look.count("done") == 3, timeout=180_000)
    qtbot.waitUntil(lambda: not again.look.drivers and again._starting == 0, timeout=180_000)
    assert (out / "section" / "phases.csv").is_file()
    assert not [record for record in notification_manager.records if record.severity == "error"]


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_the_process_is_apart_from_the_window(fields, tmp_path, monkeypatch):
    """It has a session of its own: a signal to the group of the window does not reach it."""
    request = batch_process.BatchRequest((str(fields[0].path),), tmp_path / "out", gdls.Recipe(), 1)
    monkeypatch.setattr(batch_process.sys, "executable", "/bin/sh")
    started = []
    real = batch_process.subprocess.Popen

    def popen(command, **how):
        process = real(["/bin/sh", "-c", "sleep 5"], **how)
        started.append((process, command))
        return process

    monkeypatch.setattr(batch_process.subprocess, "Popen", popen)
    batch_process.start_batch(request)
    process, command = started[0]
    time.sleep(0.05)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)
    process.kill()
    process.wait()
    assert command[1:5] == ["-m", "napari_gdls", "batch", "run"]
    assert batch_process.recent_batches() == [tmp_path / "out"]
