"""Random days at the workbench: whatever was done in whatever order, what is shown is the list of edits done anew."""

from __future__ import annotations

import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import napari_gdls as gdls
from conftest import two_minerals, zoned_mineral
from napari_gdls.io import read_field, read_results
from napari_gdls.plugin.derivation import Derivation
from napari_gdls.plugin.field_state import FieldState, Result
from napari_gdls.plugin.saved_session import save_session, session_of, stored_session
from napari_gdls.plugin.session import Session
from napari_gdls.progress import silent
from napari_gdls.recipe import Assign, Cut, Join, Paint, Recipe, Split

PARTS = st.integers(0, 10**6)
"""Choices that are taken modulo what there is to choose of."""


@lru_cache(maxsize=8)
def fields() -> tuple[gdls.Field, gdls.Field]:
    return zoned_mineral(), two_minerals(3)


@lru_cache(maxsize=64)
def run_of(which: int, recipe: Recipe) -> gdls.Segmentation:
    return gdls.segment(fields()[which], recipe)


class Day(RuleBasedStateMachine):
    """Two fields, their states, and a derivation of each run as the window makes it, but at once."""

    def __init__(self) -> None:
        super().__init__()
        self.session = Session()
        self.session.set_fields([(field, field.name) for field in fields()])
        self.session.wanted_changed.connect(self.derive)
        for which, field in enumerate(fields()):
            self.session.choose(field)
            self.run_again(which)

    @property
    def state(self) -> FieldState:
        assert self.session.chosen is not None
        return self.session.chosen

    @property
    def shown(self) -> gdls.Segmentation:
        assert self.state.shown is not None
        return self.state.shown.segmentation

    def derive(self, state: FieldState) -> None:
        assert state.run is not None
        made = Derivation(state.run).shown(state.tau_z, state.history, state.minerals, state.colours, silent)
        found, minerals = made
        self.session.show(state, Result(found, found.phase_colours, None, minerals))

    def run_again(self, which: int) -> None:
        asked = self.state.recipe
        found = run_of(which, asked)
        assert self.session.finish_run(found.field, asked, Result(found, found.phase_colours, None))

    def place(self, part: int) -> tuple[int, int]:
        row, column = self.shown.field.locations[part % self.shown.field.n_measurements].tolist()
        return row, column

    @rule(a=PARTS, b=PARTS)
    def joins(self, a: int, b: int) -> None:
        if self.place(a) != self.place(b):
            self.session.do(self.state, Join((self.place(a), self.place(b))))

    @rule(row=st.floats(0, 47), slope=st.floats(-0.5, 0.5))
    def splits(self, row: float, slope: float) -> None:
        self.session.do(self.state, Split(((row, -1.0), (row + 60 * slope, 61.0))))

    @rule(part=PARTS)
    def cuts(self, part: int) -> None:
        edges = self.shown.graph.edges
        a, b = self.shown.field.locations[edges[part % len(edges)]].tolist()
        self.session.do(self.state, Cut((((a[0], a[1]), (b[0], b[1])),)))

    @rule(parts=st.lists(PARTS, min_size=1, max_size=6), into=st.none() | PARTS)
    def paints(self, parts: list[int], into: int | None) -> None:
        places = tuple(self.place(part) for part in parts)
        self.session.do(self.state, Paint(places, None if into is None else self.place(into)))

    @rule(parts=st.lists(PARTS, min_size=1, max_size=6), phase=st.none() | PARTS)
    def assigns(self, parts: list[int], phase: int | None) -> None:
        places = tuple(self.place(part) for part in parts)
        self.session.do(self.state, Assign(places, None if phase is None else self.place(phase)))

    @rule(a=PARTS, b=PARTS)
    def merges_phases(self, a: int, b: int) -> None:
        n = self.shown.n_phases
        self.session.merge_phases(self.state, {a % n, b % n})

    @rule(phase=PARTS, name=st.sampled_from(["", "glass", "rim"]))
    def renames(self, phase: int, name: str) -> None:
        self.session.rename_phase(self.state, phase % self.shown.n_phases, name)

    @rule()
    def undoes(self) -> None:
        self.session.undo(self.state)

    @rule()
    def redoes(self) -> None:
        self.session.redo(self.state)

    @precondition(lambda self: self.state.history.edits)
    @rule(part=PARTS)
    def drops_one(self, part: int) -> None:
        self.session.drop_edit(self.state, part % len(self.state.history.edits))

    @rule(tau_z=st.sampled_from([0.3, 0.8, 2.7]))
    def moves_the_slider(self, tau_z: float) -> None:
        self.session.set_recipe(self.state.recipe.replace(tau_z=tau_z))

    @rule()
    def runs_again(self) -> None:
        self.run_again([field is self.state.field for field in fields()].index(True))

    @rule(which=st.integers(0, 1))
    def goes_to_a_field(self, which: int) -> None:
        other = next(state for state in self.session.states if state is not self.state)
        before = other.history, other.shown
        self.session.choose(fields()[which])
        assert (other.history, other.shown) == before

    @rule()
    def saves_and_opens(self) -> None:
        saved = session_of(self.state)
        assert saved is not None
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "day.gdls.zarr")
            save_session(path, saved)
            field = read_field(path)
            again = stored_session(path, read_results(path), field)
        assert again is not None
        assert again.history == self.state.history
        assert again.tau_z == self.state.tau_z
        np.testing.assert_array_equal(again.shown.labels, self.shown.labels)
        np.testing.assert_array_equal(again.shown.phases, self.shown.phases)
        assert [name.name for name in again.shown.names] == [name.name for name in self.shown.names]

    @invariant()
    def what_is_shown_is_the_list_done_anew(self) -> None:
        state = self.state
        run = state.run
        assert run is not None
        lowest = run.recipe.tau_z
        assert lowest is not None
        base = run.coarsened(state.tau_z) if state.tau_z > lowest else run
        expected = gdls.correct(base, state.history.corrections)
        np.testing.assert_array_equal(self.shown.labels, expected.labels)
        np.testing.assert_array_equal(self.shown.phases, expected.phases)
        np.testing.assert_allclose(self.shown.modal.percent, expected.modal.percent)
        assert state.recipe.corrections == state.history.corrections
        assert state.recipe.names == state.history.names

    def teardown(self) -> None:
        """A run that is asked for all of it at once finds the same."""
        for which, state in enumerate(self.session.states):
            if state.run is not None and state.shown is not None and state.tau_z == state.run.recipe.tau_z:
                whole = gdls.segment(fields()[which], state.run.recipe.replace(corrections=state.history.corrections))
                np.testing.assert_array_equal(state.shown.segmentation.labels, whole.labels)


TestDay = pytest.mark.filterwarnings("ignore::napari_gdls.errors.GdlsWarning")(Day.TestCase)  # lines that part nothing
TestDay.settings = settings(
    max_examples=8,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
