"""Functions beside the window."""

from __future__ import annotations

import threading
import time

import pytest

from napari_gdls.errors import GdlsError

pytestmark = pytest.mark.usefixtures("display", "qapp")


@pytest.fixture
def task_class(display):
    from napari_gdls.plugin.task import Task

    return Task


def test_result_and_progress_arrive_in_the_thread_of_the_window(task_class, qtbot):
    seen, threads = [], []

    def work(progress):
        threads.append(threading.current_thread())
        for stage in ("one", "two"):
            progress(stage, 0.0)
        return 42

    task = task_class(work)
    task.progressed.connect(lambda stage, fraction: seen.append((stage, fraction, threading.current_thread())))
    with qtbot.waitSignal(task.succeeded) as result:
        task.start()
    assert result.args == [42]
    assert threads[0] is not threading.main_thread()
    assert seen == [("one", 0.0, threading.main_thread()), ("two", 0.0, threading.main_thread())]
    assert not threads[0].is_alive()


@pytest.mark.parametrize("error", [KeyError("lost"), GdlsError("a complaint"), MemoryError(), SystemExit(3)])
def test_errors_arrive_as_they_were_raised_and_no_result_with_them(task_class, qtbot, error):
    results, threads = [], []

    def work(progress):
        threads.append(threading.current_thread())
        raise error

    task = task_class(work)
    task.succeeded.connect(results.append)
    with qtbot.waitSignal(task.failed) as failure:
        task.start()
    assert failure.args == [error]
    assert failure.args[0].__traceback__.tb_next.tb_frame.f_code is work.__code__
    assert results == []
    assert not threads[0].is_alive()


def test_cancelled_tasks_end_and_stay_silent(task_class, qtbot):
    started, ended, signals = threading.Event(), threading.Event(), []

    def work(progress):
        try:
            while True:
                progress("spinning", 0.5)
                started.set()
                time.sleep(0.01)
        finally:
            ended.set()

    task = task_class(work)
    for signal in (task.progressed, task.succeeded, task.failed):
        signal.connect(lambda *args: signals.append(args))
    task.start()
    assert started.wait(5)
    task.cancel()
    signals.clear()
    assert ended.wait(1)
    qtbot.wait(100)
    assert signals == []


def test_frequent_reports_are_thinned_out(task_class, qtbot):
    seen = []

    def work(progress):
        for i in range(100_000):
            progress("counting", i / 100_000)

    task = task_class(work)
    task.progressed.connect(lambda stage, fraction: seen.append(fraction))
    start = time.monotonic()
    with qtbot.waitSignal(task.succeeded):
        task.start()
    assert 1 <= len(seen) <= 2 + (time.monotonic() - start) / 0.04
    assert seen == sorted(seen)


def test_a_task_outlives_those_who_wait_for_it(task_class, qtbot):
    release, done = threading.Event(), []
    task = task_class(lambda progress: release.wait(5))
    task.succeeded.connect(done.append)
    task.start()
    del task
    release.set()
    qtbot.waitUntil(lambda: done == [True])
