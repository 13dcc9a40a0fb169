"""Mixtures of phases, fitted to sums."""

import numpy as np
import pytest
from exact_materials import N_WINDOWS, materials
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import xlogy

from napari_gdls.phases.unmixing import fit_mixtures


def fit(counts, shares, parts=None, start=None, iterations=2000):
    counts = np.atleast_2d(np.asarray(counts, dtype=np.int64))
    parts = np.tile(np.arange(len(shares)), (len(counts), 1)) if parts is None else np.asarray(parts)
    start = np.ones(parts.shape) if start is None else start
    return fit_mixtures(counts, shares, parts, start, iterations)


@pytest.mark.parametrize("dose", [1000, 30_000, 1_000_000])
def test_known_shares_are_found(dose):
    shares = materials(3, seed=2)
    truth = np.array([0.6, 0.3, 0.1])
    counts = np.random.default_rng(dose).multinomial(dose, truth @ shares, 300)
    _, weights = fit(counts, shares)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-9)
    assert weights.min() >= 0
    # Standard errors, from the Fisher information of the shares (which add up to 1).
    slope = shares[:2] - shares[2]
    covariance = np.linalg.inv(dose * (slope / (truth @ shares)) @ slope.T)
    error = np.sqrt(np.diag(covariance))
    spread = weights[:, :2].std(axis=0)
    assert (spread < 1.3 * error).all()
    assert (np.abs(weights[:, :2].mean(axis=0) - truth[:2]) < 4 * error / np.sqrt(300) + 2e-3).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([50, 2000, 100_000]))
def test_no_other_share_of_two_phases_is_more_likely(seed, dose):
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet(np.ones(N_WINDOWS), 3)  # the third explains what the first two cannot
    shares = (shares + 1e-3) / (shares + 1e-3).sum(axis=1, keepdims=True)
    counts = rng.multinomial(dose, rng.dirichlet(np.ones(3)) @ shares)
    g, weights = fit(counts, shares[:2])
    grid = np.linspace(0, 1, 2001)[:, None]
    expected = counts.sum() * (grid * shares[0] + (1 - grid) * shares[1])
    reference = 2 * (xlogy(counts, counts) - xlogy(counts, expected)).sum(axis=1)
    assert g[0] == pytest.approx(reference.min(), rel=1e-3, abs=0.05)
    fitted = counts.sum() * (weights[0] @ shares[:2])
    assert g[0] == pytest.approx(2 * (xlogy(counts, counts) - xlogy(counts, fitted)).sum(), rel=1e-9, abs=1e-6)


def test_what_a_mixture_does_not_explain_is_large_and_what_it_does_is_chance():
    shares = materials(3, seed=1)
    rng = np.random.default_rng(0)
    explained, _ = fit(rng.multinomial(20_000, [0.5, 0.5, 0] @ shares, 400), shares[:2])
    assert explained.mean() == pytest.approx(N_WINDOWS - 2, rel=0.15)  # chi-squared
    other, _ = fit(rng.multinomial(20_000, [0.4, 0.4, 0.2] @ shares, 400), shares[:2])
    assert other.min() > 5 * N_WINDOWS


def test_sums_without_counts_or_candidates():
    shares = materials(2)
    counts = np.stack([np.zeros(N_WINDOWS), np.full(N_WINDOWS, 3), np.full(N_WINDOWS, 3), np.zeros(N_WINDOWS)])
    g, weights = fit(counts, shares, parts=[[0, 1], [-1, -1], [1, -1], [-1, -1]])
    assert g[[0, 1, 3]].tolist() == [0, np.inf, 0]
    assert np.isfinite(g[2])
    assert weights.tolist()[1:] == [[0, 0], [1, 0], [0, 0]]
