"""Sums of fine segments and of phases."""

import numpy as np
import pytest
from exact_materials import N_WINDOWS, embed, lattice, materials

from napari_gdls.phases.phase_sums import SegmentedField
from napari_gdls.phases.sums import Evidence

SHAPE = (8, 12)
COLUMN = np.arange(96) % 12


@pytest.fixture(scope="module")
def segmented():
    counts = np.random.default_rng(0).poisson(200 * materials(3)[COLUMN // 4]).astype(np.int32)
    field, _, near = lattice(SHAPE, spectra=counts)
    evidence = Evidence(counts, embed(counts).astype(np.float32), np.linspace(0, 1, 96))
    return SegmentedField(evidence, near, COLUMN // 4, field.summed_spectra, embed)


def test_segments_are_summed_as_a_whole_and_over_their_interior(segmented):
    counts = segmented.evidence.counts
    assert segmented.n_segments == 3
    for k in range(3):
        own = k == COLUMN // 4
        inner = own & ~np.isin(COLUMN, (3, 4, 7, 8))
        assert np.array_equal(segmented.sums.counts[k], counts[own].sum(axis=0))
        assert np.array_equal(segmented.interior_sums.counts[k], counts[inner].sum(axis=0))
        assert segmented.interior_sums.size[k] == inner.sum()


def test_some_segments_are_embedded_by_their_summed_spectra(segmented):
    chosen = segmented.embedded(np.array([2, 0]))
    assert np.array_equal(chosen.counts, segmented.sums.counts[[2, 0]])
    np.testing.assert_allclose(chosen.z, embed(segmented.sums.counts[[2, 0]]))


def test_phases_are_summed_over_their_interior_where_they_have_one(segmented):
    counts = segmented.evidence.counts
    labels = np.where(COLUMN < 6, 0, 1)
    labels[[30, 65]] = 3  # two measurements have no interior, and phase 2 is empty
    labels[66] = 3
    founded = np.array([True, False, True, False])
    now = segmented.phases(labels, founded)
    assert len(now.pool) == 3
    assert now.founded.tolist() == [True, False, False]
    assert np.array_equal(now.labels, np.where(labels == 3, 2, labels))
    interior = segmented.near.interior(labels)
    for k, chosen in enumerate([interior & (labels == 0), interior & (labels == 1), labels == 3]):
        assert np.array_equal(now.pool.counts[k], counts[chosen].sum(axis=0))
        np.testing.assert_allclose(now.spectra[k], counts[chosen].sum(axis=0) / counts[chosen].sum())
        np.testing.assert_allclose(now.pool.z[k], embed(now.spectra[k]))
    kept = segmented.phases(labels, founded, keep_empty=True)
    assert np.array_equal(kept.labels, labels)
    assert kept.founded.tolist() == founded.tolist()
    assert kept.pool.total.tolist() == [*now.pool.total[:2], 0, now.pool.total[2]]
    assert kept.spectra.shape == (4, N_WINDOWS)
    assert not kept.spectra[2].any()
