"""Overlapping phases of the open fields: one state each that outlives the dock, and says when it changes."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import napari_gdls as gdls
from napari_gdls.errors import RecipeError
from napari_gdls.plugin.overlap_masks import corrected, masks_of_labels, masks_to_separate
from napari_gdls.plugin.overlap_session import OverlapSession
from napari_gdls.plugin.session import Session

SIZE = 4  # px, of the fields here
SIGNALS = (
    "settings_changed",
    "decomposed",
    "evidence_changed",
    "components_changed",
    "strokes_changed",
    "masks_wanted",
    "masks_changed",
    "separation_wanted",
    "separation_changed",
    "grain_changed",
    "report_wanted",
    "report_changed",
    "problems_changed",
)


def small_field(name: str = "a", **options) -> gdls.Field:
    axis = gdls.EnergyAxis(offset=0.0, width=20.0, size=8)
    locations = np.stack(np.indices((SIZE, SIZE)), axis=-1).reshape(-1, 2)
    spectra = np.ones((SIZE**2, 8), dtype=np.uint16)
    return gdls.Field(np.eye(SIZE, dtype=np.uint8), spectra, locations, axis, name=name, **options)


class FakeSeparation:
    """What the session does with a separation: ties and shares by grain, in new objects."""

    def __init__(self, names, spectra, choices=()):
        self.names, self.matrix, self.grains = tuple(names), names[0], tuple(names[1:])
        self.spectra = dict(zip(names, spectra, strict=True))
        self.choices = dict(choices)

    def _with(self, grain, choice):
        assert grain in self.grains
        others = {name: each for name, each in self.choices.items() if name != grain}
        return FakeSeparation(
            self.names, list(self.spectra.values()), others if choice is None else {**others, grain: choice}
        )

    with_tie = with_factor = _with


def decomposition(field: gdls.Field, k: int = 3, *, matrix: int = 0, turned: int = 0) -> SimpleNamespace:
    return SimpleNamespace(
        field=field,
        n_components=k,
        matrix_component=matrix,
        evidence=None,
        scores=np.ones((SIZE, SIZE, k)),
        loadings=np.roll(np.eye(8), turned, axis=1)[:k],
    )


def unmixing(field: gdls.Field, k: int = 3) -> SimpleNamespace:
    """An automatic run in which phase 1 is component 1, and the others follow in the order of components."""
    found = decomposition(field, k, matrix=1)
    order = [1, *(i for i in range(k) if i != 1)]
    names = [f"phase {i + 1}" for i in range(k)]
    presence = {}
    for i, name in enumerate(names[1:]):
        presence[name] = np.zeros((SIZE, SIZE), dtype=bool)
        presence[name][i : i + 2, 1:3] = True
    return SimpleNamespace(
        field=field,
        decomposition=found,
        matrix="phase 1",
        names=tuple(names),
        components=dict(zip(names, order, strict=True)),
        presence=presence,
        separation=FakeSeparation(names, found.loadings[order]),
        smoothness=0.7,
    )


@pytest.fixture
def fields() -> Session:
    session = Session()
    session.set_fields([(small_field(), "a")])
    return session


@pytest.fixture
def session(fields) -> OverlapSession:
    return OverlapSession(fields)


@pytest.fixture
def emitted(session):
    """Names of the signals that were emitted since the last call."""
    names: list[str] = []
    for name in SIGNALS:
        getattr(session, name).connect(lambda _, name=name: names.append(name))

    def since_last() -> list[str]:
        seen = names.copy()
        names.clear()
        return seen

    return since_last


def stroke(state, label: int, row: int = 0) -> np.ndarray:
    strokes = np.zeros((SIZE, SIZE), dtype=np.int32) if state.strokes is None else state.strokes.copy()
    strokes[row] = label
    return strokes


def test_it_knows_neither_qt_nor_napari():
    code = """
import sys
import napari_gdls.plugin.overlap_session
print([name for name in ("napari", "qtpy", "PySide6", "pyqtgraph", "sklearn", "torch") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_states_come_and_go_with_the_fields(fields, session):
    first = session.chosen
    assert first is session.chosen
    assert session.state_of(small_field()) is None
    other = small_field("b", artefacts=("Cu",))
    fields.set_fields([(first.field, "a"), (other, "b")])
    assert session.chosen is first
    fields.choose(other)
    assert session.chosen.artefacts == ("Cu",)
    fields.set_fields([(other, "b")])
    fields.set_fields([(first.field, "a"), (other, "b")])
    assert session.state_of(first.field) is not first  # closed, it was forgotten
    fields.set_fields([])
    assert session.chosen is None
    assert not session.take_decomposition(other, decomposition(other))
    assert not session.take_unmixing(other, unmixing(other))


def test_settings_are_kept_and_told_once(session, emitted):
    state = session.chosen
    session.ask(state, artefacts=("Cu", "Ga"), n_components=3)
    assert (state.artefacts, state.n_components, state.method) == (("Cu", "Ga"), 3, "psnmf")
    assert emitted() == ["settings_changed"]
    session.ask(state, artefacts=("Cu", "Ga"), n_components=3, method="psnmf")
    assert emitted() == []
    session.ask(state, n_components=None)
    assert state.n_components is None


def test_other_artefacts_are_in_effect_in_the_separation(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    emitted()
    session.ask(state, artefacts=("Ga",))
    assert emitted() == ["settings_changed", "separation_wanted"]


def test_a_decomposition_brings_components_with_one_matrix(session):
    state = session.chosen
    assert session.take_decomposition(state.field, decomposition(state.field, matrix=2))
    assert [component.role for component in state.components] == ["grain", "grain", "matrix"]
    assert (state.matrix, state.grains, state.both_label) == (2, (0, 1), 4)
    assert len({component.colour for component in state.components}) == 3
    assert state.source == "strokes"


def test_components_that_stay_keep_names_and_strokes(session):
    state = session.chosen
    session.take_decomposition(state.field, decomposition(state.field))
    session.edit_component(state, 1, name="ferropericlase")
    session.set_strokes(state, stroke(state, 2))
    session.take_decomposition(state.field, decomposition(state.field))
    assert state.components[1].name == "ferropericlase"
    assert state.is_painted
    session.take_decomposition(state.field, decomposition(state.field, turned=1))
    assert state.components[1].name == "component 2"
    assert state.strokes is None
    session.edit_component(state, 1, name="ferropericlase")
    session.take_decomposition(state.field, decomposition(state.field, 4))
    assert [component.name for component in state.components] == [f"component {i}" for i in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "  "}, "needs a name"),
        ({"name": "component 2"}, "called 'component 2' already"),
        ({"role": "grain"}, "has to be the matrix"),
    ],
)
def test_impossible_changes_of_components_are_refused(session, emitted, changes, complaint):
    state = session.chosen
    session.take_decomposition(state.field, decomposition(state.field))
    before = state.components
    emitted()
    with pytest.raises(RecipeError, match=complaint):
        session.edit_component(state, 0, **changes)
    assert state.components is before
    assert emitted() == []


def test_another_matrix_makes_the_earlier_one_a_grain(session):
    state = session.chosen
    session.take_decomposition(state.field, decomposition(state.field))
    session.edit_component(state, 2, role="matrix")
    assert [component.role for component in state.components] == ["grain", "grain", "matrix"]
    assert state.matrix_by_hand


def test_an_automatic_run_is_shown_as_it_is(session, emitted):
    state = session.chosen
    found = unmixing(state.field)
    assert session.take_unmixing(state.field, found)
    assert [component.name for component in state.components] == ["phase 2", "phase 1", "phase 3"]
    assert state.matrix == 1
    assert state.source == "automatic"
    assert state.smoothness["automatic"] == 0.7
    assert state.is_as_found
    assert state.grain == 0
    np.testing.assert_array_equal(state.masks[0], found.presence["phase 2"])
    labels = state.mask_labels()
    both = found.presence["phase 2"] & found.presence["phase 3"]
    assert both.any()
    np.testing.assert_array_equal(labels == state.both_label, both)
    np.testing.assert_array_equal(labels > 0, found.presence["phase 2"] | found.presence["phase 3"])
    signals = emitted()
    assert "report_wanted" in signals
    assert "separation_wanted" not in signals


def test_names_of_the_user_stay_when_the_map_is_unmixed_again(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    session.edit_component(state, 2, name="Ca-perovskite")
    assert "separation_wanted" in emitted()  # its spectra carry the names
    session.take_unmixing(state.field, unmixing(state.field))
    assert [component.name for component in state.components] == ["phase 2", "phase 1", "Ca-perovskite"]
    assert not state.is_as_found
    assert "separation_wanted" in emitted()


def test_another_matrix_needs_another_run(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    emitted()
    session.edit_component(state, 0, role="matrix")
    assert "masks_wanted" in emitted()
    assert not state.presence_fits
    session.need_another_run(state)  # as the one who computes says
    assert state.masks == {}
    assert state.separation is None
    assert "press Unmix" in state.problems["masks"]
    session.edit_component(state, 1, role="matrix")
    assert state.presence_fits


def test_strokes_correct_the_masks_of_the_automatic_run(session):
    state = session.chosen
    found = unmixing(state.field)
    session.take_unmixing(state.field, found)
    strokes = np.zeros((SIZE, SIZE), dtype=np.int32)
    strokes[0], strokes[3, :2], strokes[3, 2:] = 2, 1, state.both_label  # the matrix, phase 2, both
    session.set_strokes(state, strokes)
    masks = corrected(state)
    assert not masks[0][0].any()
    assert not masks[2][0].any()
    np.testing.assert_array_equal(masks[0][3], [True] * 4)
    np.testing.assert_array_equal(masks[2][3], [False, False, True, True])
    unpainted = strokes == 0
    np.testing.assert_array_equal(masks[0][unpainted], found.presence["phase 2"][unpainted])


def test_artefacts_are_in_no_spectrum(session):
    state = session.chosen
    session.take_decomposition(state.field, decomposition(state.field))
    session.edit_component(state, 2, role="artefact")
    labels = np.array([[1, 1, 1, 1], [1, 1, 1, 1], [2, 2, 1, 3], [2, 2, 1, 4]])
    session.take_masks(state, masks_of_labels(state, labels))
    separated = masks_to_separate(state)
    assert set(separated) == {"component 1", "component 2"}
    np.testing.assert_array_equal(separated["component 2"], (labels == 2) | (labels == 4))
    expected = np.zeros((SIZE, SIZE), dtype=bool)
    expected[0] = True  # a pixel off grain and artefact
    np.testing.assert_array_equal(separated["component 1"], expected)


def test_only_a_first_separation_waits_for_the_user(session, emitted):
    state = session.chosen
    session.take_decomposition(state.field, decomposition(state.field))
    session.separate(state)
    assert "separation_wanted" not in emitted()
    masks = masks_of_labels(state, np.full((SIZE, SIZE), 2))
    session.take_masks(state, masks)
    assert "separation_wanted" not in emitted()
    session.separate(state)
    assert emitted() == ["separation_wanted"]
    session.take_separation(state, FakeSeparation([c.name for c in state.components], np.eye(8)[:3]))
    assert "report_wanted" in emitted()
    session.take_masks(state, masks)
    assert "separation_wanted" in emitted()
    session.take_masks(state, {})
    assert state.separation is None


def test_choices_by_hand_are_kept_and_taken_back(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    emitted()
    session.choose_tie(state, 0, "Si")
    assert state.by_hand == {0: "Si"}
    assert state.separation.choices == {"phase 2": "Si"}
    assert not state.is_as_found
    session.choose_share(state, 0, 0.25)
    assert state.by_hand == {0: 0.25}
    session.choose_share(state, 2, 0.5)
    session.choose_tie(state, 0, None)
    assert state.by_hand == {2: 0.5}
    assert emitted() == ["separation_changed", "report_wanted"] * 4


def test_a_box_is_cut_at_the_borders(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    emitted()
    session.set_box(state, (-2, 1, 3, 99))
    assert state.box == (0, 1, 3, SIZE)
    assert emitted() == ["report_wanted"]
    session.set_box(state, (9, 9, 12, 12))  # beside the image
    session.set_box(state, (-2, 1, 3, 99))
    assert emitted() == []
    session.set_box(state, None)
    assert state.box is None


def test_the_user_looks_at_another_grain(session, emitted):
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field))
    emitted()
    session.show_grain(state, 2)
    assert emitted() == ["grain_changed"]
    session.show_grain(state, 1)  # the matrix
    session.show_grain(state, 2)
    assert emitted() == []
    session.edit_component(state, 2, role="artefact")
    assert state.grain == 0


def test_problems_are_told_and_solved(session, emitted):
    state = session.chosen
    session.fail(state, "masks", "no strokes.")
    session.fail(state, "masks", "no strokes.")
    assert emitted() == ["problems_changed"]
    session.take_masks(state, {})
    assert state.problems == {}
    assert "problems_changed" in emitted()


@pytest.mark.parametrize("role", ["artefact", "matrix"])
def test_an_automatic_run_after_a_role_was_given_by_hand_fits_the_roles(role):
    fields = Session()
    fields.set_fields([(small_field(), "a")])
    session = OverlapSession(fields)
    state = session.chosen
    session.take_unmixing(state.field, unmixing(state.field, 2))
    session.edit_component(state, state.grains[0], role=role)
    session.take_unmixing(state.field, unmixing(state.field, 2))
    if state.separation is not None:
        assert {state.component_named(name) for name in state.separation.grains} <= set(state.grains)
    assert state.grain is None or state.grain in state.grains


class Using(RuleBasedStateMachine):
    """Whatever a user does, in whatever order, the state fits together."""

    def __init__(self) -> None:
        super().__init__()
        self.fields = Session()
        self.fields.set_fields([(small_field(), "a")])
        self.session = OverlapSession(self.fields)
        self.session.masks_wanted.connect(self.compute_masks)
        self.session.separation_wanted.connect(self.compute_separation)

    @property
    def state(self):
        return self.session.chosen

    def compute_masks(self, state) -> None:
        """What the threads do."""
        if state.source == "automatic":
            if state.presence_fits:
                self.session.take_masks(state, corrected(state))
            else:
                self.session.need_another_run(state)
        elif state.is_painted:
            labels = np.where(state.strokes > 0, state.strokes, state.matrix + 1)
            self.session.take_masks(state, masks_of_labels(state, labels))
        else:
            self.session.take_masks(state, {})

    def compute_separation(self, state) -> None:
        names = [name for name in masks_to_separate(state) if name != state.components[state.matrix].name]
        names = [state.components[state.matrix].name, *names]
        self.session.take_separation(state, FakeSeparation(names, np.eye(8)[: len(names)]))

    @rule(k=st.integers(2, 4), turned=st.integers(0, 1))
    def decompose(self, k, turned):
        self.session.take_decomposition(self.state.field, decomposition(self.state.field, k, turned=turned))

    @rule(k=st.integers(2, 4))
    def unmix(self, k):
        self.session.take_unmixing(self.state.field, unmixing(self.state.field, k))

    @precondition(lambda self: self.state.components)
    @rule(data=st.data())
    def edit(self, data):
        index = data.draw(st.integers(0, len(self.state.components) - 1))
        name = data.draw(st.sampled_from([None, "A", "B", "phase 1", "component 1"]))
        role = data.draw(st.sampled_from([None, "matrix", "grain", "artefact"]))
        with contextlib.suppress(RecipeError):
            self.session.edit_component(self.state, index, name=name, role=role)

    @precondition(lambda self: self.state.components)
    @rule(data=st.data())
    def paint(self, data):
        label = data.draw(st.integers(0, self.state.both_label))
        self.session.set_strokes(self.state, stroke(self.state, label, data.draw(st.integers(0, SIZE - 1))))

    @rule(source=st.sampled_from(["automatic", "strokes"]))
    def change_source(self, source):
        self.session.set_source(self.state, source)

    @rule()
    def separate(self):
        if self.state.masks and masks_to_separate(self.state):
            self.session.separate(self.state)

    @precondition(lambda self: self.state.separation is not None and self.state.separation.grains)
    @rule(data=st.data(), choice=st.sampled_from(["Si", 0.5, None]))
    def choose(self, data, choice):
        grain = self.state.component_named(data.draw(st.sampled_from(self.state.separation.grains)))
        if isinstance(choice, float):
            self.session.choose_share(self.state, grain, choice)
        else:
            self.session.choose_tie(self.state, grain, choice)

    @rule()
    def close_and_open(self):
        self.fields.set_fields([])
        self.fields.set_fields([(small_field(), "a")])
        assert self.state.decomposition is None

    @invariant()
    def components_fit_the_decomposition(self):
        components = self.state.components
        n = 0 if self.state.decomposition is None else self.state.decomposition.n_components
        assert len(components) == n
        assert len({component.name for component in components}) == n
        assert [component.role for component in components].count("matrix") == min(n, 1)

    @invariant()
    def masks_are_of_grains_and_artefacts(self):
        assert self.state.matrix not in self.state.masks
        assert set(self.state.masks) <= set(range(len(self.state.components)))

    @invariant()
    def the_separation_is_of_the_grains_as_they_are(self):
        state = self.state
        if state.separation is not None:
            assert state.separation.matrix == state.components[state.matrix].name
            places = [state.component_named(name) for name in state.separation.grains]
            assert all(place in state.grains for place in places)
            assert state.grain in state.grains
        assert set(state.by_hand) <= set(state.grains)

    @invariant()
    def the_automatic_run_is_there_if_masks_come_of_it(self):
        if self.state.source == "automatic":
            assert self.state.unmixing is not None
            assert self.state.unmixing.decomposition is self.state.decomposition


TestUsing = Using.TestCase
TestUsing.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
