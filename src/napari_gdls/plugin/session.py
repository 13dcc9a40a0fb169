"""What is known of every open field: plain data that outlives the docks, and signals of its changes.

Docks and panels show a `Session` and change it by its methods; they keep no results of their own. So it does not matter
which of them are open, and closing one loses nothing. Nothing here knows Qt, napari, or a viewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from napari_gdls.plugin.corrections import Corrections
from napari_gdls.recipe import Recipe

if TYPE_CHECKING:
    from napari_gdls.embedding import Calibration
    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class Result:
    """A segmentation and the colours it is shown in.

    Attributes
    ----------
    segmentation : Segmentation
    phase_colours : (P, 3) array or None
        sRGB, 0 to 1. None if the method made no phases.
    phase_table : dict or None
        From `napari_gdls.segmentation.phase_table`, with these colours; likewise.
    """

    segmentation: Segmentation
    phase_colours: npt.NDArray[np.float64] | None
    phase_table: dict[str, npt.NDArray[Any]] | None


@dataclass(eq=False)
class FieldState:
    """What is known of one field while it is open; changed by the methods of `Session` only.

    Attributes
    ----------
    field : Field
    title : str
        Name for lists of fields.
    recipe : Recipe
        What the next run will be asked.
    recipes : dict of str to Recipe
        The last recipe of each method that was tried, by the method.
    asked : Recipe or None
        What the last run was asked, before defaults were spelled out.
    run : Result or None
        What the last run found.
    merged : tuple of Segmentation
        The run after each merge of phases by hand, the latest last.
    tau_z : float
        Phases that differ by no more are shown as one, where it is above that of the run.
    shown : Result or None
        What the layers show: the run with the merges by hand, at `tau_z`.
    corrections : Corrections
        For the next run.
    selected_segments : frozenset of int
        Labels, from 1.
    selected_phases : frozenset of int
        Phases of `shown`, from 0.
    calibration : Calibration or None
        Scale of delta_z that a run has measured on the field itself.
    """

    field: Field
    title: str
    recipe: Recipe
    recipes: dict[str, Recipe] = dataclass_field(default_factory=dict)
    asked: Recipe | None = None
    run: Result | None = None
    merged: tuple[Segmentation, ...] = ()
    tau_z: float = 0.0
    shown: Result | None = None
    corrections: Corrections = dataclass_field(default_factory=Corrections)
    selected_segments: frozenset[int] = frozenset()
    selected_phases: frozenset[int] = frozenset()
    calibration: Calibration | None = None

    @property
    def merged_by_hand(self) -> Segmentation | None:
        """The run with all merges by hand; None where there was no run, or its method makes no phases."""
        if self.run is None or not self.run.segmentation.has_phases:
            return None
        return self.merged[-1] if self.merged else self.run.segmentation

    def reusable(self, recipe: Recipe) -> tuple[npt.NDArray[np.float32] | None, MeasurementGraph | None]:
        """Embedding and graph of the last run, as far as one with this recipe would make the same."""
        if self.run is None or self.asked is None:
            return None, None
        if any(getattr(self.asked, name) != getattr(recipe, name) for name in ("model", "calibration", "drift")):
            return None, None
        found = self.run.segmentation
        return found.embedding, found.graph if self.asked.max_distance == recipe.max_distance else None


class Session:
    """All open fields, which of them is chosen, and what is known of each.

    Signals are emitted after the change is complete, and only if there was one.

    Attributes
    ----------
    fields_changed : Signal()
        Fields were opened, closed or renamed.
    chosen_changed : Signal()
        Another field, or none, is chosen.
    recipe_changed : Signal()
        The recipe for the chosen field is another one, be it that it was edited or that another field is chosen.
    run_changed : Signal(FieldState)
        A run has ended; what is shown has changed, too.
    wanted_changed : Signal(FieldState)
        Another result is to be derived from the run, by merges by hand and `tau_z`, and to be handed to `show`.
    shown_changed : Signal(FieldState)
        Another result is shown.
    corrections_changed : Signal(FieldState)
        Corrections for the next run were made, undone or cleared.
    selection_changed : Signal(FieldState)
        Other segments or phases are selected.
    """

    fields_changed = Signal(description="Fields were opened, closed or renamed.")
    chosen_changed = Signal(description="Another field, or none, is chosen.")
    recipe_changed = Signal(description="The recipe for the chosen field is another one.")
    run_changed = Signal(FieldState, description="A run has ended.")
    wanted_changed = Signal(FieldState, description="Another result is to be derived from the run.")
    shown_changed = Signal(FieldState, description="Another result is shown.")
    corrections_changed = Signal(FieldState, description="Corrections were made, undone or cleared.")
    selection_changed = Signal(FieldState, description="Other segments or phases are selected.")

    def __init__(self) -> None:
        self._states: list[FieldState] = []
        self._chosen: FieldState | None = None
        self._recipe = Recipe()

    @property
    def states(self) -> tuple[FieldState, ...]:
        """One state per open field, in the order of their layers."""
        return tuple(self._states)

    @property
    def chosen(self) -> FieldState | None:
        """State of the chosen field; None while no field is open."""
        return self._chosen

    @property
    def recipe(self) -> Recipe:
        """Recipe for the chosen field; the last one there was while no field is open."""
        return self._recipe if self._chosen is None else self._chosen.recipe

    def state_of(self, field: Field) -> FieldState | None:
        """State of a field; None if it is not open."""
        return next((state for state in self._states if state.field is field), None)

    def set_fields(self, titles: Sequence[tuple[Field, str]]) -> None:
        """Say which fields are open, and how they are called.

        States of fields that are not among them are dropped. A chosen field stays so; otherwise the last is chosen.

        Parameters
        ----------
        titles : sequence of (Field, str)
        """
        before = [(state.field, state.title) for state in self._states]
        recipe, chosen = self.recipe, self._chosen
        states = []
        for field, title in titles:
            state = self.state_of(field) or FieldState(field, title, recipe)
            state.title = title
            states.append(state)
        self._states = states
        if chosen not in states:
            self._recipe = recipe
            self._chosen = states[-1] if states else None
        if len(before) != len(states) or any(
            field is not state.field or title != state.title
            for (field, title), state in zip(before, states, strict=True)
        ):
            self.fields_changed.emit()
        self._emit_changes(chosen, recipe)

    def choose(self, field: Field) -> None:
        """Choose one of the open fields."""
        chosen, recipe = self._chosen, self.recipe
        self._chosen = self.state_of(field) or chosen
        self._emit_changes(chosen, recipe)

    def set_recipe(self, recipe: Recipe) -> None:
        """Set what the next run on the chosen field will be asked.

        A tau_z above that of the last run is in effect at once, if the recipe has the same method and that makes
        phases; one below takes such a change back.
        """
        if recipe == self.recipe:
            return
        state = self._chosen
        if state is None:
            self._recipe = recipe
        else:
            state.recipe = state.recipes[recipe.method] = recipe
        self.recipe_changed.emit()
        if state is not None:
            self._follow_tau_z(state)

    def finish_run(self, field: Field, asked: Recipe, result: Result) -> bool:
        """Take in what a run has found; False if its field has been closed.

        Merges of phases by hand end with the run that they were made in; corrections stay.
        """
        state = self.state_of(field)
        if state is None:
            return False
        state.asked, state.run, state.shown, state.merged = asked, result, result, ()
        state.selected_segments = state.selected_phases = frozenset()
        if asked.calibration == "field":
            state.calibration = result.segmentation.calibration
        state.tau_z = result.segmentation.recipe.tau_z or 0.0
        self.run_changed.emit(state)
        self.shown_changed.emit(state)
        self._follow_tau_z(state)  # it may have been moved meanwhile
        return True

    def merge_phases(self, state: FieldState, phases: Iterable[int]) -> None:
        """Take phases of the shown result together, counted from 0."""
        chosen = sorted(phases)
        if state.shown is None or len(chosen) < 2:
            return
        segmentation = state.shown.segmentation
        group = np.arange(segmentation.n_phases)
        group[chosen] = chosen[0]
        state.merged = (*state.merged, segmentation.with_phases_merged(group))
        self.wanted_changed.emit(state)

    def undo_merge(self, state: FieldState) -> None:
        """Undo the last merge by hand."""
        if state.merged:
            state.merged = state.merged[:-1]
            self.wanted_changed.emit(state)

    def show(self, state: FieldState, result: Result) -> None:
        """Say that another result, derived from the run, is shown."""
        before = state.shown
        if before is not None and before.segmentation is result.segmentation:
            return
        state.shown = result
        state.selected_segments = state.selected_phases = frozenset()
        self.shown_changed.emit(state)

    def correct(self, state: FieldState, corrections: Corrections) -> None:
        """Set the corrections for the next run."""
        if corrections is not state.corrections:
            state.corrections = corrections
            self.corrections_changed.emit(state)

    def select(
        self, state: FieldState, *, segments: Iterable[int] | None = None, phases: Iterable[int] | None = None
    ) -> None:
        """Select segments (labels, from 1), phases (from 0), or both; None leaves them as they are."""
        before = state.selected_segments, state.selected_phases
        if segments is not None:
            state.selected_segments = frozenset(segments)
        if phases is not None:
            state.selected_phases = frozenset(phases)
        if before != (state.selected_segments, state.selected_phases):
            self.selection_changed.emit(state)

    def _emit_changes(self, before: FieldState | None, recipe: Recipe) -> None:
        if self._chosen is not before:
            self.chosen_changed.emit()
        if self.recipe != recipe:
            self.recipe_changed.emit()

    def _follow_tau_z(self, state: FieldState) -> None:
        run = state.merged_by_hand
        if run is None or run.recipe.method != state.recipe.method:
            return
        tau_z = state.recipe.with_defaults(state.field.n_measurements).tau_z
        if tau_z is not None and tau_z != state.tau_z:
            state.tau_z = tau_z
            self.wanted_changed.emit(state)
