"""What overlapping phases need computed: runs with progress, and steps that follow what the user does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import QObject, QTimer, Signal, Slot

from napari_gdls.errors import Cancelled, GdlsError
from napari_gdls.plugin.failures import show_failure
from napari_gdls.plugin.overlap_masks import corrected, masks_of_labels, masks_to_separate
from napari_gdls.plugin.task import Latest, Task

if TYPE_CHECKING:
    from napari_gdls.overlap import Decomposition
    from napari_gdls.plugin.overlap_session import OverlapSession
    from napari_gdls.plugin.overlap_state import OverlapState
    from napari_gdls.progress import Progress

_REPORT_PAUSE = 250
"""Milliseconds without another share before traces are measured anew: those of a share that is being dragged are looked
at when it stands."""

Taking = Callable[[Any], None]


class OverlapWork(QObject):
    """Computes beside the window what an `OverlapSession` wants, and hands it back.

    One run at a time (automatic unmixing, decomposition, writing files), which shows its progress and can be
    cancelled. Masks, separation and trace report follow what the user does, the newest of each only.

    Parameters
    ----------
    session : OverlapSession

    Attributes
    ----------
    progressed : Signal(str, float)
        Stage of the run, and the fraction of it that is done.
    running_changed : Signal()
        A run has begun or ended.
    ended : Signal(str)
        How the last run ended, in words.
    busy_changed : Signal()
        A step that follows by itself has begun or ended.
    """

    progressed = Signal(str, float)
    running_changed = Signal()
    ended = Signal(str)
    busy_changed = Signal()

    def __init__(self, session: OverlapSession) -> None:
        super().__init__()
        self._session = session
        self._task: Task | None = None
        self._features: tuple[Decomposition | None, npt.NDArray[np.floating]] = None, np.empty(0)
        self._steps = {
            "masks": _Step("masks", session, self),
            "separation": _Step("separation", session, self),
            "traces": _Step("traces", session, self, pause=_REPORT_PAUSE),
        }
        for step in self._steps.values():
            step.busy_changed.connect(self.busy_changed)
        session.masks_wanted.connect(self._on_masks_wanted)
        session.separation_wanted.connect(self._on_separation_wanted)
        session.report_wanted.connect(self._on_report_wanted)

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._task is not None

    @property
    def busy(self) -> tuple[str, ...]:
        """Steps that are under way: "masks", "separation", "traces"."""
        return tuple(name for name, step in self._steps.items() if step.busy)

    def unmix(self, state: OverlapState) -> None:
        """Run `napari_gdls.overlap.unmix_overlapping` with what the state asks for; a run under way is given up."""
        field, asked = state.field, (state.n_components, state.method, state.artefacts)
        matrix = state.matrix if state.matrix_by_hand else None

        def unmixed(progress: Progress) -> Any:
            from napari_gdls.overlap import unmix_overlapping

            n_phases, method, artefacts = asked
            return unmix_overlapping(
                field, n_phases, method=method, artefacts=artefacts, matrix=matrix, progress=progress
            )

        self._run(unmixed, lambda found: self._session.take_unmixing(field, found))

    def decompose(self, state: OverlapState) -> None:
        """Run `napari_gdls.overlap.decompose` with what the state asks for; a run under way is given up."""
        field, asked = state.field, (state.n_components, state.method, state.artefacts)

        def decomposed(progress: Progress) -> Any:
            from napari_gdls.overlap import decompose

            n_components, method, artefacts = asked
            return decompose(field, n_components, method=method, artefacts=artefacts, progress=progress)

        self._run(decomposed, lambda found: self._session.take_decomposition(field, found))

    def write(self, state: OverlapState, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write all that is known of a state to files in a folder."""
        unmixing, separation = state.unmixing if state.is_as_found else None, state.separation
        decomposition, report = state.decomposition, state.report
        if separation is None:
            return

        def written(progress: Progress) -> str:
            from napari_gdls.overlap.files import write_separation, write_unmixing

            progress("writing files", 0.0)
            if unmixing is not None:
                write_unmixing(unmixing, folder, overwrite=overwrite, report=report)
            else:
                write_separation(separation, folder, decomposition=decomposition, report=report, overwrite=overwrite)
            return f"Written to {folder}."

        self._run(written, self.ended.emit)

    @Slot()
    def cancel(self) -> None:
        """Give up the run under way: nothing of it arrives."""
        if self._task is not None:
            self._task.cancel()
            self._end("Cancelled.")

    def _run(self, function: Callable[[Progress], Any], take: Callable[[Any], Any]) -> None:
        self.cancel()
        task = Task(function)
        task.progressed.connect(self.progressed)
        task.succeeded.connect(lambda found: self._on_success(found, take))
        task.failed.connect(self._on_failure)
        self.destroyed.connect(task.cancel)
        self._task = task
        self.running_changed.emit()
        self.progressed.emit("starting", 0.0)
        task.start()

    def _on_success(self, found: Any, take: Callable[[Any], Any]) -> None:
        self._end("")
        if take(found) is False:
            self.ended.emit("The field was closed; its result is dropped.")

    @Slot(object)
    def _on_failure(self, error: Exception) -> None:
        self._end("The run failed; nothing was changed.")
        show_failure(error)

    def _end(self, text: str) -> None:
        self._task = None
        self.running_changed.emit()
        self.ended.emit(text)

    # Steps that follow by themselves

    def _on_masks_wanted(self, state: OverlapState) -> None:
        if state.source == "automatic" and not state.presence_fits:
            self._steps["masks"].drop()
            self._session.need_another_run(state)
        elif state.source == "automatic":
            self._want_presence(state)
        elif state.is_painted:
            self._want_classes(state)
        else:
            self._steps["masks"].drop()
            self._session.take_masks(state, {})

    def _want_presence(self, state: OverlapState) -> None:
        unmixing, smoothness = state.unmixing, state.smoothness["automatic"]
        if unmixing is None:
            return
        if smoothness == state.presence_smoothness:
            self._steps["masks"].drop()
            self._session.take_masks(state, corrected(state))
            return
        names = {name: place for place, name in state.names_found.items()}

        def found(progress: Progress) -> Any:
            from napari_gdls.overlap import detect_presence

            return detect_presence(
                unmixing.field,
                unmixing.separation.spectra,
                unmixing.matrix,
                smoothness=smoothness,
                artefacts=unmixing.separation.artefacts,
                progress=progress,
            )

        def take(presence: dict[str, npt.NDArray[np.bool_]]) -> None:
            if state.unmixing is unmixing and state.source == "automatic":
                self._session.take_presence(state, {names[name]: mask for name, mask in presence.items()}, smoothness)

        self._steps["masks"].ask(state, found, take)

    def _want_classes(self, state: OverlapState) -> None:
        decomposition, strokes, smoothness = state.decomposition, state.strokes, state.smoothness["strokes"]
        known, components = state.probabilities, state.components
        if decomposition is None or strokes is None:
            return

        def classified(progress: Progress) -> Any:
            from napari_gdls.overlap import classify_pixels, pixel_features, smooth_probabilities

            if known is not None:
                return smooth_probabilities(known, smoothness), known
            if self._features[0] is not decomposition:
                self._features = decomposition, pixel_features(decomposition.scores)
            return classify_pixels(
                self._features[1], strokes, smoothness=smoothness, n_classes=len(components), progress=progress
            )

        def take(classes: tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]) -> None:
            if state.decomposition is decomposition and state.strokes is strokes and state.source == "strokes":
                labels, probabilities = classes
                self._session.take_masks(state, masks_of_labels(state, labels), probabilities)

        self._steps["masks"].ask(state, classified, take)

    def _on_separation_wanted(self, state: OverlapState) -> None:
        field, artefacts, components, matrix = state.field, state.artefacts, state.components, state.matrix
        masks, asked, by_hand = state.masks, masks_to_separate(state), dict(state.by_hand)
        called = names_and_roles(state)
        if matrix is None:
            return
        chosen = {components[i].name: choice for i, choice in by_hand.items() if components[i].name in asked}
        ties = {name: choice for name, choice in chosen.items() if isinstance(choice, str)}
        shares = {name: float(choice) for name, choice in chosen.items() if not isinstance(choice, str)}
        automatic = state.unmixing if state.source == "automatic" else None
        before = state.separation if automatic is None else automatic.separation
        errors = None
        if automatic is not None:
            found = automatic.separation.subtraction.shares
            errors = {
                components[i].name: found[name].mask_error for i, name in state.names_found.items() if name in found
            }

        def separated(progress: Progress) -> Any:
            from napari_gdls.overlap.revision import separated_again
            from napari_gdls.overlap.unmixing import MARGIN

            return separated_again(
                field,
                asked,
                matrix=components[matrix].name,
                before=before,
                ties=ties,
                given=shares,
                mask_errors=errors,
                margin=0 if automatic is None else MARGIN,
                artefacts=artefacts,
                progress=progress,
            )

        def take(separation: Any) -> None:
            if state.masks is not masks or names_and_roles(state) != called:
                return  # one of the newer masks or names is on its way
            self._session.take_separation(state, separation)
            if state.by_hand != by_hand:  # chosen meanwhile
                self._on_separation_wanted(state)

        self._steps["separation"].ask(state, separated, take)

    def _on_report_wanted(self, state: OverlapState) -> None:
        separation, box = state.separation, state.box
        if separation is None:
            return

        def reported(progress: Progress) -> Any:
            progress("traces", 0.0)
            within = None if box is None else (slice(box[0], box[2]), slice(box[1], box[3]))
            return separation.trace_report(box=within)

        def take(report: Any) -> None:
            if state.separation is separation and state.box == box:
                self._session.take_report(state, report)

        self._steps["traces"].ask(state, reported, take)


class _Step(QObject):
    """A step that follows what the user does: the newest question counts, complaints stand beside what there is.

    Parameters
    ----------
    name : str
    session : OverlapSession
    parent : QObject
    pause : int
        Milliseconds without another question before one is answered.
    """

    busy_changed = Signal()

    def __init__(self, name: str, session: OverlapSession, parent: QObject, *, pause: int = 0) -> None:
        super().__init__(parent)
        self._name = name
        self._session = session
        self._latest = Latest(self)
        self._latest.succeeded.connect(self._on_answer)
        self._latest.failed.connect(self._on_fault)
        self._waiting: Callable[[Progress], Any] | None = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(pause)
        self._pause.timeout.connect(self._begin)

    @property
    def busy(self) -> bool:
        """Whether an answer is to come."""
        return self._waiting is not None or self._latest.busy

    def ask(self, state: OverlapState, function: Callable[[Progress], Any], take: Taking) -> None:
        """Compute, and let `take` have what comes of it, in the thread of the window."""

        def answer(progress: Progress) -> tuple[OverlapState, Taking, Any]:
            try:
                return state, take, function(progress)
            except Cancelled:
                raise
            except GdlsError as error:
                return state, take, error

        self._waiting = answer
        if self._pause.interval():
            self._pause.start()
        else:
            self._begin()
        self.busy_changed.emit()

    def drop(self) -> None:
        """Forget all questions: the answer is known."""
        self._waiting = None
        self._pause.stop()
        self._latest.drop()
        self.busy_changed.emit()

    @Slot()
    def _begin(self) -> None:
        if self._waiting is not None:
            function, self._waiting = self._waiting, None
            self._latest.ask(function)

    @Slot(object)
    def _on_answer(self, answer: tuple[OverlapState, Taking, Any]) -> None:
        state, take, found = answer
        if self._session.state_of(state.field) is state:
            if isinstance(found, GdlsError):
                self._session.fail(state, self._name, str(found))
            else:
                take(found)
        self.busy_changed.emit()

    @Slot(object)
    def _on_fault(self, error: Exception) -> None:
        show_failure(error)
        self.busy_changed.emit()


def names_and_roles(state: OverlapState) -> list[tuple[str, str]]:
    """What a separation depends on of the components."""
    return [(component.name, component.role) for component in state.components]
