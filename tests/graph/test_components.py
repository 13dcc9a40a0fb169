import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.errors import RecipeError
from napari_gdls.graph import MeasurementGraph, cut_by_thresholds
from napari_gdls.graph.components import connected_components


def random_graph(seed, n=30):
    rng = np.random.default_rng(seed)
    pairs = np.array(sorted({(min(a, b), max(a, b)) for a, b in rng.integers(0, n, (2 * n, 2)) if a != b}))
    return MeasurementGraph(
        locations=np.stack([np.arange(n), np.zeros(n, int)], axis=1),
        edges=pairs,
        delta_b=rng.random(len(pairs)),
        delta_z=3 * rng.random(len(pairs)),
        distance_z=rng.random(len(pairs)),
        length=np.ones(len(pairs)),
    )


@given(st.integers(0, 2**32), st.floats(0, 1), st.floats(0, 3))
def test_segments_are_the_components_that_networkx_finds(seed, tau_b, tau_z):
    graph = random_graph(seed)
    labels = cut_by_thresholds(graph, tau_b=tau_b, tau_z=tau_z)
    reference = graph.to_networkx()
    cut = [(u, v) for u, v, d in reference.edges(data=True) if d["delta_b"] > tau_b or d["delta_z"] > tau_z]
    reference.remove_edges_from(cut)
    expected = {frozenset(part) for part in nx.connected_components(reference)}
    assert {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)} == expected


@given(st.integers(0, 2**32))
def test_labels_are_numbered_as_they_appear(seed):
    labels = cut_by_thresholds(random_graph(seed), tau_b=0.5, tau_z=1.5)
    _, first = np.unique(labels, return_index=True)
    assert (np.diff(first) > 0).all()
    assert labels.dtype == np.int64


def test_extreme_thresholds():
    graph = random_graph(1)
    assert cut_by_thresholds(graph, tau_b=0, tau_z=0).max() == graph.n_measurements - 1
    joined = cut_by_thresholds(graph, tau_b=np.inf, tau_z=np.inf)
    assert joined.max() + 1 == nx.number_connected_components(graph.to_networkx())


def test_no_edges_make_each_its_own_segment():
    assert connected_components(np.empty((0, 2), np.int64), 4).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "bad", [{"tau_z": -1}, {"tau_b": np.nan}, {"tau_z": np.nan}, {"tau_b": "much"}, {"tau_z": None}]
)
def test_bad_parameters_are_refused(bad):
    with pytest.raises(RecipeError, match=next(iter(bad))):
        cut_by_thresholds(random_graph(0), **{"tau_b": 0.1, "tau_z": 1.0} | bad)
