"""Corrections by the user hold in the result."""

import itertools
import json
import math

import numpy as np
import pytest
from exact_materials import AXIS, lattice
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_gdls import Constraints, Field, build_graph, segment, simulate_field
from napari_gdls.errors import RecipeError
from napari_gdls.graph.components import connected_components
from napari_gdls.phases.constraints import constrained
from napari_gdls.simulation.rock import ROCK


@pytest.fixture(scope="module")
def field():
    return simulate_field((60, 60), seed=2, minerals=[ROCK[i] for i in (0, 3, 6)], grain_size=14)


@pytest.fixture(scope="module")
def free(field):
    return segment(field)


def rerun(field, free, constraints, **changes):
    return segment(field, embedding=free.embedding, graph=free.graph, constraints=constraints, **changes)


def check(found, constraints):
    """That every constraint holds, by the labels of the pixels."""
    label = found.labels
    for a, b in constraints.links:
        assert label[a] == label[b] > 0
    for a, b in constraints.cuts:
        assert label[a] != label[b]
        assert min(label[a], label[b]) > 0
    for (a, number_a), (b, number_b) in itertools.combinations(constraints.fixed, 2):
        assert (label[a] == label[b]) == (number_a == number_b)
    rows, columns = found.field.locations.T
    assert np.array_equal(label[rows, columns] - 1, found.measurement_labels)


@st.composite
def consistent(draw, field):
    """Constraints that some labelling keeps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(2, 8))
    places = [tuple(place) for place in field.locations[rng.permutation(field.n_measurements)[:n]].tolist()]
    truth = rng.integers(0, draw(st.integers(1, 4)), n)
    share = draw(st.sampled_from([0.1, 0.3, 0.6]))
    pairs = [pair for pair in itertools.combinations(range(n), 2) if rng.random() < share]
    return Constraints(
        links=tuple((places[a], places[b]) for a, b in pairs if truth[a] == truth[b]),
        cuts=tuple((places[a], places[b]) for a, b in pairs if truth[a] != truth[b]),
        fixed=tuple((places[a], int(truth[a])) for a in range(n) if rng.random() < share),
    )


@settings(max_examples=120, deadline=None)
@given(data=st.data())
def test_measurements_keep_what_can_be_kept(data):
    field, graph, _ = lattice((6, 7))
    phases = np.array(data.draw(st.lists(st.integers(0, 2), min_size=42, max_size=42)))
    phases = np.unique(phases, return_inverse=True)[1]
    constraints = data.draw(consistent(field))
    kept = constrained(field, graph, phases, constraints)
    at = dict(zip(map(tuple, field.locations.tolist()), range(42), strict=True))
    # Segments: labels that are one segment each, and connected parts of the others.
    same = kept.labels[graph.edges[:, 0]] == kept.labels[graph.edges[:, 1]]
    segment_of = np.where(kept.single[kept.labels], -1 - kept.labels, connected_components(graph.edges[same], 42))
    for a, b in constraints.links:
        assert segment_of[at[a]] == segment_of[at[b]]
    for a, b in constraints.cuts:
        assert segment_of[at[a]] != segment_of[at[b]]
    for (a, number_a), (b, number_b) in itertools.combinations(constraints.fixed, 2):
        assert (segment_of[at[a]] == segment_of[at[b]]) == (number_a == number_b)
    unchanged = ~kept.single[kept.labels]
    assert np.array_equal(kept.labels[unchanged], phases[unchanged])
    for label in np.unique(kept.labels[~unchanged]):  # the phase that most of its measurements had
        votes = np.bincount(phases[kept.labels == label])
        assert votes[kept.phase[label]] == votes.max()


@pytest.mark.parametrize("method", ["merge", "threshold"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_constraints_that_do_not_contradict_each_other_are_kept(field, free, method, data):
    constraints = data.draw(consistent(field))
    check(rerun(field, free, constraints, method=method), constraints)


@pytest.mark.parametrize("changes", [{"smallest": 60}, {"labelling": "walker"}, {"method": "threshold", "reach": 0.4}])
def test_constraints_are_kept_however_pixels_are_labelled(field, free, changes):
    rng = np.random.default_rng(0)
    for _ in range(4):
        places = [tuple(place) for place in field.locations[rng.permutation(field.n_measurements)[:6]].tolist()]
        constraints = Constraints(
            links=((places[0], places[1]),),
            cuts=((places[0], places[2]), (places[2], places[3])),
            fixed=((places[4], 7), (places[5], 8)),
        )
        check(rerun(field, free, constraints, **changes), constraints)


def test_small_segments_that_constraints_made_are_not_absorbed(field, free):
    a, b = (tuple(field.locations[i].tolist()) for i in free.graph.edges[np.argmin(free.graph.delta_z)])
    constraints = Constraints(fixed=((a, 1), (b, 2)))
    for smallest in (50, 10_000):
        check(rerun(field, free, constraints, smallest=smallest), constraints)


def test_a_cut_parts_a_segment_and_leaves_the_others_alone(field, free):
    largest = np.bincount(free.measurement_labels).argmax()
    members = np.flatnonzero(free.measurement_labels == largest)
    ends = tuple(tuple(field.locations[i].tolist()) for i in (members[0], members[-1]))
    found = rerun(field, free, Constraints(cuts=(ends,)))
    others = free.measurement_labels != largest
    assert found.labels[ends[0]] != found.labels[ends[1]]
    parts = np.unique(found.measurement_labels[members])
    assert len(parts) == 2
    # Both parts are of the phase that the segment was of; each measurement lies with the end it is near to.
    assert len(np.unique(found.phases[parts])) == 1
    before, after = free.measurement_labels[others], found.measurement_labels[others]
    assert np.array_equal(before[:, None] == before, after[:, None] == after)


def test_what_is_apart_anyway_is_not_shared_out(field, free):
    """Two cuts between the same two segments leave both of them whole."""
    first, second = np.argsort(-np.bincount(free.measurement_labels))[:2]
    ends = [
        [tuple(field.locations[i].tolist()) for i in np.flatnonzero(free.measurement_labels == k)[[0, -1]]]
        for k in (first, second)
    ]
    found = rerun(field, free, Constraints(cuts=tuple(zip(*ends, strict=True))))
    assert found.n_segments == free.n_segments
    assert found.labels.tobytes() == free.labels.tobytes()


def test_links_across_a_cut_take_what_they_need():
    """Two segments, cut apart at one end, whose other ends are of one segment: it must be a third."""
    field, graph, _ = lattice((1, 12))
    phases = np.repeat([0, 1], 6)
    for constraints in (
        Constraints(cuts=(((0, 0), (0, 11)),), links=(((0, 5), (0, 6)),)),
        Constraints(fixed=(((0, 0), 1), ((0, 11), 2)), links=(((0, 5), (0, 6)),)),
    ):
        kept = constrained(field, graph, phases, constraints)
        assert kept.labels[0] != kept.labels[11]
        assert kept.labels[5] == kept.labels[6]
        assert kept.labels[5] not in kept.labels[[0, 11]]


def test_a_field_without_edges_can_have_constraints():
    field = Field(np.zeros((2, 40), np.uint8), np.ones((3, 12)), [[0, 0], [0, 20], [0, 39]], AXIS, sampling_distance=2)
    graph = build_graph(field, np.ones((3, 1)))
    constraints = Constraints(cuts=(((0, 0), (0, 39)),), links=(((0, 0), (0, 20)),))
    kept = constrained(field, graph, np.zeros(3, np.int64), constraints)
    assert kept.labels[0] == kept.labels[1] != kept.labels[2]


def test_links_join_segments_wherever_they_lie(field, free):
    apart = [0, int(np.flatnonzero(free.measurement_labels != free.measurement_labels[0])[-1])]
    ends = tuple(tuple(field.locations[i].tolist()) for i in apart)
    found = rerun(field, free, Constraints(links=(ends,)))
    assert found.n_segments == free.n_segments - 1
    assert found.labels[ends[0]] == found.labels[ends[1]]
    assert len(found.phases) == found.n_segments


def test_no_constraints_change_nothing(field, free):
    assert not Constraints()
    assert rerun(field, free, Constraints()).labels.tobytes() == free.labels.tobytes()
    labels = free.measurement_phases.labels
    kept = constrained(field, free.graph, labels, Constraints())
    assert kept.labels is labels
    assert not kept.single.any()


def places_of(field, *indices):
    return [tuple(field.locations[i].tolist()) for i in indices]


@pytest.mark.parametrize("method", ["merge", "threshold"])
def test_contradictions_are_refused(field, free, method):
    a, b, c = places_of(field, 3, 100, 200)
    for constraints in (
        Constraints(links=((a, b),), cuts=((a, b),)),
        Constraints(links=((a, b), (b, c)), cuts=((c, a),)),
        Constraints(fixed=((a, 1), (a, 2))),
        Constraints(fixed=((a, 1), (b, 2)), links=((a, c), (c, b))),
        Constraints(fixed=((a, 1), (b, 1)), cuts=((a, b),)),
        Constraints(cuts=((a, a),)),
    ):
        with pytest.raises(RecipeError, match="constraints"):
            rerun(field, free, constraints, method=method)


@pytest.mark.parametrize("place", [(0, 0), (-1, 1), (1, 60), (10_000, 1)])
def test_pixels_without_measurement_are_refused(field, free, place):
    measured = tuple(field.locations[0].tolist())
    assert place not in {tuple(each) for each in field.locations.tolist()}
    for constraints in (
        Constraints(links=((measured, place),)),
        Constraints(cuts=((place, measured),)),
        Constraints(fixed=((place, 1),)),
    ):
        with pytest.raises(RecipeError, match=f"row {place[0]}, column {place[1]}"):
            rerun(field, free, constraints)


@pytest.mark.parametrize("changes", [{"method": "bse_only"}, {"method": "published"}])
def test_methods_that_know_no_constraints_say_so(field, free, changes):
    with pytest.raises(RecipeError, match="cannot keep constraints"):
        rerun(field, free, Constraints(fixed=((tuple(field.locations[0].tolist()), 1),)), **changes)


places = st.tuples(st.integers(0, 500), st.integers(0, 500))


@given(
    st.builds(
        Constraints,
        links=st.lists(st.tuples(places, places), max_size=4).map(tuple),
        cuts=st.lists(st.tuples(places, places), max_size=4).map(tuple),
        fixed=st.lists(st.tuples(places, st.integers(-5, 99)), max_size=4).map(tuple),
    )
)
def test_json_gives_the_constraints_back(constraints):
    again = Constraints.from_json(constraints.to_json())
    assert again == constraints
    assert bool(again) == bool(constraints.links or constraints.cuts or constraints.fixed)


FOREIGN = [
    {"links": 3},
    {"cuts": [[1, 2]]},
    {"cuts": [[[1, 2], [3, 4.5]]]},
    {"links": [[[1, 2], "34"]]},
    {"fixed": [[[1, 2]]]},
    {"fixed": [[[1, 2], math.inf]]},
    {"fixed": [[[1, math.nan], 1]]},
    {"fixed": [[[1, 2, 3], 1]]},
]


@pytest.mark.parametrize("values", FOREIGN)
def test_what_is_no_whole_number_is_refused(values):
    with pytest.raises(RecipeError, match="whole numbers"):
        Constraints(**values)


def test_numbers_of_numpy_and_lists_are_taken():
    rows = np.array([[1, 2], [3, 4]])
    taken = Constraints(links=[rows], cuts=[rows[::-1]], fixed=[(rows[0], np.int32(7))])
    assert taken == Constraints((((1, 2), (3, 4)),), (((3, 4), (1, 2)),), (((1, 2), 7),))
    assert Constraints.from_json(taken.to_json()) == taken


@pytest.mark.parametrize("text", ["", "[]", "7", "[" * 9999, *map(json.dumps, FOREIGN)])
def test_foreign_json_is_refused(text):
    with pytest.raises(RecipeError, match="constraints"):
        Constraints.from_json(text)
