"""Tables of results in a dock."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

MOST_ROWS = 8
"""Rows of a list in sight; more are scrolled to, so that the buttons below stay near."""
_ROW_HEIGHT = 22
"""Pixels: one line of text."""


def cell(text: str, *, right: bool) -> QTableWidgetItem:
    """A cell with text at its left or right side."""
    item = QTableWidgetItem(text)
    item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item


def read_only_table(columns: tuple[str, ...], tips: tuple[str, ...], stretched: int, parent: QWidget) -> QTableWidget:
    """An empty table of whole rows to look at and to select.

    Parameters
    ----------
    columns : tuple of str
        Their titles.
    tips : tuple of str
        What they say, likewise.
    stretched : int
        Column that takes the width that is left.
    parent : QWidget
    """
    table = QTableWidget(0, len(columns), parent)
    table.setHorizontalHeaderLabels(columns)
    for column, tip in enumerate(tips):
        item = table.horizontalHeaderItem(column)
        if item is not None:
            item.setToolTip(tip)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = table.horizontalHeader()
    header.setHighlightSections(False)  # bold titles are wider
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    return table


def wide_table(
    columns: tuple[str, ...], tips: tuple[str, ...], parent: QWidget, *, widest: int, most_rows: int = MOST_ROWS
) -> QTableWidget:
    """Likewise, of more columns than there is room for: they are as wide as their texts, and scrolled to.

    Parameters
    ----------
    columns, tips : tuple of str
    parent : QWidget
    widest : int
        Of a column, in pixels; longer texts are cut.
    most_rows : int
        Rows in sight.
    """
    table = read_only_table(columns, tips, len(columns) - 1, parent)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
    table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setMaximumSectionSize(widest)
    header.setStretchLastSection(True)
    table.horizontalScrollBar().rangeChanged.connect(lambda *_: fit_height(table, most_rows))
    return table


def fit_height(table: QTableWidget, most_rows: int = MOST_ROWS) -> None:
    """Make a table as high as its rows, up to `most_rows` of them, and the bar to scroll it sideways."""
    rows = max(1, min(table.rowCount(), most_rows))
    height = table.horizontalHeader().sizeHint().height() + rows * table.verticalHeader().defaultSectionSize()
    bar = table.horizontalScrollBar()
    if table.horizontalScrollBarPolicy() != Qt.ScrollBarPolicy.ScrollBarAlwaysOff and bar.maximum() > 0:
        height += bar.sizeHint().height()
    table.setFixedHeight(height + 2 * table.frameWidth())
