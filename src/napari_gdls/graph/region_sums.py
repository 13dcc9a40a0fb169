"""Counts of regions, of measurements or of groups of them, and how unlike two of them are; compiled."""

from __future__ import annotations

from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

_TABLE_SIZE = 1 << 14
"""Sums of counts up to which t log t is looked up; most sums of few measurements are below, in 128 kB."""


def entropy_table() -> npt.NDArray[np.float64]:
    """Values of t log t for whole t from 0, shape (16384,)."""
    t = np.arange(1, _TABLE_SIZE)
    return np.concatenate([[0.0], t * np.log(t)])


class Regions(NamedTuple):
    """Sums over the measurements of each of N regions; changed in place while regions merge."""

    counts: npt.NDArray[np.integer]
    """(N, K) counts in energy windows; of a dtype that holds the sums of all."""
    entropy: npt.NDArray[np.float64]
    """(N,) sum of t log t over the windows less that of the total."""
    total: npt.NDArray[np.int64]
    """(N,) counts."""
    bse: npt.NDArray[np.float64]
    """(N,) mean BSE, in any unit: in that of the noise of one measurement for the costs of merges."""
    size: npt.NDArray[np.float64]
    """(N,) number of measurements."""


@nb.njit(cache=True, nogil=True)
def t_log_t(t: int | np.int64, table: npt.NDArray[np.float64]) -> float:
    """The product, looked up for small t of 0 or more."""
    return float(table[t]) if t < table.shape[0] else float(t * np.log(float(t)))


@nb.njit(cache=True, nogil=True)
def entropy_of(counts: npt.NDArray[np.integer], a: int, table: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Sum of t log t less N log N, and N, of the counts of region a."""
    total, entropy = 0, 0.0
    for k in range(counts.shape[1]):
        total += counts[a, k]
        entropy += t_log_t(counts[a, k], table)
    return entropy - t_log_t(total, table), total


@nb.njit(cache=True, nogil=True)
def entropies_of(
    counts: npt.NDArray[np.integer], table: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """`entropy_of` of every region.

    Relies on counts of 0 or more whose sums stay below 2**63.
    """
    entropy, total = np.empty(len(counts)), np.empty(len(counts), dtype=np.int64)
    for i in range(len(counts)):
        entropy[i], total[i] = entropy_of(counts, i, table)
    return entropy, total


@nb.njit(cache=True, nogil=True)
def g_statistic(
    counts: npt.NDArray[np.integer], a: int, b: int, entropies: float, total: int, table: npt.NDArray[np.float64]
) -> float:
    """Likelihood-ratio statistic of the hypothesis that two regions have one spectrum (Sokal & Rohlf 1995, ch. 17).

    Relies on regions a and b of counts of 0 or more, and on the sums of their entropies and of their total counts.
    """
    joint = 0.0
    for k in range(counts.shape[1]):
        joint += t_log_t(np.int64(counts[a, k]) + np.int64(counts[b, k]), table)
    joint -= t_log_t(total, table)
    return float(max(2.0 * (entropies - joint), 0.0))


@nb.njit(cache=True, nogil=True)
def absorb_counts(counts: npt.NDArray[np.integer], a: int, b: int, table: npt.NDArray[np.float64]) -> tuple[float, int]:
    """Add the counts of region b to those of region a; entropy and total of these."""
    for k in range(counts.shape[1]):
        counts[a, k] += counts[b, k]
    return entropy_of(counts, a, table)


@nb.njit(cache=True, nogil=True)
def mean_of_both(mean_a: float, size_a: float, mean_b: float, size_b: float) -> float:
    """Mean of two regions together."""
    return (mean_a * size_a + mean_b * size_b) / (size_a + size_b)


@nb.njit(cache=True, nogil=True)
def root_of(parent: npt.NDArray[np.integer], a: int) -> int:
    """Root of a region, halving the way there for the next time."""
    while parent[a] != a:
        parent[a] = parent[parent[a]]
        a = parent[a]
    return a
