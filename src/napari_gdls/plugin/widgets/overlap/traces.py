"""Step 4 of the dock: elements in the pure spectra, what whole masks gain, ratios and partition coefficients."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Slot
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.widgets.overlap.panel import StepPanel
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.tables import cell, fit_height, read_only_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.overlap import TraceReport
    from napari_gdls.overlap.traces import TraceRow
    from napari_gdls.plugin.overlap_viewers import ViewerOverlap

_COLUMNS = ("Line", "at%", "Net", "Limit", "S/N", "Box", "Gain")
_TIPS = (
    "Element and line.",
    "Share of the atoms, by Cliff and Lorimer; without absorption.",
    "Counts of the pure phase in its mask, and their standard error.",
    "Detection limit, in counts.",
    "Net counts over their standard error, in the whole mask.",
    "The same in the box.",
    "Of the mask over the box.",
)
_MOST_ROWS = 18
"""Rows in sight: as many as fit the window with the ratios below."""
_RATIO_COLUMNS = ("Phase", "Ratio", "Partition")
_ALL = "all phases"
_SMALL = "font-size: 11px;"  # as seven columns need it to fit the dock


class TracesPanel(StepPanel):
    """Table of net counts of elements, with the ratio of two elements and how one is shared among phases.

    Parameters
    ----------
    overlap : ViewerOverlap
    parent : QWidget
    """

    def __init__(self, overlap: ViewerOverlap, parent: QWidget) -> None:
        super().__init__(overlap, parent)
        session = self._session
        self.phase = QComboBox(self)
        self.box_button = QPushButton("Compare with a box…", self)
        self.box_button.setToolTip(
            "Adds a layer with a rectangle: move it, or draw another one, where you would have measured by hand. "
            "Until then each mask is compared with 8 x 8 of its own pixels."
        )
        self.table = read_only_table(_COLUMNS, _TIPS, 0, self)
        self.table.setStyleSheet(_SMALL)
        self.table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.numerator, self.denominator = QComboBox(self), QComboBox(self)
        self.ratios = read_only_table(_RATIO_COLUMNS, ("", "Of atoms.", ""), 0, self)
        self.ratios.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        layout = QVBoxLayout(self)
        layout.addWidget(self.message)
        self.results = QWidget(self)
        inner = QVBoxLayout(self.results)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addLayout(_row(self.phase, self.box_button))
        inner.addWidget(self.table)
        inner.addLayout(_row(QLabel("Atoms of", self), self.numerator, QLabel("per", self), self.denominator))
        inner.addWidget(self.ratios)
        inner.addStretch(1)
        layout.addWidget(self.results)
        layout.addStretch(1)
        self.phase.currentTextChanged.connect(self._list)
        self.box_button.clicked.connect(self._on_box)
        for combo in (self.numerator, self.denominator):
            combo.currentTextChanged.connect(self._on_ratio)
        for signal in (session.fields.chosen_changed, session.report_changed):
            watch(self, signal, self._show)
        for signal in (session.separation_changed, session.problems_changed):
            watch(self, signal, self._show_message)
        overlap.work.busy_changed.connect(self._show_message)
        self._show()

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        report = None if state is None else state.report
        self.results.setVisible(report is not None)
        self._show_message()
        if state is None or report is None:
            return
        elements = list(report.elements)
        _offer(self.phase, [_ALL, *report.phases], self.phase.currentText())
        first, second = state.ratio or _first_ratio(report)
        _offer(self.numerator, elements, first)
        _offer(self.denominator, elements, second)
        self._list()
        self._list_ratios(report)

    @Slot()
    def _show_message(self, _: object = None) -> None:
        state = self._session.chosen
        if state is None or state.separation is None:
            text = "No pure spectra yet: separate the phases (step 3)."
        elif "traces" in state.problems:
            text = problem_text(state.problems["traces"])
        elif state.report is None:
            text = "Lines are being measured…"
        else:
            text = ""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    @Slot()
    def _list(self, _: object = None) -> None:
        state = self._session.chosen
        if state is None or state.report is None:
            return
        phase, rows = self.phase.currentText(), state.report.rows
        phases = list(dict.fromkeys(row.phase for row in rows)) if phase == _ALL else [phase]
        self.table.clearContents()
        self.table.clearSpans()
        self.table.setRowCount(sum(row.phase in phases for row in rows) + (len(phases) if phase == _ALL else 0))
        number = 0
        for name in phases:
            if phase == _ALL:  # a line for its name
                self.table.setItem(number, 0, _heading(name))
                self.table.setSpan(number, 0, 1, len(_COLUMNS))
                number += 1
            for row in rows:
                if row.phase == name:
                    self._fill(number, row)
                    number += 1
        fit_height(self.table, _MOST_ROWS)

    def _fill(self, number: int, row: TraceRow) -> None:
        texts = (
            row.line,
            _with_error(row.atomic_percent, row.atomic_percent_error),
            f"{_counts(row.net)} ± {_counts(row.sigma)}",
            _counts(row.detection_limit),
            _short(row.significance),
            _short(row.box_significance),
            _short(row.gain),
        )
        for column, text in enumerate(texts):
            self.table.setItem(number, column, cell(text, right=column > 0))

    def _list_ratios(self, report: TraceReport) -> None:
        element, other = self.numerator.currentText(), self.denominator.currentText()
        names = report.phases
        if not element or not other or not names:
            return
        titles = (_RATIO_COLUMNS[0], f"{element} : {other}", f"{element}, phase : {names[0]}")
        self.ratios.setHorizontalHeaderLabels(titles)
        self.ratios.setRowCount(len(names))
        for row, name in enumerate(names):
            texts = (
                name,
                _value(lambda name=name: report.ratio(element, other, name)),
                "" if row == 0 else _value(lambda name=name: report.partition(element, name, names[0])),
            )
            for column, text in enumerate(texts):
                self.ratios.setItem(row, column, cell(text, right=column > 0))
        fit_height(self.ratios)

    @Slot()
    def _on_ratio(self, _: object = None) -> None:
        if self._session.chosen is not None:
            self._session.set_ratio(
                self._session.chosen, (self.numerator.currentText(), self.denominator.currentText())
            )

    @Slot()
    def _on_box(self) -> None:
        if self._session.chosen is not None:
            self._overlap.draw_box(self._session.chosen)


def _heading(name: str) -> QTableWidgetItem:
    item = cell(name, right=False)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _first_ratio(report: TraceReport) -> tuple[str, str]:
    """The two elements with most counts, by their names where there is one only."""
    most: dict[str, float] = {}
    for row in report.rows:
        most[row.element] = max(most.get(row.element, 0.0), row.net)
    ranked = sorted(most, key=lambda element: -most[element])
    return (ranked[1], ranked[0]) if len(ranked) > 1 else (ranked[0], ranked[0]) if ranked else ("", "")


def _offer(combo: QComboBox, texts: list[str], chosen: str) -> None:
    """Fill a combo box, with the same text chosen as far as it is there."""
    with signals_blocked(combo):
        if [combo.itemText(i) for i in range(combo.count())] != texts:
            combo.clear()
            combo.addItems(texts)
        combo.setCurrentIndex(max(combo.findText(chosen), 0))


def _value(compute: object) -> str:
    """A value with its error; a dash where the report has none."""
    try:
        value, error = compute()  # type: ignore[operator]
    except GdlsError:
        return "-"
    return _with_error(value, error)


def _with_error(value: float, error: float) -> str:
    """A value and its error, with two digits of the error: "1.02 ± 0.05"."""
    if not math.isfinite(value):
        return "-"
    if not math.isfinite(error) or error <= 0:
        return f"{value:.3g}"
    decimals = min(max(1 - math.floor(math.log10(error)), 0), 4)
    return f"{value:,.{decimals}f} ± {error:.{decimals}f}"


def _counts(number: float) -> str:
    return f"{number:,.0f}" if math.isfinite(number) else "-"


def _short(number: float) -> str:
    if not math.isfinite(number):
        return "-"
    return f"{number:,.0f}" if abs(number) >= 10 else f"{number:.1f}"


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch(1)
    return row
