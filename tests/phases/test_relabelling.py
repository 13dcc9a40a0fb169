"""The phase of every measurement, pure or mixed with one beside it."""

import numpy as np
import pytest
from exact_materials import N_WINDOWS, lattice, materials
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_gdls.errors import Cancelled
from napari_gdls.phases.relabelling import NO_BSE, assign_phases, most_likely
from napari_gdls.phases.sums import Evidence


@settings(deadline=None)
@given(st.integers(0, 2**32))
def test_the_most_likely_phase(seed):
    rng = np.random.default_rng(seed)
    log_shares = np.log(rng.dirichlet(np.ones(N_WINDOWS), 5) + 1e-6).astype(np.float32)
    counts = rng.poisson(20, (30, N_WINDOWS)).astype(np.int32)
    expected = (counts.astype(float) @ log_shares.T.astype(float)).argmax(axis=1)
    assert np.array_equal(most_likely(counts, log_shares), expected)


def relabelled(near, counts, shares, labels, *, dispersion=0.0, sweeps=20, misfit=None):
    counts = counts.astype(np.int32)
    evidence = Evidence(counts, np.ones((len(counts), 1), np.float32), np.zeros(len(counts)))
    start = labels.astype(np.int64)
    found = assign_phases(
        evidence,
        near,
        shares,
        start,
        dispersion=dispersion,
        most_sweeps=sweeps,
        poll=lambda: None,
        bse_misfit=NO_BSE if misfit is None else misfit.astype(np.float32),
    )
    assert np.array_equal(start, labels)
    assert (found.partner != found.labels).all()
    return found.labels, found.partner, found.fraction, found.confidence


@pytest.mark.parametrize("share", [0.9, 0.75, 0.6])
@pytest.mark.parametrize("major", [0, 1])
def test_a_rim_of_mixtures_is_of_one_phase_with_the_other_as_partner(share, major):
    shape, dose = (20, 15), 1500
    shares = materials(3, seed=5)
    column = np.arange(300) % 15
    truth = np.zeros((300, 3))
    truth[column < 7, 0] = truth[column > 7, 1] = 1
    truth[column == 7, major], truth[column == 7, 1 - major] = share, 1 - share
    counts = np.random.default_rng(3).multinomial(dose, truth @ shares)
    # Begun with a third phase on the rim, which is no more than their mixture.
    start = np.where(column < 7, 0, np.where(column > 7, 1, 2))
    labels, partner, fraction, confidence = relabelled(lattice(shape)[2], counts, shares, start)
    assert (labels[column < 7] == 0).all()
    assert (labels[column > 7] == 1).all()
    rim = column == 7
    assert (labels[rim] == major).mean() > 0.9
    assert (partner[rim] == 1 - labels[rim]).all()
    assert (partner[(column < 6) | (column > 8)] == -1).mean() > 0.98
    right = labels[rim] == major
    assert np.abs(fraction[rim][right] - share).mean() < 0.06
    assert confidence[~rim].mean() > 0.99
    assert ((confidence > 0) & (confidence <= 1)).all()


def test_affinity_settles_what_counts_leave_open():
    shares = materials(2, seed=9)
    rng = np.random.default_rng(2)
    column = np.arange(400) % 20
    truth = (column >= 10).astype(np.int64)
    # A handful of counts per spectrum: the most likely phase alone is often the wrong one.
    counts = rng.multinomial(4, shares[truth])
    alone = most_likely(counts.astype(np.int32), np.log(shares).astype(np.float32))
    labels, _, _, confidence = relabelled(lattice((20, 20))[2], counts, shares, alone.copy())
    assert (alone != truth).mean() > 0.03
    assert (labels != truth).mean() < 0.5 * (alone != truth).mean()
    # Confidence says how often the labels are right.
    assert confidence.mean() == pytest.approx((labels == truth).mean(), abs=0.05)


def test_scatter_makes_counts_weigh_less():
    shares = materials(2, seed=9)
    column = np.arange(100) % 10
    truth = np.zeros(100, np.int64)
    truth[55] = 1  # one measurement of another phase, in the middle
    counts = np.rint(40 * shares[truth])
    near = lattice((10, 10))[2]
    assert relabelled(near, counts, shares, truth.copy())[0].sum() == 1
    labels, _, _, confidence = relabelled(near, counts, shares, truth.copy(), dispersion=5.0)
    assert labels.sum() == 0
    assert confidence[55] < 1
    misfit = np.zeros((100, 2))
    misfit[column == 0, 0] = 1000.0
    assert (relabelled(near, counts, shares, np.where(column == 0, 1, 0), misfit=misfit)[0] == 1)[column == 0].all()


def test_it_can_be_stopped_at_any_time():
    shares = materials(2, seed=9)
    counts = np.rint(40 * shares[np.zeros(9000, np.int64)]).astype(np.int32)
    evidence = Evidence(counts, np.ones((9000, 1), np.float32), np.zeros(9000))
    near = lattice((90, 100))[2]
    start = np.zeros(9000, np.int64)
    polls = []

    def run(stop_at):
        def poll():
            polls.append(None)
            if len(polls) == stop_at:
                raise Cancelled

        polls.clear()
        assign_phases(evidence, near, shares, start, dispersion=0.0, most_sweeps=3, poll=poll)

    run(-1)
    assert len(polls) >= 3
    for stop_at in range(1, len(polls) + 1):
        with pytest.raises(Cancelled):
            run(stop_at)
