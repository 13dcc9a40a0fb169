"""Sums of spectra as mixtures of those of phases, by expectation maximisation."""

from __future__ import annotations

from collections.abc import Callable

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.threads import in_blocks

_LEAST_START = 0.02
"""Added to the weights to begin with: a phase that starts at 0 would stay there."""

_ITERATIONS_AT_ONCE = 2_000
"""Iterations, of all sums together, that a thread does at once: milliseconds with a few parts each, some tens of them
with twelve."""

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
    observed, spectra = np.ascontiguousarray(counts), np.ascontiguousarray(probabilities)
    of, begin = np.ascontiguousarray(parts), np.ascontiguousarray(start)
    in_blocks(
        len(counts),
        lambda first, last: _fit(observed, spectra, of, begin, iterations, first, last, g, weights),
        size=max(1, _ITERATIONS_AT_ONCE // max(iterations, 1)),
        poll=poll,
    )
    return g, weights


@nb.njit(cache=True, nogil=True)
def _fit(
    counts: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    parts: npt.NDArray[np.int64],
    start: npt.NDArray[np.float64],
    iterations: int,
    first: int,
    last: int,
    g: npt.NDArray[np.float64],
    weights: npt.NDArray[np.float64],
) -> None:
    """`fit_mixtures` of the sums first..last - 1, into `g` and `weights`.

    Relies on parts of -1..K - 1, on probabilities above 0, on weights of 0 or more to start with, on counts of 0 to
    2**53 in each sum, as fields have, and on 0 <= first <= last <= M.
    """
    n_windows, most = counts.shape[1], parts.shape[1]
    observed, ratio, spectra = np.empty(n_windows), np.empty(n_windows), np.empty((most, n_windows))
    for i in range(first, last):
        n_parts, total = 0, 0
        while n_parts < most and parts[i, n_parts] >= 0:
            n_parts += 1
        # Windows without counts have no say.
        n = 0
        for k in range(n_windows):
            if counts[i, k] > 0:
                total += counts[i, k]
                observed[n] = counts[i, k]
                for p in range(n_parts):
                    spectra[p, n] = probabilities[parts[i, p], k]
                n += 1
        if n_parts == 0 or total == 0:
            g[i] = np.inf if total > 0 else 0.0
            continue
        whole = 0.0
        for p in range(n_parts):
            weights[i, p] = start[i, p] + _LEAST_START
            whole += weights[i, p]
        for p in range(n_parts):
            weights[i, p] /= whole
        for _ in range(iterations):
            _mix(weights[i], spectra, n_parts, n, ratio)
            for k in range(n):
                ratio[k] = observed[k] / ratio[k]
            moved = 0.0
            for p in range(n_parts):
                weight = weights[i, p] * _sum_of_products(ratio, spectra, p, n) / total
                moved = max(moved, abs(weight - weights[i, p]))
                weights[i, p] = weight
            if moved < _CONVERGED:
                break
        _mix(weights[i], spectra, n_parts, n, ratio)
        for k in range(n):
            g[i] += 2.0 * observed[k] * np.log(observed[k] / (total * ratio[k]))


@nb.njit(cache=True, nogil=True)
def _mix(
    weights: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    n_parts: int,
    n: int,
    out: npt.NDArray[np.float64],
) -> None:
    """Weighted sum of the first spectra in their first n windows."""
    for k in range(n):
        out[k] = weights[0] * spectra[0, k]
    for p in range(1, n_parts):
        weight = weights[p]
        for k in range(n):
            out[k] += weight * spectra[p, k]


# Four sums at a time, which do not wait for each other, in an order that is the same on every processor.
@nb.njit(cache=True, nogil=True)
def _sum_of_products(ratio: npt.NDArray[np.float64], spectra: npt.NDArray[np.float64], p: int, n: int) -> float:
    s, t, u, v = 0.0, 0.0, 0.0, 0.0
    for k in range(0, n - 3, 4):
        s += ratio[k] * spectra[p, k]
        t += ratio[k + 1] * spectra[p, k + 1]
        u += ratio[k + 2] * spectra[p, k + 2]
        v += ratio[k + 3] * spectra[p, k + 3]
    for k in range(n - n % 4, n):
        s += ratio[k] * spectra[p, k]
    return (s + t) + (u + v)
