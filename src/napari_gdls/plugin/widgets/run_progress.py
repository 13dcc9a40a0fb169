"""How far a run is: in the dock, and among the activities of napari."""

from __future__ import annotations

import time

from napari.utils import progress
from qtpy.QtCore import QTimer, Slot
from qtpy.QtWidgets import QProgressBar, QWidget

_STEPS = 1000
"""Of the bars, for fractions from 0 to 1."""
_TICK = 1000
"""Milliseconds between two looks at the clock: so something moves every second, whatever a stage does."""


class RunProgress(QProgressBar):
    """Bar with the stage of a run, the part of it that is done, and the seconds since the start.

    The same is shown by napari, in its activity dock, while the run lasts.

    Parameters
    ----------
    title : str
        Name of the activity.
    parent : QWidget, optional
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(0, _STEPS)
        self._title = title
        self._started = 0.0
        self._stage = ""
        self._activity: progress | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK)
        self._timer.timeout.connect(self._show_seconds)
        self.setVisible(False)

    def begin(self) -> None:
        """A run has started."""
        self.end()
        self._started = time.monotonic()
        self._activity = progress(total=_STEPS, desc=self._title)
        self._timer.start()
        self.setVisible(True)
        self.report("starting", 0.0)

    def report(self, stage: str, fraction: float) -> None:
        """Show a stage and the fraction of it that is done, from 0 to 1."""
        step = round(_STEPS * min(max(fraction, 0.0), 1.0))
        if stage != self._stage and self._activity is not None:
            self._activity.reset(total=_STEPS)
            self._activity.set_description(f"{self._title}: {stage}")
        self._stage = stage
        if self._activity is not None and step > self._activity.n:
            self._activity.update(step - self._activity.n)
        self.setValue(step)
        self._show_seconds()

    def end(self) -> None:
        """The run has ended, in whatever way."""
        self._timer.stop()
        self._stage = ""
        if self._activity is not None:
            self._activity.close()
            self._activity = None
        self.setVisible(False)

    @Slot()
    def _show_seconds(self) -> None:
        self.setFormat(f"{self._stage} %p% · {time.monotonic() - self._started:.0f} s")
