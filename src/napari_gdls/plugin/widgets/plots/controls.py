"""The column of the dock of plots: what is plotted, tools, and what is done with the selection."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QComboBox,
    QCompleter,
    QGridLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.plot_choice import PlotChoice, Subject
from napari_gdls.plugin.widgets.rows import row_of

_GAP = 3  # pixels between the buttons of a row, which is narrow
_WIDTH = 290
"""Pixels of the column: two buttons side by side with their texts, and "at(Na)+at(K)+at(Ca)" in a box."""

DIAGRAMS: dict[str, tuple[str, str, str]] = {
    "Feldspar: Or - Ab - An (K, Na, Ca)": ("K", "Na", "Ca"),
    "Pyroxene: Wo - En - Fs (Ca, Mg, Fe)": ("Ca", "Mg", "Fe"),
    "Fe - Mg - Ca": ("Fe", "Mg", "Ca"),
    "Al - Si - Na + K + Ca": ("Al", "Si", "Na K Ca"),
    "Al - Fe + Mg - Ca + Na + K": ("Al", "Fe Mg", "Ca Na K"),
}
"""Ternary diagrams: elements whose sums are those of the top, left and right corner. By atoms, shares of Ca, Na and K
in a feldspar are those of anorthite, albite and orthoclase; Ca, Mg and Fe in a pyroxene those of wollastonite,
enstatite and ferrosilite."""

TOOLS = {
    "lasso": ("Lasso", "Drag around points to select them. Shift adds to the selection, Ctrl or Alt removes from it."),
    "rectangle": ("Rectangle", "Drag a rectangle over points; Shift adds, Ctrl or Alt removes."),
    "move": ("Move", "Drag to move the plot. The wheel zooms with every tool; a double click shows all."),
}
"""Name of a tool in `DrawingBox`: its button and tip."""

_QUANTITY_TIP = (
    "Choose, or write an expression: BSE (grey values), counts (X-ray counts), symbols of elements (net counts by a "
    "fit of all lines), of segments also wt(Fe) and at(Fe) (percents); Fe/(Fe+Mg), log10(Ti), where(Ca > 50, Na, 0). "
    "PC1, PC2 .. alone: principal components of the embedding."
)


class QuantityBox(QComboBox):
    """A quantity, chosen from a list or written.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    chosen : Signal()
        Another one was chosen, or written and finished.
    """

    chosen = Signal()

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setEditable(True)
        self.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.setToolTip(_QUANTITY_TIP)
        completer, line = self.completer(), self.lineEdit()
        assert completer is not None
        assert line is not None
        completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self._last = ""
        self.activated.connect(self._on_text)
        line.editingFinished.connect(self._on_text)

    def offer(self, quantities: Sequence[str]) -> None:
        """Offer quantities; the text stays."""
        if [self.itemText(k) for k in range(self.count())] != list(quantities):
            text = self.currentText()
            with signals_blocked(self):
                self.clear()
                self.addItems(quantities)
                self.setEditText(text)

    def set_quantity(self, text: str) -> None:
        """Show a quantity, without a signal."""
        self._last = text
        with signals_blocked(self):
            self.setCurrentIndex(self.findText(text))
            self.setEditText(text)

    @Slot()
    def _on_text(self, _: object = None) -> None:
        if self.currentText() != self._last:
            self._last = self.currentText()
            self.chosen.emit()


class PlotControls(QWidget):
    """What is plotted and how, tools, and buttons for the selection; it holds nothing but what it shows.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    chosen : Signal(object)
        The user wants another `PlotChoice`.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setFixedWidth(_WIDTH)
        self._choice = PlotChoice()
        self.kind, self.subject, self.diagram = QComboBox(self), QComboBox(self), QComboBox(self)
        self.kind.addItem("Scatter", "scatter")
        self.kind.addItem("Ternary", "ternary")
        self.kind.setToolTip("Two quantities along two axes, or the shares of three in a triangle.")
        self.subject.addItem("of measurements", "measurements")
        self.subject.addItem("of segments", "segments")
        self.subject.setToolTip("Each point is one spectrum, or one segment; dots of segments grow with their area.")
        self.diagram.addItem("Diagram…", None)
        for title, corners in DIAGRAMS.items():
            self.diagram.addItem(title, corners)
        self.diagram.setToolTip("Usual diagrams: of measurements by net counts, of segments by percents of atoms.")
        self.axes = (QuantityBox(self), QuantityBox(self))
        self.logarithmic = (QCheckBox("log", self), QCheckBox("log", self))
        self.corners = (QuantityBox(self), QuantityBox(self), QuantityBox(self))
        for tick in self.logarithmic:
            tick.setToolTip("Logarithmic axis; values of 0 and less are left out.")
        self.tools = QButtonGroup(self)
        self.tool_buttons: dict[str, QPushButton] = {}
        for name, (title, tip) in TOOLS.items():
            button = _button(title, tip, self)
            button.setCheckable(True)
            self.tools.addButton(button)
            self.tool_buttons[name] = button
        self.tool_buttons["lasso"].setChecked(True)
        self.all = _button("All", "Show all points (double click).", self)
        self.selection = QLabel(self)
        self.selection.setWordWrap(True)
        self.new_phase = _button("Make this a phase", "The selected measurements become a phase of their own.", self)
        self.assign = _button("Assign to phase", "The selected measurements get a phase that there is.", self)
        self.assign_menu = QMenu(self.assign)
        self.assign.setMenu(self.assign_menu)
        self.clear = _button("Clear selection", "Nothing is selected (Esc in the plot).", self)
        self.save = _button("Save…", "Save the plot as a picture (PNG, SVG), or its points as a table (CSV).", self)
        self.save_menu = QMenu(self.save)
        self.save.setMenu(self.save_menu)
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self._lay_out()
        for combo in (self.kind, self.subject):
            combo.activated.connect(self._on_control)
        self.diagram.activated.connect(self._on_diagram)
        for tick in self.logarithmic:
            tick.clicked.connect(self._on_control)
        for box in (*self.axes, *self.corners):
            box.chosen.connect(self._on_control)
        self.show_choice(self._choice)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row_of(self.kind, self.subject, spacing=_GAP))
        self.scatter_part, self.ternary_part = QWidget(self), QWidget(self)
        grid = QGridLayout(self.scatter_part)
        for row, (name, box, tick) in enumerate(zip("xy", self.axes, self.logarithmic, strict=True)):
            grid.addWidget(QLabel(name, self.scatter_part), row, 0)
            grid.addWidget(box, row, 1)
            grid.addWidget(tick, row, 2)
        corners = QGridLayout(self.ternary_part)
        corners.addWidget(self.diagram, 0, 0, 1, 2)
        for row, (name, box) in enumerate(zip(("top", "left", "right"), self.corners, strict=True), start=1):
            corners.addWidget(QLabel(name, self.ternary_part), row, 0)
            corners.addWidget(box, row, 1)
        for part in (grid, corners):
            part.setContentsMargins(0, 0, 0, 0)
            part.setSpacing(3)
            part.setColumnStretch(1, 1)
        column.addWidget(self.scatter_part)
        column.addWidget(self.ternary_part)
        column.addLayout(row_of(*self.tool_buttons.values(), self.all, spacing=_GAP))
        column.addWidget(self.selection)
        column.addLayout(row_of(self.new_phase, self.assign, spacing=_GAP))
        column.addLayout(row_of(self.clear, self.save, spacing=_GAP))
        column.addWidget(self.message)
        column.addStretch(1)

    def show_choice(self, choice: PlotChoice) -> None:
        """Show what is plotted, without a signal."""
        self._choice = choice
        for combo, value in ((self.kind, choice.kind), (self.subject, choice.subject)):
            with signals_blocked(combo):
                combo.setCurrentIndex(combo.findData(value))
        for box, text in zip((*self.axes, *self.corners), (*choice.axes, *choice.corners), strict=True):
            box.set_quantity(text)
        for tick, is_on in zip(self.logarithmic, choice.logarithmic, strict=True):
            with signals_blocked(tick):
                tick.setChecked(is_on)
        with signals_blocked(self.diagram):
            titles = [title for title in DIAGRAMS if diagram_corners(title, choice.subject) == choice.corners]
            self.diagram.setCurrentIndex(self.diagram.findText(titles[0]) if titles else 0)
        self.scatter_part.setVisible(choice.kind == "scatter")
        self.ternary_part.setVisible(choice.kind == "ternary")

    def offer(self, quantities: Sequence[str]) -> None:
        """Offer quantities for all axes and corners."""
        for box in (*self.axes, *self.corners):
            box.offer(quantities)

    @Slot()
    def _on_control(self, _: object = None) -> None:
        before = self._choice
        subject: Subject = self.subject.currentData()
        x, y = (box.currentText() for box in self.axes)
        top, left, right = (box.currentText() for box in self.corners)
        corners = (top, left, right)
        kind = self.kind.currentData()
        if subject != before.subject:  # a diagram has other units for segments
            title = next((each for each in DIAGRAMS if diagram_corners(each, before.subject) == corners), "")
            corners = diagram_corners(title, subject) if title else corners
        if kind == "ternary" and not any(corners):
            corners = diagram_corners(next(iter(DIAGRAMS)), subject)
        self.chosen.emit(
            dataclasses.replace(
                before,
                kind=kind,
                subject=subject,
                axes=(x, y),
                logarithmic=(self.logarithmic[0].isChecked(), self.logarithmic[1].isChecked()),
                corners=corners,
            )
        )

    @Slot(int)
    def _on_diagram(self, index: int) -> None:
        if self.diagram.itemData(index) is not None:
            corners = diagram_corners(self.diagram.itemText(index), self._choice.subject)
            self.chosen.emit(dataclasses.replace(self._choice, corners=corners))


def diagram_corners(title: str, subject: Subject) -> tuple[str, str, str]:
    """Quantities of a diagram of `DIAGRAMS`."""
    form = "at({})" if subject == "segments" else "{}"
    top, left, right = ("+".join(form.format(symbol) for symbol in each.split()) for each in DIAGRAMS[title])
    return top, left, right


def _button(text: str, tip: str, parent: QWidget) -> QPushButton:
    button = QPushButton(text, parent)
    button.setToolTip(tip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return button
