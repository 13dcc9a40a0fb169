"""Graph cuts: the least energy where it can be found by trying all, and never more than before."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.labelling import binary_cut, expand_labels
from napari_gdls.labelling.graph_cut import labelling_energy

SMOOTHNESS = st.sampled_from([0.0, 0.05, 0.3, 1.0, 4.0, 100.0])


@st.composite
def problems(draw, n_labels: int):
    """Costs (H, W, k) of a tiny image, a smoothness, and which pixels count."""
    shape = draw(st.sampled_from([(1, 1), (1, 6), (2, 3), (3, 3), (4, 2)]))
    value = st.floats(-3, 3) | st.sampled_from([np.inf, 0.0, 0.25])
    costs = draw(hnp.arrays(np.float64, (*shape, n_labels), elements=value))
    costs[np.isinf(costs).all(axis=2)] = 0.0
    valid = draw(hnp.arrays(np.bool_, shape, elements=st.sampled_from([True, True, True, False])))
    return costs, draw(SMOOTHNESS), valid


@given(problems(2))
@settings(max_examples=100, deadline=None)
def test_no_choice_of_pixels_has_less_energy_than_the_cut(problem):
    costs, smoothness, valid = problem
    cut = binary_cut(costs[..., 1] - costs[..., 0], smoothness, valid)
    assert cut.dtype == np.bool_
    assert not cut[~valid].any()
    # Up to a shift the energy is that of the differences; each is rounded to 0.001 nats.
    difference = np.stack([np.zeros(valid.shape), costs[..., 1] - costs[..., 0]], axis=-1)
    least = min(
        labelling_energy(np.reshape(choice, valid.shape), difference, smoothness, valid)
        for choice in itertools.product([0, 1], repeat=valid.size)
    )
    assert labelling_energy(cut.astype(int), difference, smoothness, valid) == pytest.approx(least, abs=1e-6)


@given(problems(3))
@settings(max_examples=60, deadline=None)
def test_expansion_never_raises_the_energy_and_no_single_label_can_lower_it(problem):
    costs, smoothness, valid = problem
    labels = expand_labels(costs, smoothness, valid, sweeps=20)
    assert labels.dtype == np.int64
    assert not labels[~valid].any()
    assert labels.max() < 3
    energy = labelling_energy(labels, costs, smoothness, valid)
    assert energy <= labelling_energy(np.where(valid, costs.argmin(axis=2), 0), costs, smoothness, valid)
    for label in range(3):
        for moved in itertools.product([False, True], repeat=valid.size) if valid.size <= 6 else ():
            other = np.where(np.reshape(moved, valid.shape) & valid, label, labels)
            assert energy <= labelling_energy(other, costs, smoothness, valid)


def test_expansion_of_two_labels_is_the_cut():
    costs = np.random.default_rng(0).normal(size=(20, 30, 2))
    labels = expand_labels(costs, 0.7)
    cut = binary_cut(costs[..., 1] - costs[..., 0], 0.7)
    assert labelling_energy(labels, costs, 0.7) == pytest.approx(labelling_energy(cut.astype(int), costs, 0.7))


def test_without_smoothness_each_pixel_decides_alone():
    costs = np.random.default_rng(1).normal(size=(9, 11, 4))
    assert np.array_equal(expand_labels(costs, 0.0), costs.argmin(axis=2))
    assert np.array_equal(binary_cut(costs[..., 0], 0.0), costs[..., 0] < -0.0005)


def test_noise_is_smoothed_away_and_borders_stay():
    rng = np.random.default_rng(2)
    rows, columns = np.mgrid[:60, :60]
    truth = (np.hypot(rows - 30, columns - 26) < 14).astype(int) + (columns > 45)
    costs = -1.5 * np.eye(3)[truth] + rng.normal(0, 1.0, (60, 60, 3))
    alone = (costs.argmin(axis=2) == truth).mean()
    together = (expand_labels(costs, 1.0) == truth).mean()
    assert alone < 0.85
    assert together > 0.97


@pytest.mark.parametrize("angle", [0.0, 45.0, 90.0, 135.0])
def test_a_border_costs_its_length(angle):
    rows, columns = np.mgrid[:41, :41] - 20.0
    along = np.deg2rad(angle)
    side = (rows * np.cos(along) - columns * np.sin(along) > 0.1).astype(int)
    inside = np.hypot(rows, columns) <= 15  # so the border is as long in each direction
    energy = labelling_energy(side, np.zeros((41, 41, 2)), 2.0, inside)
    assert energy == pytest.approx(2.0 * 30, rel=0.04)


def test_the_result_does_not_depend_on_how_the_array_lies_in_memory():
    costs = np.random.default_rng(3).normal(size=(15, 12, 3))
    assert np.array_equal(expand_labels(costs, 0.5), expand_labels(np.asfortranarray(costs), 0.5))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: binary_cut(np.zeros(4), 1.0), "shape"),
        (lambda: expand_labels(np.zeros((4, 4)), 1.0), "shape"),
        (lambda: expand_labels(np.zeros((4, 4, 0)), 1.0), "shape"),
        (lambda: binary_cut(np.full((2, 2), np.nan), 1.0), "NaN.*row 0, column 0"),
        (lambda: binary_cut(np.zeros((2, 2)), 1.0, np.ones((2, 3), bool)), "valid has shape"),
    ],
)
def test_what_is_wrong_with_costs_is_said(call, words):
    with pytest.raises(GdlsError, match=words):
        call()


@pytest.mark.parametrize("smoothness", [-1.0, np.nan, np.inf, 1e6, "much", True])
def test_a_smoothness_is_a_number_of_nats(smoothness):
    with pytest.raises(RecipeError, match="smoothness"):
        binary_cut(np.zeros((2, 2)), smoothness)


def test_nan_outside_of_the_valid_pixels_is_nothing():
    cost = np.array([[np.nan, -1.0]])
    assert binary_cut(cost, 1.0, [[False, True]]).tolist() == [[False, True]]
    assert binary_cut(np.full((2, 2), np.nan), 1.0, np.zeros((2, 2), bool)).tolist() == [[False, False]] * 2
