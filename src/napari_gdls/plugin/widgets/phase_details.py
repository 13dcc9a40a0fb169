"""The part of the dock that says what the selected phase is, why, and what is in it."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QTableWidget, QTabWidget, QVBoxLayout, QWidget

from napari_gdls.plugin.layers.name_features import in_short
from napari_gdls.plugin.widgets.tables import cell, fit_height, wide_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_gdls.mineralogy.composition import Composition
    from napari_gdls.mineralogy.identification import Candidate, Coordinate
    from napari_gdls.mineralogy.phase_table import PhaseRow
    from napari_gdls.mineralogy.structural_formulas import StructuralFormula
    from napari_gdls.plugin.field_state import Result
    from napari_gdls.plugin.session import Session

_CANDIDATE_COLUMNS = ("Candidate", "Prob.", "Against it", "Not to be told from", "Formula")
_CANDIDATE_TIPS = (
    "What the spectrum can be of, the most probable first; unknown: of nothing in the library.",
    "How probable it is, 0 to 1.",
    "Elements of which it should have less (-) or more (+) than was measured, in standard errors.",
    "What this answer stands for as well: EDS cannot tell it apart.",
    "As the library states it.",
)
_COMPOSITION_COLUMNS = ("", "wt%", "at%", "Limit", "By")
_COMPOSITION_TIPS = (
    "Element.",
    "Percent of mass, with one standard error of counting and physics.",
    "Percent of atoms.",
    "Percent of mass that would have been found.",
    "What the amount rests on: the physics of the simulation, or a standard.",
)
_FORMULA_COLUMNS = ("", "Per formula unit")
_FORMULA_TIPS = ("Ion, or end member.", "Atoms, or percent of an end member, with one standard error.")
_MOST_ROWS = 7
"""Rows of a table in sight: as many as leave the list of phases in sight, too."""
_WIDEST = 170
"""Pixels of a column; longer texts are in the tool tip."""
_MOST_MISFITS = 3
"""Elements that are listed against a candidate."""
_LEAST_MISFIT = 1.0
"""Standard errors that speak against a candidate; less is what everything has."""
_LEAST_PROBABILITY = 0.0005
"""Of candidates that are listed; less would be shown as 0.000."""
_HINT = "Select a phase in the list to see why it has its name, and what is in it."


class PhaseDetails(QWidget):
    """Candidates, composition and structural formula of the selected phase.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.title = QLabel(self)
        self.notes = QLabel(self)
        self.formula = QLabel(self)
        self.doubts = QLabel(self)
        for label in (self.title, self.notes, self.formula, self.doubts):
            label.setWordWrap(True)
        self.tabs = QTabWidget(self)
        self.tabs.setUsesScrollButtons(False)
        self.candidates = self._table(_CANDIDATE_COLUMNS, _CANDIDATE_TIPS)
        self.composition = self._table(_COMPOSITION_COLUMNS, _COMPOSITION_TIPS)
        self.atoms = self._table(_FORMULA_COLUMNS, _FORMULA_TIPS)
        self.artefacts = QLabel(self)
        self.artefacts.setWordWrap(True)
        pages: dict[str, tuple[QWidget, ...]] = {
            "Candidates": (self.candidates,),
            "Composition": (self.composition, self.artefacts),
            "Formula": (self.formula, self.atoms, self.doubts),
        }
        for title, widgets in pages.items():
            page = QWidget(self.tabs)
            inner = QVBoxLayout(page)
            inner.setContentsMargins(0, 4, 0, 0)
            for widget in widgets:
                inner.addWidget(widget)
            inner.addStretch(1)
            self.tabs.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.title, self.notes, self.tabs):
            layout.addWidget(widget)
        for signal in (session.chosen_changed, session.shown_changed, session.selection_changed):
            watch(self, signal, self._show)
        self._show()

    @property
    def row(self) -> PhaseRow | None:
        """What is known of the selected phase; None where none is selected, several are, or nobody has looked."""
        shown, phase = self._shown(), self._phase()
        return None if shown is None or shown.minerals is None or phase is None else shown.minerals.rows[phase]

    def _table(self, columns: tuple[str, ...], tips: tuple[str, ...]) -> QTableWidget:
        table = wide_table(columns, tips, self, widest=_WIDEST, most_rows=_MOST_ROWS)
        table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        return table

    def _shown(self) -> Result | None:
        return None if self._session.chosen is None else self._session.chosen.shown

    def _phase(self) -> int | None:
        chosen = frozenset() if self._session.chosen is None else self._session.chosen.selected_phases
        return next(iter(chosen)) if len(chosen) == 1 else None

    def _show(self, _: object = None) -> None:
        shown, phase, row = self._shown(), self._phase(), self.row
        self.tabs.setVisible(row is not None)
        self.notes.setVisible(row is not None)
        if shown is None or phase is None or row is None:
            self.title.setText(_HINT)
            return
        names = shown.segmentation.names
        self.title.setText(f"<b>Phase {phase + 1}: {html.escape(in_short(names[phase]) if names else '')}</b>")
        notes = _notes(row)
        self.notes.setText("<br>".join(html.escape(line) for line in notes))
        self.notes.setVisible(bool(notes))
        self._fill_candidates(row)
        self._fill_composition(row.composition)
        self._fill_formula(row.formula)

    def _fill_candidates(self, row: PhaseRow) -> None:
        found = row.identification
        candidates = () if found is None else found.candidates
        listed = [each for k, each in enumerate(candidates) if k == 0 or each.probability >= _LEAST_PROBABILITY]
        lines = [
            (
                each.name,
                f"{each.probability:.3f}" if each.probability < 0.01 else f"{each.probability:.2f}",
                against(each),
                ", ".join(each.cannot_be_told_from),
                each.formula,
            )
            for each in listed
        ]
        _fill(self.candidates, lines, right=(1,))

    def _fill_composition(self, composition: Composition | None) -> None:
        self.artefacts.setVisible(composition is not None)
        if composition is None:
            _fill(self.composition, [])
            return
        percent = composition.mass_percent
        lines = [
            (
                symbol,
                with_error(percent[symbol], composition.error[symbol]),
                f"{composition.atomic_percent[symbol]:.1f}",
                _limit(composition.detection_limit, symbol),
                composition.standards.get(
                    symbol, "stoichiometry" if _by_stoichiometry(composition, symbol) else "physics"
                ),
            )
            for symbol in sorted(percent, key=lambda symbol: -percent[symbol])
        ]
        _fill(self.composition, lines, right=(1, 2, 3))
        notes = [artefact.reason for artefact in composition.artefacts]
        if composition.oxygen == "stoichiometric":
            notes.insert(0, f"Oxygen by its lines: {composition.measured_oxygen:.1f} wt%.")
        self.artefacts.setText("<br>".join(html.escape(note) for note in notes))
        self.artefacts.setVisible(bool(notes))

    def _fill_formula(self, formula: StructuralFormula | None) -> None:
        self.tabs.setTabEnabled(self.tabs.count() - 1, formula is not None)
        if formula is None:
            _fill(self.atoms, [])
            return
        basis = f", on {formula.basis:g} oxygens" if formula.basis else ""  # sulfides and alloys have none
        self.formula.setText(f"{html.escape(formula.text)}{basis}")
        lines = [(ion, f"{atoms:.3f} ± {formula.errors[ion]:.3f}") for ion, atoms in formula.atoms.items()]
        lines += [
            (member, f"{100 * share:.1f} ± {100 * formula.end_member_errors[member]:.1f} %")
            for member, share in formula.end_members.items()
        ]
        _fill(self.atoms, lines, right=(1,))
        self.doubts.setText("<br>".join(html.escape(doubt) for doubt in formula.doubts))
        self.doubts.setVisible(bool(formula.doubts))


def against(candidate: Candidate) -> str:
    """What speaks against a candidate: "Mg -3.1, Na +1.4", the strongest first; "" where nothing does."""
    ranked = sorted(candidate.misfit.items(), key=lambda item: -abs(item[1]))
    return ", ".join(
        f"{symbol} {sigma:+.1f}" for symbol, sigma in ranked[:_MOST_MISFITS] if abs(sigma) >= _LEAST_MISFIT
    )


def with_error(value: float, error: float) -> str:
    """A value with its error, to two digits of that: "25.63 ± 0.48", "8.1 ± 1.2"."""
    decimals = 2 if error < 0.95 else 1  # percent are never known to a thousandth
    return f"{value:.{decimals}f} ± {error:.{decimals}f}"


def in_words(coordinate: Coordinate) -> str:
    """A coordinate with its error and interval."""
    return (
        f"{coordinate.name} {coordinate.value:.2f} ± {coordinate.error:.2f} "
        f"(95 %: {coordinate.low:.2f} to {coordinate.high:.2f})"
    )


def _notes(row: PhaseRow) -> list[str]:
    """Where the name comes from, what it cannot be told from, and where it lies in its solid solution."""
    notes = [row.reason] if row.reason else []
    if row.name.cannot_be_told_from:
        notes.append(f"Not to be told from: {', '.join(row.name.cannot_be_told_from)}.")
    if row.mixture_of:
        notes.append("; ".join(f"phase {phase + 1}: {100 * share:.0f} %" for phase, share in row.mixture_of))
    if row.identification is not None:
        notes += [in_words(coordinate) for coordinate in row.identification.coordinates]
    return notes


def _limit(limits: Mapping[str, float], symbol: str) -> str:
    return f"{limits[symbol]:.2f}" if symbol in limits else ""


def _by_stoichiometry(composition: Composition, symbol: str) -> bool:
    return symbol == "O" and composition.oxygen == "stoichiometric"


def _fill(table: QTableWidget, lines: Sequence[Sequence[str]], *, right: tuple[int, ...] = ()) -> None:
    """Fill a table with texts, which are their own tool tips where they are cut."""
    table.clearContents()
    table.setRowCount(len(lines))
    for row, line in enumerate(lines):
        for column, text in enumerate(line):
            item = cell(text, right=column in right)
            item.setToolTip(text)
            table.setItem(row, column, item)
    fit_height(table, _MOST_ROWS)
