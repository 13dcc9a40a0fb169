"""Limits of counts."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, poisson

from napari_gdls.spectra.counting import poisson_limits

BELOW = 0.15865525393145707  # of a normal variable below one standard deviation


def test_limits_are_those_of_the_exact_interval():
    counts = np.arange(2000)
    low, high = poisson_limits(counts)
    exact_low = np.where(counts > 0, chi2.ppf(BELOW, 2 * np.maximum(counts, 1)) / 2, 0.0)
    exact_high = chi2.ppf(1 - BELOW, 2 * counts + 2) / 2
    np.testing.assert_allclose(low, exact_low, atol=0.03)
    np.testing.assert_allclose(high, exact_high, atol=0.03)
    assert low[0] == 0.0
    assert high[0] < 1.85


def test_limits_hold_as_often_as_they_say():
    for expectation in (0.5, 3.0, 12.0, 400.0):
        counts = np.arange(0, 2000)
        low, high = poisson_limits(counts)
        holds = poisson.pmf(counts, expectation)[(low <= expectation) & (expectation <= high)].sum()
        assert holds >= 0.68
