"""What is known of every open field: plain data that outlives the docks, and signals of its changes.

Docks and panels show a `Session` and change it by its methods; they keep no results of their own. So it does not matter
which of them are open, and closing one loses nothing. Nothing here knows Qt, napari, or a viewer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gdls.plugin.edit_history import Edit, EditHistory
from napari_gdls.plugin.field_state import FieldState, Pinned, Result, same_phases
from napari_gdls.plugin.phase_names import namings, uncorrected
from napari_gdls.plugin.renumbering import (
    measurements_of_phases,
    phases_after,
    phases_mostly_of,
    segments_after,
)
from napari_gdls.recipe import MergePhases, Recipe
from napari_gdls.segmentation import phase_at, place_of_phase

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.plugin.plot_choice import PlotChoice
    from napari_gdls.plugin.saved_session import SavedSession

NAMED_KEPT = 12
"""Results of a run whose minerals are kept, the latest, chosen: undo and redo of a few steps find their names. Each
holds some megabytes, and others are measured again in a fraction of a second."""


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
        Another result is to be derived from the run, by what was done by hand, `tau_z` and measured names, and to be
        handed to `show`.
    shown_changed : Signal(FieldState)
        Another result is shown.
    selection_changed : Signal(FieldState)
        Other segments or phases are selected.
    naming_changed : Signal(FieldState)
        Phases are to be named in another way, or there is another problem with it.
    edits_changed : Signal(FieldState)
        Something was done by hand, undone, redone or dropped.
    display_changed : Signal(FieldState)
        Other phases are hidden, other spectra pinned, lines of other elements marked, other quantities plotted, or
        phases have other colours by hand.
    looked_at : Signal(FieldState, object)
        A part of the field is to be brought into sight: (row, column, height, width) in pixels.
    """

    fields_changed = Signal(description="Fields were opened, closed or renamed.")
    chosen_changed = Signal(description="Another field, or none, is chosen.")
    recipe_changed = Signal(description="The recipe for the chosen field is another one.")
    run_changed = Signal(FieldState, description="A run has ended.")
    wanted_changed = Signal(FieldState, description="Another result is to be derived from the run.")
    shown_changed = Signal(FieldState, description="Another result is shown.")
    selection_changed = Signal(FieldState, description="Other segments or phases are selected.")
    naming_changed = Signal(FieldState, description="Phases are to be named in another way.")
    edits_changed = Signal(FieldState, description="Something was done by hand, undone, redone or dropped.")
    display_changed = Signal(FieldState, description="Other phases are hidden, or other spectra pinned.")
    looked_at = Signal(FieldState, object, description="A part of the field is to be brought into sight.")

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

        States of fields that are not among them are dropped. A chosen field stays so; otherwise the last is chosen. A
        new field begins with the last recipe, without what was done by hand to another field.

        Parameters
        ----------
        titles : sequence of (Field, str)
        """
        before = [(state.field, state.title) for state in self._states]
        recipe, chosen = self.recipe, self._chosen
        states = []
        for field, title in titles:
            state = self.state_of(field) or self._opened(field, title)
            state.title = title
            states.append(state)
        self._states = states
        if chosen not in states:
            self._recipe = recipe if chosen is None else recipe.replace(names=(), corrections=())
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
        phases; one below takes such a change back. Other corrections and names by hand than those of the field take
        their place, at once and as one step of undo.
        """
        if recipe == self.recipe:
            return
        state = self._chosen
        if state is None:
            self._recipe = recipe
            self.recipe_changed.emit()
            return
        state.recipe = state.recipes[recipe.method] = recipe
        if (recipe.corrections, recipe.names) == (state.history.corrections, state.history.names):
            self.recipe_changed.emit()
        else:
            self._set_history(state, state.history.replaced_by(recipe))
        self._follow_tau_z(state)

    def finish_run(self, field: Field, asked: Recipe, result: Result) -> bool:
        """Take in what a run has found; False if its field has been closed.

        What was done by hand stays, and is done again to what a run finds. Only what was done while it ran is left to
        be derived.
        """
        state = self.state_of(field)
        if state is None:
            return False
        state.asked, state.run = asked, uncorrected(result.segmentation)
        state.minerals, state.unnamed, state.named, state.naming_problem = {}, frozenset(), None, ""
        if asked.calibration == "field":
            state.calibration = result.segmentation.calibration
        state.tau_z = result.segmentation.recipe.tau_z or 0.0
        changed = self._show(state, result)
        self.run_changed.emit(state)
        self._emit_shown(state, *changed)
        if state.colours or (asked.corrections, asked.names) != (state.history.corrections, state.history.names):
            self.wanted_changed.emit(state)
        self._follow_tau_z(state)  # it may have been moved meanwhile
        return True

    def restore(self, field: Field, saved: SavedSession, result: Result) -> bool:
        """Take in what was known of a field when it was saved; False if it has been closed.

        Parameters
        ----------
        field : Field
        saved : SavedSession
        result : Result
            Of `saved.shown`.
        """
        state = self.state_of(field)
        if state is None:
            return False
        state.recipe, state.recipes, state.asked = saved.recipe, dict(saved.recipes), saved.asked
        state.run, state.tau_z, state.history = saved.run, saved.tau_z, saved.history
        state.pinned, state.colours, state.calibration = saved.pinned, dict(saved.colours), saved.calibration
        state.naming, state.minerals, state.named = saved.naming, {}, saved.shown
        state.unnamed = frozenset({result.partition}) if saved.unnamed else frozenset()
        state.hidden_measurements = saved.hidden
        changed = self._show(state, result)
        if state is self._chosen:
            self.recipe_changed.emit()
        self.edits_changed.emit(state)
        self.run_changed.emit(state)
        self._emit_shown(state, *changed)
        if state.pinned or state.colours:
            self.display_changed.emit(state)
        made_by = result.segmentation.recipe
        if (made_by.corrections, made_by.names) != (state.history.corrections, state.history.names):
            self.wanted_changed.emit(state)  # it was saved before what was done last was shown
        return True

    def merge_phases(self, state: FieldState, phases: Iterable[int]) -> None:
        """Take phases of the shown result together, counted from 0."""
        chosen = sorted(phases)
        if state.shown is None or len(chosen) < 2:
            return
        segmentation = state.shown.segmentation
        self.do(state, MergePhases(tuple(place_of_phase(segmentation, phase) for phase in chosen)))

    def rename_phase(self, state: FieldState, phase: int, name: str) -> None:
        """Give a phase of the shown result, counted from 0, a name by hand; "" gives it the measured one back.

        Further runs on the field keep the name, where the same grain is found.

        Raises
        ------
        RecipeError
            If the name cannot be one: it is too long, or cannot be printed.
        """
        if state.shown is not None:
            self.do(state, *namings(state.shown.segmentation, phase, name))

    def show(self, state: FieldState, result: Result) -> None:
        """Say that another result, derived from the run, is shown."""
        before = state.shown
        if before is not None and before.segmentation is result.segmentation and before.minerals is result.minerals:
            return
        self._emit_shown(state, *self._show(state, result))

    def ask_names(self, state: FieldState, **changes: Any) -> None:
        """Ask for names of phases in another way; see `NamingSettings`.

        Raises
        ------
        TypeError
            If there is no such setting.
        """
        settings = dataclasses.replace(state.naming, **changes)
        if settings == state.naming:
            return
        if dataclasses.replace(settings, wanted=state.naming.wanted) != state.naming:
            state.minerals = {}  # others may be found now
        state.naming = settings
        self.name_again(state)

    def name_again(self, state: FieldState) -> None:
        """Ask for names where naming was cancelled, or has failed."""
        state.unnamed, state.naming_problem = frozenset(), ""
        self.naming_changed.emit(state)

    def finish_naming(self, state: FieldState, partition: bytes, minerals: PhaseTable) -> None:
        """Take in what the phases of a result of the last run are."""
        latest = list({**state.minerals, partition: minerals}.items())[-NAMED_KEPT:]
        state.minerals = dict(latest)
        state.naming_problem = ""
        self.naming_changed.emit(state)
        self.wanted_changed.emit(state)

    def give_up_naming(self, state: FieldState, partition: bytes, problem: str = "") -> None:
        """Leave the phases of a result without measured names, until they are asked for again."""
        state.unnamed |= {partition}
        state.naming_problem = problem
        self.naming_changed.emit(state)

    def do(self, state: FieldState, *edits: Edit) -> None:
        """Correct segments or name phases by hand, as one step of undo; the result is derived beside the window."""
        self._set_history(state, state.history.with_edits(*edits))

    def undo(self, state: FieldState) -> None:
        """Undo the last step by hand."""
        self._set_history(state, state.history.undone())

    def redo(self, state: FieldState) -> None:
        """Do again what was undone last."""
        self._set_history(state, state.history.redone())

    def drop_edit(self, state: FieldState, *indices: int) -> None:
        """Take back some of `state.history.edits`, whatever was done after them; can be undone as one step."""
        self._set_history(state, state.history.without(*indices))

    def drop_edits(self, state: FieldState) -> None:
        """Take back all that was done by hand; can be undone."""
        self._set_history(state, state.history.cleared())

    def select(
        self,
        state: FieldState,
        *,
        segments: Iterable[int] | None = None,
        phases: Iterable[int] | None = None,
        measurements: Iterable[int] | None = None,
    ) -> None:
        """Select segments (labels, from 1), phases (from 0), measurements (from 0); None leaves them as they are."""
        before = state.selected_segments, state.selected_phases, state.selected_measurements
        if segments is not None:
            state.selected_segments = frozenset(segments)
        if phases is not None:
            state.selected_phases = frozenset(phases)
        if measurements is not None:
            state.selected_measurements = frozenset(measurements)
        if before != (state.selected_segments, state.selected_phases, state.selected_measurements):
            self.selection_changed.emit(state)

    def hide_phases(self, state: FieldState, phases: Iterable[int]) -> None:
        """Leave these phases of the shown result, from 0, out of sight, and no others."""
        hidden = frozenset(phases)
        if hidden != state.hidden_phases and state.shown is not None:
            state.hidden_phases = hidden
            state.hidden_measurements = measurements_of_phases(state.shown.segmentation, hidden) if hidden else None
            self.display_changed.emit(state)

    def colour_phase(self, state: FieldState, phase: int, colour: tuple[float, float, float] | None) -> None:
        """Give a phase of the shown result, from 0, a colour by hand, sRGB from 0 to 1; None: that of its composition.

        Like a name, it belongs to the place of the phase, and is found again in further runs.
        """
        if state.shown is None:
            return
        segmentation = state.shown.segmentation
        colours = {place: each for place, each in state.colours.items() if phase_at(segmentation, *place) != phase}
        if colour is not None:
            colours[place_of_phase(segmentation, phase)] = colour
        if colours != state.colours:
            state.colours = colours
            self.display_changed.emit(state)
            self.wanted_changed.emit(state)

    def pin(self, state: FieldState, pinned: Sequence[Pinned]) -> None:
        """Keep these spectra in sight, and no others."""
        if tuple(pinned) != state.pinned:
            state.pinned = tuple(pinned)
            self.display_changed.emit(state)

    def mark_elements(self, state: FieldState, elements: Sequence[str]) -> None:
        """Mark the lines of these elements in spectra, and of no others."""
        if tuple(elements) != state.marked_elements:
            state.marked_elements = tuple(elements)
            self.display_changed.emit(state)

    def choose_plot(self, state: FieldState, plot: PlotChoice) -> None:
        """Let the dock of plots show something else of a field."""
        if plot != state.plot:
            state.plot = plot
            self.display_changed.emit(state)

    def look_at(self, state: FieldState, row: float, column: float, height: float, width: float) -> None:
        """Bring a part of the field into sight; all in pixels, `row` and `column` those of its first pixel."""
        self.looked_at.emit(state, (row, column, height, width))

    def _opened(self, field: Field, title: str) -> FieldState:
        recipe = self.recipe if self._chosen is None else self.recipe.replace(names=(), corrections=())
        return FieldState(field, title, recipe, history=EditHistory.of_recipe(recipe))

    def _set_history(self, state: FieldState, history: EditHistory) -> None:
        if history is state.history:
            return
        state.history = history
        by_hand = {"names": history.names, "corrections": history.corrections}
        state.recipe = state.recipe.replace(**by_hand)
        state.recipes = {method: recipe.replace(**by_hand) for method, recipe in state.recipes.items()}
        self.edits_changed.emit(state)
        if state is self._chosen:
            self.recipe_changed.emit()
        if state.run is not None:
            self.wanted_changed.emit(state)

    def _show(self, state: FieldState, result: Result) -> tuple[bool, bool]:
        """Let another result be shown; what is selected and hidden is found again in it.

        Whether that has other numbers now.
        """
        before, after = state.shown, result.segmentation
        selected, hidden = (state.selected_segments, state.selected_phases), state.hidden_phases
        state.shown = result
        if before is not None and not same_phases(before.segmentation, after):  # else it has other names only
            state.selected_segments = segments_after(before.segmentation, after, state.selected_segments)
            state.selected_phases = phases_after(before.segmentation, after, state.selected_phases)
        if state.hidden_measurements is not None:
            state.hidden_phases = phases_mostly_of(after, state.hidden_measurements)
        return selected != (state.selected_segments, state.selected_phases), hidden != state.hidden_phases

    def _emit_shown(self, state: FieldState, selected: bool, hidden: bool) -> None:
        self.shown_changed.emit(state)
        if selected:
            self.selection_changed.emit(state)
        if hidden:
            self.display_changed.emit(state)

    def _emit_changes(self, before: FieldState | None, recipe: Recipe) -> None:
        if self._chosen is not before:
            self.chosen_changed.emit()
        if self.recipe != recipe:
            self.recipe_changed.emit()

    def _follow_tau_z(self, state: FieldState) -> None:
        run = state.run
        if run is None or not run.has_phases or run.recipe.method != state.recipe.method:
            return
        tau_z = state.recipe.with_defaults(state.field.n_measurements).tau_z
        if tau_z is not None and tau_z != state.tau_z:
            state.tau_z = tau_z
            self.wanted_changed.emit(state)
