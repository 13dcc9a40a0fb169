"""The fields of a batch as a table that stays quick for ten thousand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QAbstractTableModel, Qt
from qtpy.QtGui import QColor

from napari_gdls.batch.journal import FieldState

_HEADINGS = ("Field", "State", "Time", "Memory", "Tries", "Problem")

_COLOURS = {"done": "#6fbf73", "running": "#64b5f6", "failed": "#ffb74d", "set aside": "#ff8c6a"}
"""Of the words of states; by eye, readable on the dark and on the light theme."""


class FieldTable(QAbstractTableModel):
    """States of fields, a row each."""

    def __init__(self, parent: Any = None) -> None:
        super().__init__(parent)
        self.fields: tuple[FieldState, ...] = ()

    def show_fields(self, fields: Sequence[FieldState]) -> None:
        """Show other states; rows stay where they are while the fields are the same."""
        same = len(fields) == len(self.fields)
        if not same:
            self.beginResetModel()
        changed = [k for k, (old, new) in enumerate(zip(self.fields, fields, strict=False)) if old != new]
        self.fields = tuple(fields)
        if not same:
            self.endResetModel()
        elif changed:
            self.dataChanged.emit(self.index(changed[0], 0), self.index(changed[-1], len(_HEADINGS) - 1))

    def rowCount(self, parent: Any = None) -> int:
        """Number of fields."""
        return 0 if parent is not None and parent.isValid() else len(self.fields)

    def columnCount(self, parent: Any = None) -> int:
        """Number of columns."""
        return 0 if parent is not None and parent.isValid() else len(_HEADINGS)

    def headerData(self, section: int, orientation: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Headings of the columns."""
        if role == Qt.ItemDataRole.DisplayRole and orientation == Qt.Orientation.Horizontal:
            return _HEADINGS[section]
        return None

    def data(self, index: Any, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """What a cell shows."""
        each = self.fields[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return _cells(each)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            return each.error or each.name
        if role == Qt.ItemDataRole.ForegroundRole and index.column() == 1 and each.state in _COLOURS:
            return QColor(_COLOURS[each.state])
        return None


def _cells(each: FieldState) -> tuple[str, ...]:
    return (
        each.name,
        each.state,
        "" if each.seconds is None else f"{each.seconds:.1f} s",
        "" if not each.peak else f"{each.peak / 2**20:,.0f} MiB",
        str(each.tries or ""),
        each.error,
    )
