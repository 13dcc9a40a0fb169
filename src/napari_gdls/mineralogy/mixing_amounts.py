"""Amounts of the parts of a mixture from measured masses of elements: never negative, with their whole uncertainty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

_REFITS = 4  # of the variances, which depend on the amounts; they hardly change after the second
_CHAINS, _SWEEPS, _SETTLING, _KEPT_EVERY = 512, 120, 40, 10
"""Chains that sample side by side, sweeps of each, sweeps before the first one kept, and between those kept: 4,096
samples, which give a standard error to 2 % and the ends of an interval of 95 % to a tenth of it."""
_SEED = 20_000  # any number: equal masses give equal samples
_LEAST = 1e-300  # probability; keeps the inverse of the normal distribution finite
_NUMERICAL_VARIANCE = 1e-10  # of amounts that sum to about 1; keeps the equations regular where all else is exact


@dataclass(frozen=True)
class Amounts:
    """The most probable amounts and samples of all that are possible.

    Parameters
    ----------
    best : (k,) float64
    samples : (n, k) float64
    """

    best: FloatArray
    samples: FloatArray


@one_thread
def amounts_of_parts(
    design: FloatArray,
    measured: FloatArray,
    errors: FloatArray,
    relative_errors: FloatArray,
    balances: FloatArray,
    tolerances: FloatArray,
) -> Amounts:
    """Amounts p >= 0 of parts whose elements sum to what was measured: x = design @ p.

    Parameters
    ----------
    design : (n, k) float64
        Atoms of each element in each part.
    measured : (n,) float64
        Atoms of each element, summing to about 1.
    errors : (n,) float64
        Their standard errors by counting.
    relative_errors : (n,) float64
        Standard error by the physics, as part of an amount.
    balances : (b, k) float64
        Sums of parts that are 0 in a perfect crystal.
    tolerances : (b,) float64
        Their standard deviations in real ones, on the scale of `measured`.

    Returns
    -------
    Amounts

    Notes
    -----
    Errors are taken as normal. The probability of the amounts then is a normal distribution cut off where an amount is
    negative; Gibbs sampling (Geweke 1991, Comput. Sci. Stat. 23:571) draws from it one amount after the other.
    """
    from scipy.optimize import nnls

    expected = measured
    for _ in range(_REFITS):
        variance = errors**2 + (relative_errors * (measured + expected) / 2) ** 2 + _NUMERICAL_VARIANCE
        weights = 1 / np.sqrt(np.concatenate([variance, tolerances**2]))
        matrix = np.vstack([design, balances]) * weights[:, None]
        goal = np.concatenate([measured, np.zeros(len(balances))]) * weights
        best, _residual = nnls(matrix, goal, maxiter=100 * len(design.T))
        expected = design @ best
    return Amounts(best, _sampled(best, matrix.T @ matrix, matrix.T @ goal))


def _sampled(start: FloatArray, precision: FloatArray, pull: FloatArray) -> FloatArray:
    """Samples of a normal distribution without negative values: (n, k)."""
    from scipy.special import ndtr, ndtri

    generator = np.random.default_rng(_SEED)
    chains = np.repeat(start[:, None], _CHAINS, axis=1)
    spread = 1 / np.sqrt(np.diag(precision))
    kept = []
    for sweep in range(1, _SWEEPS + 1):
        uniform = generator.uniform(size=chains.shape)
        for j in range(len(start)):
            others = pull[j] - precision[j] @ chains + precision[j, j] * chains[j]
            mean = others / precision[j, j]
            positive = ndtr(mean / spread[j])  # probability of an amount above 0
            chains[j] = np.maximum(mean - spread[j] * ndtri(np.maximum(uniform[j] * positive, _LEAST)), 0.0)
        if sweep > _SETTLING and sweep % _KEPT_EVERY == 0:
            kept.append(chains.T.copy())
    return np.concatenate(kept)
