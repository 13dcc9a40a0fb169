"""The session: one state per open field that outlives the docks, and says when it changes."""

from __future__ import annotations

import dataclasses
import gc
import subprocess
import sys
import weakref

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import napari_gdls as gdls
from napari_gdls.plugin.edit_history import EditHistory, Naming
from napari_gdls.plugin.field_state import Result
from napari_gdls.plugin.session import Session
from napari_gdls.recipe import Cut
from napari_gdls.segmentation import phase_at, phase_table
from napari_gdls.segmentation.colours import phase_colours

CUT, OTHER_CUT = Cut((((0, 0), (0, 1)),)), Cut((((0, 0), (1, 0)),))
SIGNALS = (
    "fields_changed",
    "chosen_changed",
    "recipe_changed",
    "run_changed",
    "wanted_changed",
    "shown_changed",
    "edits_changed",
    "selection_changed",
    "display_changed",
)


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def emitted(session):
    """Names of the signals that were emitted since the last call."""
    names: list[str] = []

    def noted(name: str):
        return lambda *_: names.append(name)

    for name in SIGNALS:
        getattr(session, name).connect(noted(name))

    def since_last() -> list[str]:
        seen = names.copy()
        names.clear()
        return seen

    return since_last


@pytest.fixture
def result(segmentation) -> Result:
    return Result(segmentation, phase_colours(segmentation), phase_table(segmentation))


def small_field(name: str) -> gdls.Field:
    axis = gdls.EnergyAxis(offset=0.0, width=20.0, size=8)
    locations = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return gdls.Field(np.eye(2, dtype=np.uint8), np.ones((4, 8), dtype=np.uint8), locations, axis, name=name)


def test_it_knows_neither_qt_nor_napari():
    code = """
import sys
import napari_gdls.plugin.session
print([name for name in ("napari", "qtpy", "PySide6", "magicgui", "superqt") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_last_opened_field_is_chosen_until_another_one_is(session, emitted):
    a, b = small_field("a"), small_field("b")
    session.set_fields([(a, "a")])
    assert session.chosen.field is a
    assert emitted() == ["fields_changed", "chosen_changed"]
    session.set_fields([(a, "a"), (b, "b")])
    assert session.chosen.field is a
    assert emitted() == ["fields_changed"]
    session.set_fields([(a, "a"), (b, "b")])
    assert emitted() == []
    session.choose(b)
    assert session.chosen.field is b
    assert emitted() == ["chosen_changed"]
    session.set_fields([(a, "another name")])
    assert session.chosen.field is a
    assert session.chosen.title == "another name"
    assert emitted() == ["fields_changed", "chosen_changed"]
    session.set_fields([])
    assert session.chosen is None
    assert emitted() == ["fields_changed", "chosen_changed"]


def test_each_field_keeps_its_recipe_and_a_new_one_begins_with_the_last(session, emitted):
    a, b = small_field("a"), small_field("b")
    session.set_recipe(gdls.Recipe(tau_z=0.5))
    session.set_fields([(a, "a"), (b, "b")])
    session.choose(a)
    assert session.recipe.tau_z == 0.5
    emitted()
    session.set_recipe(gdls.Recipe(tau_z=0.7))
    assert emitted() == ["recipe_changed"]
    session.set_recipe(gdls.Recipe(tau_z=0.7))
    assert emitted() == []
    session.choose(b)
    assert session.recipe.tau_z == 0.5
    assert emitted() == ["chosen_changed", "recipe_changed"]
    session.choose(a)
    session.set_fields([])
    assert session.recipe.tau_z == 0.7


def test_a_run_of_a_closed_field_is_not_taken_in(session, emitted, result):
    assert not session.finish_run(result.segmentation.field, gdls.Recipe(), result)
    assert emitted() == []


def test_a_run_replaces_what_was_made_of_the_one_before(session, emitted, result):
    field = result.segmentation.field
    session.set_fields([(field, "pair")])
    state = session.chosen
    emitted()
    assert session.finish_run(field, gdls.Recipe(), result)
    assert emitted() == ["run_changed", "shown_changed"]
    assert state.shown is result
    assert state.run is result.segmentation
    session.select(state, phases={0, 1}, segments={1})
    session.select(state, phases={0, 1})
    assert emitted() == ["selection_changed"]
    session.merge_phases(state, state.selected_phases)
    assert emitted() == ["edits_changed", "recipe_changed", "wanted_changed"]
    (merge,) = state.history.edits
    assert state.recipe.corrections == (merge,)
    assert [phase_at(result.segmentation, *place) for place in merge.places] == [0, 1]
    merged = result.segmentation.with_phases_merged([0, 0])
    session.show(state, Result(merged, result.phase_colours[:1], None))
    assert emitted() == ["shown_changed", "selection_changed"]
    assert state.selected_phases == frozenset({0})
    session.undo(state)
    session.undo(state)
    assert emitted() == ["edits_changed", "recipe_changed", "wanted_changed"]
    assert state.recipe.corrections == ()
    session.redo(state)
    session.finish_run(field, gdls.Recipe(corrections=(merge,)), result)
    assert state.history.edits == state.recipe.corrections == (merge,)


def test_another_recipe_takes_the_place_of_what_was_done_by_hand_and_can_be_undone(session, emitted):
    a, b = small_field("a"), small_field("b")
    session.set_fields([(a, "a"), (b, "b")])
    session.do(session.chosen, CUT)
    kept = session.chosen
    emitted()
    loaded = gdls.Recipe(tau_z=0.9, names=[(1, 1, "quartz")], corrections=[OTHER_CUT])
    session.set_recipe(loaded)
    assert emitted() == ["edits_changed", "recipe_changed"]
    assert kept.history.edits == (OTHER_CUT, Naming(1, 1, "quartz"))
    session.undo(kept)
    assert session.recipe == gdls.Recipe(tau_z=0.9, corrections=[CUT])
    session.redo(kept)
    assert session.recipe == loaded
    session.choose(a if kept.field is b else b)
    assert session.recipe == gdls.Recipe()
    session.set_fields([])
    session.set_fields([(small_field("c"), "c")])
    assert session.recipe.corrections == ()


def test_a_recipe_that_is_set_while_nothing_is_open_is_for_the_next_field(session):
    session.set_recipe(gdls.Recipe(corrections=[CUT]))
    session.set_fields([(small_field("a"), "a")])
    assert session.chosen.history.edits == (CUT,)


def test_hidden_phases_are_hidden_in_every_result(session, emitted, result):
    field, segmentation = result.segmentation.field, result.segmentation
    session.set_fields([(field, "pair")])
    state = session.chosen
    session.hide_phases(state, {1})
    assert state.hidden_phases == frozenset()  # there are none yet
    session.finish_run(field, gdls.Recipe(), result)
    session.hide_phases(state, {1})
    emitted()
    swapped = segmentation.measurement_phases.merged(np.array([1, 0]))
    other = dataclasses.replace(segmentation, phases=1 - segmentation.phases, measurement_phases=swapped)
    session.show(state, Result(other, result.phase_colours, None))
    assert state.hidden_phases == {0}
    assert emitted() == ["shown_changed", "display_changed"]
    session.show(state, Result(segmentation.with_phases_merged([0, 0]), result.phase_colours, None))
    assert state.hidden_phases == frozenset({0} if np.mean(segmentation.grouped.labels == 1) > 0.5 else ())
    session.finish_run(field, gdls.Recipe(), result)
    assert state.hidden_phases == {1}


def test_a_larger_tau_z_of_the_same_method_is_wanted_at_once(session, emitted, result):
    field = result.segmentation.field
    session.set_fields([(field, "pair")])
    session.finish_run(field, gdls.Recipe(), result)
    emitted()
    session.set_recipe(gdls.Recipe(tau_z=0.8))
    assert emitted() == ["recipe_changed", "wanted_changed"]
    assert session.chosen.tau_z == 0.8
    session.set_recipe(gdls.Recipe(tau_z=0.8, smallest=3))
    session.set_recipe(gdls.Recipe(method="threshold", tau_z=2.0))
    assert emitted() == ["recipe_changed", "recipe_changed"]
    session.set_recipe(gdls.Recipe())
    assert emitted() == ["recipe_changed", "wanted_changed"]
    assert session.chosen.tau_z == result.segmentation.recipe.tau_z


@pytest.mark.parametrize(
    ("changes", "embedding", "graph"),
    [
        ({}, True, True),
        ({"tau_z": 0.9, "method": "threshold", "smallest": 4}, True, True),
        ({"max_distance": 1.5}, True, False),
        ({"model": "cosine"}, False, False),
        ({"drift": "correct"}, False, False),
        ({"calibration": "field"}, False, False),
    ],
)
def test_what_a_run_would_make_again_is_reused(session, result, changes, embedding, graph):
    found = result.segmentation
    session.set_fields([(found.field, "pair")])
    assert session.chosen.reusable(gdls.Recipe(**changes)) == (None, None)
    session.finish_run(found.field, gdls.Recipe(), result)
    reused = session.chosen.reusable(gdls.Recipe(**changes))
    assert reused[0] is (found.embedding if embedding else None)
    assert reused[1] is (found.graph if graph else None)


FIELDS = {name: small_field(name) for name in "abc"}
RECIPES = [
    gdls.Recipe(),
    gdls.Recipe(tau_z=0.7),
    gdls.Recipe(method="threshold"),
    gdls.Recipe(smallest=3),
    gdls.Recipe(corrections=[CUT]),
]


class SessionMachine(RuleBasedStateMachine):
    """Fields are opened, closed and chosen, recipes and corrections set, in any order, beside plain dictionaries."""

    def __init__(self):
        super().__init__()
        self.session = Session()
        self.open: list[str] = []
        self.chosen = ""
        self.recipe = gdls.Recipe()
        self.known: dict[str, tuple[gdls.Recipe, EditHistory]] = {}
        self.seen: list[tuple[str, gdls.Recipe]] = []
        for signal in (self.session.chosen_changed, self.session.recipe_changed):
            signal.connect(self.look)

    def look(self) -> None:
        """What a dock shows that only listens to the signals."""
        state = self.session.chosen
        self.seen.append(("" if state is None else state.title, self.session.recipe))

    @rule(names=st.lists(st.sampled_from("abc"), unique=True))
    def layers_change(self, names):
        plain = self.recipe.replace(names=(), corrections=()) if self.chosen else self.recipe
        self.known = {name: self.known.get(name, (plain, EditHistory.of_recipe(plain))) for name in names}
        self.open = names
        if self.chosen not in names:
            self.chosen, self.recipe = names[-1] if names else "", plain
        self.session.set_fields([(FIELDS[name], name) for name in names])
        self.recipe = self.known[self.chosen][0] if self.chosen else self.recipe

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def choose(self, data):
        self.chosen = data.draw(st.sampled_from(self.open))
        self.session.choose(FIELDS[self.chosen])
        self.recipe = self.known[self.chosen][0]

    @rule(recipe=st.sampled_from(RECIPES))
    def set_recipe(self, recipe):
        self.session.set_recipe(recipe)
        self.recipe = recipe
        if self.chosen:
            history = self.known[self.chosen][1]
            if (recipe.names, recipe.corrections) != (history.names, history.corrections):  # else there is nothing new
                history = history.replaced_by(recipe)
            self.known[self.chosen] = (recipe, history)

    @precondition(lambda self: self.chosen)
    @rule(step=st.sampled_from([CUT, OTHER_CUT, Naming(0, 1, "quartz"), Naming(0, 1, ""), "undo", "redo", 0, "drop"]))
    def by_hand(self, step):
        state = self.session.chosen
        recipe, before = self.known[self.chosen]
        if step == "undo":
            self.session.undo(state)
            history = before.undone()
        elif step == "redo":
            self.session.redo(state)
            history = before.redone()
        elif step == "drop":
            self.session.drop_edits(state)
            history = before.cleared()
        elif step == 0:
            self.session.drop_edit(state, 0)
            history = before.without(0)
        else:
            self.session.do(state, step)
            history = before.with_edits(step)
        self.recipe = recipe.replace(names=history.names, corrections=history.corrections)
        self.known[self.chosen] = (self.recipe, history)

    @invariant()
    def every_field_has_its_own_state(self):
        assert {state.title: (state.recipe, state.history) for state in self.session.states} == self.known
        assert ("" if self.session.chosen is None else self.session.chosen.title) == self.chosen
        assert self.session.recipe == self.recipe

    @invariant()
    def whoever_listens_has_seen_the_last_change(self):
        assert (self.seen[-1] if self.seen else ("", gdls.Recipe())) == (self.chosen, self.recipe)


TestSessionInAnyOrder = SessionMachine.TestCase
TestSessionInAnyOrder.settings = settings(max_examples=25, stateful_step_count=12, deadline=None)


def test_a_closed_field_is_forgotten_with_all_that_is_known_of_it(session):
    field = small_field("a")
    session.set_fields([(field, "a"), (small_field("b"), "b")])
    session.choose(field)
    session.do(session.chosen, CUT)
    gone = weakref.ref(field), weakref.ref(session.chosen)
    session.set_fields([(state.field, state.title) for state in session.states if state.field is not field])
    del field
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert session.chosen.title == "b"
