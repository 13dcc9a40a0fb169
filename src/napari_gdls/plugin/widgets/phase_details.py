"""The part of the dock that says what the selected phase is, why, and what is in it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QWidget

from napari_gdls.plugin.layers.name_features import in_short
from napari_gdls.plugin.widgets.material_details import MaterialDetails, notes_of
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.mineralogy.phase_table import PhaseRow
    from napari_gdls.plugin.field_state import Result
    from napari_gdls.plugin.session import Session

_HINT = "Select a phase in the list to see why it has its name, and what is in it."


class PhaseDetails(MaterialDetails):
    """Candidates, composition and structural formula of the selected phase.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        for signal in (session.chosen_changed, session.shown_changed, session.selection_changed):
            watch(self, signal, self._show)
        self._show()

    @property
    def row(self) -> PhaseRow | None:
        """What is known of the selected phase; None where none is selected, several are, or nobody has looked."""
        shown, phase = self._shown(), self._phase()
        return None if shown is None or shown.minerals is None or phase is None else shown.minerals.rows[phase]

    def _shown(self) -> Result | None:
        return None if self._session.chosen is None else self._session.chosen.shown

    def _phase(self) -> int | None:
        chosen = frozenset() if self._session.chosen is None else self._session.chosen.selected_phases
        return next(iter(chosen)) if len(chosen) == 1 else None

    def _show(self, _: object = None) -> None:
        shown, phase, row = self._shown(), self._phase(), self.row
        if shown is None or phase is None or row is None:
            self.title.setText(_HINT)
            self.show_material()
            return
        names = shown.segmentation.names
        self.title.setText(f"<b>Phase {phase + 1}: {html.escape(in_short(names[phase]) if names else '')}</b>")
        self.show_material(_notes(row), row.identification, row.composition, row.formula)


def _notes(row: PhaseRow) -> list[str]:
    """Where the name comes from, what it cannot be told from, and where it lies in its solid solution."""
    notes = [row.reason] if row.reason else []
    if row.mixture_of:
        notes.append("; ".join(f"phase {phase + 1}: {100 * share:.0f} %" for phase, share in row.mixture_of))
    return notes + notes_of(row.identification, row.name.cannot_be_told_from)
