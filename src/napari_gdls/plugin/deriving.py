"""Results are derived from a run beside the window, the newest that was asked for; the last ones are kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, Signal, Slot

from napari_gdls.plugin.derivation import KEPT, Derivation
from napari_gdls.plugin.edit_history import EditHistory
from napari_gdls.plugin.layers.contents import LayerContents, contents_of_derived
from napari_gdls.plugin.task import Latest

if TYPE_CHECKING:
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Place
    from napari_gdls.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class _Asked:
    """Arguments of `Derivation.shown`, or what came of them: contents or a failure."""

    tau_z: float
    history: EditHistory
    minerals: Mapping[bytes, PhaseTable]
    colours: Mapping[Place, tuple[float, float, float]]
    contents: LayerContents | None = None
    failure: Exception | None = None

    def answers(self, asked: _Asked) -> bool:
        """Whether this is what would be made again.

        What has all its measured names gets no others; what has not may get some by other results that were named.
        """
        if (self.tau_z, self.colours) != (asked.tau_z, asked.colours) or self.history.edits != asked.history.edits:
            return False
        result = None if self.contents is None else self.contents.result
        if result is not None and result.minerals is not None:
            return asked.minerals.get(result.partition) is result.minerals
        return self.minerals is asked.minerals


class Deriving(QObject):
    """Derives what is to be shown of one run.

    Parameters
    ----------
    run : Segmentation
        See `napari_gdls.plugin.phase_names.uncorrected`.
    named : Segmentation, optional
        See `Derivation`.
    parent : QObject, optional

    Attributes
    ----------
    derived : Signal(Segmentation, LayerContents)
        The run, and what is to be shown of it; at once where it is still known.
    failed : Signal(Segmentation, EditHistory, Exception)
        The run, what was to be done to it, and why that was not possible.
    """

    derived = Signal(object, object)
    failed = Signal(object, object, object)

    def __init__(self, run: Segmentation, named: Segmentation | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._derivation = Derivation(run, named)
        self._kept: list[_Asked] = []
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_answer)

    @property
    def run(self) -> Segmentation:
        """What everything is derived from."""
        return self._derivation.run

    @property
    def busy(self) -> bool:
        """Whether an answer is to come."""
        return self._latest.busy

    def ask(
        self,
        tau_z: float,
        history: EditHistory,
        minerals: Mapping[bytes, PhaseTable],
        colours: Mapping[Place, tuple[float, float, float]],
    ) -> None:
        """Derive a result; see `Derivation.shown`."""
        asked, derivation = _Asked(tau_z, history, minerals, colours), self._derivation
        known = next((each for each in self._kept if each.answers(asked)), None)
        if known is not None:
            self._latest.drop()
            self._on_answer(known)
        else:
            self._latest.ask(lambda progress: _answered(derivation, asked, progress))

    def drop(self) -> None:
        """Forget what was asked."""
        self._latest.drop()

    @Slot(object)
    def _on_answer(self, answer: _Asked) -> None:
        if answer.contents is None:
            self.failed.emit(self.run, answer.history, answer.failure)
            return
        others = [each for each in self._kept if not each.answers(answer)]
        self._kept = [*others[1 - KEPT :], answer]
        self.derived.emit(self.run, answer.contents)


def _answered(derivation: Derivation, asked: _Asked, progress: Progress) -> _Asked:
    try:
        segmentation, measured = derivation.shown(asked.tau_z, asked.history, asked.minerals, asked.colours, progress)
        contents = contents_of_derived(segmentation, progress, minerals=measured)
    except Exception as error:  # it is told with what was asked
        return dataclasses.replace(asked, failure=error)
    return dataclasses.replace(asked, contents=contents)
