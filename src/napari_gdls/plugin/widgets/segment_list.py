"""The list of all segments of a result: thousands of rows, sorted and searched at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import (
    QAbstractTableModel,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Slot,
)
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_gdls.errors import OutputError
from napari_gdls.io import write_table
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import Result
    from napari_gdls.plugin.session import Session

_ROW_HEIGHT = 22
"""Pixels: one line of text."""
_MARGIN = 8.0
"""Pixels of the map around a segment that is zoomed to, so that its neighbours are seen."""
_WHOLE = frozenset(("label", "phase", "area [px]", "measurements", "counts"))
"""Columns of whole numbers."""

_Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class SegmentModel(QAbstractTableModel):
    """A table of segments, its rows in any order; cells are made only when they are looked at.

    Parameters
    ----------
    parent : QObject, optional
    """

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._table: dict[str, npt.NDArray[Any]] = {}
        self._names: list[str] = []
        self._colours: npt.NDArray[np.float64] | None = None
        self._rows = np.empty(0, dtype=np.int64)
        self._kept = np.empty(0, dtype=np.bool_)
        self._sorted_by: tuple[int, bool] | None = None

    def set_table(self, table: Mapping[str, npt.NDArray[Any]], colours: npt.NDArray[np.float64] | None) -> None:
        """Show another table, sorted as the last one was.

        Parameters
        ----------
        table : mapping of str to (K,) array
            See `napari_gdls.segmentation.segment_table`.
        colours : (P, 3) array or None
            sRGB of each phase, 0 to 1.
        """
        self.beginResetModel()
        self._table, self._colours = dict(table), colours
        self._names = list(self._table)
        self._kept = np.ones(len(self._table["label"]) if self._table else 0, dtype=np.bool_)
        self._arrange()
        self.endResetModel()

    def keep(self, kept: npt.NDArray[np.bool_]) -> None:
        """Show these rows of the table, (K,), alone."""
        self.beginResetModel()
        self._kept = kept
        self._arrange()
        self.endResetModel()

    @property
    def table(self) -> dict[str, npt.NDArray[Any]]:
        """What is shown, in the order of the rows."""
        return {name: column[self._rows] for name, column in self._table.items()}

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Label in each row."""
        return np.asarray(self._table["label"][self._rows] if self._table else self._rows, dtype=np.int64)

    def rowCount(self, parent: _Index = _NOWHERE) -> int:
        """Rows in sight."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: _Index = _NOWHERE) -> int:
        """Columns of the table."""
        return 0 if parent.isValid() else len(self._names)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Titles of the columns, which say their units."""
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._names[section] if section < len(self._names) else None
        return None

    def data(self, index: _Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text of a cell; of the label also the colour of its phase."""
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        name, row = self._names[index.column()], self._rows[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _text(name, self._table[name][row])
        if role == Qt.ItemDataRole.TextAlignmentRole and name != "name":
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        if role == Qt.ItemDataRole.DecorationRole and name == "label" and self._colours is not None:
            phase = int(self._table["phase"][row]) - 1 if "phase" in self._table else -1
            if phase >= 0:
                return QColor.fromRgbF(*(float(part) for part in self._colours[phase]))
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; of equal ones the smaller label comes first. A negative column: by label."""
        self.beginResetModel()
        self._sorted_by = (column, order == Qt.SortOrder.DescendingOrder) if column >= 0 else None
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        rows = np.flatnonzero(self._kept)
        if self._sorted_by is not None and self._sorted_by[0] < len(self._names):
            column, down = self._sorted_by
            _, rank = np.unique(self._table[self._names[column]][rows], return_inverse=True)
            rows = rows[np.argsort(-rank if down else rank, kind="stable")]
        self._rows = rows


class SegmentList(QWidget):
    """The segments of the shown result, with search, the table as a file, and the selection shared with the map.

    Parameters
    ----------
    session : Session
    parent : QWidget, optional
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._listed: Result | None = None
        self._stale = True
        self._selecting = False
        self.model = SegmentModel(self)
        self.view = QTableView(self)
        self.view.setModel(self.model)
        self.view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.view.setSortingEnabled(True)
        self.view.horizontalHeader().setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.view.horizontalHeader().setHighlightSections(False)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.view.setToolTip("A click selects the segment in the map and zooms to it; Ctrl and Shift select several.")
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("search: name or label")
        self.search.setClearButtonEnabled(True)
        self.search.setToolTip("Only segments whose label is this number, or whose phase has this in its name.")
        self.of_phases = QCheckBox("of selected phases", self)
        self.of_phases.setToolTip("Only segments of the phases that are selected in their list.")
        self.save_button = QPushButton("Save as CSV…", self)
        self.save_button.setToolTip("The rows in sight, in their order, with the units in the titles.")
        self.message = QLabel(self)
        top = QHBoxLayout()
        for widget in (self.search, self.of_phases):
            top.addWidget(widget)
        bottom = QHBoxLayout()
        bottom.addWidget(self.message, 1)
        bottom.addWidget(self.save_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.view)
        layout.addLayout(bottom)
        self.view.selectionModel().selectionChanged.connect(self._on_chosen)
        self.view.clicked.connect(self._on_clicked)
        self.model.modelReset.connect(self._show_selection)
        self.search.textChanged.connect(self._filter)
        self.of_phases.toggled.connect(self._filter)
        self.save_button.clicked.connect(self._on_save)
        for signal in (session.chosen_changed, session.shown_changed):
            watch(self, signal, self._on_shown)
        watch(self, session.selection_changed, self._on_selection)

    def showEvent(self, event: Any) -> None:
        """Fill the list when it comes into sight: nobody waits for what nobody sees."""
        super().showEvent(event)
        self._list()

    def _on_shown(self, _: object = None) -> None:
        self._stale = True
        if self.isVisible():
            self._list()

    def _list(self) -> None:
        state = self._session.chosen
        shown = None if state is None else state.shown
        if not self._stale and shown is self._listed:
            return
        self._stale, self._listed = False, shown
        if shown is None:
            self.model.set_table({}, None)
        else:
            self.model.set_table(shown.segment_table, shown.phase_colours)
        self._filter()
        self.view.resizeColumnsToContents()

    @Slot()
    def _filter(self, _: object = None) -> None:
        state, shown = self._session.chosen, self._listed
        if shown is None or state is None:
            self.message.setText("No segments yet.")
            return
        table = shown.segment_table
        kept = np.ones(len(table["label"]), dtype=np.bool_)
        text = self.search.text().strip().lower()
        if text.isdecimal():
            kept &= table["label"] == int(text)
        elif text:
            names = table.get("name", np.full(len(kept), ""))
            kept &= np.array([text in name.lower() for name in names.tolist()], dtype=np.bool_)
        if self.of_phases.isChecked() and "phase" in table:
            kept &= np.isin(table["phase"] - 1, sorted(state.selected_phases))
        self.model.keep(kept)
        self.message.setText(f"{int(kept.sum()):,} of {len(kept):,} segments")

    def _on_selection(self, _: object = None) -> None:
        if not self.isVisible():
            return
        if self.of_phases.isChecked() and not self._selecting:
            self._filter()
        else:
            self._show_selection()

    @Slot()
    def _show_selection(self) -> None:
        state = self._session.chosen
        if state is None or self._selecting:
            return
        rows = np.flatnonzero(np.isin(self.model.labels, sorted(state.selected_segments)))
        chosen = self.view.selectionModel()
        self._selecting = True
        try:
            last = self.model.columnCount() - 1
            selection = QItemSelection()
            for run in np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1):
                if len(run):
                    selection.select(self.model.index(int(run[0]), 0), self.model.index(int(run[-1]), last))
            chosen.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            if len(rows):
                self.view.scrollTo(self.model.index(int(rows[0]), 0))
        finally:
            self._selecting = False

    @Slot()
    def _on_chosen(self, _: object = None, __: object = None) -> None:
        state, shown = self._session.chosen, self._listed
        if state is None or shown is None or self._selecting:
            return
        labels = self.model.labels
        chosen = [int(labels[index.row()]) for index in self.view.selectionModel().selectedRows()]
        self._selecting = True
        try:
            phases = {int(shown.segmentation.phases[label - 1]) for label in chosen}
            self._session.select(state, segments=chosen, phases=phases if shown.segmentation.has_phases else None)
        finally:
            self._selecting = False

    @Slot(QModelIndex)
    def _on_clicked(self, index: QModelIndex) -> None:
        state, shown = self._session.chosen, self._listed
        if state is None or shown is None:
            return
        inside = shown.segmentation.labels == int(self.model.labels[index.row()])
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(rows):
            height, width = (float(where[-1] - where[0] + 1) for where in (rows, columns))
            self._session.look_at(
                state,
                float(rows[0]) - _MARGIN,
                float(columns[0]) - _MARGIN,
                height + 2 * _MARGIN,
                width + 2 * _MARGIN,
            )

    @Slot()
    def _on_save(self) -> None:
        if self._listed is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save the table of segments", "segments.csv", "Tables (*.csv)")
        if path:
            self.save(path)

    def save(self, path: str) -> None:
        """Write the rows in sight; problems are shown."""
        try:
            write_table(path, self.model.table)
        except OutputError as error:
            show_failure(error)


def _text(name: str, value: Any) -> str:
    if name == "name":
        return str(value)
    if name in _WHOLE:
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
