"""The session: one state per open field that outlives the docks, and says when it changes."""

from __future__ import annotations

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
from napari_gdls.plugin.corrections import Corrections
from napari_gdls.plugin.field_state import Result
from napari_gdls.plugin.session import Session
from napari_gdls.segmentation import phase_table
from napari_gdls.segmentation.colours import phase_colours

SIGNALS = (
    "fields_changed",
    "chosen_changed",
    "recipe_changed",
    "run_changed",
    "wanted_changed",
    "shown_changed",
    "corrections_changed",
    "selection_changed",
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
    assert state.run is state.shown is result
    session.select(state, phases={0, 1}, segments={1})
    session.select(state, phases={0, 1})
    assert emitted() == ["selection_changed"]
    session.merge_phases(state, state.selected_phases)
    assert emitted() == ["wanted_changed"]
    assert state.by_hand.n_phases == result.segmentation.n_phases - 1
    session.show(state, Result(state.by_hand, result.phase_colours[:1], None))
    assert emitted() == ["shown_changed"]
    assert state.selected_phases == frozenset()
    session.undo_step(state)
    assert state.by_hand is result.segmentation
    session.undo_step(state)
    assert emitted() == ["wanted_changed"]
    session.correct(state, state.corrections.with_cuts([((2, 2), (2, 6))]))
    session.correct(state, state.corrections)
    assert emitted() == ["corrections_changed"]
    session.finish_run(field, gdls.Recipe(), result)
    assert state.steps == ()
    assert state.corrections.text == "0 links, 1 cut, 0 fixed"


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
RECIPES = [gdls.Recipe(), gdls.Recipe(tau_z=0.7), gdls.Recipe(method="threshold"), gdls.Recipe(smallest=3)]


class SessionMachine(RuleBasedStateMachine):
    """Fields are opened, closed and chosen, recipes and corrections set, in any order, beside plain dictionaries."""

    def __init__(self):
        super().__init__()
        self.session = Session()
        self.open: list[str] = []
        self.chosen = ""
        self.recipe = gdls.Recipe()
        self.known: dict[str, tuple[gdls.Recipe, Corrections]] = {}
        self.seen: list[tuple[str, gdls.Recipe]] = []
        for signal in (self.session.chosen_changed, self.session.recipe_changed):
            signal.connect(self.look)

    def look(self) -> None:
        """What a dock shows that only listens to the signals."""
        state = self.session.chosen
        self.seen.append(("" if state is None else state.title, self.session.recipe))

    @rule(names=st.lists(st.sampled_from("abc"), unique=True))
    def layers_change(self, names):
        self.known = {name: self.known.get(name, (self.recipe, Corrections())) for name in names}
        self.open = names
        if self.chosen not in names:
            self.chosen = names[-1] if names else ""
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
            self.known[self.chosen] = (recipe, self.known[self.chosen][1])

    @precondition(lambda self: self.chosen)
    @rule(column=st.integers(0, 1))
    def correct(self, column):
        state = self.session.chosen
        corrections = state.corrections.with_cuts([((0, column), (1, column))])
        self.session.correct(state, corrections)
        self.known[self.chosen] = (self.known[self.chosen][0], corrections)

    @invariant()
    def every_field_has_its_own_state(self):
        assert {state.title: (state.recipe, state.corrections) for state in self.session.states} == self.known
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
    session.correct(session.chosen, Corrections().with_cuts([((0, 0), (0, 1))]))
    gone = weakref.ref(field), weakref.ref(session.chosen)
    session.set_fields([(state.field, state.title) for state in session.states if state.field is not field])
    del field
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
    assert session.chosen.title == "b"
