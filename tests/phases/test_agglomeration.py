"""Which sums are of one material."""

import dataclasses
import math

import numpy as np
import pytest
from exact_materials import CALIBRATION, N_WINDOWS, difference, material_at, materials, pool_of, scale_of
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import xlogy
from scipy.stats import chi2_contingency

from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE, Calibration
from napari_gdls.phases.agglomeration import agglomerate, nearest_sums, times_the_limit
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.sums import Pool


def partition_of(group):
    return {frozenset(np.flatnonzero(group == k).tolist()) for k in range(group.max() + 1)}


@pytest.mark.parametrize("wanted", [0.1, 0.3, 1.0])
def test_two_materials_with_many_counts_are_two_if_they_differ_by_more_than_tau_z(wanted):
    p = materials(1, sharpness=5.0)[0]
    q = material_at(p, wanted)
    assert difference(p, q) == pytest.approx(wanted, rel=1e-6)
    counts = np.rint(1e8 * np.stack([p, q, p, q]))
    assert agglomerate(pool_of(counts), scale_of(tau_z=wanted * 0.97)).tolist() == [0, 1, 0, 1]
    assert agglomerate(pool_of(counts), scale_of(tau_z=wanted * 1.03)).tolist() == [0, 0, 0, 0]


def test_a_difference_must_be_sure_as_well():
    p = materials(1, sharpness=5.0)[0]
    q = material_at(p, 1.0)
    rng = np.random.default_rng(0)
    for dose, n_groups in ((300, 1), (100_000, 2)):
        counts = rng.multinomial(dose, np.stack([p, q]))
        pool = pool_of(counts)
        assert agglomerate(pool, scale_of(tau_z=0.3)).max() + 1 == n_groups
        g = chi2_contingency(counts, correction=False, lambda_="log-likelihood").statistic
        assert times_the_limit(pool, 0, 1, scale_of()) == pytest.approx(g / 45.0)
        assert (g > 45.0) == (n_groups == 2)
    # 10,000 counts each are divided by 1 + dispersion * 5,000.
    counts = rng.multinomial(10_000, np.stack([p, q]))
    ratio = times_the_limit(pool_of(counts), 0, 1, scale_of()) / times_the_limit(
        pool_of(counts), 1, 0, scale_of(dispersion=0.01)
    )
    assert ratio == pytest.approx(51)


def test_brightness_keeps_equal_spectra_apart_where_it_is_asked_to():
    counts = np.rint(1e5 * materials(1)).repeat(3, axis=0)
    pool = pool_of(counts, bse=[0.30, 0.34, 0.50])
    assert agglomerate(pool, scale_of()).tolist() == [0, 0, 0]
    assert agglomerate(pool, scale_of(), tau_b=0.05).tolist() == [0, 0, 1]
    assert agglomerate(pool, scale_of(), tau_b=0.01).tolist() == [0, 1, 2]


def greedy_groups(pool, scale, tau_b):
    """The two that differ least become one, all differences found anew every time; and the smallest gap of two."""
    groups = [
        (frozenset([i]), pool.counts[i].astype(float), pool.z[i], float(pool.bse[i]), int(pool.size[i]))
        for i in range(len(pool))
    ]

    def cost(first, second):
        (_, k_1, z_1, b_1, _), (_, k_2, z_2, b_2, _) = first, second
        if abs(b_1 - b_2) > tau_b:
            return math.inf
        n_1, n_2 = k_1.sum(), k_2.sum()
        d = scale.difference(np.linalg.norm(z_1 - z_2), n_1, n_2)
        both = k_1 + k_2
        g = 2 * (xlogy(k_1, k_1).sum() + xlogy(k_2, k_2).sum() - xlogy(both, both).sum())
        g -= 2 * (xlogy(n_1, n_1) + xlogy(n_2, n_2) - xlogy(n_1 + n_2, n_1 + n_2))
        return min(float(d) ** 2 / scale.tau_z**2, g / (1 + scale.dispersion * n_1 * n_2 / (n_1 + n_2)) / scale.height)

    gap = math.inf
    while len(groups) > 1:
        costs = {(i, j): cost(groups[i], groups[j]) for j in range(len(groups)) for i in range(j)}
        (i, j), least = min(costs.items(), key=lambda entry: entry[1])
        gap = min(gap, abs(least - 1), *(value - least for pair, value in costs.items() if pair != (i, j)))
        if least > 1:
            break
        (m_1, k_1, z_1, b_1, s_1), (m_2, k_2, z_2, b_2, s_2) = groups[i], groups[j]
        z = k_1.sum() * z_1 + k_2.sum() * z_2
        z = z / np.linalg.norm(z)
        joined = (m_1 | m_2, k_1 + k_2, z, (b_1 * s_1 + b_2 * s_2) / (s_1 + s_2), s_1 + s_2)
        groups = [group for at, group in enumerate(groups) if at not in (i, j)] + [joined]
    return {group[0] for group in groups}, gap


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 14), st.floats(0.3, 8), st.sampled_from([0.0, 1e-3]))
def test_groups_are_those_of_an_exhaustive_search(seed, n, tau_z, dispersion):
    rng = np.random.default_rng(seed)
    kinds = rng.dirichlet(np.full(N_WINDOWS, 20.0), 4)
    counts = rng.poisson(10 ** rng.uniform(3, 6, (n, 1)) * kinds[rng.integers(0, 4, n)]) + 1
    pool = pool_of(counts, size=rng.integers(1, 50, n), bse=rng.uniform(0.2, 0.4, n))
    z = rng.normal([1.0, 0, 0, 0], 0.3, (n, 4))
    pool = dataclasses.replace(pool, z=z / np.linalg.norm(z, axis=1, keepdims=True))
    scale, tau_b = scale_of(tau_z=tau_z, dispersion=dispersion), float(rng.choice([math.inf, 0.1]))
    expected, gap = greedy_groups(pool, scale, tau_b)
    assume(gap > 1e-9)  # where several pairs do not differ at all, any may come first
    group = agglomerate(pool, scale, tau_b)
    assert partition_of(group) == expected
    assert (np.diff(np.unique(group, return_index=True)[1]) > 0).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_the_order_of_well_separated_sums_does_not_matter(seed, random):
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 5, 25)
    counts = rng.multinomial(50_000, materials(5, seed=7)[kind])
    order = list(range(25))
    random.shuffle(order)
    group = agglomerate(pool_of(counts), scale_of(tau_z=1.0))
    assert partition_of(group) == {frozenset(np.flatnonzero(kind == k).tolist()) for k in np.unique(kind)}
    again = agglomerate(pool_of(counts[order]), scale_of(tau_z=1.0))
    assert np.array_equal(again[np.argsort(order)][:, None] == again[np.argsort(order)], group[:, None] == group)


def test_a_sum_of_few_counts_goes_where_it_most_likely_belongs():
    p, q = materials(2, seed=3)
    rng = np.random.default_rng(1)
    counts = [*rng.multinomial(200_000, [p, q]), *rng.multinomial(300, [p] * 4 + [q] * 4)]
    assert agglomerate(pool_of(counts), scale_of()).tolist() == [0, 1, 0, 0, 0, 0, 1, 1, 1, 1]


def test_nothing_given_is_changed_and_next_to_nothing_can_be_grouped():
    counts = np.rint(1e5 * materials(2)).astype(np.int64)
    pool = pool_of(counts)
    before = pool.counts.copy(), pool.z.copy(), pool.bse.copy()
    agglomerate(pool, scale_of(tau_z=100.0))
    assert all(np.array_equal(a, b) for a, b in zip(before, (pool.counts, pool.z, pool.bse), strict=True))
    assert agglomerate(pool_of(counts[:1]), scale_of()).tolist() == [0]
    assert agglomerate(pool_of(np.zeros((3, N_WINDOWS))), scale_of()).tolist() == [0, 0, 0]
    assert agglomerate(pool, scale_of(tau_z=0.0)).tolist() == [0, 1]
    assert MEAN_SQUARE_NOISE * CALIBRATION.c**2 * 1000 == pytest.approx((N_WINDOWS - 1) / 4)


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 10_000), alike=st.floats(0, 1), counts=st.sampled_from([0, 3, 100, 5_000, 10**6]))
def test_the_bound_of_g_changes_no_difference_within_the_limit(seed, alike, counts):
    """G itself, from its definition, beside the difference that a bound may have decided."""
    rng = np.random.default_rng(seed)
    spectra = rng.dirichlet(np.full(6, 0.5), 2)
    spectra[1] = alike * spectra[0] + (1 - alike) * spectra[1]
    summed = np.stack([rng.multinomial(counts * k, each / each.sum()) for k, each in zip((1, 3), spectra, strict=True)])
    z = np.sqrt(spectra)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    pool = Pool(summed.astype(np.int64), z, np.array([4, 7]), np.zeros(2))
    scale = Scale(Calibration(c=0.05), dispersion=rng.choice([0.0, 1e-4]), height=20.0, tau_z=0.4)
    distance = np.linalg.norm(z[0] - z[1])
    material = (scale.difference(distance, *np.maximum(pool.total, 1)) / scale.tau_z) ** 2
    expected = min(float(material), times_the_limit(pool, 0, 1, scale))
    _, least = nearest_sums(pool[np.array([0])], pool[np.array([1])], scale)
    assert least[0] == pytest.approx(expected, rel=1e-6, abs=1e-9)
    together = agglomerate(pool, scale)[1] == 0
    if abs(expected - 1) > 1e-6:
        assert together == (expected < 1)
