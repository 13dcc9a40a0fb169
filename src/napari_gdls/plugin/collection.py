"""Garbage is collected in the thread of the window alone, while another thread runs.

Python collects cycles in whichever thread happens to allocate. Windows, plots and their items lie in cycles; deleted in
another thread than their own they crash the program, now or later. So while a thread of the plugin runs, automatic
collection is off for all threads, and a timer of the window collects instead.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

from qtpy.QtCore import QCoreApplication, QObject, QTimer, Slot

_INTERVAL = 500
"""Milliseconds between two looks at whether there is enough garbage: seldom enough to cost nothing, often enough that
what a computation of seconds leaves behind does not pile up."""


class WindowCollection(QObject):
    """Collects garbage in the thread that made it, from the first `begin` to the last `end`.

    Parameters
    ----------
    parent : QObject, optional
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads = 0
        self._was_on = False
        self._timer = QTimer(self)
        self._timer.setInterval(_INTERVAL)
        self._timer.timeout.connect(self.collect)

    def begin(self) -> None:
        """A thread is about to start."""
        if self._threads == 0:
            self._was_on = gc.isenabled()
            gc.disable()
            self._timer.start()
        self._threads += 1

    def end(self) -> None:
        """A thread has ended."""
        self._threads -= 1
        if self._threads == 0:
            self._timer.stop()
            if self._was_on:
                gc.enable()

    @Slot()
    def collect(self) -> None:
        """Collect what Python would by now: the oldest generation that is due, and all younger ones."""
        if not self._was_on:
            return
        due = [
            generation
            for generation, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
            if 0 < most < count
        ]
        if due:
            gc.collect(due[-1])


@contextlib.contextmanager
def collection_deferred() -> Iterator[None]:
    """Leave what is there to a later collection: napari collects at every layer that is removed, 0.3 s each."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


_collections: list[WindowCollection] = []
"""The one of the application, once there is one."""


def window_collection() -> WindowCollection:
    """The collection of the application; to be asked for in the thread of the window."""
    if not _collections:
        application = QCoreApplication.instance()
        _collections.append(WindowCollection(application))
        if application is not None:
            application.destroyed.connect(_collections.clear)
    return _collections[0]
