"""Neighbours of measurements and their affinity."""

import numpy as np
from exact_materials import lattice
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.phases.neighbourhood import Neighbourhood


def test_rows_hold_the_neighbours_of_each_measurement():
    field, graph, near = lattice((4, 5))
    for i in range(20):
        own = near.neighbours[near.indptr[i] : near.indptr[i + 1]]
        distance = np.abs(field.locations - field.locations[i]).sum(axis=1)
        assert sorted(own.tolist()) == np.flatnonzero(distance == 1).tolist()
    assert np.array_equal(near.edges, graph.edges)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_interiors_and_contacts_follow_from_the_edges(seed):
    rng = np.random.default_rng(seed)
    _, graph, near = lattice((5, 6))
    labels = np.sort(rng.integers(0, 4, 30))
    inside, contacts = np.ones(30, bool), np.zeros((4, 4))
    for u, v in graph.edges.tolist():
        if labels[u] != labels[v]:
            inside[[u, v]] = False
            contacts[labels[u], labels[v]] += 1
            contacts[labels[v], labels[u]] += 1
    assert np.array_equal(near.interior(labels), inside)
    assert np.array_equal(near.contacts(labels, 4), contacts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5))
def test_phases_around_are_the_most_frequent_ones(seed, most):
    rng = np.random.default_rng(seed)
    _, _, near = lattice((5, 6))
    segments, phases = rng.integers(0, 4, 30), rng.integers(0, 6, 30)
    parts, shares = near.phases_around(segments, 5, phases, 6, most)
    for segment in range(5):
        votes = np.zeros(6)
        for i in np.flatnonzero(segments == segment):
            for j in (i, *near.neighbours[near.indptr[i] : near.indptr[i + 1]]):
                votes[phases[j]] += 1
        order = [k for k in np.lexsort((np.arange(6), -votes)) if votes[k] > 0][:most]
        assert parts[segment].tolist() == order + [-1] * (most - len(order))
        kept = votes[order] / max(votes[order].sum(), 1)
        np.testing.assert_allclose(shares[segment], [*kept, *[0] * (most - len(order))])


def test_affinity_falls_with_the_difference_in_brightness():
    rng = np.random.default_rng(0)
    bse = (20_000 + rng.normal(0, 100, (20, 20))).astype(np.uint16)
    bse[:, 10:] += 5000
    field, _, near = lattice((20, 20), bse=bse)
    first, second = np.repeat(np.arange(400), np.diff(near.indptr)), near.neighbours
    step = np.abs(field.bse_at_measurements[first].astype(float) - field.bse_at_measurements[second])
    assert 0.1 <= near.affinity.min() < 0.11
    assert near.affinity.max() > 0.99
    assert (near.affinity[step > 4000] < 0.11).all()
    assert np.median(near.affinity[step < 1000]) > 0.8
    assert np.all(np.diff(near.affinity[np.argsort(step)]) <= 1e-6)
    # The same seen from both sides.
    mirrored = {(i, j): a for i, j, a in zip(first.tolist(), second.tolist(), near.affinity.tolist(), strict=True)}
    assert all(mirrored[j, i] == a for (i, j), a in mirrored.items())
    dark = Neighbourhood.of(*lattice((3, 3))[:2])
    assert (dark.affinity == 1).all()
