"""What the first run on a machine takes is compiled beside the window, while the user opens a file."""

from __future__ import annotations

import sys

from qtpy.QtCore import QCoreApplication, QObject, QProcess, Signal

from napari_gdls import first_use

_running: list[Compilation] = []
"""The one of this program, while it lasts."""


class Compilation(QObject):
    """A process that compiles; it ends with the program, and nothing is lost then but its work.

    Attributes
    ----------
    ended : Signal()
        All is compiled, or the process has failed: then the first run compiles.
    """

    ended = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        self._process.setStandardOutputFile(QProcess.nullDevice())
        self._process.setStandardErrorFile(QProcess.nullDevice())
        self._process.finished.connect(self._on_ended)
        self._process.errorOccurred.connect(self._on_ended)
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self._process.kill)

    def start(self) -> None:
        """Start the process."""
        self._process.start(sys.executable, ["-m", first_use.__name__])

    def _on_ended(self) -> None:
        if self in _running:
            _running.remove(self)
            self.ended.emit()


def compilation() -> Compilation | None:
    """The compilation that runs, started if need be; None where all is compiled."""
    if _running:
        return _running[0]
    if first_use.is_compiled():
        return None
    started = Compilation(QCoreApplication.instance())
    _running.append(started)
    started.start()
    return started
