"""The list of the phases of a result: seen, hidden, coloured, named and merged by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QColorDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.field_state import Result, same_phases
from napari_gdls.plugin.session import Session
from napari_gdls.plugin.widgets.phase_name_cells import NameEditing, name_cell, probability_cell
from napari_gdls.plugin.widgets.phase_order import NAME, PROBABILITY, list_in_words, ordered_phases
from napari_gdls.plugin.widgets.rows import row_of
from napari_gdls.plugin.widgets.tables import cell, fit_height, read_only_table, wide_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.phases.merge_candidates import PhaseMerge
    from napari_gdls.segmentation.result import Segmentation

_PHASE_COLUMNS = ("", "#", "Name", "Prob.", "Area %", "Segments", "BSE", "Mixture")
_PHASE_TIPS = (
    "Colour in the layers; ticked phases are in sight. Double click for another colour, Alt and click to see the phase "
    "alone.",
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

    Attributes
    ----------
    spectra_wanted : Signal(int, int)
        The spectra of two phases are to be shown.
    """

    spectra_wanted = Signal(int, int)

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
        self.phases.setItemDelegateForColumn(NAME, self.name_editing)
        self._listed: Result | None = None
        self._order: list[int] = []
        self._sorted_by: tuple[int, bool] | None = None
        self.merges = read_only_table(_MERGE_COLUMNS, _MERGE_TIPS, 0, self)
        self.merges.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("search: name, number or element")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Only phases whose name, number or composition holds this text are listed.")
        self.only_button = QPushButton("Show only selected", self)
        self.only_button.setToolTip("The other phases are left out of the map.")
        self.all_button = QPushButton("Show all", self)
        self.all_button.setToolTip("All phases are in sight again.")
        self.spectra_button = QPushButton("Both spectra", self)
        self.spectra_button.setToolTip("The spectra of the two selected phases, one over the other.")
        self.merge_button = QPushButton("Merge selected phases", self)
        self.merge_button.setToolTip("Select phases in the upper list with Ctrl, or a line of the lower one.")
        self.undo_button = QPushButton("Undo", self)
        self.undo_button.setToolTip("Undo the last correction or name by hand.")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.message)
        layout.addLayout(row_of(self.search, self.only_button, self.all_button))
        layout.addWidget(self.phases)
        layout.addWidget(self.merges)
        layout.addLayout(row_of(self.merge_button, self.spectra_button, self.undo_button))
        layout.addStretch(1)
        self.phases.itemSelectionChanged.connect(self._on_phases_chosen)
        self.merges.itemSelectionChanged.connect(self._on_merge_chosen)
        self.merge_button.clicked.connect(self.merge_selected)
        self.undo_button.clicked.connect(self.undo)
        self.name_editing.renamed.connect(self._on_renamed)
        self.name_editing.closed.connect(self._list)
        self.search.textChanged.connect(self._filter)
        self.only_button.clicked.connect(self._on_only)
        self.all_button.clicked.connect(self._on_all)
        self.spectra_button.clicked.connect(self._on_spectra)
        self.phases.itemChanged.connect(self._on_item)
        self.phases.cellClicked.connect(self._on_clicked)
        self.phases.cellDoubleClicked.connect(self._on_double_clicked)
        header = self.phases.horizontalHeader()
        header.setSectionsClickable(True)
        header.sectionClicked.connect(self.sort)
        for signal in (session.chosen_changed, session.shown_changed, session.naming_changed):
            watch(self, signal, self._list)
        for signal in (session.wanted_changed, session.edits_changed):
            watch(self, signal, self._show_state)
        watch(self, session.selection_changed, self._show_selection)
        watch(self, session.display_changed, self._show_eyes)
        self._list()

    @property
    def shown(self) -> Result | None:
        """The result that is listed; None where there is none, or its method makes no phases."""
        state = self._session.chosen
        shown = None if state is None else state.shown
        return None if shown is None or not shown.segmentation.has_phases else shown

    def phase_in(self, row: int) -> int:
        """Phase, from 0, in a row of the list."""
        return self._order[row]

    @Slot(int)
    def sort(self, column: int) -> None:
        """Sort by a column, at the second time the other way round, at the third as they are numbered."""
        before = self._sorted_by
        if before is None or before[0] != column:
            self._sorted_by = (column, False)
        else:
            self._sorted_by = None if before[1] else (column, True)
        header = self.phases.horizontalHeader()
        header.setSortIndicatorShown(self._sorted_by is not None)
        if self._sorted_by is not None:
            down = Qt.SortOrder.DescendingOrder if self._sorted_by[1] else Qt.SortOrder.AscendingOrder
            header.setSortIndicator(column, down)
        self._list()

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

    @Slot()
    def _on_only(self) -> None:
        state = self._session.chosen
        if state is None or self.shown is None:
            return
        if not state.selected_phases:
            show_info("Select one phase or more in the list.")
            return
        self._session.hide_phases(state, set(range(self.shown.segmentation.n_phases)) - state.selected_phases)

    @Slot()
    def _on_all(self) -> None:
        if self._session.chosen is not None:
            self._session.hide_phases(self._session.chosen, ())

    @Slot()
    def _on_spectra(self) -> None:
        state = self._session.chosen
        chosen = () if state is None else tuple(sorted(state.selected_phases))
        if len(chosen) != 2:
            show_info("Select two phases in the list, or a line of the lower one.")
            return
        self.spectra_wanted.emit(*chosen)

    @Slot(QTableWidgetItem)
    def _on_item(self, item: QTableWidgetItem) -> None:
        state = self._session.chosen
        if state is None or item.column() != 0 or item.row() >= len(self._order):
            return
        phase = self.phase_in(item.row())
        hidden = state.hidden_phases - {phase}
        if item.checkState() == Qt.CheckState.Unchecked:
            hidden |= {phase}
        self._session.hide_phases(state, hidden)

    @Slot(int, int)
    def _on_clicked(self, row: int, column: int) -> None:
        state, shown = self._session.chosen, self.shown
        if state is None or shown is None:
            return
        phase = self.phase_in(row)
        if QApplication.keyboardModifiers() & Qt.KeyboardModifier.AltModifier:
            self._session.hide_phases(state, set(range(shown.segmentation.n_phases)) - {phase})

    @Slot(int, int)
    def _on_double_clicked(self, row: int, column: int) -> None:
        shown = self.shown
        if column != 0 or shown is None or shown.phase_colours is None:
            return
        phase = self.phase_in(row)
        before = QColor.fromRgbF(*(float(part) for part in shown.phase_colours[phase]))
        chosen = QColorDialog.getColor(before, self, f"Colour of {shown.segmentation.phase_titles[phase]}")
        if chosen.isValid():
            self.colour(phase, (chosen.redF(), chosen.greenF(), chosen.blueF()))

    def colour(self, phase: int, colour: tuple[float, float, float] | None) -> None:
        """Give a phase, from 0, a colour by hand; None: that of its composition again."""
        if self._session.chosen is not None:
            self._session.colour_phase(self._session.chosen, phase, colour)

    @Slot(int, str)
    def _on_renamed(self, row: int, name: str) -> None:
        state = self._session.chosen
        if state is None:
            return
        try:
            self._session.rename_phase(state, self.phase_in(row), name)
        except RecipeError as error:
            show_failure(error)

    @Slot()
    def _on_phases_chosen(self) -> None:
        self.select(tuple({self.phase_in(index.row()) for index in self.phases.selectedIndexes()}))

    @Slot()
    def _on_merge_chosen(self) -> None:
        rows = sorted({index.row() for index in self.merges.selectedIndexes()})
        if rows and self.shown is not None:
            merge = self.shown.segmentation.merges[rows[0]]
            self.select(merge.first + merge.second)

    def _show_selection(self) -> None:
        state = self._session.chosen
        phases = frozenset() if state is None else state.selected_phases
        chosen = {row for row, phase in enumerate(self._order) if phase in phases}
        if chosen == {index.row() for index in self.phases.selectedIndexes()}:
            return
        with signals_blocked(self.phases):
            self.phases.clearSelection()
            for row in chosen:
                for column in range(self.phases.columnCount()):
                    item = self.phases.item(row, column)
                    if item is not None:
                        item.setSelected(True)

    def _show_eyes(self, _: object = None) -> None:
        state = self._session.chosen
        hidden = frozenset() if state is None else state.hidden_phases
        with signals_blocked(self.phases):
            for row, phase in enumerate(self._order):
                item = self.phases.item(row, 0)
                if item is not None:
                    seen = phase not in hidden
                    item.setCheckState(Qt.CheckState.Checked if seen else Qt.CheckState.Unchecked)
        self.all_button.setEnabled(bool(hidden))

    @Slot()
    def _filter(self, _: object = None) -> None:
        words = self.search.text().lower().split()
        for row in range(self.phases.rowCount()):
            said = " ".join(
                item.text() + " " + item.toolTip() if column == NAME else item.text()
                for column in range(1, self.phases.columnCount())
                if (item := self.phases.item(row, column)) is not None
            ).lower()
            self.phases.setRowHidden(row, not all(word in said for word in words))

    @Slot()
    def _list(self, _: object = None) -> None:
        result = self.shown
        if self._is_edited_in(result):
            return  # until the editor is closed
        self._listed = result
        self._order = [] if result is None else ordered_phases(result, self._sorted_by)
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
        self._filter()
        self._show_eyes()
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
        self.message.setText("" if state is None or result is None else list_in_words(state, result.segmentation))

    def _fill_phases(self, result: Result) -> None:
        table = result.phase_table
        assert table is not None
        assert result.phase_colours is not None
        names = result.segmentation.names
        awaited = self._session.chosen is not None and self._session.chosen.to_be_named
        for row, phase in enumerate(self._order):
            swatch = cell("", right=False)
            swatch.setFlags(swatch.flags() & ~Qt.ItemFlag.ItemIsSelectable)  # or its colour would be that of selections
            swatch.setBackground(QColor.fromRgbF(*(float(part) for part in result.phase_colours[phase])))
            self.phases.setItem(row, 0, swatch)
            percent, error = table["area [%]"][phase], table["error [%]"][phase]
            name = names[phase] if names else None
            self.phases.setItem(row, 1, cell(str(table["phase"][phase]), right=True))
            self.phases.setItem(row, NAME, name_cell(name, awaited=awaited))
            self.phases.setItem(row, PROBABILITY, probability_cell(name))
            texts = (
                f"{percent:.{_decimals(error)}f} ± {error:.{_decimals(error)}f}",
                f"{table['segments'][phase]:,}",
                _short(table["mean BSE"][phase]),
                "✓" if table["fine-grained"][phase] else "",
            )
            for column, text in enumerate(texts, start=PROBABILITY + 1):
                self.phases.setItem(row, column, cell(text, right=bool(text != "✓")))

    def _fill_merges(self, segmentation: Segmentation) -> None:
        titles = segmentation.phase_titles
        for row, merge in enumerate(segmentation.merges):
            texts = (_numbered(merge), f"{merge.difference:.2f}", _short(merge.significance))
            for column, text in enumerate(texts):
                item = cell(text, right=column > 0)
                item.setToolTip("\n".join(f"{k + 1}: {titles[k]}" for k in merge.first + merge.second))
                self.merges.setItem(row, column, item)


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
