"""The part of the dock that lists the phases of a result, and merges them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils.notifications import show_info
from qtpy.QtCore import Qt, Signal, Slot
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_merged
from napari_gdls.plugin.task import Latest
from napari_gdls.segmentation.tables import phase_table

if TYPE_CHECKING:
    from napari_gdls.phases.merge_candidates import PhaseMerge
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

_PHASE_COLUMNS = ("", "#", "Area %", "Segments", "BSE", "Mixture")
_PHASE_TIPS = (
    "Colour in the layers.",
    "Number in the layer of phases.",
    "Modal composition by point counting, with its standard error.",
    "Connected pieces.",
    "Mean of the BSE image at the measurements of the phase.",
    "Whether it is a fine-grained mixture: an area whose grains are smaller than the distance of the measurements.",
)
_MERGE_COLUMNS = ("Could be one", "Difference", "Significance")
_MERGE_TIPS = (
    "Phases that differ least; later lines build on earlier ones.",
    "Noise-free difference, on the scale of tau_z: moving tau_z above it merges them.",
    "How sure the difference is: x, for an error of exp(-x). At or below that of the run it may be chance.",
)
_MOST_NAMED = 4
_MOST_ROWS = 8


class PhasePanel(QWidget):
    """Lists of the phases and of what could be merged; merging by hand, with undo, and by a larger tau_z.

    What is shown is the result of the run, with the merges made by hand, and all phases merged that differ by no more
    than tau_z.

    Parameters
    ----------
    parent : QWidget, optional

    Attributes
    ----------
    result_changed : Signal(object)
        Another `LayerContents` is to be shown, derived from that of the run.
    """

    result_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: LayerContents | None = None
        self._shown: LayerContents | None = None
        self._by_hand: list[Segmentation] = []
        self._tau_z = 0.0
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_result)
        self._latest.failed.connect(show_failure)

        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.phases = _table(_PHASE_COLUMNS, _PHASE_TIPS, 2, self)
        self.phases.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.merges = _table(_MERGE_COLUMNS, _MERGE_TIPS, 0, self)
        self.merges.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.merge_button = QPushButton("Merge selected phases", self)
        self.merge_button.setToolTip("Select phases in the upper list with Ctrl, or a line of the lower one.")
        self.undo_button = QPushButton("Undo merge", self)
        buttons = QHBoxLayout()
        buttons.addWidget(self.merge_button)
        buttons.addWidget(self.undo_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for widget in (self.message, self.phases, self.merges):
            layout.addWidget(widget)
        layout.addLayout(buttons)
        self.merges.itemSelectionChanged.connect(self._on_merge_chosen)
        self.merge_button.clicked.connect(self.merge_selected)
        self.undo_button.clicked.connect(self.undo)
        self.start(None)

    @property
    def shown(self) -> LayerContents | None:
        """The result that is listed."""
        return self._shown

    @property
    def busy(self) -> bool:
        """Whether another result is under way."""
        return self._latest.busy

    def start(self, run: LayerContents | None) -> None:
        """List the phases of a new run; None, or a run of a method that makes none: nothing."""
        self._latest.drop()
        if run is not None and run.segmentation.measurement_phases is None:
            run = None
        self._run, self._by_hand = run, []
        self._tau_z = 0.0 if run is None else _tau_z_of(run.segmentation)
        self._list(run)

    @Slot(float)
    def coarsen(self, tau_z: float) -> None:
        """Merge all phases that differ by no more than tau_z; one below that of the run takes this back."""
        if self._run is not None and tau_z != self._tau_z:
            self._tau_z = tau_z
            self._ask()

    def select(self, phases: tuple[int, ...]) -> None:
        """Select phases, counted from 0, in the list."""
        self.phases.clearSelection()
        for row in phases:
            for column in range(self.phases.columnCount()):
                item = self.phases.item(row, column)
                if item is not None:
                    item.setSelected(True)

    @Slot()
    def merge_selected(self) -> None:
        """Take the selected phases together."""
        if self._shown is None:
            return
        chosen = sorted({index.row() for index in self.phases.selectedIndexes()})
        if len(chosen) < 2:
            show_info("Select two phases or more, with Ctrl in the upper list, or a line of the lower one.")
            return
        segmentation = self._shown.segmentation
        group = np.arange(segmentation.n_phases)
        group[chosen] = chosen[0]
        self._by_hand.append(segmentation.with_phases_merged(group))
        self._ask()

    @Slot()
    def undo(self) -> None:
        """Take back the last merge that was made by hand."""
        if self._by_hand:
            self._by_hand.pop()
            self._ask()

    def _ask(self) -> None:
        """Work out, beside the window, what is to be shown now."""
        run = self._run
        assert run is not None
        base = self._by_hand[-1] if self._by_hand else run.segmentation
        tau_z = self._tau_z

        def function(progress: Progress) -> LayerContents:
            merged = base.coarsened(tau_z) if tau_z > _tau_z_of(base) else base
            assert run.phase_colours is not None
            return contents_of_merged(run.segmentation, run.phase_colours, merged, progress)

        self._latest.ask(function)

    @Slot(object)
    def _on_result(self, result: LayerContents) -> None:
        if self._run is None:
            return
        before = self._shown
        self._list(result)
        if before is None or result.segmentation is not before.segmentation:
            self.result_changed.emit(result)

    @Slot()
    def _on_merge_chosen(self) -> None:
        rows = sorted({index.row() for index in self.merges.selectedIndexes()})
        if rows and self._shown is not None:
            merge = self._shown.segmentation.merges[rows[0]]
            self.select(merge.first + merge.second)

    def _list(self, result: LayerContents | None) -> None:
        self._shown = result
        self.undo_button.setEnabled(bool(self._by_hand))
        self.merge_button.setEnabled(result is not None and result.segmentation.n_phases > 1)
        with signals_blocked(self.phases), signals_blocked(self.merges):
            self.phases.clearContents()
            self.merges.clearContents()
            self.phases.setRowCount(0 if result is None else result.segmentation.n_phases)
            self.merges.setRowCount(0 if result is None else len(result.segmentation.merges))
            if result is not None:
                self._fill_phases(result)
                self._fill_merges(result.segmentation.merges)
        for table in (self.phases, self.merges):
            _fit_height(table)
        self.message.setText("" if result is None else self._state(result.segmentation))

    def _fill_phases(self, result: LayerContents) -> None:
        table = phase_table(result.segmentation)
        assert result.phase_colours is not None
        for row, colour in enumerate(result.phase_colours):
            swatch = QTableWidgetItem()
            swatch.setBackground(QColor.fromRgbF(*(float(part) for part in colour)))
            self.phases.setItem(row, 0, swatch)
            percent, error = table["area [%]"][row], table["error [%]"][row]
            texts = (
                str(table["phase"][row]),
                f"{percent:.{_decimals(error)}f} ± {error:.{_decimals(error)}f}",
                f"{table['segments'][row]:,}",
                _short(table["mean BSE"][row]),
                "✓" if table["fine-grained"][row] else "",
            )
            for column, text in enumerate(texts, start=1):
                self.phases.setItem(row, column, _cell(text, right=column < 5))

    def _fill_merges(self, merges: tuple[PhaseMerge, ...]) -> None:
        for row, merge in enumerate(merges):
            names = _named(merge)
            for column, text in enumerate((names, f"{merge.difference:.2f}", _short(merge.significance))):
                self.merges.setItem(row, column, _cell(text, right=column > 0))

    def _state(self, segmentation: Segmentation) -> str:
        assert self._run is not None
        by_hand = f"{len(self._by_hand)} merges by hand. " if len(self._by_hand) > 1 else "1 merge by hand. "
        text = by_hand if self._by_hand else ""
        base = _tau_z_of(self._by_hand[-1] if self._by_hand else self._run.segmentation)
        if self._tau_z < base:
            text += f"τz below {base:.2f} needs a new run: press Segment. "
        elif self._tau_z > _tau_z_of(self._run.segmentation):
            text += f"Shown as of τz = {self._tau_z:.2f}, without a new run. "
        return f"{segmentation.n_phases} phases, {segmentation.n_segments:,} segments. {text}".strip()


def _tau_z_of(segmentation: Segmentation) -> float:
    tau_z = segmentation.recipe.tau_z
    assert tau_z is not None  # recipes of results have their defaults spelled out
    return tau_z


def _named(merge: PhaseMerge) -> str:
    """Both groups of phases, counted from 1: "1, 4 + 7"; large ones by their size."""
    groups = [
        ", ".join(str(k + 1) for k in group) if len(group) <= _MOST_NAMED else f"{len(group)} phases"
        for group in (merge.first, merge.second)
    ]
    return " + ".join(groups)


def _decimals(error: float) -> int:
    return 1 if error >= 0.1 else 2


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _cell(text: str, *, right: bool) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
    return item


def _table(columns: tuple[str, ...], tips: tuple[str, ...], stretched: int, parent: QWidget) -> QTableWidget:
    table = QTableWidget(0, len(columns), parent)
    table.setHorizontalHeaderLabels(columns)
    for column, tip in enumerate(tips):
        item = table.horizontalHeaderItem(column)
        if item is not None:
            item.setToolTip(tip)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(22)
    table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    header = table.horizontalHeader()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setSectionResizeMode(stretched, QHeaderView.ResizeMode.Stretch)
    return table


def _fit_height(table: QTableWidget) -> None:
    rows = max(1, min(table.rowCount(), _MOST_ROWS))
    height = table.horizontalHeader().sizeHint().height() + rows * table.verticalHeader().defaultSectionSize()
    table.setFixedHeight(height + 2 * table.frameWidth())
