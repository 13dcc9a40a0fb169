"""The part of the dock that says what a spectrum is of: the fit of its elements, beside the window."""

from __future__ import annotations

import html
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject, Signal, Slot
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.spectrum_answers import SpectrumAnswer, answer_of_counts, answer_of_row, known_instrument
from napari_gdls.plugin.task import Latest
from napari_gdls.plugin.widgets.material_details import MaterialDetails, notes_of
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.scrolling import VerticalScrollArea

if TYPE_CHECKING:
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.shown_spectra import ShownSpectrum, Wanted
    from napari_gdls.progress import Progress

NO_BEAM_ENERGY = (
    "A fit needs the energy of the beam, which the file does not say: set it in the dock Segment, under Minerals."
)
"""What is said where it is not known."""
_WIDTH = 330
"""Pixels: a candidate with its probability and what speaks against it."""


class MaterialPanel(QWidget):
    """Candidates, composition and formula of the spectrum in sight, in words and tables.

    Parameters
    ----------
    parent : QWidget
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.details = MaterialDetails(self)
        self.details.title.setText("")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumWidth(_WIDTH)
        layout.addWidget(VerticalScrollArea(self.details, self))

    def show_problem(self, text: str) -> None:
        """Say why there is no fit."""
        self.details.title.setText(problem_text(text))
        self.details.show_material()

    def show_answer(self, title: str, answer: SpectrumAnswer) -> None:
        """Show what a spectrum says."""
        found = answer.identification
        self.details.title.setText(
            f"<b>{html.escape(title)}: {html.escape(found.name)}</b> (probability {found.probability:.2f}); "
            f"misfit {answer.fit.misfit:.1f}"
        )
        notes = [*notes_of(found), *answer.composition.remarks]
        self.details.show_material(notes, found, answer.composition, answer.formula)


class SpectrumFits(QObject):
    """Fits the spectrum in sight: phases have been fitted when they were named, others are fitted in a thread.

    Parameters
    ----------
    parent : QObject

    Attributes
    ----------
    changed : Signal()
        There is another answer, or another problem.
    answer : SpectrumAnswer or None
    problem : str
        Why there is none: what is missing, or that it is under way.
    """

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.answer: SpectrumAnswer | None = None
        self.problem = ""
        self._asked: tuple[FieldState, bytes, float, str] | None = None
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_answer)
        self._latest.failed.connect(self._on_failure)

    @property
    def busy(self) -> bool:
        """Whether a fit is under way."""
        return self._latest.busy

    def forget(self) -> None:
        """No fit is wanted."""
        self._latest.drop()
        self._asked, self.answer, self.problem = None, None, ""

    def ask(self, state: FieldState, wanted: Wanted, spectrum: ShownSpectrum) -> None:
        """Fit a spectrum of a field; `changed` comes at once where it is fitted already."""
        minerals = None if state.shown is None else state.shown.minerals
        if wanted.kind == "phase" and minerals is not None and wanted.members[0] < len(minerals.rows):
            self.forget()
            self.answer = answer_of_row(minerals.rows[wanted.members[0]])
            self.changed.emit()
            return
        if state.beam_energy is None:
            self.forget()
            self.problem = NO_BEAM_ENERGY
            self.changed.emit()
            return
        asked = (state, spectrum.counts.tobytes(), state.beam_energy, state.naming.library)
        if self._asked is not None and self._asked[0] is state and self._asked[1:] == asked[1:]:
            self.changed.emit()
            return
        self._asked, self.answer, self.problem = asked, None, "Fitting…"
        self._latest.ask(
            partial(_answered, asked, np.array(spectrum.counts), known_instrument(state)),
        )
        self.changed.emit()

    @Slot(object)
    def _on_answer(self, found: tuple[tuple[FieldState, bytes, float, str], SpectrumAnswer]) -> None:
        asked, answer = found
        if asked is self._asked:
            self.answer, self.problem = answer, ""
            self.changed.emit()

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        if not isinstance(error, GdlsError):
            show_failure(error)
        self.answer = None
        self.problem = f"No fit: {error}" if isinstance(error, GdlsError) else "No fit: the program has a fault."
        self.changed.emit()


def _answered(
    asked: tuple[FieldState, bytes, float, str], counts: np.ndarray, known: Instrument | None, progress: Progress
) -> tuple[tuple[FieldState, bytes, float, str], SpectrumAnswer]:
    state, _, beam_energy, library = asked
    return asked, answer_of_counts(counts, state.field, beam_energy, library, known, progress)
