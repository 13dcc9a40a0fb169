"""Errors of counting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_ONE_SIGMA = 0.15865525393145707
"""Chance that a normal variable lies more than one standard deviation below its mean."""

_MANY = 200.0
"""Counts from which on limits are n - sqrt(n) and n + sqrt(n) + 1 within 0.03 of a count; measured, see the tests."""


def poisson_limits(counts: npt.ArrayLike) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Limits of the expectation of counts, as wide as one standard deviation on each side.

    Parameters
    ----------
    counts : array
        Counts, 0 or more.

    Returns
    -------
    low, high : array of float64
        Of the central interval of 68.27 % (Garwood 1936, Biometrika 28, 437): an expectation below `low` gives as many
        counts or more with a chance of 15.87 %, one above `high` as many or fewer. For 0 counts it is 0 to 1.84.
    """
    from scipy.special import gammaincinv

    n = np.asarray(counts, dtype=np.float64)
    low, high = n - np.sqrt(n), n + np.sqrt(n) + 1.0
    few = n < _MANY
    low[few] = gammaincinv(np.maximum(n[few], 1e-300), _ONE_SIGMA)
    low[n <= 0] = 0.0
    high[few] = gammaincinv(n[few] + 1.0, 1.0 - _ONE_SIGMA)
    return low, high
