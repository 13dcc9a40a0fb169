"""Step 2 of the dock: where the grains are: strokes, the masks that follow them, and their smoothness."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Slot
from qtpy.QtWidgets import (
    QButtonGroup,
    QFormLayout,
    QGridLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QLabeledDoubleSlider
from superqt.utils import signals_blocked

from napari_gdls.plugin.widgets.overlap.panel import StepPanel
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.tables import cell, fit_height, read_only_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from napari_gdls.plugin.overlap_state import OverlapState
    from napari_gdls.plugin.overlap_viewers import ViewerOverlap

_MOST_SMOOTH = 3.0
"""Nats: neighbours then agree unless the counts speak against it by a factor of 20; more makes small grains vanish."""
_BUTTONS_IN_A_ROW = 3
"""As many as fit the width of the dock with the names of minerals."""


class MasksPanel(StepPanel):
    """Buttons to paint strokes of each class, the source of the masks, their smoothness, and how large they are.

    Parameters
    ----------
    overlap : ViewerOverlap
    parent : QWidget
    """

    def __init__(self, overlap: ViewerOverlap, parent: QWidget) -> None:
        super().__init__(overlap, parent)
        session = self._session
        self.automatic = QRadioButton("automatic run; strokes correct it", self)
        self.classified = QRadioButton("pixel classifier that learns from strokes", self)
        sources = QButtonGroup(self)
        for button in (self.automatic, self.classified):
            sources.addButton(button)
        self._brushes = QGridLayout()
        self.brushes: list[QPushButton] = []
        self.smoothness = QLabeledDoubleSlider(self)
        self.smoothness.setRange(0.0, _MOST_SMOOTH)
        self.smoothness.setDecimals(2)
        self.smoothness.setToolTip(
            "What a border between two neighbouring pixels costs, in nats. 0: each pixel for itself. Larger: smoother."
        )
        self.table = read_only_table(
            ("Grain", "Pixels", "Overlapping"),
            (
                "",
                "Pixels where the grain is.",
                "Of these, those with another grain, too: left out of spectra.",
            ),
            0,
            self,
        )
        self.table.setSelectionMode(self.table.SelectionMode.NoSelection)
        layout = QVBoxLayout(self)
        layout.addWidget(self.message)
        layout.addWidget(QLabel("Masks come from the", self))
        layout.addWidget(self.automatic)
        layout.addWidget(self.classified)
        layout.addWidget(QLabel("Paint strokes of", self))
        layout.addLayout(self._brushes)
        form = QFormLayout()
        form.addRow("Smoothness", self.smoothness)
        layout.addLayout(form)
        layout.addWidget(self.table)
        layout.addStretch(1)
        self.automatic.clicked.connect(lambda: self._on_source("automatic"))
        self.classified.clicked.connect(lambda: self._on_source("strokes"))
        self.smoothness.valueChanged.connect(self._on_smoothness)
        for signal in (
            session.fields.chosen_changed,
            session.decomposed,
            session.components_changed,
            session.settings_changed,
            session.strokes_changed,
            session.masks_changed,
            session.problems_changed,
        ):
            watch(self, signal, self._show)
        overlap.work.busy_changed.connect(self._show_message)
        self._show()

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        there = state is not None and state.decomposition is not None
        self._make_brushes(state if there else None)
        for widget in (self.smoothness, self.classified):
            widget.setEnabled(there)
        self.automatic.setEnabled(state is not None and state.unmixing is not None)
        if state is not None:
            (self.automatic if state.source == "automatic" else self.classified).setChecked(True)
            with signals_blocked(self.smoothness):
                self.smoothness.setValue(state.smoothness.get(state.source, 0.0))
        self._list(state if there else None)
        self._show_message()

    @Slot()
    def _show_message(self) -> None:
        state = self._session.chosen
        if state is None or state.decomposition is None:
            text = "No components yet: press Unmix automatically, or Decompose, above."
        elif "masks" in state.problems:
            text = problem_text(state.problems["masks"])
        elif "masks" in self._overlap.work.busy:
            text = "Masks are being made…"
        elif not state.masks:
            text = "No masks yet: paint two to five strokes of each class, the matrix among them."
        else:
            text = "Painting, and undoing it in the layer of strokes, changes the masks at once."
        self.message.setText(text)

    def _make_brushes(self, state: OverlapState | None) -> None:
        """A button for each class, for both, and an eraser."""
        labels = [] if state is None else [(c.name, i + 1, c.colour) for i, c in enumerate(state.components)]
        if state is not None:
            labels += [("both", state.both_label, "#ffffff"), ("erase", 0, "")]
        if [(button.text(), button.property("colour")) for button in self.brushes] == [(t, c) for t, _, c in labels]:
            return
        for button in self.brushes:
            self._brushes.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.brushes = []
        for place, (text, label, colour) in enumerate(labels):
            button = QPushButton(text, self)
            button.setProperty("colour", colour)
            if colour:
                button.setStyleSheet(f"border-left: 10px solid {colour};")
            button.setToolTip("Pixels where grains lie on top of one another." if text == "both" else "")
            button.clicked.connect(lambda _=False, label=label: self._on_brush(label))
            self._brushes.addWidget(button, *divmod(place, _BUTTONS_IN_A_ROW))
            self.brushes.append(button)

    def _list(self, state: OverlapState | None) -> None:
        grains = [] if state is None or not state.masks else [i for i in state.grains if i in state.masks]
        self.table.setVisible(bool(grains))
        self.table.setRowCount(len(grains))
        if state is None:
            return
        several = state.mask_labels() == state.both_label
        for row, i in enumerate(grains):
            mask = state.masks[i]
            texts = (state.components[i].name, f"{np.count_nonzero(mask):,}", f"{np.count_nonzero(mask & several):,}")
            for column, text in enumerate(texts):
                self.table.setItem(row, column, cell(text, right=column > 0))
        fit_height(self.table)

    def _on_brush(self, label: int) -> None:
        if self._session.chosen is not None:
            self._overlap.paint(self._session.chosen, label)

    def _on_source(self, source: str) -> None:
        if self._session.chosen is not None:
            self._session.set_source(self._session.chosen, source)  # type: ignore[arg-type]

    @Slot(float)
    def _on_smoothness(self, smoothness: float) -> None:
        if self._session.chosen is not None:
            self._session.set_smoothness(self._session.chosen, float(smoothness))
