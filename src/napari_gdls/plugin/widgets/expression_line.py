"""A line for expressions of maps: names are completed as they are typed, and what cannot be read is said below."""

from __future__ import annotations

import re

from qtpy.QtCore import QStringListModel, Qt, Slot
from qtpy.QtWidgets import QCompleter, QLineEdit, QWidget

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.mineralogy.map_expressions import FUNCTIONS, IMAGE_NAMES, read_expression

_WORD = re.compile(r"[A-Za-z_][A-Za-z_0-9]*$")


class ExpressionLine(QLineEdit):
    """Line edit for an expression.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText("Fe/(Fe+Mg)")
        self.setClearButtonEnabled(True)
        self.setToolTip(
            "Arithmetic with maps: symbols of elements are net counts; wt(Fe) and at(Fe) percents of segments; BSE; "
            "counts.\n+ - * / ^, < > & | !, sqrt, log, log10, exp, abs, min, max, where(condition, value, other)."
        )
        self.words = QCompleter(QStringListModel([*IMAGE_NAMES, *(f"{name}(" for name in FUNCTIONS), *SYMBOLS]), self)
        self.words.setWidget(self)
        self.words.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.words.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.words.activated.connect(self._insert)
        self.textEdited.connect(self._complete)

    @property
    def problem(self) -> str:
        """Why the text cannot be read; "" where it can, or where there is none."""
        if not self.text().strip():
            return ""
        try:
            read_expression(self.text())
        except GdlsError as error:
            return str(error)
        return ""

    @Slot()
    def _complete(self, _: object = None) -> None:
        found = _WORD.search(self.text()[: self.cursorPosition()])
        word = found[0] if found else ""
        if not word or word in SYMBOLS or word in FUNCTIONS or word in IMAGE_NAMES:
            self._hide_words()
            return
        self.words.setCompletionPrefix(word)
        if self.words.completionCount():
            self.words.complete()
        else:
            self._hide_words()

    def _hide_words(self) -> None:
        popup = self.words.popup()
        if popup is not None:
            popup.hide()

    @Slot(str)
    def _insert(self, word: str) -> None:
        place = self.cursorPosition()
        before, after = self.text()[:place], self.text()[place:]
        before = _WORD.sub("", before) + word
        self.setText(before + after)
        self.setCursorPosition(len(before))
