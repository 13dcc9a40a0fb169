"""Scatter beyond counting, estimated from the segments of a field."""

import numpy as np
import pytest
from exact_materials import materials, pool_of, scale_of

from napari_gdls import segment, simulate_field
from napari_gdls.phases.over_dispersion import Dispersion, estimate_dispersion
from napari_gdls.simulation import Disturbances
from napari_gdls.simulation.rock import ROCK


def segments_of(rng, n_materials, n_each, dispersion, dose=30_000):
    """Sums of segments; Dirichlet-multinomial counts have 1 + (n - 1) / (a + 1) times the variance of counting."""
    group = np.repeat(np.arange(n_materials), n_each)
    shares = materials(n_materials, seed=4, sharpness=5.0)[group]
    if dispersion > 0:
        shares = np.array([rng.dirichlet(share * (1 / dispersion - 1)) for share in shares])
    counts = rng.multinomial(rng.integers(dose // 3, dose, len(group)), shares)
    return pool_of(counts), group


@pytest.mark.parametrize("dispersion", [1e-4, 1e-3, 1e-2])
def test_a_known_scatter_is_found(dispersion):
    found = []
    for seed in range(10):
        pool, group = segments_of(np.random.default_rng(seed), 3, 40, dispersion)
        estimate = estimate_dispersion(pool, group, scale_of())
        assert 60 <= estimate.n_segments <= 120
        # The squared distance of square roots of shares grows by (W - 1) / 4 times the same number.
        found.append((estimate.counts, estimate.embedded / 1000))
    assert np.median(found, axis=0) == pytest.approx([dispersion, dispersion], rel=0.3)


def test_counting_alone_is_no_scatter():
    found = []
    for seed in range(10):
        pool, group = segments_of(np.random.default_rng(seed), 3, 40, 0.0)
        estimate = estimate_dispersion(pool, group, scale_of())
        found.append((estimate.counts, estimate.embedded / 1000))
    assert np.median(found, axis=0).max() < 1e-5


def test_a_few_segments_in_the_wrong_phase_do_not_matter():
    pool, group = segments_of(np.random.default_rng(0), 3, 40, 1e-3)
    right = estimate_dispersion(pool, group, scale_of()).counts
    group[[3, 50, 90]] = [1, 2, 0]
    assert estimate_dispersion(pool, group, scale_of()).counts == pytest.approx(right, rel=1.0)


def test_too_few_segments_say_nothing():
    pool, group = segments_of(np.random.default_rng(0), 3, 6, 1e-2)
    assert estimate_dispersion(pool, group, scale_of()) == Dispersion()
    pool, group = segments_of(np.random.default_rng(0), 30, 1, 1e-2)  # each its own phase
    assert estimate_dispersion(pool, group, scale_of()) == Dispersion()


def test_a_scale_is_widened_by_it():
    scale = scale_of(dispersion=0.01, f=0.5)
    wider = Dispersion(counts=0.02, embedded=1.5, n_segments=30).widened(scale)
    assert wider.dispersion == pytest.approx(0.03)
    assert wider.calibration.f == 2.0
    assert (wider.calibration.c, wider.height, wider.tau_z) == (scale.calibration.c, scale.height, scale.tau_z)


def test_drift_over_a_field_is_noticed():
    minerals = [ROCK[i] for i in (0, 3, 6, 9)]
    found = []
    for drift in (0.0, 12.0, 24.0):
        disturbances = Disturbances(offset_drift=(drift, drift))
        field = simulate_field((180, 180), seed=5, minerals=minerals, grain_size=9, disturbances=disturbances)
        dispersion = segment(field, drift="ignore").measurement_phases.dispersion
        assert dispersion.n_segments >= 10
        found.append((dispersion.counts, dispersion.embedded))
    assert found[0][0] < 1e-5
    assert found[0][0] < found[1][0] < found[2][0]
    assert found[2][1] > found[0][1]
