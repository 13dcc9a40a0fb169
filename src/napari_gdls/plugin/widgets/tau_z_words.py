"""What a tau_z separates, in words, under its slider."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Slot
from qtpy.QtWidgets import QLabel, QWidget

from napari_gdls.energy import DEFAULT_BEAM_ENERGY
from napari_gdls.errors import GdlsError
from napari_gdls.plugin.task import Latest

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration
    from napari_gdls.mineralogy.resolution import SeparatedDifference
    from napari_gdls.progress import Progress

_COMMONEST_SERIES = ("plagioclase", "garnet", "olivine", "biotite", "clinopyroxene")
"""Solid solutions that the label names first, commonest first; the others are in its tool tip."""
_MOST_NAMED = 3
"""Solid solutions in the label: as many lines as fit under the slider without moving the buttons out of sight."""
_NOTHING_SEPARATED = "Separates no compositions of one mineral, of those known here."


class TauZInWords(QLabel):
    """Label with the smallest differences in composition that a tau_z of the merge tree separates.

    Asked for another one it answers as soon as it can, computing beside the window: the first answer for an embedding
    needs simulated spectra, and torch.

    Parameters
    ----------
    parent : QWidget, optional
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWordWrap(True)
        self._beam_energy = DEFAULT_BEAM_ENERGY
        self._question: tuple[object, ...] = ()
        self._answer = Latest(self)
        self._answer.succeeded.connect(self._on_answer)
        self._answer.failed.connect(self._on_failure)

    def set_beam_energy(self, beam_energy: float | None) -> None:
        """In keV; takes effect with the next question. None: 25 keV."""
        self._beam_energy = DEFAULT_BEAM_ENERGY if beam_energy is None else beam_energy

    def ask(self, tau_z: float, model: str, calibration: Calibration | None = None) -> None:
        """Show what a threshold means with an embedding, on a scale that was measured (None: its own)."""
        beam_energy = self._beam_energy
        question = tau_z, model, calibration, beam_energy
        if question == self._question:
            return
        self._question = question

        def answer(progress: Progress) -> tuple[SeparatedDifference, ...]:
            from napari_gdls.mineralogy.resolution import tau_z_in_words

            return tau_z_in_words(tau_z, model=model or "default", calibration=calibration, beam_energy=beam_energy)

        self._answer.ask(answer)

    @Slot(object)
    def _on_answer(self, differences: tuple[SeparatedDifference, ...]) -> None:
        lines = most_telling(differences)
        self.setText("<br>".join(["Separates compositions that differ by", *lines] if lines else [_NOTHING_SEPARATED]))
        self.setToolTip("Smallest differences in composition that make two phases:\n" + _listed(differences))

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self.setText("")
        # The run will say it, too; a name that is being typed is no reason for a message.
        self.setToolTip(str(error) if isinstance(error, GdlsError) else "")


def most_telling(differences: tuple[SeparatedDifference, ...]) -> list[str]:
    """Two or three differences in short, of minerals that the threshold separates: commonest minerals first."""
    order = {name: i for i, name in enumerate(_COMMONEST_SERIES)}
    ranked = sorted(differences, key=lambda each: order.get(each.series, len(order)))
    return [f"{each.series}: {each.amount}" for each in ranked if each.amount][:_MOST_NAMED]


def _listed(differences: tuple[SeparatedDifference, ...]) -> str:
    return "\n".join(each.text for each in differences)
