"""A part of a dock that can be folded away."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Slot
from qtpy.QtWidgets import QSizePolicy, QWidget
from superqt import QCollapsible

_NO_LIMIT = 2**24 - 1
"""Pixels: as high as Qt lets a widget be."""


class Section(QCollapsible):
    """A title that shows and hides a widget, as high as that is now.

    The class that it is made from keeps the height that its content had when it was unfolded, and cuts off what has
    come since: rows of tables, text that needs another line.

    Parameters
    ----------
    title : str
    content : QWidget
    parent : QWidget
    expanded : bool
        At first.
    """

    def __init__(self, title: str, content: QWidget, parent: QWidget, *, expanded: bool = False) -> None:
        super().__init__(title, parent, expandedIcon="▾", collapsedIcon="▸")
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        self.setDuration(0)
        self.toggled.connect(self._unlimited)
        self.addWidget(content)
        if expanded:
            self.expand(animate=False)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Leave the height to the layout."""
        return False

    @Slot(bool)
    def _unlimited(self, expanded: bool) -> None:
        if expanded:
            self.content().setMaximumHeight(_NO_LIMIT)
