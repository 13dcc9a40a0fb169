"""What a spectrum is of, why, and what is in it: candidates, composition and structural formula."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QLabel, QTableWidget, QTabWidget, QVBoxLayout, QWidget

from napari_gdls.plugin.widgets.tables import cell, fit_height, wide_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_gdls.mineralogy.composition import Composition
    from napari_gdls.mineralogy.identification import Candidate, Coordinate, Identification
    from napari_gdls.mineralogy.structural_formulas import StructuralFormula

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


class MaterialDetails(QWidget):
    """Candidates, composition and structural formula of a material.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    title, notes : QLabel
        What it is about; and where the name comes from, what it cannot be told from, where it lies in a solid solution.
    tabs : QTabWidget
    candidates, composition, atoms : QTableWidget
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
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
        self.show_material()

    def show_material(
        self,
        notes: Sequence[str] = (),
        identification: Identification | None = None,
        composition: Composition | None = None,
        formula: StructuralFormula | None = None,
    ) -> None:
        """Show what is known of a material; without a composition the tables are hidden."""
        self.tabs.setVisible(composition is not None)
        self.notes.setText("<br>".join(html.escape(line) for line in notes))
        self.notes.setVisible(bool(notes))
        self._fill_candidates(identification)
        self._fill_composition(composition)
        self._fill_formula(formula)

    def _table(self, columns: tuple[str, ...], tips: tuple[str, ...]) -> QTableWidget:
        table = wide_table(columns, tips, self, widest=_WIDEST, most_rows=_MOST_ROWS)
        table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        return table

    def _fill_candidates(self, found: Identification | None) -> None:
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


def notes_of(found: Identification | None, cannot_be_told_from: Sequence[str] | None = None) -> list[str]:
    """What a name cannot be told from, and where it lies in its solid solution, a line each.

    Parameters
    ----------
    found : Identification or None
    cannot_be_told_from : sequence of str, optional
        Of the name, where that is not the first candidate.
    """
    if cannot_be_told_from is None:
        cannot_be_told_from = () if found is None else found.best.cannot_be_told_from
    notes = [f"Not to be told from: {', '.join(cannot_be_told_from)}."] if cannot_be_told_from else []
    return notes + ([] if found is None else [in_words(coordinate) for coordinate in found.coordinates])


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
