"""The overlapping phases of every open field: one state each that outlives the dock, and signals of its changes.

The dock shows an `OverlapSession` and changes it by its methods. What takes time is asked for by signals (``wanted``)
and handed back by ``take_...`` methods; see `napari_gdls.plugin.overlap_work`. Nothing here knows Qt, napari, or a
viewer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_gdls.plugin.overlap_masks import corrected, masks_to_separate
from napari_gdls.plugin.overlap_state import (
    Box,
    Mask,
    MaskSource,
    OverlapState,
    Role,
    alike,
    edited_components,
    first_components,
    with_found_names,
)

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.overlap import ComponentEvidence, Decomposition, Separation, TraceReport, Unmixing
    from napari_gdls.plugin.session import Session

_SAME_COMPONENT = 0.95
"""Cosine of the angle between loading spectra from which on a component of a new decomposition keeps the name and role
that the user gave to the earlier one: 18 degrees, more than noise turns a spectrum, less than lies between phases."""

_ANOTHER_MATRIX = "Another matrix needs another run: press Unmix automatically."


class OverlapSession:
    """What is known of the overlapping phases of all fields that a session has open.

    Signals are emitted after the change is complete, and only if there was one.

    Parameters
    ----------
    session : Session
        Knows which fields are open, and which is chosen.

    Attributes
    ----------
    settings_changed : Signal(OverlapState)
        What the next run will be asked is something else.
    decomposed : Signal(OverlapState)
        There is another decomposition, or none; components and strokes have changed, too.
    evidence_changed : Signal(OverlapState)
        Evidence for the number of components has come.
    components_changed : Signal(OverlapState)
        Names, roles or colours of components have changed.
    strokes_changed : Signal(OverlapState)
        Something was painted, erased, or undone.
    masks_wanted : Signal(OverlapState)
        Masks are to be computed from source, strokes and smoothness.
    masks_changed : Signal(OverlapState)
        Other masks, or none, are known.
    separation_wanted : Signal(OverlapState)
        The masks are to be separated.
    separation_changed : Signal(OverlapState)
        Another separation, or none, is known.
    grain_changed : Signal(OverlapState)
        The separation is shown of another grain.
    report_wanted : Signal(OverlapState)
        The trace report is to be computed from separation and box.
    report_changed : Signal(OverlapState)
        Another report, or none, is known; or other elements are looked at in it.
    problems_changed : Signal(OverlapState)
        A step that follows by itself has failed, or does no more.
    """

    settings_changed = Signal(OverlapState)
    decomposed = Signal(OverlapState)
    evidence_changed = Signal(OverlapState)
    components_changed = Signal(OverlapState)
    strokes_changed = Signal(OverlapState)
    masks_wanted = Signal(OverlapState)
    masks_changed = Signal(OverlapState)
    separation_wanted = Signal(OverlapState)
    separation_changed = Signal(OverlapState)
    grain_changed = Signal(OverlapState)
    report_wanted = Signal(OverlapState)
    report_changed = Signal(OverlapState)
    problems_changed = Signal(OverlapState)

    def __init__(self, session: Session) -> None:
        self.fields = session
        self._states: list[OverlapState] = []
        session.fields_changed.connect(self._follow_fields)

    @property
    def chosen(self) -> OverlapState | None:
        """State of the chosen field; None while no field is open."""
        chosen = self.fields.chosen
        return None if chosen is None else self.state_of(chosen.field)

    def state_of(self, field: Field) -> OverlapState | None:
        """State of a field; None if it is not open."""
        if self.fields.state_of(field) is None:
            return None
        known = next((state for state in self._states if state.field is field), None)
        if known is None:
            known = OverlapState(field, artefacts=tuple(field.artefacts))
            self._states.append(known)
        return known

    # What runs are asked

    def ask(
        self,
        state: OverlapState,
        *,
        artefacts: tuple[str, ...] | None = None,
        n_components: int | None = -1,
        method: str | None = None,
    ) -> None:
        """Set what the next run will be asked; other artefacts are in effect in the separation at once.

        Parameters
        ----------
        state : OverlapState
        artefacts : tuple of str, optional
        n_components : int or None
            None: to be found. -1: as it is.
        method : str, optional
        """
        before = state.artefacts, state.n_components, state.method
        others = artefacts is not None and artefacts != state.artefacts
        state.artefacts = state.artefacts if artefacts is None else artefacts
        state.n_components = state.n_components if n_components == -1 else n_components
        state.method = state.method if method is None else method
        if before != (state.artefacts, state.n_components, state.method):
            self.settings_changed.emit(state)
        if others and state.separation is not None:
            self.separation_wanted.emit(state)

    # What runs have found

    def take_evidence(self, field: Field, evidence: ComponentEvidence) -> bool:
        """Take in evidence for the number of components; False if the field has been closed."""
        state = self.state_of(field)
        if state is None:
            return False
        state.evidence = evidence
        self.evidence_changed.emit(state)
        return True

    def take_decomposition(self, field: Field, decomposition: Decomposition) -> bool:
        """Take in a decomposition; False if its field has been closed.

        Components keep name, role and colour if each is like the one that was in its place; strokes are kept then, too.
        Masks and what was made of them end with the decomposition that they were made in.
        """
        state = self.state_of(field)
        if state is None:
            return False
        self._forget(state, decomposition)
        if not state.components:
            state.components = first_components(decomposition.n_components, decomposition.matrix_component)
        state.source = "strokes"
        self._tell_of_decomposition(state)
        if state.is_painted:
            self.masks_wanted.emit(state)
        return True

    def take_unmixing(self, field: Field, unmixing: Unmixing) -> bool:
        """Take in an automatic run: decomposition, masks, separation; False if its field has been closed."""
        state = self.state_of(field)
        if state is None:
            return False
        self._forget(state, unmixing.decomposition)
        decomposition, found = unmixing.decomposition, unmixing.separation
        places = unmixing.components
        if not state.components or state.matrix != places[unmixing.matrix]:
            state.components = first_components(decomposition.n_components, places[unmixing.matrix])
        state.components = with_found_names(state.components, {place: name for name, place in places.items()})
        state.unmixing = unmixing
        state.source = "automatic"
        state.smoothness["automatic"] = state.presence_smoothness = float(unmixing.smoothness)
        state.names_found = {place: name for name, place in places.items()}
        state.presence = {places[name]: mask for name, mask in unmixing.presence.items()}
        state.masks = corrected(state)
        renamed = any(state.components[place].name != name for name, place in places.items())
        left_out = [places[name] for name in found.grains if places[name] not in state.grains]
        as_found = not (renamed or left_out or state.is_painted)
        if state.grain not in state.grains:
            state.grain = next((places[name] for name in found.grains if places[name] in state.grains), None)
        if as_found:
            state.separation = found
        self._tell_of_decomposition(state)
        if as_found:
            self.report_wanted.emit(state)
        elif masks_to_separate(state):
            self.separation_wanted.emit(state)
        return True

    def _forget(self, state: OverlapState, new: Decomposition) -> None:
        """Give up what belongs to the decomposition so far, but for components and strokes that stay right."""
        old = state.decomposition
        same = old is not None and old.loadings.shape == new.loadings.shape
        if same and old is not None:
            same = bool((np.diagonal(alike(old.loadings, new.loadings)) >= _SAME_COMPONENT).all())
        if not same:
            state.components, state.by_hand, state.strokes, state.grain = (), {}, None, None
            state.matrix_by_hand = False
        state.decomposition = new
        if new.evidence is not None:
            state.evidence = new.evidence
        state.unmixing = state.probabilities = state.separation = state.report = None
        state.presence, state.masks, state.problems = {}, {}, {}

    def _tell_of_decomposition(self, state: OverlapState) -> None:
        for signal in (
            self.evidence_changed,
            self.decomposed,
            self.components_changed,
            self.strokes_changed,
            self.masks_changed,
            self.separation_changed,
            self.report_changed,
            self.problems_changed,
        ):
            signal.emit(state)

    # Components

    def edit_component(
        self, state: OverlapState, index: int, *, name: str | None = None, role: Role | None = None, colour: str = ""
    ) -> None:
        """Change a component. There is one matrix: what was it before becomes a grain.

        Raises
        ------
        RecipeError
            If the name is empty or that of another component, or the matrix is to become something else.
        """
        old = state.components[index]
        changed = edited_components(state.components, index, name=name, role=role, colour=colour)
        if changed == state.components:
            return
        state.components, new = changed, changed[index]
        if new.role != old.role:
            state.by_hand, state.probabilities = {}, None
            if state.grain not in state.grains:
                state.grain = next(iter(state.grains), None)
        state.matrix_by_hand = state.matrix_by_hand or new.role == "matrix" != old.role
        self.components_changed.emit(state)
        if new.role != old.role and (state.masks or state.is_painted):
            self.masks_wanted.emit(state)
        elif new.name != old.name and state.separation is not None:
            self.separation_wanted.emit(state)

    # Masks

    def set_strokes(self, state: OverlapState, strokes: npt.NDArray[np.integer]) -> None:
        """Say what is painted now."""
        if state.decomposition is None or (
            np.array_equal(strokes, state.strokes) if state.strokes is not None else not np.any(strokes)
        ):
            return
        state.strokes, state.probabilities = np.array(strokes, dtype=np.int32), None
        self.strokes_changed.emit(state)
        self.masks_wanted.emit(state)

    def set_source(self, state: OverlapState, source: MaskSource) -> None:
        """Take masks from the automatic run, or from the strokes alone."""
        if source == state.source or (source == "automatic" and state.unmixing is None):
            return
        state.source = source
        self.settings_changed.emit(state)
        self.masks_wanted.emit(state)

    def set_smoothness(self, state: OverlapState, smoothness: float) -> None:
        """Smooth the masks, from their source, by so many nats."""
        if smoothness == state.smoothness.get(state.source):
            return
        state.smoothness[state.source] = smoothness
        self.settings_changed.emit(state)
        self.masks_wanted.emit(state)

    def need_another_run(self, state: OverlapState) -> None:
        """Say that masks of the automatic run do not fit the roles: nobody knows where the grain is that was matrix."""
        self.take_masks(state, {})
        self.fail(state, "masks", _ANOTHER_MATRIX)

    def take_masks(
        self, state: OverlapState, masks: dict[int, Mask], probabilities: npt.NDArray[np.float64] | None = None
    ) -> None:
        """Take in masks by component, and what the classifier said of the strokes if they come of it."""
        state.probabilities = state.probabilities if probabilities is None else probabilities
        state.masks = masks
        self.solve(state, "masks")
        self.masks_changed.emit(state)
        if state.separation is None:
            return
        if masks_to_separate(state):
            self.separation_wanted.emit(state)
        else:
            state.separation = state.report = None
            self.solve(state, "separation")
            self.separation_changed.emit(state)
            self.report_changed.emit(state)

    def take_presence(self, state: OverlapState, presence: dict[int, Mask], smoothness: float) -> None:
        """Take in what the automatic run finds at another smoothness; strokes correct it as before."""
        state.presence, state.presence_smoothness = presence, smoothness
        self.take_masks(state, corrected(state))

    # Separation

    def separate(self, state: OverlapState) -> None:
        """Ask for the separation of the masks."""
        if state.masks:
            self.separation_wanted.emit(state)

    def take_separation(self, state: OverlapState, separation: Separation) -> None:
        """Take in a separation of the masks."""
        state.separation = separation
        if state.grain not in state.grains:
            state.grain = next((state.component_named(name) for name in separation.grains), None)
        self.solve(state, "separation")
        self.separation_changed.emit(state)
        self.report_wanted.emit(state)

    def show_grain(self, state: OverlapState, grain: int) -> None:
        """Show the separation of another grain."""
        if grain in state.grains and grain != state.grain:
            state.grain = grain
            self.grain_changed.emit(state)

    def choose_tie(self, state: OverlapState, grain: int, element: str | None) -> None:
        """Let the line of an element go to zero in a grain. None: let the program choose the share."""
        if state.separation is not None:
            separation = state.separation.with_tie(state.components[grain].name, element)
            self._choose(state, grain, element, separation)

    def choose_share(self, state: OverlapState, grain: int, share: float) -> None:
        """Set the share of the counts of a grain's mask that is matrix, 0 to 1."""
        if state.separation is not None:
            separation = state.separation.with_factor(state.components[grain].name, share)
            self._choose(state, grain, share, separation)

    def _choose(self, state: OverlapState, grain: int, choice: str | float | None, separation: Separation) -> None:
        state.by_hand.pop(grain, None)
        if choice is not None:
            state.by_hand[grain] = choice
        state.separation = separation
        self.separation_changed.emit(state)
        self.report_wanted.emit(state)

    # Traces

    def set_box(self, state: OverlapState, box: Box | None) -> None:
        """Compare whole masks to another box, cut at the borders of the image; None: to a part of each mask."""
        height, width = state.field.shape
        top, left, bottom, right = (0, 0, height, width) if box is None else box
        cut = max(top, 0), max(left, 0), min(bottom, height), min(right, width)
        wanted = None if box is None else cut
        if wanted != state.box and cut[0] < cut[2] and cut[1] < cut[3]:
            state.box = wanted
            if state.separation is not None:
                self.report_wanted.emit(state)

    def take_report(self, state: OverlapState, report: TraceReport) -> None:
        """Take in a trace report of the separation."""
        state.report = report
        self.solve(state, "traces")
        self.report_changed.emit(state)

    def set_ratio(self, state: OverlapState, ratio: tuple[str, str]) -> None:
        """Look at the ratio of two elements."""
        if ratio != state.ratio:
            state.ratio = ratio
            self.report_changed.emit(state)

    # Problems of steps that follow by themselves

    def fail(self, state: OverlapState, step: str, problem: str) -> None:
        """Say that a step has failed; what it made before stays."""
        if state.problems.get(step) != problem:
            state.problems[step] = problem
            self.problems_changed.emit(state)

    def solve(self, state: OverlapState, step: str) -> None:
        """Say that a step does no longer fail."""
        if state.problems.pop(step, None) is not None:
            self.problems_changed.emit(state)

    def _follow_fields(self) -> None:
        self._states = [state for state in self._states if self.fields.state_of(state.field) is not None]
