"""The journal of a batch: lines of several writers, torn ones, damaged ones, and what they add up to."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.batch import driver_lock
from napari_gdls.batch.driver_lock import driver_of, drivers_of, driving
from napari_gdls.batch.journal import JournalWriter, read_journal, stamp_of
from napari_gdls.batch.layout import Layout
from napari_gdls.errors import GdlsError, OutputError

DONE = {"key": "k", "seconds": 2.0, "peak": 7, "size": 5, "sha256": "s"}


@pytest.fixture
def layout(tmp_path):
    return Layout(tmp_path)


def test_a_field_goes_from_state_to_state(layout):
    worker, driver = JournalWriter(layout), JournalWriter(layout)
    assert read_journal(layout).of("a").state == "waiting"
    worker.write("started", "a", key="k")
    assert read_journal(layout).of("a").state == "running"
    driver.write("failed", "a", key="k", error="no such file")
    state = read_journal(layout).of("a")
    assert (state.state, state.tries, state.error) == ("failed", 1, "no such file")
    worker.write("started", "a", key="k")
    worker.write("done", "a", version="1", **DONE)
    state = read_journal(layout).of("a")
    assert (state.state, state.tries, state.error, state.seconds, state.peak) == ("done", 1, "", 2.0, 7)


def test_another_key_begins_anew(layout):
    writer = JournalWriter(layout)
    for _ in range(2):
        writer.write("failed", "a", key="old", error="x")
    writer.write("started", "a", key="new")
    state = read_journal(layout).of("a")
    assert (state.state, state.tries, state.key) == ("running", 0, "new")


def test_what_was_skipped_keeps_what_it_took(layout):
    writer = JournalWriter(layout)
    writer.write("done", "a", version="1", **DONE)
    writer.write("done", "a", version="1", **{**DONE, "seconds": 0.01, "peak": 1, "skipped": True})
    assert read_journal(layout).of("a").seconds == 2.0
    assert read_journal(layout).of("a").peak == 7


def test_stopping_leaves_nothing_running(layout):
    writer = JournalWriter(layout)
    writer.write("started", "a", key="k")
    writer.write("done", "b", version="1", **DONE)
    writer.write("stopped", "a")
    assert [read_journal(layout).of(name).state for name in "ab"] == ["waiting", "done"]


@given(cut=st.integers(1, 200), rubbish=st.binary(max_size=60))
def test_torn_and_damaged_lines_cost_no_other(tmp_path_factory, cut, rubbish):
    layout = Layout(tmp_path_factory.mktemp("torn"))
    whole, torn = JournalWriter(layout), JournalWriter(layout)
    whole.write("done", "a", version="1", **DONE)
    torn.write("done", "b", version="1", **DONE)
    torn.write("started", "c", key="k")
    data = torn.path.read_bytes()
    torn.path.write_bytes(data[: max(len(data) - cut, 0)])
    (layout.journal / "other.jsonl").write_bytes(rubbish + b'\n{"time": 1}\n[]\nnull\n{"time":"x","event":1}\n')
    found = read_journal(layout)
    assert found.of("a").state == "done"
    assert found.of("b").state in ("done", "waiting")
    assert found.of("c").state in ("running", "waiting")


@given(st.lists(st.sampled_from(["started", "failed", "lost", "done", "set aside", "stopped"]), max_size=12))
def test_any_order_of_events_is_a_state(tmp_path_factory, events):
    layout = Layout(tmp_path_factory.mktemp("any"))
    writers = [JournalWriter(layout) for _ in range(3)]
    for k, event in enumerate(events):
        values = {"error": "e", **DONE, "version": "1"}
        writers[k % 3].write(event, "a", **values)
    state = read_journal(layout).of("a")
    last = [event for event in events if event != "stopped"]
    if not last:
        assert state.state == "waiting"
    elif last[-1] in ("done", "set aside"):
        assert state.state == last[-1]
    assert state.tries == sum(event in ("failed", "lost") for event in events)


def test_a_full_disk_is_one_line(layout, monkeypatch):
    writer = JournalWriter(layout)
    layout.journal.write_text("a file is there")
    with pytest.raises(OutputError, match="the same command goes on from here"):
        writer.write("started", "a")


def test_a_stamp_changes_with_the_file(tmp_path):
    file = tmp_path / "f"
    file.write_bytes(b"abc")
    before = stamp_of([file])
    assert stamp_of([file]) == before
    file.write_bytes(b"abcd")
    assert stamp_of([file]) != before
    with pytest.raises(OSError, match="No such file"):
        stamp_of([tmp_path / "none"])


def test_one_drives_at_a_time(layout):
    assert driver_of(layout) is None
    with driving(layout):
        assert drivers_of(layout)[0].is_here
        with pytest.raises(GdlsError, match="works on this batch already"), driving(layout):
            pass
        with driving(layout, "1-of-2"):  # a share beside it is another matter
            assert len(drivers_of(layout)) == 2
    assert drivers_of(layout) == []


def test_the_lock_of_a_killed_driver_does_not_hold(layout):
    path = layout.folder / "drivers" / "all.json"
    path.parent.mkdir()
    here = {"host": driver_lock.platform.node(), "pid": 2**22 + 1}
    path.write_text(json.dumps(here))
    assert driver_of(layout) is None
    with driving(layout):
        pass
    path.write_text(json.dumps({**here, "pid": os.getpid(), "began": 1e9}))  # its number is that of another process
    assert driver_of(layout) is None
    path.write_text(json.dumps({"host": "elsewhere", "pid": 1}))
    assert driver_of(layout).host == "elsewhere"  # it has shown a sign of life just now
    os.utime(path, (1, 1))
    assert driver_of(layout) is None
