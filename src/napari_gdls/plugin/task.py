"""A function in a thread of its own, beside the window: progress, cancelling, errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Signal, Slot

from napari_gdls.errors import Cancelled
from napari_gdls.plugin.collection import window_collection
from napari_gdls.progress import Progress

_REPORT_INTERVAL = 0.04
"""Seconds between two reports to the window; more often than the eye can follow would only fill its event queue."""

_started: set[Task] = set()
"""Tasks whose thread may still run. A task must outlive its thread, and must not be deleted in it."""


class Task(QObject):
    """One call of a function in a thread of its own.

    Its signals are emitted in the thread that made it, that of the window. After `cancel` none of them comes any more,
    whatever the thread is doing; it ends when it reports progress the next time.

    Parameters
    ----------
    function : callable
        Is given a `Progress` to report to, which raises `Cancelled` after `cancel`.

    Attributes
    ----------
    progressed : Signal(str, float)
        Stage, and the fraction of it that is done.
    succeeded : Signal(object)
        What the function returned.
    failed : Signal(object)
        The exception that it raised.
    """

    progressed = Signal(str, float)
    succeeded = Signal(object)
    failed = Signal(object)

    # Emitted in the thread of the function.
    _reported = Signal(str, float)
    _ended = Signal()

    def __init__(self, function: Callable[[Progress], Any]) -> None:
        super().__init__()
        self._function = function
        self._outcome: tuple[Any, BaseException | None] = (None, None)
        self._cancelled = threading.Event()
        self._last_report = ("", 0.0)
        # No daemon: Python must not pull down its modules under a running one. Cancelling ends it soon enough.
        self._thread = threading.Thread(target=self._main, name="napari-gdls")
        self._reported.connect(self._on_reported)
        self._ended.connect(self._on_ended)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.cancel)

    def start(self) -> None:
        """Start the thread; once only."""
        _started.add(self)
        window_collection().begin()
        self._thread.start()

    @Slot()
    def cancel(self) -> None:
        """Send no more signals, and stop at the next report of progress."""
        self._cancelled.set()

    def _main(self) -> None:
        try:
            self._outcome = self._function(self._report), None
        except BaseException as error:  # whatever it is, the window has to learn of it
            self._outcome = None, error
        self._ended.emit()

    def _report(self, stage: str, fraction: float, /) -> None:
        if self._cancelled.is_set():
            raise Cancelled("cancelled by the user.")
        last_stage, last_time = self._last_report
        now = time.monotonic()
        if stage != last_stage or now - last_time >= _REPORT_INTERVAL:
            self._last_report = (stage, now)
            self._reported.emit(stage, fraction)

    @Slot(str, float)
    def _on_reported(self, stage: str, fraction: float) -> None:
        if not self._cancelled.is_set():
            self.progressed.emit(stage, fraction)

    @Slot()
    def _on_ended(self) -> None:
        self._thread.join()  # it has nothing left to do
        window_collection().end()
        _started.discard(self)
        (result, error), self._outcome = self._outcome, (None, None)
        # Now, in this thread and while the task is whole: what the function holds may be the last of a dock, whose end
        # cancels the task.
        del self._function
        if self._cancelled.is_set():
            return
        if error is None:
            self.succeeded.emit(result)
        else:
            self.failed.emit(error)


class Latest(QObject):
    """Functions in a thread beside the window of which only the newest matters, as while a slider is moved.

    One runs at a time. What is asked meanwhile waits, and is replaced by what is asked after it.

    Parameters
    ----------
    parent : QObject, optional
        Ends with it.

    Attributes
    ----------
    succeeded : Signal(object)
        What the newest function returned. Results of functions that were replaced meanwhile come too, as they show
        where the slider has been.
    failed : Signal(object)
        The exception that it raised.
    """

    succeeded = Signal(object)
    failed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: Task | None = None
        self._waiting: Callable[[Progress], Any] | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is to come."""
        return self._running is not None

    def ask(self, function: Callable[[Progress], Any]) -> None:
        """Run a function as soon as the one under way has ended."""
        if self._running is not None:
            self._waiting = function
            return
        task = Task(function)
        task.succeeded.connect(self._on_success)
        task.failed.connect(self._on_failure)
        self.destroyed.connect(task.cancel)
        self._running = task
        task.start()

    def drop(self) -> None:
        """Forget what is under way and what waits: no result of it comes."""
        self._waiting = None
        if self._running is not None:
            self._running.cancel()
            self._running = None

    @Slot(object)
    def _on_success(self, result: object) -> None:
        self._go_on()
        self.succeeded.emit(result)

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._go_on()
        self.failed.emit(error)

    def _go_on(self) -> None:
        function, self._running, self._waiting = self._waiting, None, None
        if function is not None:
            self.ask(function)
