"""What strokes cross."""

from __future__ import annotations

import itertools
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay

from napari_gdls.graph import MeasurementGraph
from napari_gdls.plugin.gestures.strokes import crossed_edges, crossed_labels, length, thinned

PLACES = st.tuples(st.floats(-5, 35), st.floats(-5, 35))
STROKES = st.lists(PLACES, min_size=2, max_size=8)


def random_graph(seed: int = 0) -> MeasurementGraph:
    rng = np.random.default_rng(seed)
    locations = np.unique(rng.integers(0, 30, (60, 2)), axis=0)
    triangles = Delaunay(locations).simplices
    edges = np.unique(np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]]]), axis=1), axis=0)
    empty = np.zeros(len(edges))
    far = np.linalg.norm(np.diff(locations[edges], axis=1)[:, 0], axis=1)
    return MeasurementGraph(locations, edges.astype(np.int64), empty, empty, empty, far)


@given(stroke=STROKES)
def test_thinned_strokes_keep_their_ends_and_stay_within_half_a_pixel(stroke):
    thin = thinned(stroke)
    assert thin[0] == stroke[0]
    assert thin[-1] == stroke[-1]
    assert set(thin) <= set(stroke)
    for point in stroke:
        assert min(_distance(point, a, b) for a, b in itertools.pairwise(thin)) <= 0.5 + 1e-9
    assert length(thin) <= length(stroke) + 1e-9


def _distance(point, a, b):
    step, there = np.subtract(b, a), np.subtract(point, a)
    square = step @ step
    along = 0.0 if square == 0 else np.clip(there @ step / square, 0, 1)
    return math.hypot(*(there - along * step))


def test_a_straight_stroke_has_two_vertices_and_a_still_mouse_as_well():
    assert thinned([(0, k) for k in range(50)]) == ((0, 0), (0, 49))
    assert thinned([(3, 4)]) == ((3, 4), (3, 4))
    assert length([(0, 0), (3, 4), (3, 5)]) == 6


def test_labels_are_crossed_in_the_order_of_the_stroke():
    labels = np.repeat([[3, 0, 7, 1]], 5, axis=0).repeat(5, axis=1)
    assert crossed_labels(labels, [(2, 18), (2, 1)]) == (1, 7, 3)
    assert crossed_labels(labels, [(2, 1), (2, 18), (3, 1)]) == (3, 7, 1)
    assert crossed_labels(labels, [(2, 12)]) == (7,)
    assert crossed_labels(labels, [(-4, -4), (-1, 30)]) == ()
    assert crossed_labels(labels, [(2, -20), (2, 40)]) == (3, 7, 1)


@given(seed=st.integers(0, 5), stroke=STROKES)
@settings(max_examples=60, deadline=None)
def test_crossed_edges_are_those_crossed_an_odd_number_of_times(seed, stroke):
    graph = random_graph(seed)
    found = set(crossed_edges(graph, stroke).tolist())
    line = thinned(stroke)
    for index, (u, v) in enumerate(graph.edges):
        ends = graph.locations[u], graph.locations[v]
        crossings = [_crossing(*ends, a, b) for a, b in itertools.pairwise(line)]
        if None not in crossings:
            assert (index in found) == (sum(crossings) % 2 == 1)


def _crossing(p, q, a, b):
    """Whether two lines cross; None where an end of one nearly lies on the other."""
    sides = []
    for first, second, third in ((p, q, a), (p, q, b), (a, b, p), (a, b, q)):
        step, there = np.subtract(second, first).astype(float), np.subtract(third, first).astype(float)
        away = (step[0] * there[1] - step[1] * there[0]) / max(np.linalg.norm(step), 1e-9)
        if abs(away) < 1e-3:
            return None
        sides.append(away)
    return sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0


def test_a_line_through_measurements_parts_a_lattice():
    rows, columns = np.indices((5, 6)).reshape(2, -1)
    locations = np.stack([rows, columns], axis=1)
    pairs = [(a, b) for a in range(30) for b in range(a + 1, 30) if np.abs(locations[a] - locations[b]).sum() == 1]
    empty = np.zeros(len(pairs))
    graph = MeasurementGraph(locations, np.array(pairs), empty, empty, empty, empty + 1)
    for column in (2.0, 2.5):
        left = np.delete(graph.edges, crossed_edges(graph, [(-1, column), (6, column)]), axis=0)
        assert len(graph.edges) - len(left) == 5
        assert all(
            graph.locations[u, 1] == graph.locations[v, 1]
            or {2, 3} != set(graph.locations[[u, v], 1].tolist())
            or column == 2.0
            for u, v in left
        )
    assert len(crossed_edges(graph, [(2.2, 2.5), (2.4, 2.6)])) == 0
