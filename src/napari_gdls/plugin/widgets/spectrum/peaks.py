"""The row of the dock that says what a peak can be."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Signal, Slot
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.task import Latest

if TYPE_CHECKING:
    from napari_gdls.energy import EnergyAxis
    from napari_gdls.mineralogy.line_candidates import LineCandidate
    from napari_gdls.progress import Progress

_MOST = 5
"""Candidates with a button: as many as stand in a row of a small window."""


class PeakRow(QWidget):
    """Lines that a clicked peak can be, the most plausible first, as buttons that mark the lines of the element.

    Parameters
    ----------
    parent : QWidget

    Attributes
    ----------
    chosen : Signal(str)
        Symbol of the element whose button was pressed.
    peak_found : Signal(float)
        Energy of the peak in keV.
    candidates : tuple of LineCandidate
    buttons : list of QPushButton
    """

    chosen = Signal(str)
    peak_found = Signal(float)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.candidates: tuple[LineCandidate, ...] = ()
        self.buttons: list[QPushButton] = []
        self.text = QLabel(self)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.addWidget(self.text)
        self._layout.addStretch(1)
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_found)
        self._latest.failed.connect(show_failure)
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether candidates are being looked for."""
        return self._latest.busy

    def ask(self, counts: npt.NDArray[np.float64], energy: EnergyAxis, at: float, beam_energy: float) -> None:
        """Say what a peak near an energy (eV) of a spectrum can be; `beam_energy` in keV."""
        self._latest.ask(partial(_candidates, counts, energy, at, beam_energy))

    def forget(self) -> None:
        """Say nothing."""
        self._latest.drop()
        self.hide()

    @Slot(object)
    def _on_found(self, found: tuple[float, Sequence[LineCandidate]]) -> None:
        peak, candidates = found
        self.candidates = tuple(candidates)
        for button in self.buttons:
            self._layout.removeWidget(button)
            button.deleteLater()
        self.buttons = []
        where = f"Peak at {peak / 1000:.2f} keV:"
        self.text.setText(where if candidates else f"{where} no line of an element lies there.")
        for index, candidate in enumerate(self.candidates):
            button = QPushButton(candidate.title, self)
            button.setToolTip(f"{candidate.reason} Click to mark the lines of {candidate.line.element}.")
            button.clicked.connect(partial(self._on_button, candidate.line.element))
            self._layout.insertWidget(1 + index, button)
            self.buttons.append(button)
        self.show()
        self.peak_found.emit(peak / 1000)

    def _on_button(self, element: str, _: bool = False) -> None:
        self.chosen.emit(element)


def _candidates(
    counts: npt.NDArray[np.float64], energy: EnergyAxis, at: float, beam_energy: float, progress: Progress
) -> tuple[float, Sequence[LineCandidate]]:
    progress("lines", 0.0)
    from napari_gdls.mineralogy.line_candidates import line_candidates, peak_near

    peak = peak_near(counts, energy, at)
    return peak, line_candidates(counts, energy, peak, beam_energy=beam_energy, most=_MOST)
