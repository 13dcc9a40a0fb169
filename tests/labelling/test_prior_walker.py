"""Probabilities smoothed by a random walker with priors."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.labelling.prior_walker import walked_probabilities


def some_probabilities(shape=(12, 15), k=3, seed=0):
    drawn = np.random.default_rng(seed).random((*shape, k))
    return drawn / drawn.sum(axis=2, keepdims=True)


def test_each_pixel_is_the_mean_of_its_neighbours_and_its_own():
    given = some_probabilities()
    walked = walked_probabilities(given, 2.0)
    padded = np.pad(walked, ((1, 1), (1, 1), (0, 0)))
    around = padded[:-2, 1:-1] + padded[2:, 1:-1] + padded[1:-1, :-2] + padded[1:-1, 2:]
    ones = np.pad(np.ones(given.shape[:2]), 1)
    n = ones[:-2, 1:-1] + ones[2:, 1:-1] + ones[1:-1, :-2] + ones[1:-1, 2:]
    assert walked == pytest.approx((2.0 * around + given) / (2.0 * n + 1)[..., None], abs=1e-6)
    assert walked.sum(axis=2) == pytest.approx(1)
    assert walked.min() >= 0


def test_without_weight_nothing_changes_and_with_much_all_are_equal():
    given = some_probabilities()
    assert walked_probabilities(given, 0.0) == pytest.approx(given)
    even = walked_probabilities(given, 1e4)
    assert even == pytest.approx(np.broadcast_to(given.mean(axis=(0, 1)), given.shape), abs=0.01)


def test_nothing_crosses_pixels_that_are_not_valid():
    given = some_probabilities()
    valid = np.ones(given.shape[:2], bool)
    valid[:, 7] = False
    given[:, 7] = np.nan
    walked = walked_probabilities(given, 1e4, valid)
    assert np.isnan(walked[:, 7]).all()
    assert walked[:, :7] == pytest.approx(np.broadcast_to(given[:, :7].mean(axis=(0, 1)), (12, 7, 3)), abs=0.01)
    assert np.isnan(walked_probabilities(given, 1.0, np.zeros_like(valid))).all()


def test_the_number_of_threads_changes_no_byte():
    given = some_probabilities((80, 90))
    found = []
    for n in (1, 2):
        with threadpool_limits(n):
            found.append(walked_probabilities(given, 1.5).tobytes())
    assert found[0] == found[1]


def test_what_is_wrong_is_said():
    with pytest.raises(GdlsError, match="shape"):
        walked_probabilities(np.zeros((3, 3)), 1.0)
    with pytest.raises(GdlsError, match="valid has shape"):
        walked_probabilities(some_probabilities(), 1.0, np.ones((2, 2), bool))
    with pytest.raises(GdlsError, match="NaN"):
        walked_probabilities(np.full((3, 3, 2), np.nan), 1.0)
    with pytest.raises(RecipeError, match="weight"):
        walked_probabilities(some_probabilities(), -1.0)
