"""Changes of layers in several short steps, so that the window answers in between."""

from __future__ import annotations

from collections.abc import Iterator

from qtpy.QtCore import QObject, QTimer, Signal, Slot


class LayerSteps(QObject):
    """Takes one step a turn of the event loop, each complete in itself.

    Parameters
    ----------
    parent : QObject, optional

    Attributes
    ----------
    stepped : Signal()
        A step was taken.
    """

    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._steps: Iterator[None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self._go_on)

    @property
    def pending(self) -> bool:
        """Whether there are steps to come."""
        return self._steps is not None

    def begin(self, steps: Iterator[None]) -> None:
        """Finish what is under way, take the first of these steps now, and the others later."""
        self.finish()
        self._steps = steps
        self._timer.start()
        self._go_on()

    def finish(self) -> None:
        """Take all steps that are left."""
        while self._steps is not None:
            self._go_on()

    @Slot()
    def _go_on(self) -> None:
        steps = self._steps
        if steps is None:
            return
        try:
            next(steps)
        except StopIteration:
            self._end()
        except BaseException:
            self._end()
            raise
        self.stepped.emit()

    def _end(self) -> None:
        self._steps = None
        self._timer.stop()
