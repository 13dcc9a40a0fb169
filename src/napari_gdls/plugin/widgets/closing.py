"""Closing the window while something is under way asks first."""

from __future__ import annotations

import weakref
from collections.abc import Callable

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QMainWindow, QMessageBox, QWidget


class AskBeforeClosing(QObject):
    """Asks before the window of a widget is closed while something is under way in it.

    Parameters
    ----------
    widget : QWidget
        Wherever it lies in the window.
    what : method
        Says what is under way and what will be lost, in a sentence; "" if nothing is.
    give_up : method
        Ends it.
    """

    def __init__(self, widget: QWidget, what: Callable[[], str], give_up: Callable[[], None]) -> None:
        super().__init__(widget)
        # Weakly, all of it: the window holds the widget, and must not be held by what lies in it.
        self._widget = weakref.ref(widget)
        self._what, self._give_up = weakref.WeakMethod(what), weakref.WeakMethod(give_up)
        self._watched: weakref.ref[QMainWindow] | None = None

    def watch(self) -> None:
        """Watch the window that the widget is in now."""
        main: QWidget | None = self._widget()
        while main is not None and not isinstance(main, QMainWindow):
            main = main.parentWidget()
        if main is not None and (self._watched is None or self._watched() is not main):
            main.installEventFilter(self)
            self._watched = weakref.ref(main)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Keep the window open if that is what the user wants; see Qt."""
        widget, what, give_up = self._widget(), self._what(), self._give_up()
        if event is None or event.type() != QEvent.Type.Close or not isinstance(watched, QMainWindow):
            return False
        if widget is None or what is None or give_up is None or not widget.isVisible() or not (said := what()):
            return False
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            widget,
            "Close the window?",
            f"{said} Close the window all the same?",
            buttons.Yes | buttons.No,
            buttons.No,
        )
        if answer == buttons.Yes:
            give_up()
            return False
        event.ignore()
        return True
