"""Compiled loops of counts: their sums over blocks of pixels, and expectation maximisation of Poisson mixtures."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt


@nb.njit(cache=True, nogil=True)
def add_rows_csr(
    data: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    indptr: npt.NDArray[Any],
    block: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """Add the rows of a csr_array, in wide channels, to those of their blocks.

    Relies on a block for each row and a group for each channel, less than the shape of `out` or negative (left out),
    and on indices inside of the shape, which `Field` checks.
    """
    for i in range(len(block)):
        if block[i] < 0:
            continue
        for e in range(indptr[i], indptr[i + 1]):
            g = group[indices[e]]
            if g >= 0:
                out[block[i], g] += data[e]


@nb.njit(cache=True, nogil=True)
def add_rows_dense(
    spectra: npt.NDArray[Any],
    block: npt.NDArray[np.int64],
    group: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """Add rows, in wide channels, to those of their blocks.

    Relies on what `add_rows_csr` relies on.
    """
    for i in range(len(block)):
        if block[i] < 0:
            continue
        for channel in range(spectra.shape[1]):
            g = group[channel]
            if g >= 0:
                out[block[i], g] += spectra[i, channel]


@nb.njit(cache=True, nogil=True)
def fit_rows(
    data: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    indptr: npt.NDArray[Any],
    group: npt.NDArray[np.int64],
    loadings: npt.NDArray[np.float64],
    steps: int,
    tolerance: float,
    out: npt.NDArray[np.float64],
) -> None:
    """Most likely counts of each component in each row of a csr_array, (rows, k), in place.

    Expectation maximisation; a row ends when no component changes by more than `tolerance` of the row's counts.

    Relies on loadings (n, k) of 0 or more whose columns sum to 1, on a group below n, or negative, for each channel,
    and on indices inside of the shape, which `Field` checks.
    """
    n, k = loadings.shape
    wide = np.zeros(n)
    used = np.empty(n, dtype=np.int64)
    share = np.empty(k)
    new = np.empty(k)
    for i in range(len(indptr) - 1):
        n_used = 0
        total = 0.0
        for e in range(indptr[i], indptr[i + 1]):
            g = group[indices[e]]
            if g >= 0 and data[e] > 0:
                if wide[g] == 0:
                    used[n_used] = g
                    n_used += 1
                wide[g] += data[e]
                total += data[e]
        share[:] = total / k
        for _ in range(steps):
            if n_used == 0:
                break
            new[:] = 0
            for u in range(n_used):
                g = used[u]
                model = 0.0
                for c in range(k):
                    model += share[c] * loadings[g, c]
                if model > 0:
                    ratio = wide[g] / model
                    for c in range(k):
                        new[c] += ratio * loadings[g, c]
            change = 0.0
            for c in range(k):
                step = share[c] * new[c] - share[c]
                change = max(change, abs(step))
                share[c] += step
            if change <= tolerance * total:
                break
        for c in range(k):
            out[i, c] = share[c]
        for u in range(n_used):
            wide[used[u]] = 0


@nb.njit(cache=True, nogil=True)
def fit_columns(
    counts: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], steps: int, loadings: npt.NDArray[np.float64]
) -> None:
    """Improve loadings (D, k), in counts of a channel per count of the scores, by some steps, in place.

    Relies on counts (m, D) and scores (m, k) of 0 or more, and on a positive sum of the scores of each component.
    """
    m, n_channels = counts.shape
    k = scores.shape[1]
    total = np.zeros(k)
    for i in range(m):
        for c in range(k):
            total[c] += scores[i, c]
    new = np.empty((n_channels, k))
    for _ in range(steps):
        new[:] = 0
        for i in range(m):
            for channel in range(n_channels):
                if counts[i, channel] > 0:
                    model = 0.0
                    for c in range(k):
                        model += scores[i, c] * loadings[channel, c]
                    if model > 0:
                        ratio = counts[i, channel] / model
                        for c in range(k):
                            new[channel, c] += ratio * scores[i, c]
        for channel in range(n_channels):
            for c in range(k):
                loadings[channel, c] *= new[channel, c] / total[c]
