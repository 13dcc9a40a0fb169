"""Which phases could be one."""

import numpy as np
import pytest
from exact_materials import N_WINDOWS, difference, embed, material_at, materials, pool_of, scale_of

from napari_gdls.graph.merging import height_of_significance
from napari_gdls.phases.agglomeration import times_the_limit
from napari_gdls.phases.merge_candidates import pairwise_differences, phase_merges


def pool():
    p = materials(1, sharpness=5.0)[0]
    shares = np.stack([p, material_at(p, 3.0, seed=1), material_at(p, 0.5, seed=2), material_at(p, 6.0, seed=3)])
    return pool_of(np.rint(1e9 * shares)), shares


def test_differences_are_those_of_the_materials():
    sums, shares = pool()
    found = pairwise_differences(sums, scale_of())
    expected = [[difference(p, q) for q in shares] for p in shares]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert np.array_equal(found, found.T)


def test_the_most_similar_pair_comes_first():
    sums, shares = pool()
    merges = phase_merges(sums, scale_of())
    assert len(merges) == 3
    assert (merges[0].first, merges[0].second) == ((0,), (2,))
    assert merges[0].difference == pytest.approx(0.5, abs=1e-3)
    g = times_the_limit(sums, 0, 2, scale_of()) * scale_of().height
    x = merges[0].significance
    assert g == pytest.approx(height_of_significance(N_WINDOWS, x))
    assert x > 1000
    both = embed(shares[0]) + embed(shares[2])
    to_second = np.linalg.norm(both / np.linalg.norm(both) - embed(shares[1]))
    assert (merges[1].first, merges[1].second) == ((0, 2), (1,))
    assert merges[1].difference == pytest.approx(float(scale_of().difference(to_second, 2e9, 1e9)), abs=1e-3)
    assert (merges[2].first, merges[2].second) == ((0, 1, 2), (3,))


def test_every_phase_is_merged_in_the_end():
    rng = np.random.default_rng(0)
    merges = phase_merges(pool_of(rng.poisson(1e5 * rng.dirichlet(np.ones(12), 9))), scale_of())
    groups = {(k,) for k in range(9)}
    for merge in merges:
        assert {merge.first, merge.second} <= groups
        groups -= {merge.first, merge.second}
        groups.add(tuple(sorted(merge.first + merge.second)))
        assert merge.difference >= 0
    assert groups == {tuple(range(9))}


def test_one_phase_has_nothing_to_be_merged_with():
    assert phase_merges(pool_of(np.ones((1, 12))), scale_of()) == ()


@pytest.mark.parametrize("significance", [3.0, 14.0, 40.0])
def test_significance_is_that_of_the_recipe(significance):
    """A scale made for a significance x calls a difference significant exactly if that of the merge is above x."""
    scale = scale_of(height=height_of_significance(N_WINDOWS, significance))
    rng = np.random.default_rng(int(significance))
    p = materials(1, sharpness=5.0)[0]
    for wanted in np.linspace(0.05, 1.0, 12):
        sums = pool_of(rng.multinomial(20_000, np.stack([p, material_at(p, wanted)])))
        (merge,) = phase_merges(sums, scale)
        assert (merge.significance > significance) == (times_the_limit(sums, 0, 1, scale) > 1)
