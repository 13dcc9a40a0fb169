"""Marks of cuts and links over the map."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from napari_gdls.plugin.edit_history import Naming
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.marks import JOIN_COLOUR, MOST_MARKS, PART_COLOUR, MarksLayer, marks_of
from napari_gdls.plugin.session import Session
from napari_gdls.recipe import Cut, Join, Paint, Split

PLACE = st.tuples(st.integers(0, 47), st.integers(0, 59))


def test_strokes_and_cuts_part_and_links_join():
    split = Split(((1.0, 2.0), (5.0, 2.0), (9.0, 4.0)))
    cut = Cut((((4, 4), (4, 6)), ((8, 8), (10, 8))))
    marks = marks_of([split, Naming(2, 2, "quartz"), cut, Paint(((2, 2),))], spacing=2.0)
    assert [mark.joins for mark in marks] == [False] * 3
    assert marks[0].line == split.stroke
    assert sorted(marks[1].line) == [(3.0, 5.0), (5.0, 5.0)]
    np.testing.assert_allclose(np.mean(marks[2].line, axis=0), (9, 8))


@given(a=PLACE, b=PLACE, spacing=st.floats(0.5, 10))
def test_dashes_of_a_link_begin_and_end_at_its_places(a, b, spacing):
    assume(a != b)
    marks = marks_of([Join((a, b))], spacing)
    assert all(mark.joins for mark in marks)
    np.testing.assert_allclose(marks[0].line[0], a)
    np.testing.assert_allclose(marks[-1].line[-1], b)
    drawn = sum(np.linalg.norm(np.subtract(*mark.line)) for mark in marks)
    assert drawn <= np.linalg.norm(np.subtract(a, b)) + 1e-9
    assert 1 <= len(marks) <= 6


@pytest.fixture
def marked(model, sparse_field, dense_field):
    """A viewer with two fields, its session, and the marks of the chosen one."""
    session = Session()
    session.set_fields([(sparse_field, "pair"), (dense_field, "dense")])
    session.choose(sparse_field)
    for layer in (*field_layers(sparse_field), *field_layers(dense_field)):
        model.add_layer(layer)
    return model, session, MarksLayer(model, session)


def names_of(viewer):
    return [layer.name for layer in viewer.layers]


def test_the_layer_follows_the_edits_of_the_chosen_field(marked, sparse_field):
    viewer, session, marks = marked
    state, other = session.states
    before = names_of(viewer)
    active = viewer.layers.selection.active
    session.do(other, Join(((0, 0), (20, 20))))
    assert names_of(viewer) == before
    session.do(state, Split(((1.0, 2.0), (5.0, 2.0))), Join(((2, 2), (22, 30))))
    assert names_of(viewer) == [*before, "pair: marks"]
    layer = marks.layer
    assert viewer.layers.selection.active is active
    assert layer.scale.tolist() == [2, 2]
    np.testing.assert_array_equal(layer.data[0], [(1, 2), (5, 2)])
    colours = layer.edge_color
    red, green = (
        np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]) for colour in (PART_COLOUR, JOIN_COLOUR)
    )
    np.testing.assert_allclose(colours[0, :3], red, atol=1e-6)
    np.testing.assert_allclose(colours[1:, :3], np.tile(green, (len(colours) - 1, 1)), atol=1e-6)
    session.drop_edit(state, 1)
    assert layer.nshapes == 1
    session.undo(state)
    assert layer.nshapes > 1
    session.choose(other.field)
    assert marks.layer is layer
    assert layer.name == "field: marks"
    assert layer.scale.tolist() == [1, 1]
    session.drop_edits(other)
    assert layer.nshapes == 0
    assert not layer.editable


def test_marks_can_be_hidden_and_are_no_field(marked):
    viewer, session, marks = marked
    state = session.states[0]
    marks.set_visible(False)
    session.do(state, Join(((2, 2), (22, 30))))
    assert marks.layer is None
    marks.set_visible(True)
    assert marks.layer.visible
    marks.set_visible(False)
    assert not marks.layer.visible
    viewer.layers.remove(marks.layer)
    session.do(state, Join(((2, 2), (26, 30))))
    assert marks.layer is None  # the user has removed it
    assert not marks.visible
    marks.set_visible(True)
    assert marks.layer.nshapes > 1
    viewer.layers.clear()
    fields = [(each.field, each.title) for each in session.states]
    session.set_fields([])
    session.set_fields(fields)
    session.do(session.chosen, Join(((2, 2), (26, 30))))
    assert marks.layer.nshapes > 1


def test_marks_wait_for_the_flat_view(marked):
    viewer, session, marks = marked
    viewer.dims.ndisplay = 3
    session.do(session.states[0], Split(((1.0, 2.0), (5.0, 2.0))))
    assert marks.layer is None
    viewer.dims.ndisplay = 2
    assert marks.layer.nshapes == 1


def test_only_the_latest_marks_are_drawn(marked):
    _, session, marks = marked
    pairs = tuple(((row, column), (row, column + 1)) for row in range(20) for column in range(20))
    session.do(session.states[0], Cut(pairs), Split(((1.0, 2.0), (5.0, 2.0))))
    assert marks.layer.nshapes == MOST_MARKS
    np.testing.assert_array_equal(marks.layer.data[-1], [(1, 2), (5, 2)])
