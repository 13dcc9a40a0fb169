"""The merge tree, beside a slow and obvious merging of the same regions."""

import dataclasses
import math

import networkx as nx
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from scipy.special import xlogy
from scipy.stats import chi2, chi2_contingency

from napari_gdls import EnergyAxis, Field, build_graph, label_measurements, segment, simulate_field
from napari_gdls.bse import noise_of_value
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.graph.merge_kernels import labels_after, merge_some, start_merging
from napari_gdls.graph.merging import (
    build_merge_tree,
    expected_false_borders,
    height_of_significance,
    significance_of_height,
)
from napari_gdls.graph.region_sums import Regions, entropies_of, entropy_table, g_statistic
from napari_gdls.spectra.windows import element_windows

AXIS = EnergyAxis(0, 100, 40)


def regions_of(counts, bse):
    entropy, total = entropies_of(counts, entropy_table())
    return Regions(counts.copy(), entropy, total, bse.astype(float).copy(), np.ones(len(counts)))


def merge_all(regions, edges, table, scatter, growth, most_costs=1 << 40):
    """All merges, in blocks of so many costs."""
    state = start_merging(regions, edges, table, scatter)
    while merge_some(state, table, scatter, growth, most_costs):
        pass
    done = state.done[0]
    return state.kept[:done], state.absorbed[:done], state.height[:done]


def planar_graph(rng, n, kept=1.0):
    """Triangulated points, with a share of the edges left out, so that parts may come apart."""
    triangles = Delaunay(rng.random((n, 2))).simplices
    edges = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [0, 2]]]), axis=1)
    edges = np.unique(edges, axis=0).astype(np.int64)
    return edges[rng.random(len(edges)) < kept]


def g_of(a, b):
    """G of two spectra, from its definition: twice the sum of observed times log of observed over expected."""
    table = np.stack([a, b]).astype(float)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / max(table.sum(), 1)
    return 2 * (xlogy(table, table) - xlogy(table, np.where(table > 0, expected, 1))).sum()


def greedy_merges(counts, bse, edges, scatter):
    """Merge the cheapest pair of neighbours, all costs found anew every time; partitions and heights."""

    def cost(a, b):
        counts_a, counts_b = counts[sorted(a)].sum(axis=0), counts[sorted(b)].sum(axis=0)
        step = bse[sorted(a)].mean() - bse[sorted(b)].mean()
        return g_of(counts_a, counts_b) + step**2 / (1 / len(a) + 1 / len(b) + scatter)

    graph = nx.Graph()
    graph.add_nodes_from(frozenset([i]) for i in range(len(counts)))
    graph.add_edges_from((frozenset([u]), frozenset([v])) for u, v in edges.tolist())
    partitions, heights, gaps, highest = [set(graph.nodes)], [], [math.inf], 0.0
    while graph.number_of_edges():
        costs = sorted(((cost(a, b), a, b) for a, b in graph.edges), key=lambda entry: entry[0])
        if len(costs) > 1:
            gaps.append((costs[1][0] - costs[0][0]) / max(costs[1][0], 1.0))
        least, a, b = costs[0]
        highest = max(highest, least)
        around = (set(graph[a]) | set(graph[b])) - {a, b}
        graph.remove_nodes_from([a, b])
        graph.add_node(a | b)
        graph.add_edges_from((a | b, other) for other in around)
        partitions.append(set(graph.nodes))
        heights.append(highest)
    return partitions, np.array(heights), min(gaps)


def partition_of(labels):
    return {frozenset(np.flatnonzero(labels == k).tolist()) for k in range(labels.max() + 1)}


@st.composite
def problems(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, n_windows = draw(st.integers(4, 22)), draw(st.integers(1, 6))
    materials = rng.dirichlet(np.ones(n_windows), 3)
    dose = draw(st.sampled_from([0, 20, 500, 20_000]))
    counts = rng.poisson(dose * materials[rng.integers(0, 3, n)] * rng.uniform(0.5, 2, (n, 1))).astype(np.int64)
    return counts, rng.normal(0, 3, n), planar_graph(rng, n, draw(st.sampled_from([1.0, 0.7, 0.3, 0.0])))


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([0.0, 4.0]))
def test_merges_are_those_of_an_exhaustive_search(problem, scatter):
    counts, bse, edges = problem
    partitions, heights, gap = greedy_merges(counts, bse, edges, scatter)
    assume(gap > 1e-7)
    kept, absorbed, height = merge_all(regions_of(counts, bse), edges, entropy_table(), scatter, 1.0)
    assert len(height) == len(heights)
    np.testing.assert_allclose(height, heights, rtol=1e-7, atol=1e-6)
    for i, expected in enumerate(partitions):
        assert partition_of(labels_after(kept, absorbed, len(counts), i)) == expected


@settings(max_examples=60, deadline=None)
@given(problems(), st.sampled_from([1.25, 2.0, 1e9]))
def test_costs_that_are_refreshed_late_leave_a_sound_tree(problem, growth):
    counts, bse, edges = problem
    n = len(counts)
    kept, absorbed, height = merge_all(regions_of(counts, bse), edges, entropy_table(), 4.0, growth)
    assert (np.diff(height, prepend=0.0) >= 0).all()
    graph = nx.Graph(edges.tolist())
    graph.add_nodes_from(range(n))
    assert partition_of(labels_after(kept, absorbed, n, len(height))) == set(
        map(frozenset, nx.connected_components(graph))
    )
    for i in range(len(height) + 1):  # every region of every cut is joined by edges
        for region in partition_of(labels_after(kept, absorbed, n, i)):
            assert nx.is_connected(graph.subgraph(region))


@settings(max_examples=60)
@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([3.0, 100.0, 30_000.0, 1e7]))
def test_the_statistic_is_the_g_test_of_scipy(seed, n_windows, dose):
    rng = np.random.default_rng(seed)
    counts = rng.poisson(dose * rng.dirichlet(np.ones(n_windows), 2)).astype(np.int64)
    table = counts[:, counts.sum(axis=0) > 0]
    assume(table.shape[1] >= 2)
    assume((table.sum(axis=1) > 0).all())
    expected = chi2_contingency(table, correction=False, lambda_="log-likelihood").statistic
    entropy, total = entropies_of(counts, entropy_table())
    found = g_statistic(counts, 0, 1, entropy.sum(), total.sum(), entropy_table())
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-7 * dose + 1e-9)


# Trees of whole fields.


def rock(seed=0, size=12, dose=400.0, shuffled=False, bse_noise=300.0, **changes):
    """A dense field of two materials, left and right."""
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(AXIS.size), 2)
    rows, columns = np.divmod(np.arange(size * size), size)
    spectra = rng.poisson(dose * shares[(columns >= size // 2).astype(int)]).astype(np.uint16)
    bse = (20_000 + 4_000 * (columns >= size // 2) + rng.normal(0, bse_noise, size * size)).reshape(size, size)
    order = rng.permutation(size * size) if shuffled else np.arange(size * size)
    places = np.stack([rows, columns], axis=1)
    return Field(bse.astype(np.uint16), spectra[order], places[order], AXIS, sampling_distance=1, **changes)


def tree_of(field, **changes):
    graph = build_graph(field, np.ones((field.n_measurements, 1)))
    return build_merge_tree(field, graph, **changes), graph


@pytest.fixture(scope="module")
def field():
    return rock()


@pytest.fixture(scope="module")
def grown(field):
    return tree_of(field)


def test_a_cut_at_the_usual_significance_finds_the_two_materials(field, grown):
    tree, _ = grown
    found = tree.cut(tree.height_of_significance(math.log(144) + 5))
    assert partition_of(found) == partition_of((field.locations[:, 1] >= 6).astype(int))
    assert found.dtype == np.int64
    assert "144 measurements, 143 merges" in repr(tree)


def test_segments_are_numbered_as_they_appear(grown):
    tree, _ = grown
    for height in np.quantile(tree.height, [0, 0.3, 0.9]):
        _, first = np.unique(tree.cut(height), return_index=True)
        assert (np.diff(first) > 0).all()


def test_cuts_are_nested_and_their_number_falls(grown):
    tree, _ = grown
    heights = [-1.0, 0.0, *np.unique(tree.height), np.inf]
    finer = None
    for height in heights:
        labels = tree.cut(height)
        assert tree.n_segments(height) == labels.max() + 1
        if finer is not None:
            assert labels.max() <= finer.max()
            # One coarse label for every fine one.
            assert len(np.unique(np.stack([finer, labels], axis=1), axis=0)) == finer.max() + 1
        finer = labels
    assert tree.n_segments(-1.0) == 144
    assert tree.n_segments(np.inf) == 1


def test_heights_of_pairs_say_when_they_come_together(grown):
    tree, graph = grown
    rng = np.random.default_rng(1)
    pairs = np.concatenate([graph.edges, rng.integers(0, 144, (300, 2)), [[5, 5]]])
    heights = tree.heights_of(pairs)
    assert heights[-1] == 0
    assert np.array_equal(heights, tree.heights_of(pairs[:, ::-1]))
    for height in [0.0, *np.quantile(tree.height, np.linspace(0, 1, 20))]:
        labels = tree.cut(height)
        together = labels[pairs[:, 0]] == labels[pairs[:, 1]]
        assert np.array_equal(together, heights <= height)
    # The ultrametric inequality.
    a, b, c = rng.integers(0, 144, (3, 500))
    of = lambda u, v: tree.heights_of(np.stack([u, v], axis=1))  # noqa: E731
    assert (of(a, c) <= np.maximum(of(a, b), of(b, c))).all()


def test_parts_that_no_edge_joins_never_come_together():
    valid = np.ones((12, 12), bool)
    valid[:, 6] = False
    whole = rock()
    keep = whole.locations[:, 1] != 6
    spectra = whole.spectra[keep]
    field = Field(whole.bse, spectra, whole.locations[keep], AXIS, valid=valid, sampling_distance=1)
    tree, _ = tree_of(field)
    left = np.flatnonzero(field.locations[:, 1] < 6)
    right = np.flatnonzero(field.locations[:, 1] > 6)
    assert len(tree.height) == field.n_measurements - 2
    assert np.isinf(tree.heights_of([[left[0], right[0]]])).all()
    assert np.isfinite(tree.heights_of([[left[0], left[-1]]])).all()
    assert tree.cut(np.inf).tolist() == [int(column > 6) for column in field.locations[:, 1]]


def test_the_order_of_the_measurements_does_not_matter(field, grown):
    shuffled = rock(shuffled=True)
    assert not np.array_equal(shuffled.input_order, np.arange(144))
    tree, _ = tree_of(shuffled)
    assert np.array_equal(tree.height, grown[0].height)
    for height in np.quantile(tree.height, [0.2, 0.8]):
        assert np.array_equal(shuffled.to_map(tree.cut(height), fill=-1), field.to_map(grown[0].cut(height), fill=-1))


def test_fields_with_next_to_nothing_in_them():
    one = Field(np.zeros((3, 3), np.uint8), np.ones((1, AXIS.size)), [[1, 1]], AXIS, sampling_distance=2)
    tree, _ = tree_of(one)
    assert (len(tree.height), tree.cut(10.0).tolist(), tree.n_segments(1.0)) == (0, [0], 1)
    assert tree.heights_of([[0, 0]]).tolist() == [0]
    assert tree.heights_of(np.empty((0, 2), np.int64)).shape == (0,)
    apart = Field(np.zeros((3, 30), np.uint8), np.ones((2, AXIS.size)), [[1, 1], [1, 28]], AXIS, sampling_distance=2)
    tree, _ = tree_of(apart)
    assert tree.cut(1e9).tolist() == [0, 1]
    bright = Field(np.zeros((5, 5), np.uint8), np.ones((25, AXIS.size)), np.argwhere(np.ones((5, 5))), AXIS)
    dark = bright.with_spectra(np.zeros((25, AXIS.size)))
    tree, _ = tree_of(dark)
    assert (tree.height == 0).all()  # nothing tells them apart
    assert tree.n_segments(0.0) == 1


def test_brightness_alone_never_becomes_overwhelming(field):
    dark = field.with_spectra(np.zeros(field.spectra.shape))
    tree, graph = tree_of(dark)
    step = np.ptp(dark.bse_at_measurements / 65536) / noise_of_value(dark, graph.delta_b)
    assert 0 < tree.height.max() <= step**2 / 4


def test_the_noise_of_brightness_is_measured_on_the_field():
    quiet, loud = (rock(size=30, bse_noise=noise) for noise in (200.0, 800.0))
    for field, noise in ((quiet, 200.0), (loud, 800.0)):
        graph = build_graph(field, np.ones((900, 1)))
        assert noise_of_value(field, graph.delta_b) == pytest.approx(noise / 65536, rel=0.15)
    flat = rock(size=6, bse_noise=0.0)
    graph = build_graph(flat, np.ones((36, 1)))
    assert noise_of_value(flat, graph.delta_b) == pytest.approx(1 / 65536 / math.sqrt(12))


@given(st.integers(1, 300), st.floats(0, 60))
def test_the_height_of_a_significance_bounds_the_quantile_of_chi_squared(dof, significance):
    assert chi2.isf(math.exp(-significance), dof) <= height_of_significance(dof, significance) * (1 + 1e-9)


@given(st.integers(1, 300), st.floats(0, 1e9))
def test_the_significance_of_a_height_is_its_inverse(dof, significance):
    height = height_of_significance(dof, significance)
    assert significance_of_height(dof, height) == pytest.approx(significance, rel=1e-6, abs=1e-6)
    assert significance_of_height(dof, dof * 0.9) == significance_of_height(dof, 0.0) == 0.0


def test_a_higher_significance_is_a_greater_height(grown):
    tree, _ = grown
    heights = [tree.height_of_significance(x) for x in np.linspace(0, 30, 20)]
    assert (np.diff(heights) > 0).all()
    assert heights[0] == tree.degrees_of_freedom == len(element_windows(25.0, 4000.0)) - 1


@pytest.mark.parametrize("dose", [200, 3000])
def test_false_borders_are_about_as_many_as_expected(dose):
    """A field of one material: every border of a cut is a false one."""
    rng = np.random.default_rng(dose)
    size, significance = 50, 4.0
    shares = rng.dirichlet(np.ones(38))
    counts = rng.multinomial(dose, shares, size**2).astype(np.int32)
    bse = rng.normal(20_000, 300, (size, size)).astype(np.uint16)
    field = Field(bse, np.ones((size**2, AXIS.size)), np.argwhere(np.ones((size, size))), AXIS)
    tree, _ = tree_of(field, counts=counts)
    expected = expected_false_borders(size**2, significance)
    assert expected / 3 < tree.n_segments(tree.height_of_significance(significance)) - 1 < expected * 3


def test_expected_false_borders_fall_with_significance_and_never_exceed_the_measurements():
    expected = [expected_false_borders(1000, x) for x in np.linspace(0, 40, 30)]
    assert (np.diff(expected) < 0).all()
    assert 0 < expected[-1] < expected[0] <= 1000


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 25), st.sampled_from([1, 2, 7]))
def test_the_tree_is_the_same_in_blocks_of_any_size(seed, n, most_costs):
    rng = np.random.default_rng(seed)
    counts, bse = rng.poisson(20, (n, 6)), rng.normal(size=n)
    edges = np.unique(np.sort(rng.integers(0, n, (3 * n, 2)), axis=1), axis=0)
    edges = edges[edges[:, 0] != edges[:, 1]]
    whole = merge_all(regions_of(counts, bse), edges, entropy_table(), 4.0, 1.25)
    parts = merge_all(regions_of(counts, bse), edges, entropy_table(), 4.0, 1.25, most_costs)
    assert all(np.array_equal(a, b) for a, b in zip(whole, parts, strict=True))


def test_a_graph_of_another_field_is_refused():
    first, second = (simulate_field((24, 24), seed=seed, grain_size=10, dots="tima") for seed in (1, 2))
    z = [np.eye(4, dtype=np.float32)[np.arange(field.n_measurements) % 4] for field in (first, second)]
    graph = build_graph(first, z[0])
    for call in (
        lambda: segment(second, embedding=z[1], graph=graph),
        lambda: label_measurements(graph, field=second, z=z[1]),
        lambda: label_measurements(graph, method="threshold", z=z[1][:-1], field=first),
    ):
        with pytest.raises(RecipeError, match="graph"):
            call()


@pytest.mark.parametrize(
    "changes",
    [
        {"edges": [[0, 144]]},
        {"edges": [[-1, 0]]},
        {"edges": [[0, 2**40]]},
        {"edges": [[0.0, 1.0]]},
        {"edges": [0, 1]},
        {"edges": [[0, 1, 2]]},
        {"locations": [[0, 0]]},
        {"delta_b": [0.0]},
        {"delta_z": np.nan},
        {"distance_z": -1.0},
        {"length": "long"},
        {"height": [np.nan]},
    ],
    ids=str,
)
def test_a_graph_that_its_arrays_do_not_make_is_refused(grown, changes):
    _, graph = grown
    (name, value), *_ = changes.items()
    if name not in ("edges", "locations") and np.ndim(value) == 0:
        value = np.full(graph.n_edges, value)
    with pytest.raises(GdlsError, match=r"measurements|pairs|needed"):
        dataclasses.replace(graph, **{name: value})


def test_indices_of_other_sizes_are_taken(grown):
    tree, graph = grown
    small = dataclasses.replace(graph, edges=graph.edges.astype(np.uint8), locations=graph.locations.astype(np.int16))
    assert small.edges.dtype == small.locations.dtype == np.int64
    assert np.array_equal(build_merge_tree(rock(), small).kept, tree.kept)


@pytest.mark.parametrize(
    "changes",
    [
        {"absorbed": [200] * 143},
        {"absorbed": [-1] * 143},
        {"absorbed": [1] * 143},
        {"kept": [2**40] * 143},
        {"kept": [5] * 143},
        {"kept": [0.5] * 143},
        {"kept": [1]},
        {"height": [-1.0] * 143},
        {"height": [np.nan] * 143},
        {"height": [[1.0]]},
        {"n_measurements": 10},
        {"n_measurements": -1},
    ],
    ids=lambda changes: "-".join([*changes, str(next(iter(changes.values())))[:6]]),
)
def test_merges_that_make_no_tree_are_refused(grown, changes):
    tree, _ = grown
    with pytest.raises(GdlsError, match=r"tree|pairs"):
        dataclasses.replace(tree, **{name: np.asarray(value) for name, value in changes.items()})


@pytest.mark.parametrize(
    "pairs", [[[0, 144]], [[-1, 3]], [[2**62, 0]], [[0.5, 1]], [1, 2], "ab", [[None, 1]], [[1], [2, 3]]], ids=str
)
def test_heights_of_pairs_that_are_none_are_refused(grown, pairs):
    with pytest.raises(GdlsError, match="pairs"):
        grown[0].heights_of(pairs)


@pytest.mark.parametrize(
    "counts",
    [
        np.full((144, 5), -1),
        np.full((144, 5), 2**30),
        np.full((144, 5), 2**63, np.uint64),
        np.ones((144, 5)),
        np.ones((143, 5), int),
        np.ones((144, 0), int),
        np.ones(144, int),
        [["a"]] * 144,
    ],
    ids=["negative", "too many", "beyond int64", "fractions", "too few", "no windows", "one axis", "text"],
)
def test_counts_that_are_no_counts_of_the_field_are_refused(field, grown, counts):
    with pytest.raises(GdlsError, match="counts"):
        build_merge_tree(field, grown[1], counts=counts)


def test_a_tree_of_the_graph_of_another_field_is_refused(grown):
    with pytest.raises(RecipeError, match="was not built from this field"):
        build_merge_tree(rock(size=11), grown[1])
