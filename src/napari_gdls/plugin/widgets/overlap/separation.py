"""Step 3 of the dock: how much of each grain's mask is matrix, and the pure spectra."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import Slot
from qtpy.QtWidgets import QAbstractItemView, QCheckBox, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt.utils import signals_blocked

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.overlap_masks import masks_to_separate
from napari_gdls.plugin.widgets.overlap.components import seen_energies
from napari_gdls.plugin.widgets.overlap.panel import StepPanel
from napari_gdls.plugin.widgets.overlap.plots import LowSpectrumPlot
from napari_gdls.plugin.widgets.overlap.share_slider import ShareSlider
from napari_gdls.plugin.widgets.problems import problem_text
from napari_gdls.plugin.widgets.spectrum_plot import Curve
from napari_gdls.plugin.widgets.tables import cell, fit_height, read_only_table
from napari_gdls.plugin.widgets.watching import watch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_gdls.overlap import Separation
    from napari_gdls.overlap.shares import Tie
    from napari_gdls.plugin.overlap_state import OverlapState
    from napari_gdls.plugin.overlap_viewers import ViewerOverlap

_GRAIN_COLUMNS = ("Grain", "Matrix", "95 %", "")
_GRAIN_TIPS = (
    "",
    "Share of the counts of the grain's mask that come from the matrix.",
    "Interval of this share, given the tie.",
    "✓: two elements agree on the share, or you have chosen it. ?: nothing confirms it.",
)
_TIE_COLUMNS = ("Tie", "Share", "±", "Used")
_TIE_TIPS = (
    "Element of the matrix. Click it to say that the grain holds nothing of it.",
    "Share of the matrix if that is so.",
    "Standard error of this share.",
    "Whether the share above follows from it.",
)
_MOST_TIES = 5
"""Rows of ties in sight; the plot below is what the eye should be on."""
_PLOT_HEIGHT = 280
"""Pixels: what is dragged here is looked at, and the tab has the room."""
_PLAIN = "#9a9a9a"
"""Colour of the spectrum of the whole mask: grey, as it is of no phase."""


class SeparationPanel(StepPanel):
    """Grains with their shares, ties of one of them, a slider for its share, and the spectra that come of it.

    Parameters
    ----------
    overlap : ViewerOverlap
    parent : QWidget
    """

    def __init__(self, overlap: ViewerOverlap, parent: QWidget) -> None:
        super().__init__(overlap, parent)
        session = self._session
        self.separate_button = QPushButton("Separate", self)
        self.grains = read_only_table(_GRAIN_COLUMNS, _GRAIN_TIPS, 0, self)
        self.grains.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.reason = QLabel(self)
        self.reason.setWordWrap(True)
        self.ties = read_only_table(_TIE_COLUMNS, _TIE_TIPS, 0, self)
        self.ties.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.share = ShareSlider(self)
        self.reset_button = QPushButton("Choose automatically", self)
        self.reset_button.setToolTip("Take back your tie or share of this grain.")
        self.spectra = LowSpectrumPlot(self, _PLOT_HEIGHT)
        self.logarithmic = QCheckBox("logarithmic", self)
        self._axis_of: object = None
        self._lay_out()
        self.separate_button.clicked.connect(self._on_separate)
        self.grains.itemSelectionChanged.connect(self._on_grain)
        self.ties.itemClicked.connect(lambda item: self._on_tie(item.row()))
        self.share.moved.connect(self._on_share)
        self.reset_button.clicked.connect(self._on_reset)
        self.logarithmic.toggled.connect(self.spectra.set_logarithmic)
        for signal in (
            session.fields.chosen_changed,
            session.decomposed,
            session.components_changed,
            session.masks_changed,
            session.separation_changed,
            session.grain_changed,
        ):
            watch(self, signal, self._show)
        watch(self, session.problems_changed, self._show_message)
        overlap.work.busy_changed.connect(self._show_message)
        self._show()

    def _lay_out(self) -> None:
        layout = QVBoxLayout(self)
        layout.addWidget(self.message)
        layout.addWidget(self.separate_button)
        self.results = QWidget(self)
        inner = QVBoxLayout(self.results)
        inner.setContentsMargins(0, 0, 0, 0)
        for widget in (self.grains, self.reason, self.ties, self.share, self.spectra):
            inner.addWidget(widget)
        below = QHBoxLayout()
        below.addWidget(self.logarithmic)
        below.addStretch(1)
        below.addWidget(self.reset_button)
        inner.addLayout(below)
        layout.addWidget(self.results)
        layout.addStretch(1)

    def _show(self, _: object = None) -> None:
        state = self._session.chosen
        separation = None if state is None else state.separation
        shown = state is not None and separation is not None
        self.results.setVisible(shown)
        self._show_message()
        if state is None or separation is None:
            return
        self._list_grains(state, separation)
        grain = None if state.grain is None else state.components[state.grain].name
        for widget in (self.reason, self.ties, self.share, self.spectra, self.reset_button):
            widget.setVisible(grain in separation.grains)
        if grain in separation.grains and grain is not None and state.grain is not None:
            by_ties = separation_by_ties(state, state.grain)
            self._list_ties(listed_ties(state, state.grain))
            reason = separation.reasons[grain]
            self.reason.setText(reason[:1].upper() + reason[1:])
            self.share.show_share(
                separation.factors[grain], by_ties.intervals[grain], state.components[state.grain].colour
            )
            self.reset_button.setEnabled(state.grain in state.by_hand)
            self._draw(state, separation, grain)
            used = [tie.element for tie in by_ties.ties[grain] if tie.used]
            self.spectra.mark_lines(used, state.field.assumed_beam_energy, strongest_only=True)

    @Slot()
    def _show_message(self) -> None:
        state = self._session.chosen
        masks = None if state is None else masks_to_separate(state)
        busy = "separation" in self._overlap.work.busy
        self.separate_button.setEnabled(bool(masks) and not busy)
        self.separate_button.setVisible(state is None or state.separation is None)
        if state is None or not state.masks:
            text = "No masks of grains yet: unmix automatically, or paint strokes (step 2)."
        elif "separation" in state.problems:
            text = problem_text(state.problems["separation"])
        elif not masks:
            text = "No grain has a pixel yet."
        elif busy:
            text = "Being separated…"
        elif state.separation is None:
            text = "Take the matrix off the spectrum of each mask:"
        else:
            text = ""
        self.message.setText(text)
        self.message.setVisible(bool(text))

    def _list_grains(self, state: OverlapState, separation: Separation) -> None:
        with signals_blocked(self.grains):
            self.grains.setRowCount(len(separation.grains))
            self.grains.clearSelection()
            for row, grain in enumerate(separation.grains):
                low, high = separation.intervals[grain]
                by_hand = isinstance(state.by_hand.get(state.component_named(grain) or 0), float)
                texts = (
                    grain,
                    f"{separation.factors[grain]:.3f}",
                    "by hand" if by_hand else f"{low:.3f} to {high:.3f}",
                    "✓" if separation.confirmed[grain] else "?",
                )
                for column, text in enumerate(texts):
                    self.grains.setItem(row, column, cell(text, right=column > 0))
                if state.grain is not None and state.components[state.grain].name == grain:
                    self.grains.selectRow(row)
        fit_height(self.grains)

    def _list_ties(self, ties: Sequence[Tie]) -> None:
        with signals_blocked(self.ties):
            self.ties.setRowCount(len(ties))
            self.ties.clearSelection()
            for row, tie in enumerate(ties):
                texts = (tie.element, f"{tie.share:.3f}", f"{tie.sigma:.3f}", "✓" if tie.used else "")
                for column, text in enumerate(texts):
                    self.ties.setItem(row, column, cell(text, right=column in (1, 2)))
        fit_height(self.ties, _MOST_TIES)

    def _draw(self, state: OverlapState, separation: Separation, grain: str) -> None:
        if state.decomposition is not None and self._axis_of is not state.decomposition:
            self._axis_of = state.decomposition
            self.spectra.set_axis(state.field.energy, *seen_energies(state.decomposition))
        whole, pure = separation.mask_spectra[grain], separation.subtracted(grain)
        matrix = state.components[state.matrix or 0]
        colour = "#ffffff" if state.grain is None else state.components[state.grain].colour
        self.spectra.show_curves(
            [
                Curve(whole, _PLAIN, "mask", width=1.0),
                Curve(whole - pure, matrix.colour, f"{matrix.name} in it", width=1.0, dashed=True),
                Curve(pure, colour, grain, width=1.6),
            ]
        )

    @Slot()
    def _on_separate(self) -> None:
        if self._session.chosen is not None:
            self._session.separate(self._session.chosen)

    @Slot()
    def _on_grain(self) -> None:
        state = self._session.chosen
        rows = sorted({index.row() for index in self.grains.selectedIndexes()})
        if state is not None and state.separation is not None and rows:
            grain = state.component_named(state.separation.grains[rows[0]])
            if grain is not None:
                self._session.show_grain(state, grain)

    def _on_tie(self, row: int) -> None:
        state = self._session.chosen
        if state is None or state.separation is None or state.grain is None:
            return
        ties = listed_ties(state, state.grain)
        try:
            self._session.choose_tie(state, state.grain, ties[row].element)
        except GdlsError as error:
            show_failure(error)

    @Slot(float)
    def _on_share(self, share: float) -> None:
        state = self._session.chosen
        if state is not None and state.grain is not None:
            self._session.choose_share(state, state.grain, float(np.clip(share, 0.0, 1.0)))

    @Slot()
    def _on_reset(self) -> None:
        state = self._session.chosen
        if state is not None and state.grain is not None:
            self._session.choose_tie(state, state.grain, None)


def listed_ties(state: OverlapState, grain: int) -> tuple[Tie, ...]:
    """Elements that may tell the share of a grain: all of them, also after the user has chosen one."""
    if state.separation is None:
        return ()
    name, choice = state.components[grain].name, state.by_hand.get(grain)
    if not isinstance(choice, str):
        return state.separation.ties[name]
    ties = state.separation.with_tie(name, None).ties[name]
    return tuple(dataclasses.replace(tie, used=tie.element == choice) for tie in ties)


def separation_by_ties(state: OverlapState, grain: int) -> Separation:
    """The separation as it would be without the share that the user may have set for a grain."""
    assert state.separation is not None
    if not isinstance(state.by_hand.get(grain), float):
        return state.separation
    return state.separation.with_factor(state.components[grain].name, None)
