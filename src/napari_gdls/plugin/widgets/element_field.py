"""A field for elements: typed, "Si Al Ca", or chosen in the periodic table."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Signal, Slot
from qtpy.QtWidgets import QHBoxLayout, QLineEdit, QMenu, QPushButton, QWidget, QWidgetAction

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.widgets.element_text import elements_of
from napari_gdls.plugin.widgets.periodic_table import PeriodicTable


class ElementField(QWidget):
    """A line to type symbols in, with a button that opens the periodic table.

    Parameters
    ----------
    parent : QWidget, optional
    placeholder : str
        Shown while nothing is typed.
    tip : str
        What the elements are for.

    Attributes
    ----------
    changed : Signal(object)
        Other elements were typed or chosen: the tuple `elements`. Not emitted for a text that cannot be read; that is
        said once, and the elements stay as they were.
    text : QLineEdit
    button : QPushButton
    table : PeriodicTable
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None, *, placeholder: str = "Si Al Ca", tip: str = "") -> None:
        super().__init__(parent)
        self._elements: tuple[str, ...] = ()
        self._read = ""
        self.text = QLineEdit(self)
        self.text.setPlaceholderText(placeholder)
        self.text.setToolTip(tip)
        self.text.setClearButtonEnabled(True)
        self.button = QPushButton("Table…", self)
        self.button.setStyleSheet("QPushButton::menu-indicator {image: none;}")  # it would lie on the text
        self.button.setToolTip("Choose elements in the periodic table.")
        menu = QMenu(self.button)
        self.table = PeriodicTable(menu)
        action = QWidgetAction(menu)
        action.setDefaultWidget(self.table)
        menu.addAction(action)
        self.button.setMenu(menu)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.button)
        self.text.editingFinished.connect(self._on_text)
        self.text.textChanged.connect(self._on_cleared)
        self.table.changed.connect(self._on_table)

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols, each once, in the order they were typed or chosen in."""
        return self._elements

    def set_elements(self, elements: Iterable[str]) -> None:
        """Show other elements, silently."""
        self._elements = tuple(dict.fromkeys(elements))
        self._read = " ".join(self._elements)
        self.text.setText(self._read)
        self.table.set_chosen(self._elements)

    @Slot()
    def _on_text(self) -> None:
        text = self.text.text()
        if text == self._read:
            return  # leaving the line must not complain a second time
        self._read = text
        try:
            elements = elements_of(text)
        except RecipeError as error:
            show_failure(error)
            return
        self._take(elements)

    @Slot(str)
    def _on_cleared(self, text: str) -> None:
        if not text:
            self._on_text()  # by its button, after which nobody presses Enter

    @Slot(object)
    def _on_table(self, chosen: tuple[str, ...]) -> None:
        kept = [symbol for symbol in self._elements if symbol in chosen]
        self._take((*kept, *(symbol for symbol in chosen if symbol not in kept)))

    def _take(self, elements: tuple[str, ...]) -> None:
        before = self._elements
        self.set_elements(elements)
        if elements != before:
            self.changed.emit(elements)
