"""Sums of spectra as mixtures of those of phases, by expectation maximisation."""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np
import numpy.typing as npt

_LEAST_START = 0.02
"""Added to the weights to begin with: a phase that starts at 0 would stay there."""

_ITERATIONS_AT_ONCE = 50_000
"""Iterations, of all sums together, between two calls of `poll`: some tens of milliseconds with a few parts each, and
no more than a fifth of a second with twelve."""

_CONVERGED = 1e-5
"""Change of the shares in one step of the iteration that ends it; far below their standard errors, 1e-3 and more."""


def fit_mixtures(
    counts: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    parts: npt.NDArray[np.int64],
    start: npt.NDArray[np.float64],
    iterations: int,
    poll: Callable[[], None] = lambda: None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Most likely mixtures of given phases, by expectation maximisation.

    Parameters
    ----------
    counts : (M, W) array of int64
    probabilities : (K, W) array of float64
        Spectra of the phases, each adding up to 1, none 0.
    parts : (M, P) array of int64
        Phases that each sum may consist of, -1 after the last.
    start : (M, P) array of float64
        Weights to begin with, 0 or more.
    iterations : int
        At most.
    poll : callable
        Called several times a second; may raise.

    Returns
    -------
    g : (M,) array of float64
        Likelihood-ratio statistic of what the mixture does not explain.
    weights : (M, P) array of float64
        Shares of the counts.

    References
    ----------
    A. P. Dempster, N. M. Laird, D. B. Rubin, Maximum likelihood from incomplete data via the EM algorithm, J. R. Stat.
    Soc. B 39 (1977) 1-38.
    """
    g, weights = np.zeros(len(counts)), np.zeros(parts.shape)
    at_once = max(1, _ITERATIONS_AT_ONCE // max(iterations, 1))
    for first in range(0, len(counts), at_once):
        poll()
        block = slice(first, first + at_once)
        g[block], weights[block] = _fitted(counts[block], probabilities, parts[block], start[block], iterations)
    return g, weights


@nb.njit(cache=True, nogil=True)
def _fitted(
    counts: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    parts: npt.NDArray[np.int64],
    start: npt.NDArray[np.float64],
    iterations: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """`fit_mixtures` of a block of sums.

    Relies on parts of -1..K - 1, on probabilities above 0, on weights of 0 or more to start with, and on counts of 0 to
    2**53 in each sum, as fields have.
    """
    n_sums, n_windows = counts.shape
    weights, g = np.zeros(parts.shape), np.zeros(n_sums)
    for i in range(n_sums):
        n_parts, total = 0, 0
        while n_parts < parts.shape[1] and parts[i, n_parts] >= 0:
            n_parts += 1
        for k in range(n_windows):
            total += counts[i, k]
        if n_parts == 0 or total == 0:
            g[i] = np.inf if total > 0 else 0.0
            continue
        whole = 0.0
        for p in range(n_parts):
            weights[i, p] = start[i, p] + _LEAST_START
            whole += weights[i, p]
        for p in range(n_parts):
            weights[i, p] /= whole
        gathered = np.empty(n_parts)
        for _ in range(iterations):
            gathered[:] = 0.0
            for k in range(n_windows):
                if counts[i, k] == 0:
                    continue
                expected = 0.0
                for p in range(n_parts):
                    expected += weights[i, p] * probabilities[parts[i, p], k]
                for p in range(n_parts):
                    gathered[p] += counts[i, k] * weights[i, p] * probabilities[parts[i, p], k] / expected
            moved = 0.0
            for p in range(n_parts):
                moved = max(moved, abs(gathered[p] / total - weights[i, p]))
                weights[i, p] = gathered[p] / total
            if moved < _CONVERGED:
                break
        for k in range(n_windows):
            if counts[i, k] == 0:
                continue
            expected = 0.0
            for p in range(n_parts):
                expected += weights[i, p] * probabilities[parts[i, p], k]
            g[i] += 2.0 * counts[i, k] * np.log(counts[i, k] / (total * expected))
    return g, weights
