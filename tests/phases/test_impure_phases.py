"""Sums and phases that are no more than mixtures."""

import numpy as np
import pytest
from exact_materials import CALIBRATION, N_WINDOWS, difference, embed, materials, pool_of, scale_of
from hypothesis import given
from hypothesis import strategies as st

from napari_gdls.phases.impure_phases import MOST_PARTS, difference_from_mixture, majority_of_impure, phases_touched
from napari_gdls.phases.unmixing import fit_mixtures

DOSE = 3_000_000


def test_differences_from_mixtures_are_those_of_the_materials():
    a, b, c = materials(3, seed=1)
    spectra = np.stack([a, b, c])
    sums = [0.7 * a + 0.3 * c, a, 0.5 * a + 0.5 * b]
    pool = pool_of(np.rint(1e12 * np.stack(sums)))
    parts = np.array([[0, 2], [1, -1], [2, 0]])
    weights = np.array([[0.7, 0.3], [1.0, 0.0], [0.4, 0.6]])
    mixed = [sums[0], b, 0.4 * c + 0.6 * a]
    expected = [difference(x, y) for x, y in zip(sums, mixed, strict=True)]
    found = difference_from_mixture(pool, parts, weights, spectra, scale_of(), embed)
    np.testing.assert_allclose(found, expected, atol=1e-3)
    assert found[0] < 0.01
    assert len(difference_from_mixture(pool[np.zeros(0, int)], parts[:0], weights[:0], spectra, scale_of(), embed)) == 0


def test_counting_noise_of_the_sum_is_taken_off():
    share = materials(1)
    pool = pool_of(np.random.default_rng(0).multinomial(500, share[0], 2000))
    parts, weights = np.zeros((2000, 1), int), np.ones((2000, 1))
    found = difference_from_mixture(pool, parts, weights, share, scale_of(), embed)
    typical = np.linalg.norm(pool.z - embed(share), axis=1) / CALIBRATION.c / np.sqrt(2)
    assert np.median(found) < 0.5 * np.median(typical)
    assert 0.3 < (found == 0).mean() < 0.8


@given(st.integers(0, 2**32), st.integers(2, 20))
def test_the_phases_touched_most_come_first(seed, n):
    rng = np.random.default_rng(seed)
    contact = rng.integers(0, 4, (3, n)).astype(float)
    own = rng.integers(0, n, 3)
    before = contact.copy()
    parts = phases_touched(contact, own)
    assert np.array_equal(contact, before)
    assert parts.shape == (3, min(n, MOST_PARTS))
    for row in range(3):
        others = [k for k in range(n) if k != own[row] and contact[row, k] > 0]
        others.sort(key=lambda k: (-contact[row, k], k))
        assert [k for k in parts[row] if k >= 0] == others[:MOST_PARTS]
        assert (np.diff((parts[row] < 0).astype(int)) >= 0).all()


def impure_world(share, seed=0):
    """Phases 0 (the ground), 1 (far away), 2 (grains too small to be pure: of 1, in the ground), 3 (something else)."""
    ground, rare, other = materials(3, seed=8)
    shares = np.stack([ground, rare, share * rare + (1 - share) * ground, other])
    counts = np.random.default_rng(seed).poisson(DOSE * shares)
    counts = np.where(np.arange(4)[:, None] == 2, counts // 100, counts)
    touching = np.zeros((4, 4))
    touching[0, [1, 2, 3]] = touching[[1, 2, 3], 0] = 50
    return pool_of(counts), touching, counts / counts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("share", [0.55, 0.8])
def test_small_grains_are_of_the_phase_that_they_are_mostly_of(share):
    pool, touching, spectra = impure_world(share)
    found = majority_of_impure(np.array([2]), pool, touching, spectra, scale_of(), embed)
    assert found.keys() == {2}
    major, minor, majority = found[2]
    assert (major, minor) == (1, 0)
    assert majority == pytest.approx(share, abs=0.02)


def test_phases_that_no_mixture_explains_stay():
    pool, touching, spectra = impure_world(0.6)
    found = majority_of_impure(np.array([3, 2]), pool, touching, spectra, scale_of(), embed)
    assert 3 not in found
    assert majority_of_impure(np.array([], int), pool, touching, spectra, scale_of(), embed) == {}


def test_one_that_joins_an_impure_phase_joins_what_that_is_of():
    ground, rare = materials(2, seed=8)
    shares = np.stack([ground, rare, 0.8 * rare + 0.2 * ground, 0.82 * rare + 0.18 * ground])
    counts = np.rint([[5e6], [5e6], [5e3], [5e3]] * shares)
    touching = np.zeros((4, 4))
    touching[0, 2:] = touching[2:, 0] = 9
    found = majority_of_impure(np.array([2, 3]), pool_of(counts), touching, shares, scale_of(), embed)
    assert [found[k][0] for k in (2, 3)] == [1, 1]


def test_a_fit_and_its_difference_agree_on_what_is_a_mixture():
    """A sum that mixtures explain has a small G and no difference; one they do not explain has both."""
    shares = materials(3, seed=1)
    rng = np.random.default_rng(1)
    counts = rng.multinomial(200_000, [[0.5, 0.5, 0], [0.4, 0.4, 0.2]] @ shares)
    parts = np.array([[0, 1], [0, 1]])
    g, weights = fit_mixtures(counts, shares, parts, np.ones((2, 2)), 500)
    differs = difference_from_mixture(pool_of(counts), parts, weights, shares, scale_of(), embed)
    assert g[0] < 3 * N_WINDOWS < 100 * N_WINDOWS < g[1]
    assert differs[0] < 0.1 < 0.5 < differs[1]
