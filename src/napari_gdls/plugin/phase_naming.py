"""Phases are named beside the window, as soon as a result is shown and no longer than it is."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_calibration import calibration_of
from napari_gdls.plugin.field_state import FieldState, NamingSettings
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.task import Task

if TYPE_CHECKING:
    from napari_gdls.mineralogy import KnownPhases, PhaseTable
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

DELAY = 400
"""Milliseconds that a result is shown before its phases are named: a slider that is still moved asks for nothing."""


@dataclass
class Known:
    """What naming has found on a field so far; None before the first time, since it takes long to import."""

    phases: KnownPhases | None = None


class PhaseNaming(QObject):
    """Names the phases of what a session shows, one result at a time.

    What is no longer shown, or is asked for in another way, is given up; so is the naming of a result that another run
    has replaced.

    Parameters
    ----------
    session : Session
    parent : QObject, optional

    Attributes
    ----------
    busy_changed : Signal()
        It has begun, or ended.
    progressed : Signal(str, float)
        Stage, and the fraction of it that is done.
    """

    busy_changed = Signal()
    progressed = Signal(str, float)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._task: Task | None = None
        self._state: FieldState | None = None
        self._partition = b""
        self._settings = NamingSettings()
        self._known: weakref.WeakKeyDictionary[FieldState, Known] = weakref.WeakKeyDictionary()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._begin)
        for signal in (session.fields_changed, session.shown_changed, session.naming_changed):
            signal.connect(self._look)

    @property
    def busy(self) -> bool:
        """Whether phases are being named, or soon will be."""
        return self._task is not None or self._timer.isActive()

    @property
    def state(self) -> FieldState | None:
        """State of the field whose phases are being named; None if there is none."""
        return self._state

    @Slot()
    def cancel(self) -> None:
        """Give up what is under way; its phases stay without measured names until they are asked for again."""
        state, partition = self._state, self._partition
        self._drop()
        if state is not None:
            self._session.give_up_naming(state, partition)

    def _look(self, _: object = None) -> None:
        """Give up what nobody wants any more, and begin what somebody does."""
        if self._task is not None and not self._still_wanted():
            self._drop()
        if self._task is None and self._next() is not None:
            self._timer.start()  # once more, if it runs
            self.busy_changed.emit()
        elif self._task is None and self._timer.isActive():
            self._timer.stop()
            self.busy_changed.emit()

    def _next(self) -> FieldState | None:
        """The chosen field if its phases are to be named, else another one."""
        chosen = self._session.chosen
        states = ([] if chosen is None else [chosen]) + list(self._session.states)
        return next((state for state in states if state.to_be_named), None)

    def _still_wanted(self) -> bool:
        state = self._state
        return (
            state in self._session.states
            and state.to_be_named
            and state.shown is not None
            and state.shown.partition == self._partition
            and state.naming == self._settings
        )

    @Slot()
    def _begin(self) -> None:
        state = self._next()
        if state is None or state.shown is None or self._task is not None:
            return
        segmentation, settings, beam_energy = state.shown.segmentation, state.naming, state.beam_energy
        known = self._known.setdefault(state, Known())
        self._state, self._partition, self._settings = state, state.shown.partition, settings
        assert beam_energy is not None  # or nothing would be to be named
        task = Task(lambda progress: minerals_of(segmentation, settings.library, beam_energy, known, progress))
        task.progressed.connect(self.progressed)
        task.succeeded.connect(self._on_success)
        task.failed.connect(self._on_failure)
        self.destroyed.connect(task.cancel)
        self._task = task
        task.start()
        self.busy_changed.emit()

    @Slot(object)
    def _on_success(self, minerals: PhaseTable) -> None:
        state, partition = self._state, self._partition
        self._end()
        if state is not None:
            self._session.finish_naming(state, partition, minerals)

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        state, partition = self._state, self._partition
        self._end()
        if state is None:
            return
        if isinstance(error, GdlsError):
            self._session.give_up_naming(state, partition, f"The phases were not named: {error}")
        else:
            self._session.give_up_naming(state, partition, "The phases were not named: the program has a fault.")
            show_failure(error)

    def _drop(self) -> None:
        if self._task is not None:
            self._task.cancel()
        self._timer.stop()
        self._end()

    def _end(self) -> None:
        self._task = self._state = None
        self._partition = b""
        self.busy_changed.emit()


def minerals_of(
    segmentation: Segmentation, library: str, beam_energy: float, known: Known, progress: Progress
) -> PhaseTable:
    """What the phases of a segmentation are; see `napari_gdls.mineralogy.identify`.

    Parameters
    ----------
    segmentation : Segmentation
        With phases.
    library : str
        See `NamingSettings`.
    beam_energy : float
        In keV.
    known : Known
        What earlier calls have found on the field: its calibration, and what phases are.
    progress : Progress
    """
    progress("calibration", 0.0)
    from napari_gdls.mineralogy import KnownPhases, identify

    phases = known.phases = known.phases or KnownPhases()
    instrument = phases.instrument
    if instrument is None or instrument.beam_energy != beam_energy:
        instrument = calibration_of(segmentation.field, beam_energy, progress)
    minerals = identify(segmentation, library=library or None, instrument=instrument, known=phases, progress=progress)
    _ = minerals.could_be_one  # it is kept
    return minerals
