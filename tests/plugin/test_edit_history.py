"""What was done by hand, in gestures."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from napari_gdls import Recipe
from napari_gdls.plugin.edit_history import EditHistory
from napari_gdls.recipe import Join, Paint

A, B, C, D = (Paint(((0, column),)) for column in range(4))


def test_edits_that_were_done_together_are_one_gesture():
    history = EditHistory().with_edits(A).with_edits(B, C).with_edits(D)
    assert history.gestures == ((0,), (1, 2), (3,))
    assert history.undone().gestures == ((0,), (1, 2))
    assert history.without(0).gestures == ((0, 1), (2,))
    assert history.without(1, 2).gestures == ((0,), (1,))
    assert history.without(1, 2).with_edits(B, C).gestures == ((0,), (1,), (2, 3))
    assert history.cleared().gestures == ()
    assert history.cleared().with_edits(A, B).gestures == ((0, 1),)


def test_edits_of_a_recipe_stand_each_for_itself():
    recipe = Recipe(corrections=(A, B, C))
    assert EditHistory.of_recipe(recipe).gestures == ((0,), (1,), (2,))
    assert EditHistory.of_recipe(recipe).with_edits(D, A).gestures == ((0,), (1,), (2,), (3, 4))
    other = EditHistory().with_edits(D, Join(((0, 0), (0, 1)))).replaced_by(recipe)
    assert other.gestures == ((0,), (1,), (2,))


@given(steps=st.lists(st.one_of(st.lists(st.sampled_from([A, B, C, D]), min_size=1, max_size=3), st.integers(0, 9))))
def test_gestures_are_all_edits_in_their_order(steps):
    history = EditHistory()
    for step in steps:
        if isinstance(step, list):
            history = history.with_edits(*step)
        elif history.gestures:
            history = history.without(*history.gestures[step % len(history.gestures)])
        indices = [index for gesture in history.gestures for index in gesture]
        assert indices == list(range(len(history.edits)))
