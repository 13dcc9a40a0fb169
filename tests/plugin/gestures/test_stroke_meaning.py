"""What strokes and paint mean as corrections."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.plugin.gestures import stroke_meaning as meaning
from napari_gdls.recipe import Assign, Cut, Split

ROWS, COLUMNS = st.floats(-3, 51), st.floats(-3, 63)
STROKES = st.lists(st.tuples(ROWS, COLUMNS), min_size=1, max_size=6)
MATRIX, DISC = (3, 3), (22, 30)  # pixels of both minerals


@pytest.fixture(scope="module")
def both(segmentation):
    """Labels of matrix and disc."""
    return int(segmentation.labels[MATRIX]), int(segmentation.labels[DISC])


def segments_at(segmentation, places):
    index = {tuple(place): k for k, place in enumerate(segmentation.field.locations.tolist())}
    return [int(segmentation.measurement_labels[index[place]]) + 1 for place in places]


def test_grains_under_a_stroke_are_joined_but_those_that_nobody_sees(segmentation, both):
    matrix, disc = both
    seen = meaning.seen_labels(segmentation, [MATRIX, DISC])
    assert seen == (matrix, disc)
    assert segments_at(segmentation, meaning.joined(segmentation, seen).places) == [matrix, disc]
    phase = int(segmentation.phases[disc - 1])
    assert meaning.seen_labels(segmentation, [MATRIX, DISC], [phase]) == (matrix,)
    assert meaning.joined(segmentation, [matrix, matrix]) is None
    assert meaning.joined(segmentation, [disc, 99]) is None
    assert meaning.seen_labels(segmentation, [(-5, -5), (-1, 80)]) == ()
    across = [(7.0, 30.5), (37.0, 30.5)]
    assert meaning.cut_by(segmentation, across, [phase]) is None


def test_a_stroke_across_a_grain_parts_it_and_one_beside_does_nothing(segmentation, both):
    across = [(0.0, 30.5), (47.0, 30.5)]
    assert meaning.split_by(segmentation, across) == (Split(tuple(across)), tuple(sorted(both)))
    inside = [(7.0, 30.5), (37.0, 30.5)]
    assert meaning.parted_labels(segmentation, inside) == (both[1],)
    assert meaning.split_by(segmentation, [(4.0, 30.5), (14.0, 30.5)]) is None  # only enters the disc
    assert meaning.split_by(segmentation, [(22.0, 30.4), (22.0, 30.6)]) is None
    assert meaning.split_by(segmentation, [(22.0, 30.0)]) is None
    cut = meaning.cut_by(segmentation, inside)
    assert isinstance(cut, Cut)
    assert {segments_at(segmentation, pair) == [both[1]] * 2 for pair in cut.pairs} == {True}
    assert all((a[1] < 30.5) != (b[1] < 30.5) for a, b in cut.pairs)


@given(stroke=STROKES)
@settings(max_examples=80, deadline=None)
def test_any_stroke_means_something_sound_or_nothing(segmentation, stroke):
    joined = meaning.joined(segmentation, meaning.seen_labels(segmentation, stroke))
    if joined is not None:
        segments = segments_at(segmentation, joined.places)
        assert len(set(segments)) == len(segments) > 1
    cut = meaning.cut_by(segmentation, stroke)
    split = meaning.split_by(segmentation, stroke)
    if split is not None:
        assert set(split[1]) <= {label for pair in cut.pairs for label in segments_at(segmentation, pair)}
    if cut is not None:
        for pair in cut.pairs:
            first, second = segments_at(segmentation, pair)
            assert first == second


def test_all_measurements_of_grains_are_assigned(segmentation, both):
    grouped = segmentation.grouped
    disc = meaning.measurements_of(segmentation, [both[1]])
    assert (segmentation.measurement_labels[disc] == both[1] - 1).all()
    phase, other = (int(segmentation.phases[label - 1]) for label in (both[1], both[0]))
    assert meaning.assigned(segmentation, disc, phase) is None
    assert meaning.assigned(segmentation, [], other) is None
    found = meaning.assigned(segmentation, disc, other)
    assert isinstance(found, Assign)
    assert sorted(found.places) == sorted(map(tuple, segmentation.field.locations[disc].tolist()))
    (target,) = [k for k, place in enumerate(segmentation.field.locations.tolist()) if tuple(place) == found.phase]
    assert grouped.labels[target] == other
    assert meaning.assigned(segmentation, disc, None).phase is None


def test_paint_goes_to_the_segment_of_its_label(segmentation, both):
    matrix, disc = both
    before = segmentation.labels
    after = before.copy()
    after[4:8, 4:12] = disc  # two measurements, at (6, 6) and (6, 10)
    (paint,) = meaning.painted(segmentation, before, after)
    assert paint.places == ((6, 6), (6, 10))
    assert segments_at(segmentation, [paint.into]) == [disc]
    after[20:24, 28:32] = matrix  # one, at (22, 30)
    after[4:8, 40:44] = 99
    paints = meaning.painted(segmentation, before, after)
    assert {each.places for each in paints} == {((22, 30),), ((6, 6), (6, 10)), ((6, 42),)}
    new = next(each for each in paints if each.into is None)
    assert new.places == ((6, 42),)
    # The next stroke with the new label joins the first one.
    more = after.copy()
    more[8:12, 40:44] = 99
    (paint,) = meaning.painted(segmentation, after, more)
    assert (paint.places, paint.into) == (((10, 42),), (6, 42))


def test_erased_measurements_and_paint_between_them_mean_nothing(segmentation):
    after = segmentation.labels.copy()
    after[4:8, 4:12] = 0
    after[0, 0] = 99
    assert meaning.painted(segmentation, segmentation.labels, after) == ()


def test_the_bucket_takes_grains_whole(segmentation, both):
    matrix, disc = both
    after = segmentation.labels.copy()
    after[20:26, 28:34] = matrix  # a part of the disc
    (paint,) = meaning.painted(segmentation, segmentation.labels, after, whole=True)
    assert len(paint.places) == np.count_nonzero(segmentation.measurement_labels == disc - 1)
    assert segments_at(segmentation, [paint.into]) == [matrix]
