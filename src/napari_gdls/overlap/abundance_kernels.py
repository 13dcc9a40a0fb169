"""Compiled: what part of each pixel's counts is of which phase, and how likely a phase is at some share."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

_SEED = 1e-6
"""Share from which a phase that was not there can grow again."""


@nb.njit(nogil=True, cache=True)
def _fit(
    first: int,
    last: int,
    indices: npt.NDArray[np.int32],
    counts: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    allowed: npt.NDArray[np.bool_],
    left_out: int,
    share: npt.NDArray[np.float64],
    new: npt.NDArray[np.float64],
    steps: int,
    tolerance: float,
) -> None:
    """Fit the shares of one pixel, which sum to 1, in place by expectation maximisation.

    Stops after `steps`, or when no share changes by `tolerance`. Phases that are not allowed, and the one left out, get
    0; a pixel without counts keeps what it had.
    """
    n_phases = len(spectra)
    total = 0.0
    for k in range(n_phases):
        if k == left_out or not allowed[k]:
            share[k] = 0.0
        total += share[k]
    if total <= 0.0:
        return
    n_counts = 0.0
    for i in range(first, last):
        n_counts += counts[i]
    for k in range(n_phases):
        share[k] /= total
    if n_counts <= 0.0:
        return
    for _ in range(steps):
        for k in range(n_phases):
            new[k] = 0.0
        for i in range(first, last):
            channel = indices[i]
            expected = 0.0
            for k in range(n_phases):
                expected += share[k] * spectra[k, channel]
            part = counts[i] / expected
            for k in range(n_phases):
                new[k] += part * spectra[k, channel]
        largest = 0.0
        for k in range(n_phases):
            value = share[k] * new[k] / n_counts
            largest = max(largest, abs(value - share[k]))
            share[k] = value
        if largest < tolerance:
            return


@nb.njit(nogil=True, cache=True)
def fit_shares(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    counts: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    allowed: npt.NDArray[np.bool_],
    shares: npt.NDArray[np.float64],
    steps: int,
    tolerance: float,
) -> None:
    """Shares of the phases in the counts of each pixel, in place.

    Relies on rows of a csr_array of as many channels as `spectra` has columns, all of which are positive, and on a row
    of `allowed` and of `shares` (positive where allowed) for each pixel, as `abundances.constrained_shares` makes them.
    """
    new = np.empty(len(spectra))
    for p in range(len(indptr) - 1):
        _fit(indptr[p], indptr[p + 1], indices, counts, spectra, allowed[p], -1, shares[p], new, steps, tolerance)


@nb.njit(nogil=True, cache=True)
def share_ratios(
    indptr: npt.NDArray[np.int32],
    indices: npt.NDArray[np.int32],
    counts: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    tried: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    ratios: npt.NDArray[np.float64],
    steps: int,
    tolerance: float,
) -> None:
    """Log-likelihood of each phase but the first at each share that is tried, less that without it, (P, K, S).

    Relies on rows of a csr_array of as many channels as `spectra` has columns, all of which are positive, on a row of
    `shares` (positive; fitted in place) and of `ratios` (zeros) for each pixel, and on shares to try between 0 and 1,
    as `presence.share_likelihoods` makes them.
    """
    n_phases = len(spectra)
    new = np.empty(n_phases)
    without = np.empty(n_phases)
    everything = np.ones(n_phases, dtype=np.bool_)
    for p in range(len(indptr) - 1):
        first, last = indptr[p], indptr[p + 1]
        share = shares[p]
        _fit(first, last, indices, counts, spectra, everything, -1, share, new, steps, tolerance)
        for k in range(1, n_phases):
            at = ratios[p, k]
            # Others as they are beside the phase ...
            scale = 0.0
            for j in range(n_phases):
                without[j] = 0.0 if j == k else max(share[j], _SEED)
                scale += without[j]
            for j in range(n_phases):
                without[j] /= scale
            for i in range(first, last):
                channel = indices[i]
                others = 0.0
                for j in range(n_phases):
                    others += without[j] * spectra[j, channel]
                own = spectra[k, channel]
                for s in range(len(tried)):
                    at[s] += counts[i] * math.log((1.0 - tried[s]) * others + tried[s] * own)
            # ... and as they would have to be without it.
            _fit(first, last, indices, counts, spectra, everything, k, without, new, steps, tolerance)
            absent = 0.0
            for i in range(first, last):
                channel = indices[i]
                expected = 0.0
                for j in range(n_phases):
                    expected += without[j] * spectra[j, channel]
                absent += counts[i] * math.log(expected)
            for s in range(len(tried)):
                at[s] -= absent
