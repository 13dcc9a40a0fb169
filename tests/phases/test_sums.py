"""Sums of measurements."""

import numpy as np
import pytest
from exact_materials import embed, pool_of
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.phases.sums import Evidence


def evidence_of(rng, n):
    counts = rng.poisson(5.0, (n, 6)).astype(np.int32)
    return Evidence(counts, embed(counts).astype(np.float32), rng.random(n))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 25), st.booleans())
def test_pools_are_sums_and_means(seed, n, some):
    rng = np.random.default_rng(seed)
    evidence, labels = evidence_of(rng, n), rng.integers(0, 4, n)
    use = rng.random(n) < 0.5 if some else None
    pool = evidence.pooled(labels, 4, use)
    assert len(pool) == 4
    for k in range(4):
        members = (labels == k) & (True if use is None else use)
        assert np.array_equal(pool.counts[k], evidence.counts[members].sum(axis=0))
        assert pool.total[k] == evidence.counts[members].sum()
        assert pool.size[k] == members.sum()
        if members.any():
            assert pool.bse[k] == pytest.approx(evidence.bse[members].mean())
        weighted = (evidence.counts[members].sum(axis=1, keepdims=True) * evidence.z[members].astype(float)).sum(axis=0)
        if np.linalg.norm(weighted) > 0:
            np.testing.assert_allclose(pool.z[k], weighted / np.linalg.norm(weighted), atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32))
def test_pools_of_pools_are_pools_of_their_measurements(seed):
    rng = np.random.default_rng(seed)
    labels, group = rng.integers(0, 6, 40), rng.integers(0, 3, 6)
    labels[:6], group[0] = np.arange(6), 2
    evidence = evidence_of(rng, 40)
    once, twice = evidence.pooled(group[labels], 3), evidence.pooled(labels, 6).regrouped(group)
    assert np.array_equal(once.counts, twice.counts)
    assert np.array_equal(once.size, twice.size)
    np.testing.assert_allclose(once.bse, twice.bse)
    np.testing.assert_allclose(np.linalg.norm(twice.z, axis=1)[once.size > 0], 1)
    assert (once.z * twice.z).sum(axis=1)[once.size > 0].min() > 0.99


def test_pools_can_be_picked_from_and_joined():
    pool = pool_of(np.arange(36).reshape(3, 12), bse=[0.1, 0.2, 0.3])
    both = pool[np.array([2, 0])].joined(pool)
    assert both.bse.tolist() == [0.3, 0.1, 0.1, 0.2, 0.3]
    assert np.array_equal(both.counts[:2], pool.counts[[2, 0]])
    shares = both.probabilities()
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert shares.min() > 0
