"""Corrections replayed on measurements: what a line, a cut, paint and phases by hand do to segments."""

import numpy as np
import pytest
from exact_materials import lattice
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import Constraints
from napari_gdls.errors import GdlsWarning
from napari_gdls.graph.components import connected_components
from napari_gdls.phases.constraints import constrained
from napari_gdls.phases.correction_replay import replayed
from napari_gdls.recipe import Assign, Cut, Join, MergePhases, Paint, Split

SHAPE = (12, 13)
"""Of the lattice: a measurement on every pixel."""

LARGE = (20, 21)
"""So that there is room around a grain."""


def replay(segments, *corrections, phase=None, shape=SHAPE):
    """Segments and phases of a lattice after corrections; each segment is of the phase of its number, or of `phase`."""
    _, graph, _ = lattice(shape)
    segments = np.asarray(segments).ravel()
    of_segment = np.arange(segments.max() + 1) if phase is None else np.asarray(phase)
    return replayed(graph, segments, of_segment, of_segment[segments], corrections, shape=shape)


def disk():
    """1 inside of a disk, 0 around it."""
    rows, columns = np.indices(LARGE)
    return ((rows - 9.5) ** 2 + (columns - 10) ** 2 < 5.2**2).astype(np.int64)


def parts(found, where):
    """Measurements of each segment in a place, the largest first."""
    return sorted(np.unique(found.segments[where.ravel()], return_counts=True)[1].tolist(), reverse=True)


@settings(max_examples=150, deadline=None)
@given(angle=st.floats(0, np.pi), offset=st.floats(-2.5, 2.5), bends=st.lists(st.floats(-0.6, 0.6), max_size=3))
def test_a_line_through_a_convex_grain_gives_exactly_two_parts(angle, offset, bends):
    """Bent a little or not, and however it lies to the lattice; around it nothing changes."""
    along, across = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    way = np.linspace(-5.4, 5.4, len(bends) + 2)
    stroke = [(9.5, 10) + t * along + (offset + bend) * across for t, bend in zip(way, [0, *bends, 0], strict=True)]
    found = replay(disk(), Split(tuple(map(tuple, stroke))), shape=LARGE)
    inside = disk() == 1
    assert len(parts(found, inside)) == 2
    assert parts(found, ~inside) == [int((~inside).sum())]
    assert parts(found, inside)[1] >= 3
    # Both sides of the line, but for what lies nearly on it.
    rows, columns = np.indices(LARGE)
    side = (np.stack([rows, columns], axis=-1) - (9.5, 10)) @ across - offset
    for sign in (1, -1):
        assert len(np.unique(found.segments[(inside & (sign * side > 1.5)).ravel()])) <= 1
    same = found.segments
    edges = lattice(LARGE)[1].edges
    pieces = connected_components(edges[same[edges[:, 0]] == same[edges[:, 1]]], len(same))
    assert len(np.unique(pieces[inside.ravel()])) == 2  # in one piece each


def test_a_line_that_ends_a_little_inside_of_the_rim_parts_the_grain_and_one_that_only_enters_it_does_not():
    inside = disk() == 1
    assert len(parts(replay(disk(), Split(((6.4, 10.5), (12.6, 10.5))), shape=LARGE), inside)) == 2
    with pytest.warns(GdlsWarning, match=r"Correction 1 \(split\): the line parts no segment"):
        whole = replay(disk(), Split(((1, 10.5), (6.4, 10.5))), shape=LARGE)
    assert parts(whole, inside) == [int(inside.sum())]
    # From one grain through another into a third: the middle one is parted.
    stripes = np.repeat([0, 1, 2], [5, 3, 5])[None, :].repeat(12, axis=0)
    found = replay(stripes, Split(((5.4, 3.2), (5.4, 9.6))))
    assert [len(parts(found, stripes == k)) for k in range(3)] == [1, 2, 1]


def test_corners_that_a_line_cuts_off_stay_with_the_grain():
    square = np.zeros(SHAPE, dtype=np.int64)
    square[2:10, 2:10] = 1
    with pytest.warns(GdlsWarning, match="parts no segment"):
        found = replay(square, Split(((1.0, 3.4), (3.4, 1.0))))
    assert parts(found, square == 1) == [64]


@settings(max_examples=60, deadline=None)
@given(column=st.integers(3, 8), top=st.integers(0, 3), bottom=st.integers(8, 11))
def test_a_line_of_cuts_gives_two_parts_without_crumbs(column, top, bottom):
    """As a correction and as constraints, through the whole grain or through most of it."""
    _, graph, _ = lattice(SHAPE)
    rows, columns = graph.locations[graph.edges].transpose(2, 0, 1)
    crossing = (columns.min(axis=1) <= column) & (columns.max(axis=1) > column)
    crossing &= (rows.min(axis=1) >= top) & (rows.max(axis=1) <= bottom)
    pairs = tuple((tuple(a), tuple(b)) for a, b in graph.locations[graph.edges[crossing]].tolist())
    one = np.zeros(SHAPE, dtype=np.int64)
    found = replay(one, Cut(pairs))
    assert len(parts(found, one == 0)) == 2
    at = found.segments.reshape(SHAPE)
    assert all(at[a] != at[b] for a, b in pairs)
    field, _, _ = lattice(SHAPE)
    kept = constrained(field, graph, one.ravel(), Constraints(cuts=pairs))
    assert len(np.unique(kept.labels)) == 2
    at = kept.labels.reshape(SHAPE)
    assert all(at[a] != at[b] for a, b in pairs)


def test_a_cut_of_places_that_are_far_apart_parts_by_the_way_to_each():
    one = np.zeros(SHAPE, dtype=np.int64)
    found = replay(one, Cut((((0, 0), (11, 12)),)))
    assert len(parts(found, one == 0)) == 2
    assert min(parts(found, one == 0)) > 60


def test_paint_leaves_the_rest_as_it_is_even_in_two_places():
    one = np.zeros(SHAPE, dtype=np.int64)
    one[:, 10:] = 1
    found = replay(one, Paint(tuple((row, 5) for row in range(12)), (0, 12)))
    assert parts(found, one >= 0) == [108, 48]
    assert found.phases.reshape(SHAPE)[:, 5].tolist() == [1] * 12
    assert found.decided.sum() == 12
    new = replay(one, Paint(((3, 3), (3, 4))))
    assert parts(new, one >= 0) == [118, 36, 2]
    assert new.phase.tolist() == [0, 1, 0]


def test_assigned_grains_become_one_with_those_of_their_phase_that_they_touch():
    stripes = np.repeat([0, 1, 2], [5, 3, 5])[None, :].repeat(12, axis=0)
    middle = tuple((row, column) for row in range(12) for column in range(5, 8))
    found = replay(stripes, Assign(middle, (0, 1)), phase=[0, 1, 0])
    assert parts(found, stripes >= 0) == [156]
    assert found.n_phases == 1
    assert found.number.tolist() == [0, -1]
    # What a hand has drawn a border around stays by itself.
    apart = replay(stripes, Split(((-1, 4.5), (12, 4.5))), Paint(middle), Assign(middle, (0, 1)), phase=[0, 1, 0])
    assert parts(apart, stripes >= 0) == [60, 60, 36]
    new = replay(stripes, Assign(((0, 0), (0, 1), (5, 5))))
    assert new.n_phases == 4
    assert np.bincount(new.phases).tolist() == [58, 35, 60, 3]
    assert parts(new, stripes >= 0) == [60, 58, 35, 2, 1]


def test_merged_phases_keep_the_lower_number_and_touching_grains_are_one():
    stripes = np.repeat([0, 1, 2], [5, 3, 5])[None, :].repeat(12, axis=0)
    found = replay(stripes, MergePhases(((0, 12), (0, 5))))
    assert found.number.tolist() == [0, 1, 1]
    assert parts(found, stripes >= 0) == [96, 60]
    assert not found.decided.any()


def test_later_corrections_act_on_what_earlier_ones_left():
    stripes = np.repeat([0, 1, 2], [5, 3, 5])[None, :].repeat(12, axis=0)
    both = Join(((0, 0), (0, 12)))
    found = replay(stripes, both, Split(((5.5, -1), (5.5, 13.5))))
    assert len(parts(found, stripes == 1)) == 2
    # A place of it that the line does not reach goes with what lies nearest.
    upper = replay(stripes, both, Split(((5.5, -1), (5.5, 6.5))))
    assert parts(upper, stripes != 1) == [90, 30]
    # Two places of one segment, each parted in two: four parts of it.
    assert len(parts(found, stripes != 1)) == 4
    assert replay(stripes, both).phase.tolist() == [0, 1]


def test_what_names_no_measurement_is_told_once_for_each_correction():
    one = np.zeros(SHAPE, dtype=np.int64)
    with pytest.warns(GdlsWarning) as told:
        found = replay(
            one, Paint(((0, 0), (40, 0), (41, 0))), Cut((((0, 1), (50, 50)),)), MergePhases(((0, 1), (60, 60)))
        )
    assert [str(each.message).split(":")[0] for each in told] == [
        "Correction 1 (paint)",
        "Correction 2 (cut)",
        "Correction 3 (merge phases)",
    ]
    assert "row 40, column 0 and 1 more places" in str(told[0].message)
    assert parts(found, one == 0) == [155, 1]
