"""Sums of measurements, and differences that do not depend on counts."""

import numpy as np
import pytest
from exact_materials import CALIBRATION, difference, embed, material_at, materials, pool_of, scale_of
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import embed as embed_spectra
from napari_gdls import load_embedding, simulate_spectra
from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.sums import Evidence

GARNETS = ({"Fe": 0.30, "Al": 0.11, "Si": 0.17, "O": 0.40, "Mg": 0.02}, {"Fe": 0.24, "Al": 0.12, "Si": 0.19, "O": 0.45})


@pytest.mark.parametrize("wanted", [0.5, 2.0])
@pytest.mark.parametrize(("n_1", "n_2"), [(300, 300), (3000, 3000), (30_000, 30_000), (300, 30_000)])
def test_counting_noise_is_taken_off(wanted, n_1, n_2):
    """Where the noise is known exactly, the mean square of D is that of the materials at any counts."""
    p = materials(1, sharpness=5.0)[0]
    q = material_at(p, wanted)
    rng = np.random.default_rng(n_1 + n_2)
    distance = np.linalg.norm(embed(rng.multinomial(n_1, p, 4000)) - embed(rng.multinomial(n_2, q, 4000)), axis=1)
    unit = 2 * CALIBRATION.c**2
    found = float(scale_of().difference(np.sqrt((distance**2).mean()), n_1, n_2))
    noise = MEAN_SQUARE_NOISE * CALIBRATION.c**2 * (1000 / n_1 + 1000 / n_2)
    error = 4 * (distance**2).std() / np.sqrt(len(distance)) + 0.03 * noise  # the law holds for many counts per window
    assert found**2 == pytest.approx(wanted**2, abs=error / unit)


def test_differences_of_embedded_minerals_do_not_depend_on_counts():
    model = load_embedding()
    scale = Scale(model.calibration, 0.0, 1.0, 0.3)
    found = {}
    rng = np.random.default_rng(0)
    shares = simulate_spectra(GARNETS)
    for counts in (300, 1000, 3000, 10_000, 30_000):
        z = [embed_spectra(rng.poisson(counts * share, (200, share.size)), model, device="cpu") for share in shares]
        square = (np.linalg.norm(z[0] - z[1], axis=1) ** 2).mean()
        found[counts] = float(scale.difference(np.sqrt(square), counts, counts))
    assert found[30_000] > 0.8
    for counts in (300, 1000, 3000, 10_000):
        assert found[counts] == pytest.approx(found[30_000], rel=0.12), found


@pytest.mark.parametrize("mineral", ["quartz", "garnet"])
def test_equal_minerals_do_not_differ_once_they_are_summed(mineral):
    composition = {"quartz": {"Si": 0.467, "O": 0.533}, "garnet": GARNETS[0]}[mineral]
    model = load_embedding()
    share = simulate_spectra([composition])[0]
    spectra = np.random.default_rng(1).poisson(50_000 * share, (400, share.size))
    z = embed_spectra(spectra, model, device="cpu")
    scale = Scale(model.calibration, 0.0, 1.0, 0.3)
    found = scale.difference(np.linalg.norm(z[::2] - z[1::2], axis=1), 50_000, 50_000)
    assert found.mean() < 0.1
    assert (found == 0).mean() > 0.3


def test_differences_are_on_the_scale_of_delta_z():
    """Far beyond the noise of spectra of 1,000 counts, D and delta_z are one."""
    distance = np.array([0.5, 0.9, 1.4])
    expected = CALIBRATION.delta_z(distance, 1000, 1000)
    np.testing.assert_allclose(scale_of().difference(distance, 1000, 1000), expected, rtol=0.02)
    p, q = materials(2)
    at_infinity = scale_of().difference(np.linalg.norm(embed(p) - embed(q)), np.inf, np.inf)
    assert at_infinity == pytest.approx(difference(p, q))


def test_scatter_inside_materials_makes_differences_smaller():
    found = [float(scale_of(f=f).difference(0.5, 1e4, 1e4)) for f in (0.0, 1.0, 10.0)]
    assert found == sorted(found, reverse=True)
    assert found[2] < found[0] / 2
    assert scale_of().difference(0.5, 0, 0) < scale_of().difference(0.5, 1e4, 1e4)


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
