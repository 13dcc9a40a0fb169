"""The list of all that was done by hand to a field, in words, with undo and redo."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Slot
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.gestures.edit_words import extent_of
from napari_gdls.plugin.shortcuts import shortcut_of
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.gestures.grain_actions import GrainActions
    from napari_gdls.plugin.gestures.grain_tools import GrainTools

_LEAST_HEIGHT = 90
"""Pixels: five lines, so that all buttons stay in sight beside a dock at the bottom."""


class EditList(QWidget):
    """Edits of the chosen field, the latest last; undo, redo, zoom to one, drop one, drop all.

    Parameters
    ----------
    tools : GrainTools
    actions : GrainActions
    parent : QWidget, optional
    """

    def __init__(self, tools: GrainTools, actions: GrainActions, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._tools = tools.session, tools
        self._done_at: float | None = None
        self.list = QListWidget(self)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.list.setMinimumHeight(_LEAST_HEIGHT)
        self.list.setToolTip(
            "All that was done by hand to this field, the latest last. Double click to see where. It is saved with the "
            "field and with the recipe, and every run does it again."
        )
        self.undo_button = self._button("Undo", "Undo the last correction or name", "undo")
        self.redo_button = self._button("Redo", "Do again what was undone last", "redo")
        self.zoom_button = self._button("Zoom to", "Bring what the chosen line is about into sight")
        self.drop_button = self._button(
            "Drop", "Take the chosen line back, and keep what was done after it; can be undone"
        )
        self.clear_button = self._button("Clear", "Take back all that was done by hand to this field; can be undone")
        self.took = QLabel(self)
        self.took.setToolTip("From the end of the last gesture until its result was shown, in seconds.")
        buttons = QGridLayout()
        for column, button in enumerate((self.undo_button, self.redo_button)):
            buttons.addWidget(button, 0, 3 * column, 1, 3)
        for column, button in enumerate((self.zoom_button, self.drop_button, self.clear_button)):
            buttons.addWidget(button, 1, 2 * column, 1, 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addLayout(buttons)
        layout.addWidget(self.took)
        self.undo_button.clicked.connect(actions.undo)
        self.redo_button.clicked.connect(actions.redo)
        self.zoom_button.clicked.connect(self.zoom)
        self.drop_button.clicked.connect(self.drop)
        self.clear_button.clicked.connect(self.clear)
        self.list.itemDoubleClicked.connect(lambda item: self.zoom())
        self.list.currentRowChanged.connect(lambda row: self._show_buttons())
        watch(self, self._session.chosen_changed, self._show)
        watch(self, self._session.edits_changed, self._on_edits)
        watch(self, self._session.shown_changed, self._on_shown)
        self._show()

    @Slot()
    def zoom(self) -> None:
        """Bring what the chosen edit is about into sight."""
        state, chosen = self._session.chosen, self._chosen_edits()
        if state is not None and state.shown is not None and chosen:
            edits = [state.history.edits[index] for index in chosen]
            self._session.look_at(state, *extent_of(edits, state.shown.segmentation))

    @Slot()
    def drop(self) -> None:
        """Take the chosen edit back."""
        state, chosen = self._session.chosen, self._chosen_edits()
        if state is not None and chosen:
            self._session.drop_edit(state, *chosen)

    @Slot()
    def clear(self) -> None:
        """Take all edits back."""
        if self._session.chosen is not None:
            self._session.drop_edits(self._session.chosen)

    def _chosen_edits(self) -> tuple[int, ...]:
        """Indices of the edits of the chosen line."""
        state, row = self._session.chosen, self.list.currentRow()
        gestures = () if state is None else state.history.gestures
        return gestures[row] if 0 <= row < len(gestures) else ()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Delete drops the chosen edit; Ctrl+Z and Ctrl+Shift+Z undo and redo here as on the map."""
        if event.key() == Qt.Key.Key_Delete:
            self.drop()
        elif event.matches(QKeySequence.StandardKey.Undo):
            self.undo_button.click()
        elif event.matches(QKeySequence.StandardKey.Redo):
            self.redo_button.click()
        else:
            super().keyPressEvent(event)

    def _on_edits(self, state: FieldState) -> None:
        if state is self._session.chosen:
            self._done_at = time.perf_counter()
            self._show()

    def _on_shown(self, state: FieldState) -> None:
        if state is self._session.chosen and self._done_at is not None:
            self.took.setText(f"Shown after {time.perf_counter() - self._done_at:.1f} s.")
            self._done_at = None
        self._show_buttons()

    def _show(self) -> None:
        state = self._session.chosen
        words = () if state is None else self._tools.words.of(state)
        row = self.list.currentRow()
        with signals_blocked(self.list):
            kept = next((k for k in range(min(len(words), self.list.count())) if words[k] != self._text(k)), None)
            kept = min(len(words), self.list.count()) if kept is None else kept
            while self.list.count() > kept:
                self.list.takeItem(self.list.count() - 1)
            for number, text in enumerate(words[kept:], start=kept + 1):
                self.list.addItem(f"{number}  {text}")
                self.list.item(number - 1).setToolTip(text)
            if kept < len(words):
                self.list.scrollToBottom()
            self.list.setCurrentRow(min(row, len(words) - 1))
        if state is None or not words:
            self.took.setText("")
        self._show_buttons()

    def _text(self, row: int) -> str:
        return str(self.list.item(row).toolTip())

    def _show_buttons(self) -> None:
        state = self._session.chosen
        history = None if state is None else state.history
        self.undo_button.setEnabled(history is not None and history.can_undo)
        self.redo_button.setEnabled(history is not None and history.can_redo)
        chosen = self.list.currentRow() >= 0
        self.zoom_button.setEnabled(chosen and state is not None and state.shown is not None)
        self.drop_button.setEnabled(chosen)
        self.clear_button.setEnabled(history is not None and bool(history.edits))

    def _button(self, text: str, tip: str, command: str = "") -> QPushButton:
        button = QPushButton(text, self)
        key = shortcut_of(command)
        button.setToolTip(f"{tip} ({key} on the layers of the result)." if key else f"{tip}.")
        return button
