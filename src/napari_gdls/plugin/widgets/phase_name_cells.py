"""Cells of a table with the names of phases, which can be changed in place."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from qtpy.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from qtpy.QtWidgets import QLineEdit, QStyledItemDelegate, QStyleOptionViewItem, QTableWidgetItem, QWidget

from napari_gdls.plugin.widgets.tables import cell
from napari_gdls.recipe.named_places import LONGEST_NAME

if TYPE_CHECKING:
    from napari_gdls.segmentation import PhaseName

_NAME_ROLE = int(Qt.ItemDataRole.UserRole)
"""Of the name alone, without what is shown with it; that is what is edited."""
_LINE = 90
"""Characters in a line of a tool tip; longer ones are wrapped, or it would be wider than the window."""

_Index = QModelIndex | QPersistentModelIndex


class NameEditing(QStyledItemDelegate):
    """Editor of names in a table, opened by a double click or F2; Return keeps what was typed, Escape does not.

    Attributes
    ----------
    renamed : Signal(int, str)
        Row, and what was typed in it; "" to have the measured name again.
    closed : Signal()
        The editor is gone.
    """

    renamed = Signal(int, str)
    closed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.closeEditor.connect(self._on_close, Qt.ConnectionType.QueuedConnection)

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: _Index) -> QWidget:
        """A line to type in."""
        editor = QLineEdit(parent)
        editor.setMaxLength(LONGEST_NAME)
        editor.setPlaceholderText("as measured")
        editor.setFrame(False)
        return editor

    def setEditorData(self, editor: QWidget, index: _Index) -> None:
        """Show the name alone, selected, to be typed over."""
        assert isinstance(editor, QLineEdit)
        editor.setText(index.data(_NAME_ROLE))
        editor.selectAll()

    def setModelData(self, editor: QWidget, model: QAbstractItemModel, index: _Index) -> None:
        """Say what was typed, if it says anything new."""
        assert isinstance(editor, QLineEdit)
        text = " ".join(editor.text().split())
        if text == index.data(_NAME_ROLE):
            return
        row = index.row()
        if text:
            model.setData(index, text, Qt.ItemDataRole.DisplayRole)  # until the result with the name is there
        self.renamed.emit(row, text)

    def _on_close(self, *_: object) -> None:
        self.closed.emit()


def name_cell(name: PhaseName | None, *, awaited: bool) -> QTableWidgetItem:
    """A cell that shows a name, and can be edited.

    Parameters
    ----------
    name : PhaseName or None
    awaited : bool
        Whether phases are still being named.
    """
    text = "" if name is None else name.name
    item = cell((f"{text}{name.doubt}" if name is not None and text else "") or ("…" if awaited else ""), right=False)
    item.setData(_NAME_ROLE, text)
    item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
    item.setToolTip(_told(name))
    return item


def probability_cell(name: PhaseName | None) -> QTableWidgetItem:
    """A cell that shows how sure a name is."""
    if name is None or not name.name:
        text = ""
    elif name.is_by_hand:
        text = "hand"
    else:
        text = "" if name.probability is None else f"{name.probability:.2f}"
    item = cell(text, right=True)
    item.setToolTip(_told(name))
    return item


def _told(name: PhaseName | None) -> str:
    """All that is known of a name, and how to change it."""
    lines = []
    if name is not None and name.name:
        lines.append(name.name)
        if name.is_by_hand and name.measured is not None and name.measured.name:
            lines.append(f"Named by hand. Measured: {name.measured.name}{name.measured.doubt}")
        if name.cannot_be_told_from and "Not to be told from" not in name.details:
            lines.append(f"Not to be told from: {', '.join(name.cannot_be_told_from)}")
        lines += name.details.splitlines()
    lines.append("Double click or F2 to rename; empty for the measured name.")
    return "\n".join(textwrap.fill(line, _LINE) for line in lines)
