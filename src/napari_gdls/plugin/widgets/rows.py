"""Widgets side by side."""

from __future__ import annotations

from qtpy.QtWidgets import QHBoxLayout, QWidget


def row_of(*widgets: QWidget, spacing: int | None = None) -> QHBoxLayout:
    """A layout with widgets in a row.

    Parameters
    ----------
    *widgets : QWidget
    spacing : int, optional
        Pixels between them. None: as the style has it.
    """
    row = QHBoxLayout()
    if spacing is not None:
        row.setSpacing(spacing)
    for widget in widgets:
        row.addWidget(widget)
    return row
