"""Modal composition by counting measurements."""

import dataclasses

import numpy as np
import pytest
from exact_materials import materials, pool_of, scale_of
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls import segment, simulate_field
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.modal import modal_composition
from napari_gdls.phases.over_dispersion import Dispersion
from napari_gdls.simulation.rock import ROCK


def phases_of(labels, partner=None, fraction=None, confidence=None):
    labels = np.asarray(labels)
    n_phases = int(labels.max()) + 1
    return MeasurementPhases(
        labels=labels,
        partner=np.full(len(labels), -1) if partner is None else np.asarray(partner),
        fraction=np.ones(len(labels), np.float32) if fraction is None else np.asarray(fraction, dtype=np.float32),
        confidence=np.ones(len(labels), np.float32) if confidence is None else np.asarray(confidence, np.float32),
        pool=pool_of(np.rint(1000 * materials(n_phases))),
        intergrown=np.zeros(n_phases, bool),
        scale=scale_of(),
        dispersion=Dispersion(),
    )


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(1, 200))
def test_shares_add_up_and_mixed_measurements_count_for_both(seed, n):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    labels[: min(n, 4)] = np.arange(4)[:n]
    n_phases = labels.max() + 1
    partner = np.where(rng.random(n) < 0.4, rng.integers(0, n_phases, n), -1)
    partner[partner == labels] = -1
    fraction = np.where(partner >= 0, rng.choice([0.9, 0.75, 0.6], n), 1.0)
    modal = modal_composition(phases_of(labels, partner, fraction))
    expected = np.zeros(n_phases)
    for own, other, share in zip(labels, partner, fraction, strict=True):
        expected[own] += 100 * share / n
        if other >= 0:
            expected[other] += 100 * (1 - share) / n
    np.testing.assert_allclose(modal.percent, expected, rtol=1e-5, atol=1e-5)
    assert modal.percent.sum() == pytest.approx(100, abs=1e-4)


def test_errors_are_those_of_counting_points():
    labels = np.repeat([0, 1, 2], [700, 250, 50])
    modal = modal_composition(phases_of(labels))
    p = np.array([0.7, 0.25, 0.05])
    np.testing.assert_allclose(modal.error, 100 * np.sqrt(p * (1 - p) / 1000), rtol=1e-6)
    doubtful = modal_composition(phases_of(labels, confidence=np.full(1000, 0.8)))
    assert (doubtful.error > modal.error).all()
    np.testing.assert_allclose(
        doubtful.error**2 - modal.error**2, 100**2 * np.array([700, 250, 50]) * 0.16 / 1000**2, rtol=1e-4
    )


def test_the_error_is_the_spread_of_repeated_counts():
    rng = np.random.default_rng(0)
    p = np.array([0.6, 0.3, 0.1])
    counted = [modal_composition(phases_of(np.append(rng.choice(3, 400, p=p), 2))) for _ in range(400)]
    spread = np.std([modal.percent for modal in counted], axis=0)
    np.testing.assert_allclose(np.mean([modal.error for modal in counted], axis=0), spread, rtol=0.15)


def test_merged_phases_have_the_sum_of_their_shares():
    rng = np.random.default_rng(1)
    labels, partner = rng.integers(0, 4, 300), rng.integers(-1, 4, 300)
    partner[partner == labels] = -1
    phases = phases_of(labels, partner, np.where(partner >= 0, 0.75, 1.0))
    before = modal_composition(phases).percent
    after = modal_composition(phases.merged(np.array([0, 1, 0, 2]))).percent
    np.testing.assert_allclose(after, [before[0] + before[2], before[1], before[3]], rtol=1e-5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_shares_of_a_simulated_rock_are_found_within_their_errors(seed):
    """Four minerals that nobody confuses; the truth is what lies at the measurements, and in the whole area."""
    minerals = [dataclasses.replace(ROCK[i], rim_formula=None) for i in (0, 2, 3, 9)]
    field = simulate_field((150, 150), seed=seed, minerals=minerals, counts=1500, grain_size=14)
    found = segment(field)
    truth = field.metadata["truth_phases"]
    present = np.unique(truth)
    at = truth[tuple(field.locations.T)]
    area = np.array([(truth == k).mean() for k in present])
    for share, name in zip(area, present, strict=True):
        own = np.bincount(found.measurement_phases.labels[at == name]).argmax()
        assert abs(found.modal.percent[own] - 100 * share) < 3 * found.modal.error[own] + 0.1
    assert found.modal.percent.sum() == pytest.approx(100, abs=1e-3)
    assert (np.diff(np.bincount(found.measurement_phases.labels)) <= 0).all()  # the most frequent is the first
