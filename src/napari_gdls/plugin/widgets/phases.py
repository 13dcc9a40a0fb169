"""The part of the dock that lists the phases of a result, and merges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Slot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import FieldState, Result, same_phases
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.widgets.phase_name_cells import NameEditing, name_cell, probability_cell
from napari_gdls.plugin.widgets.tables import cell, fit_height, read_only_table, wide_table
from napari_gdls.plugin.widgets.watching import watch
from napari_gdls.recipe import MergePhases

if TYPE_CHECKING:
    from napari_gdls.phases.merge_candidates import PhaseMerge
    from napari_gdls.segmentation.result import Segmentation

_PHASE_COLUMNS = ("", "#", "Name", "Prob.", "Area %", "Segments", "BSE", "Mixture")
_NAME, _PROBABILITY = 2, 3  # columns
_PHASE_TIPS = (
    "Colour in the layers.",
    "Number in the layer of phases.",
    "What it is; with a question mark where something else is likelier. Double click or F2 to rename; empty for the "
    "measured name.",
    "How probable the measured name is; hand: you have named it.",
    "Modal composition by point counting, with its standard error.",
    "Connected pieces.",
    "Mean of the BSE image at the measurements of the phase.",
    "Whether it is a fine-grained mixture: an area whose grains are smaller than the distance of the measurements.",
)
_MERGE_COLUMNS = ("Could be one", "Difference", "Significance")
_MERGE_TIPS = (
    "Phases that differ least; later lines build on earlier ones.",
    "Noise-free difference, on the scale of τz: moving τz above it merges them.",
    "How sure the difference is: x, for an error of exp(-x). At or below that of the run it may be chance.",
)
_WIDEST = 160
"""Pixels of a name: with its probability and the area it fits a dock that is as wide as its other parts need."""
_MOST_NAMED = 4
"""Phases of a group that are listed by number; larger groups by their size, or the column would not fit."""


class PhasePanel(QWidget):
    """Lists of the phases of the shown result and of what could be merged; merging and naming by hand, with undo.

    What is shown is the result of the run, with the merges and names made by hand, and all phases merged that differ by
    no more than tau_z.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.phases = wide_table(_PHASE_COLUMNS, _PHASE_TIPS, self, widest=_WIDEST)
        self.phases.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.phases.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.name_editing = NameEditing(self.phases)
        self.phases.setItemDelegateForColumn(_NAME, self.name_editing)
        self._listed: Result | None = None
        self.merges = read_only_table(_MERGE_COLUMNS, _MERGE_TIPS, 0, self)
        self.merges.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.merge_button = QPushButton("Merge selected phases", self)
        self.merge_button.setToolTip("Select phases in the upper list with Ctrl, or a line of the lower one.")
        self.undo_button = QPushButton("Undo", self)
        self.undo_button.setToolTip("Undo the last correction or name by hand.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.merge_button)
        buttons.addWidget(self.undo_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.message, self.phases, self.merges):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.phases.itemSelectionChanged.connect(self._on_phases_chosen)
        self.merges.itemSelectionChanged.connect(self._on_merge_chosen)
        self.merge_button.clicked.connect(self.merge_selected)
        self.undo_button.clicked.connect(self.undo)
        self.name_editing.renamed.connect(self._on_renamed)
        self.name_editing.closed.connect(self._list)
        for signal in (session.chosen_changed, session.shown_changed, session.naming_changed):
            watch(self, signal, self._list)
        for signal in (session.wanted_changed, session.edits_changed):
            watch(self, signal, self._show_state)
        watch(self, session.selection_changed, self._show_selection)
        self._list()

    @property
    def shown(self) -> Result | None:
        """The result that is listed; None where there is none, or its method makes no phases."""
        state = self._session.chosen
        shown = None if state is None else state.shown
        return None if shown is None or not shown.segmentation.has_phases else shown

    def select(self, phases: tuple[int, ...]) -> None:
        """Select phases, counted from 0."""
        if self._session.chosen is not None:
            self._session.select(self._session.chosen, phases=phases)

    @Slot()
    def merge_selected(self) -> None:
        """Take the selected phases together."""
        state = self._session.chosen
        if state is None or self.shown is None:
            return
        if len(state.selected_phases) < 2:
            show_info("Select two phases or more, with Ctrl in the upper list, or a line of the lower one.")
            return
        self._session.merge_phases(state, state.selected_phases)

    @Slot()
    def undo(self) -> None:
        """Undo the last step by hand."""
        if self._session.chosen is not None:
            self._session.undo(self._session.chosen)

    @Slot(int, str)
    def _on_renamed(self, phase: int, name: str) -> None:
        state = self._session.chosen
        if state is None:
            return
        try:
            self._session.rename_phase(state, phase, name)
        except RecipeError as error:
            show_failure(error)

    @Slot()
    def _on_phases_chosen(self) -> None:
        self.select(tuple({index.row() for index in self.phases.selectedIndexes()}))

    @Slot()
    def _on_merge_chosen(self) -> None:
        rows = sorted({index.row() for index in self.merges.selectedIndexes()})
        if rows and self.shown is not None:
            merge = self.shown.segmentation.merges[rows[0]]
            self.select(merge.first + merge.second)

    def _show_selection(self) -> None:
        state = self._session.chosen
        chosen = frozenset() if state is None else state.selected_phases
        if chosen == {index.row() for index in self.phases.selectedIndexes()}:
            return
        with signals_blocked(self.phases):
            self.phases.clearSelection()
            for row in chosen:
                for column in range(self.phases.columnCount()):
                    item = self.phases.item(row, column)
                    if item is not None:
                        item.setSelected(True)

    @Slot()
    def _list(self) -> None:
        result = self.shown
        if self._is_edited_in(result):
            return  # until the editor is closed
        self._listed = result
        with signals_blocked(self.phases), signals_blocked(self.merges):
            for table in (self.phases, self.merges):
                table.clearContents()
                table.clearSelection()
            self.phases.setRowCount(0 if result is None else result.segmentation.n_phases)
            self.merges.setRowCount(0 if result is None else len(result.segmentation.merges))
            if result is not None:
                self._fill_phases(result)
                self._fill_merges(result.segmentation)
        for table in (self.phases, self.merges):
            fit_height(table)
        self._show_state()
        self._show_selection()

    def _is_edited_in(self, result: Result | None) -> bool:
        """Whether a name is being typed in the list, and its phase is one of a result, too."""
        return (
            self.phases.state() == QAbstractItemView.State.EditingState
            and self._listed is not None
            and result is not None
            and same_phases(self._listed.segmentation, result.segmentation)
        )

    def _show_state(self) -> None:
        state, result = self._session.chosen, self.shown
        self.undo_button.setEnabled(state is not None and state.history.can_undo)
        self.merge_button.setEnabled(result is not None and result.segmentation.n_phases > 1)
        self.message.setText("" if state is None or result is None else _in_words(state, result.segmentation))

    def _fill_phases(self, result: Result) -> None:
        table = result.phase_table
        assert table is not None
        assert result.phase_colours is not None
        names = result.segmentation.names
        awaited = self._session.chosen is not None and self._session.chosen.to_be_named
        for row, colour in enumerate(result.phase_colours):
            swatch = cell("", right=False)
            swatch.setFlags(swatch.flags() & ~Qt.ItemFlag.ItemIsSelectable)  # or its colour would be that of selections
            swatch.setBackground(QColor.fromRgbF(*(float(part) for part in colour)))
            self.phases.setItem(row, 0, swatch)
            percent, error = table["area [%]"][row], table["error [%]"][row]
            name = names[row] if names else None
            self.phases.setItem(row, 1, cell(str(table["phase"][row]), right=True))
            self.phases.setItem(row, _NAME, name_cell(name, awaited=awaited))
            self.phases.setItem(row, _PROBABILITY, probability_cell(name))
            texts = (
                f"{percent:.{_decimals(error)}f} ± {error:.{_decimals(error)}f}",
                f"{table['segments'][row]:,}",
                _short(table["mean BSE"][row]),
                "✓" if table["fine-grained"][row] else "",
            )
            for column, text in enumerate(texts, start=_PROBABILITY + 1):
                self.phases.setItem(row, column, cell(text, right=bool(text != "✓")))

    def _fill_merges(self, segmentation: Segmentation) -> None:
        titles = segmentation.phase_titles
        for row, merge in enumerate(segmentation.merges):
            texts = (_numbered(merge), f"{merge.difference:.2f}", _short(merge.significance))
            for column, text in enumerate(texts):
                item = cell(text, right=column > 0)
                item.setToolTip("\n".join(f"{k + 1}: {titles[k]}" for k in merge.first + merge.second))
                self.merges.setItem(row, column, item)


def _in_words(state: FieldState, shown: Segmentation) -> str:
    """What is listed, and how it came of the run."""
    assert state.run is not None
    merges = sum(isinstance(edit, MergePhases) for edit in state.history.edits)
    names = sum(name.is_by_hand for name in shown.names)
    text = f"{shown.n_phases} phases, {shown.n_segments:,} segments."
    if merges:
        text += f" {merges} merge{'s' * (merges > 1)} by hand."
    if names:
        text += f" {names} name{'s' * (names > 1)} by hand."
    lowest = _tau_z_of(state.run)
    if state.tau_z < lowest:
        text += f" τz below {lowest:.2f} needs a new run: press Segment."
    elif state.tau_z > lowest:
        text += f" Shown as of τz = {state.tau_z:.2f}, without a new run."
    return text


def _tau_z_of(segmentation: Segmentation) -> float:
    tau_z = segmentation.recipe.tau_z
    assert tau_z is not None  # recipes of results have their defaults spelled out
    return tau_z


def _numbered(merge: PhaseMerge) -> str:
    """Both groups of phases, counted from 1: "1, 4 + 7"; large ones by their size."""
    groups = [
        ", ".join(str(k + 1) for k in group) if len(group) <= _MOST_NAMED else f"{len(group)} phases"
        for group in (merge.first, merge.second)
    ]
    return " + ".join(groups)


def _decimals(error: float) -> int:
    return 1 if error >= 0.1 else 2


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
