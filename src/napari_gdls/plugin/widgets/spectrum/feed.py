"""Which spectra the dock shows now: it follows the session and the mouse, and sums beside the window."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal, Slot

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState
from napari_gdls.plugin.shown_spectra import ShownSpectrum, Wanted, spectrum_of, wanted_spectra, wanted_under
from napari_gdls.plugin.spectrum_sums import ResultSums, result_sums
from napari_gdls.plugin.task import Latest
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.plugin.layers.picking import Picked, Picking
    from napari_gdls.plugin.session import Session
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

Found = tuple["Field", "Segmentation | None", tuple[Wanted, ...], list[ShownSpectrum]]
"""What was asked of which result, and its spectra."""


class SpectrumFeed(QObject):
    """Spectra of what is selected in the chosen field, or of what the mouse is over.

    What takes milliseconds is there at once; the rest is summed in a thread, while the last spectra stay.

    Parameters
    ----------
    session : Session
    picking : Picking
    parent : QObject

    Attributes
    ----------
    changed : Signal()
        Other spectra are shown, or `problem` is another.
    wanted : tuple of Wanted
        What is shown, or being summed.
    spectra : tuple of ShownSpectrum
        Of `wanted`; () while they are not there, or where there is a problem.
    problem : str
        Why nothing is shown, and what to do; "" where something is.
    """

    changed = Signal()

    def __init__(self, session: Session, picking: Picking, parent: QObject) -> None:
        super().__init__(parent)
        self._session, self._picking = session, picking
        self._source, self._following = "segment", False
        self._under: Picked | None = None
        self._sums: ResultSums | None = None
        self._earlier: ResultSums | None = None
        self.wanted: tuple[Wanted, ...] = ()
        self.spectra: tuple[ShownSpectrum, ...] = ()
        self.problem = ""
        self._summing, self._answers = Latest(self), Latest(self)
        self._summing.succeeded.connect(self._on_sums)
        self._answers.succeeded.connect(self._on_spectra)
        for worker in (self._summing, self._answers):
            worker.failed.connect(show_failure)
        watch(self, session.chosen_changed, self._on_chosen)
        watch(self, session.shown_changed, self._on_result)
        watch(self, session.selection_changed, self._on_selection)
        watch(self, picking.hovered, self._on_hover)
        self._on_result()

    @property
    def busy(self) -> bool:
        """Whether sums or spectra are under way."""
        return self._summing.busy or self._answers.busy

    @property
    def source(self) -> str:
        """What spectra are of: a name of `napari_gdls.plugin.shown_spectra.SOURCES`."""
        return self._source

    def set_source(self, source: str) -> None:
        """Show spectra of another kind of thing."""
        self._source = source
        self.look()

    def follow(self, following: bool) -> None:
        """Show the spectrum of what the mouse is over, or of what is selected."""
        self._following = self._picking.following = following
        self._under = None
        self.look()

    def look(self) -> None:
        """Show what is wanted now: at once if that is quick, else as soon as a thread beside the window has it."""
        state = self._session.chosen
        found: tuple[Wanted, ...] | str = "No field is open."
        if state is not None:
            under = self._under if self._under is not None and self._under.state is state else None
            found = () if under is None else wanted_under(state, self._source, under)
            found = found or wanted_spectra(state, self._source)
        if state is None or isinstance(found, str):
            self._answers.drop()
            self.wanted, self.spectra, self.problem = (), (), str(found)
            self.changed.emit()
            return
        self.wanted = found
        segmentation = self._segmentation
        spectra = [spectrum_of(each, state.field, segmentation, self._sums, at_once=True) for each in found]
        if all(each is not None for each in spectra):
            self._answers.drop()
            self._take([each for each in spectra if each is not None])
            return
        self._answers.ask(partial(_summed_spectra, found, state.field, segmentation, self._sums))
        if not self.spectra:  # else the last ones stay so long
            self.problem = "Summing…"
            self.changed.emit()

    def _on_chosen(self) -> None:
        self._under = self._sums = self._earlier = None
        self.wanted, self.spectra = (), ()
        self._on_result()

    def _on_result(self, _: object = None) -> None:
        """Another field, or another result of it: its sums are made beside the window."""
        segmentation = self._segmentation
        if segmentation is None:
            self._sums = self._earlier = None
            self._summing.drop()
        elif self._sums is None or self._sums.segmentation is not segmentation:
            self._earlier, self._sums = self._sums or self._earlier, None
            self._summing.ask(partial(_summed, segmentation, self._earlier))
        self.look()

    @Slot(object)
    def _on_sums(self, sums: ResultSums) -> None:
        if self._segmentation is sums.segmentation:
            self._sums, self._earlier = sums, None
            self.look()

    @property
    def _segmentation(self) -> Segmentation | None:
        """What is shown of the chosen field."""
        state = self._session.chosen
        return None if state is None or state.shown is None else state.shown.segmentation

    @Slot(object)
    def _on_spectra(self, found: Found) -> None:
        field, segmentation, wanted, spectra = found
        state = self._session.chosen
        current = state is not None and state.field is field and self._segmentation is segmentation
        if current and wanted == self.wanted:
            self._take(spectra)

    def _take(self, spectra: list[ShownSpectrum]) -> None:
        self.spectra, self.problem = tuple(spectra), ""
        self.changed.emit()

    def _on_selection(self, state: FieldState) -> None:
        if state is self._session.chosen:
            self.look()

    def _on_hover(self, picked: Picked | None) -> None:
        if self._following:
            self._under = picked
            self.look()


def _summed(segmentation: Segmentation, before: ResultSums | None, progress: Progress) -> ResultSums:
    return result_sums(segmentation, before, progress)


def _summed_spectra(
    wanted: tuple[Wanted, ...],
    field: Field,
    segmentation: Segmentation | None,
    sums: ResultSums | None,
    progress: Progress,
) -> Found:
    progress("spectra", 0.0)
    spectra = [spectrum_of(each, field, segmentation, sums) for each in wanted]
    return field, segmentation, wanted, [each for each in spectra if each is not None]
