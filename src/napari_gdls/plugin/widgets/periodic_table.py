"""The periodic table as buttons, for choosing elements."""

from __future__ import annotations

from collections.abc import Iterable

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QGridLayout, QPushButton, QWidget
from superqt.utils import signals_blocked

from napari_gdls.elements import SYMBOLS

_PERIODS = (
    "H - - - - - - - - - - - - - - - - He",
    "Li Be - - - - - - - - - - B C N O F Ne",
    "Na Mg - - - - - - - - - - Al Si P S Cl Ar",
    "K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr",
    "Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd In Sn Sb Te I Xe",
    "Cs Ba - Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn",
    "Fr Ra",
    "- - La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu",
    "- - Ac Th Pa U Np Pu",
)
"""Rows of the table, "-" where nothing is; lanthanides and actinides stand below, as usual."""
_MAIN_PERIODS = 7
"""Rows above the lanthanides."""
_BUTTON = (27, 23)
"""Width and height of a button in pixels: two letters, and 18 of them beside each other are half a small window."""
_GAP = 6
"""Pixels above the lanthanides, which are no periods of their own."""


class PeriodicTable(QWidget):
    """A button for every element from H to Pu; those that are pressed are chosen.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    changed : Signal(object)
        Another set of elements was chosen with the mouse or the keyboard: the tuple `chosen`.
    buttons : dict of str to QPushButton
        By symbol.
    """

    changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.buttons: dict[str, QPushButton] = {}
        layout = QGridLayout(self)
        layout.setSpacing(1)
        layout.setContentsMargins(4, 4, 4, 4)
        for row, text in enumerate(_PERIODS):
            for column, symbol in enumerate(text.split()):
                if symbol != "-":
                    # The row of lanthanides leaves one free for the gap.
                    layout.addWidget(self._button(symbol), row + (row >= _MAIN_PERIODS), column)
        layout.setRowMinimumHeight(_MAIN_PERIODS, _GAP)
        layout.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Symbols of the chosen elements, by atomic number."""
        return tuple(symbol for symbol in SYMBOLS if self.buttons[symbol].isChecked())

    def set_chosen(self, elements: Iterable[str]) -> None:
        """Choose these elements and no others, silently."""
        wanted = set(elements)
        for symbol, button in self.buttons.items():
            with signals_blocked(button):
                button.setChecked(symbol in wanted)

    def set_marked(self, elements: Iterable[str]) -> None:
        """Write the symbols of these elements in bold, such as those that a field has."""
        wanted = set(elements)
        for symbol, button in self.buttons.items():
            font = button.font()
            font.setBold(symbol in wanted)
            button.setFont(font)

    def _button(self, symbol: str) -> QPushButton:
        button = QPushButton(symbol, self)
        button.setCheckable(True)
        button.setFixedSize(*_BUTTON)
        # napari's buttons have wide margins, and the pressed state must be told apart in both themes.
        button.setStyleSheet(
            "QPushButton {padding: 0px; margin: 0px; font-size: 11px;}"
            "QPushButton:checked {border: 2px solid palette(highlight); font-weight: bold;}"
        )
        button.setToolTip(f"{symbol}, atomic number {SYMBOLS.index(symbol) + 1}")
        button.toggled.connect(self._on_toggled)
        self.buttons[symbol] = button
        return button

    def _on_toggled(self, _: bool) -> None:
        self.changed.emit(self.chosen)
