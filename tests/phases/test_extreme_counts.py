"""The search for phases with as many counts as a field may have, with none, and with all in one window."""

import numpy as np
import pytest
from exact_materials import N_WINDOWS, lattice, material_at, materials, pool_of, scale_of

from napari_gdls.field.counts import MOST_COUNTS, MOST_COUNTS_OF_FIELD
from napari_gdls.phases.agglomeration import agglomerate
from napari_gdls.phases.impure_phases import majority_of_impure
from napari_gdls.phases.merge_candidates import phase_merges
from napari_gdls.phases.over_dispersion import estimate_dispersion
from napari_gdls.phases.relabelling import assign_phases, bse_misfits
from napari_gdls.phases.sums import Evidence
from napari_gdls.phases.unmixing import fit_mixtures

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")

ONE_WINDOW = np.eye(N_WINDOWS)[:2]


def shared_out(total, shares):
    """So many counts by shares, down to the last count."""
    counts = np.floor(total * np.asarray(shares)).astype(np.int64)
    counts[:, 0] += total - counts.sum(axis=1)
    return counts


def two_materials():
    first = materials(1, seed=3)[0]
    return np.stack([first, material_at(first, 1.0)])


@pytest.fixture(params=["two materials", "one window each"])
def shares(request):
    return two_materials() if request.param == "two materials" else ONE_WINDOW


@pytest.mark.parametrize("total", [0, 1, MOST_COUNTS])
def test_sums_are_exact(shares, total):
    counts = shared_out(total, shares[np.arange(300) % 2])
    evidence = Evidence(counts.astype(np.int32), np.ones((300, 3), np.float32), np.zeros(300))
    pool = evidence.pooled(np.arange(300) % 2, 2)
    assert pool.total.tolist() == [150 * total] * 2
    assert np.array_equal(pool.counts, [counts[::2].sum(axis=0), counts[1::2].sum(axis=0)])
    np.testing.assert_allclose(np.linalg.norm(pool.z, axis=1), float(total > 0))


@pytest.mark.parametrize("total", [MOST_COUNTS, MOST_COUNTS_OF_FIELD // 4])
def test_the_largest_sums_are_grouped_by_material(shares, total):
    pool = pool_of(shared_out(total, shares[[0, 1, 0, 1]]))
    assert agglomerate(pool, scale_of()).tolist() == [0, 1, 0, 1]
    assert agglomerate(pool, scale_of(tau_z=0.0)).tolist() == [0, 1, 0, 1]
    assert agglomerate(pool, scale_of(dispersion=1.0)).tolist() == [0, 0, 0, 0]
    assert agglomerate(pool, scale_of(tau_z=1e300)).tolist() == [0, 0, 0, 0]
    merges = phase_merges(pool.regrouped(np.array([0, 1, 0, 1])), scale_of())
    assert np.isfinite([merges[0].difference, merges[0].significance]).all()
    assert merges[0].significance > 1e6


def test_sums_without_counts_join_any():
    pool = pool_of(np.concatenate([np.zeros((2, N_WINDOWS)), shared_out(1000, ONE_WINDOW)]))
    group = agglomerate(pool, scale_of())
    assert group[0] == group[1]
    assert group[2] != group[3]


@pytest.mark.parametrize("total", [1, MOST_COUNTS, MOST_COUNTS_OF_FIELD])
def test_mixtures_are_fitted(shares, total):
    probabilities = (shares + 1e-12) / (shares + 1e-12).sum(axis=1, keepdims=True)
    counts = shared_out(total, [0.5 * shares[0] + 0.5 * shares[1], shares[1]])
    g, weights = fit_mixtures(counts, probabilities, np.tile([0, 1], (2, 1)), np.ones((2, 2)), 500)
    assert np.isfinite(g).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1)
    if total > 1:
        np.testing.assert_allclose(weights, [[0.5, 0.5], [0, 1]], atol=0.05)


@pytest.mark.parametrize("total", [0, 1, MOST_COUNTS])
@pytest.mark.parametrize("dispersion", [0.0, 1e-3, 1e3])
def test_every_measurement_has_a_phase_that_is_there(shares, total, dispersion):
    near, n = lattice((6, 8))[2], 48
    truth = np.arange(n) % 8 // 4
    counts = shared_out(total, shares[truth]).astype(np.int32)
    evidence = Evidence(counts, np.ones((n, 1), np.float32), np.zeros(n))
    found = assign_phases(
        evidence,
        near,
        (shares + 1e-9) / (shares + 1e-9).sum(axis=1, keepdims=True),
        1 - truth,
        dispersion=dispersion,
        most_sweeps=8,
        poll=lambda: None,
        bse_misfit=bse_misfits(evidence.bse, truth, near.interior(truth), 2),
    )
    assert set(found.labels.tolist()) <= {0, 1}
    assert set(found.partner.tolist()) <= {-1, 0, 1}
    assert ((found.confidence > 0) & (found.confidence <= 1)).all()
    if total == MOST_COUNTS and dispersion == 0:
        assert np.array_equal(found.labels, truth)


@pytest.mark.parametrize("total", [0, MOST_COUNTS_OF_FIELD // 40])
def test_equal_sums_are_no_more_scattered_than_counting_explains(shares, total):
    group = np.arange(40) % 2
    found = estimate_dispersion(pool_of(shared_out(total, shares[group])), group, scale_of())
    assert found.counts == pytest.approx(0, abs=1e-12)
    assert found.embedded == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("total", [0, 1, MOST_COUNTS_OF_FIELD // 2])
def test_impure_phases_are_looked_at(shares, total):
    pool = pool_of(shared_out(total, shares))
    spectra = shared_out(max(total, 1), shares) / max(total, 1)
    found = majority_of_impure(
        np.array([0]), pool, 1.0 - np.eye(2), spectra, scale_of(), lambda each: pool_of(np.atleast_2d(each) * 1e9).z
    )
    assert total < 2 or not found
