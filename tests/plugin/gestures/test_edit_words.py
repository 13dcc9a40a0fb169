"""Edits in words, and where they are."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from napari_gdls.plugin.edit_history import Naming
from napari_gdls.plugin.field_state import Result
from napari_gdls.plugin.gestures.edit_words import EditWords, extent_of, grain_words, words_of
from napari_gdls.plugin.session import Session
from napari_gdls.recipe import Assign, Cut, Join, MergePhases, Paint, Split

MATRIX, DISC = (2, 2), (22, 30)  # measurements of both minerals


@pytest.fixture(scope="module")
def named(segmentation):
    """The two minerals with names by hand."""
    phase = int(segmentation.phases[segmentation.labels[DISC] - 1])
    return segmentation.renamed(phase, "hematite").renamed(1 - phase, "quartz")


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Join((MATRIX, DISC)), "joined {quartz} and {hematite}"),
        (Split(((0.0, 30.5), (47.0, 30.5))), "split {quartz} and {hematite}"),
        (Split(((7.0, 30.5), (37.0, 30.5))), "split {hematite}"),
        (Cut((((22, 30), (22, 34)),)), "cut {hematite} at 1 edge"),
        (Paint(((2, 2), (2, 6)), DISC), "painted 2 measurements into {hematite}"),
        (Paint(((2, 2),)), "painted 1 measurement as a new grain"),
        (Assign((MATRIX,), DISC), "1 measurement → hematite"),
        (Assign((MATRIX, (2, 6)), None), "2 measurements → new phase"),
        (MergePhases((MATRIX, DISC)), "merged quartz and hematite"),
        (Naming(*DISC, "magnetite"), "named hematite magnetite"),
        (Naming(*DISC, ""), "took the name of hematite back"),
    ],
)
def test_words(named, edit, expected):
    at = {"quartz": int(named.labels[MATRIX]), "hematite": int(named.labels[DISC])}
    expected = expected.format(**{mineral: f"{mineral} #{label}" for mineral, label in at.items()})
    assert words_of(edit, named) == expected
    assert words_of(edit, None)


def test_whole_grains_are_said_to_be_assigned(named):
    label = int(named.labels[DISC])
    own = named.field.locations[named.measurement_labels == label - 1].tolist()
    assert words_of(Assign(tuple(map(tuple, own)), MATRIX), named) == f"{grain_words(named, label)} → quartz"


def test_places_of_another_field_do_no_harm(named):
    far = (4000, 4000)
    for edit in (Join((far, DISC)), Paint((far,), DISC), Assign((far,), far), Split(((4e3, 4e3), (5e3, 5e3)))):
        assert words_of(edit, named)
        _, _, height, width = extent_of([edit], named)
        assert height > 0
        assert width > 0


def test_words_stay_as_they_were_meant(named, segmentation):
    session = Session()
    session.set_fields([(named.field, "pair")])
    (state,) = session.states
    session.finish_run(named.field, named.recipe, Result(named, None, None))
    words = EditWords(session)
    session.do(state, Join((MATRIX, DISC)))
    (said,) = words.of(state)
    assert "quartz" in said
    state.shown = Result(dataclasses.replace(segmentation, names=()), None, None)
    session.do(state, Naming(*DISC, "iron"))
    first, second = words.of(state)
    assert first == said
    assert "quartz" not in second
    session.undo(state)
    assert words.of(state) == (said,)
    session.drop_edits(state)
    assert words.of(state) == ()


def test_an_edit_is_brought_into_sight_with_its_grains(named):
    row, column, height, width = extent_of([Split(((7.0, 30.5), (37.0, 30.5)))], named)
    assert row <= 7 < 37 <= row + height
    assert column <= 30 <= column + width
    assert height >= 20
    assert width >= 20
    rows, columns = np.nonzero(named.labels == named.labels[DISC])
    row, column, height, width = extent_of([Naming(*DISC, "iron")], named)
    assert row < rows.min() < rows.max() < row + height
    assert column < columns.min() < columns.max() < column + width
