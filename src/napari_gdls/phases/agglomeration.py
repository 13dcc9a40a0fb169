"""Which sums are of one material: agglomeration of groups of measurements wherever they lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.embedding.calibration import squared_beyond_noise
from napari_gdls.graph.components import numbered_by_appearance
from napari_gdls.graph.region_sums import (
    Regions,
    absorb_counts,
    entropies_of,
    entropy_table,
    g_statistic,
    mean_of_both,
    root_of,
)
from napari_gdls.phases.difference import Scale, ScaleNumbers, over_limit
from napari_gdls.phases.sums import Pool
from napari_gdls.threads import in_blocks

_LEAST_SQUARE = 1e-12
"""Of tau_z, so that tau_z = 0 divides by something: then any difference at all parts two sums."""

_PAIRS = 50_000
"""Pairs that are compared between two calls of `poll`: some tens of milliseconds."""

_ROWS_OF_A_THREAD = 16
"""Sums that a thread compares with all before them, and as many from the other end; few, as the later have more."""

_BEYOND_ROUNDING = 1 + 1e-6
"""Multiple of the limit beyond which a bound of the difference counts as above it, whatever rounding does."""


def agglomerate(
    pool: Pool, scale: Scale, tau_b: float = math.inf, poll: Callable[[], None] = lambda: None
) -> npt.NDArray[np.int64]:
    """Group sums until all that are left differ significantly and materially.

    The two that differ least, by the smaller of G / height and (D / tau_z)^2, become one, as long as that is 1 or
    less. So a sum with few counts goes where it is most likely to belong, and ones with many where D is least.

    Parameters
    ----------
    pool : Pool
        K sums, each of one measurement or more; time and memory grow with K squared.
    scale : Scale
    tau_b : float
        Sums whose mean BSE differ by more, as a fraction of the full scale, stay apart.
    poll : callable
        Called several times a second; may raise.

    Returns
    -------
    (K,) array of int64
        Group of each sum, numbered by first appearance.
    """
    n, table, numbers = len(pool), entropy_table(), scale.numbers(tau_b)
    groups = _Groups(
        _sums_of(pool, table),
        np.full((n, n), np.inf),
        np.full(n, -1),
        np.full(n, np.inf),
        np.arange(n),
        np.ones(n, dtype=np.bool_),
    )
    in_blocks(
        (n + 1) // 2,
        lambda first, last: _compare(groups, first, last, table, numbers),
        size=_ROWS_OF_A_THREAD,
        poll=poll,
    )
    _find_nearest(groups)
    at_once = max(1, _PAIRS // max(n, 1))
    while _merge(groups, at_once, table, numbers):
        poll()
    return numbered_by_appearance(_roots(groups.parent))


def nearest_sums(
    pool: Pool, others: Pool, scale: Scale, tau_b: float = math.inf, poll: Callable[[], None] = lambda: None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """For each sum the one of some others that differs least, as `agglomerate` judges it, and by how much.

    Parameters
    ----------
    pool : Pool
        K sums.
    others : Pool
        One or more.
    scale, tau_b, poll
        As in `agglomerate`.

    Returns
    -------
    (K,) array of int64
        Number of the other sum.
    (K,) array of float64
        The smaller of G / height and (D / tau_z)^2; at 1 or below the two would become one.
    """
    table, numbers, m = entropy_table(), scale.numbers(tau_b), len(others)
    nearest, least = np.zeros(len(pool), dtype=np.int64), np.full(len(pool), np.inf)
    at_once = max(1, _PAIRS // max(m, 1))
    for first in range(0, len(pool), at_once):
        poll()
        part = others.joined(pool[np.arange(first, min(first + at_once, len(pool)))])
        sums = _sums_of(part, table)
        _nearest(sums, m, nearest[first : first + at_once], least[first : first + at_once], table, numbers)
    return nearest, least


def times_the_limit(pool: Pool, a: int, b: int, scale: Scale) -> float:
    """Statistic G of two sums, over-dispersion accounted for, as a multiple of `Scale.height`."""
    table = entropy_table()
    two = np.array([a, b])
    counts = pool.counts[two]
    entropy, total = entropies_of(counts, table)
    harmonic = float(total[0]) * float(total[1]) / max(float(total.sum()), 1.0)
    return float(scale.over_limit(g_statistic(counts, 0, 1, entropy.sum(), total.sum(), table), harmonic))


class _Sums(NamedTuple):
    """K sums of measurements; changed in place while they merge."""

    regions: Regions
    z: npt.NDArray[np.float64]
    """(K, d) directions."""
    shares: npt.NDArray[np.float64]
    """(K, W) of the counts in each window."""


def _sums_of(pool: Pool, table: npt.NDArray[np.float64]) -> _Sums:
    entropy, total = entropies_of(pool.counts, table)
    regions = Regions(pool.counts.copy(), entropy, total, pool.bse.copy(), pool.size.astype(np.float64))
    return _Sums(regions, pool.z.copy(), pool.counts / np.maximum(total, 1)[:, None])


class _Groups(NamedTuple):
    """Groups of K sums while they merge: each has the number of the first of its sums; changed in place."""

    sums: _Sums
    cost: npt.NDArray[np.float64]
    """(K, K) `_difference` of two groups."""
    nearest: npt.NDArray[np.int64]
    """(K,) the group that differs least from each, -1 while none is known."""
    least: npt.NDArray[np.float64]
    """(K,) by how much it differs."""
    parent: npt.NDArray[np.int64]
    """(K,) group that each went into; itself if into none."""
    active: npt.NDArray[np.bool_]
    """(K,) whether it is still a group."""


@nb.njit(cache=True, nogil=True)
def _nearest(
    sums: _Sums,
    m: int,
    nearest: npt.NDArray[np.int64],
    least: npt.NDArray[np.float64],
    table: npt.NDArray[np.float64],
    scale: ScaleNumbers,
) -> None:
    """Compare the sums from number m on with those before; writes to `nearest` and `least`.

    Relies on sums as `_compare` does, and on as many places in both arrays as there are sums from m on.
    """
    (counts, entropy, total, bse, _), z, shares = sums
    for i in range(len(nearest)):
        for j in range(m):
            cost = _difference(counts, entropy, total, bse, z, shares, m + i, j, table, scale, np.inf)
            if cost < least[i]:
                least[i], nearest[i] = cost, j


@nb.njit(cache=True, nogil=True)
def _difference(
    counts: npt.NDArray[np.integer],
    entropy: npt.NDArray[np.float64],
    total: npt.NDArray[np.int64],
    bse: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64],
    a: int,
    b: int,
    table: npt.NDArray[np.float64],
    scale: ScaleNumbers,
    limit: float,
) -> float:
    """The smaller of G / height and (D / tau_z)^2, or anything beyond a limit if it is; inf where BSE alone parts them.

    For most sums a bound of G tells enough, which is found without logarithms: n_a n_b / (n_a + n_b) times the square
    of the sum of all differences of shares (Pinsker's inequality, Cover & Thomas 2006, lemma 11.6.1).
    """
    if abs(bse[a] - bse[b]) > scale.tau_b:
        return np.inf
    n_a, n_b = max(float(total[a]), 1.0), max(float(total[b]), 1.0)
    c, f = scale.c, scale.f
    beyond = squared_beyond_noise(_squared_distance(z, a, b), n_a, n_b, c, f)
    material = beyond / (c * c * (2 + 2 * f)) / max(scale.tau_z * scale.tau_z, _LEAST_SQUARE)
    if material == 0.0:  # G cannot be less
        return 0.0
    harmonic = n_a * n_b / (n_a + n_b)
    apart = _sum_of_differences(shares, a, b)
    bound = float(total[a]) * float(total[b]) / (n_a + n_b) * apart * apart
    least = over_limit(bound, harmonic, scale.dispersion, scale.height)
    if least > min(material, limit) * _BEYOND_ROUNDING:
        return float(min(material, least))
    g = g_statistic(counts, a, b, entropy[a] + entropy[b], total[a] + total[b], table)
    return float(min(material, over_limit(g, harmonic, scale.dispersion, scale.height)))


# Four sums at a time, which do not wait for each other, in an order that is the same on every processor.
@nb.njit(cache=True, nogil=True)
def _squared_distance(z: npt.NDArray[np.float64], a: int, b: int) -> float:
    s, t, u, v = 0.0, 0.0, 0.0, 0.0
    n = z.shape[1]
    for d in range(0, n - 3, 4):
        s += (z[a, d] - z[b, d]) ** 2
        t += (z[a, d + 1] - z[b, d + 1]) ** 2
        u += (z[a, d + 2] - z[b, d + 2]) ** 2
        v += (z[a, d + 3] - z[b, d + 3]) ** 2
    for d in range(n - n % 4, n):
        s += (z[a, d] - z[b, d]) ** 2
    return (s + t) + (u + v)


@nb.njit(cache=True, nogil=True)
def _sum_of_differences(shares: npt.NDArray[np.float64], a: int, b: int) -> float:
    s, t, u, v = 0.0, 0.0, 0.0, 0.0
    n = shares.shape[1]
    for k in range(0, n - 3, 4):
        s += abs(shares[a, k] - shares[b, k])
        t += abs(shares[a, k + 1] - shares[b, k + 1])
        u += abs(shares[a, k + 2] - shares[b, k + 2])
        v += abs(shares[a, k + 3] - shares[b, k + 3])
    for k in range(n - n % 4, n):
        s += abs(shares[a, k] - shares[b, k])
    return (s + t) + (u + v)


@nb.njit(cache=True, nogil=True)
def _compare(groups: _Groups, first: int, last: int, table: npt.NDArray[np.float64], scale: ScaleNumbers) -> None:
    """Compare the sums first..last - 1 with all before them, and as many from the other end.

    Relies, as all below do, on arrays of one length in `groups`, on counts and sums of them of 0 to 2**53, on sizes of
    1 or more, on finite z and BSE, on a scale with height and c above 0, and on 0 <= first <= last <= (K + 1) / 2. The
    search sees to it, with fields as `Field` holds them.
    """
    (counts, entropy, total, bse, _), z, shares = groups.sums
    cost, m = groups.cost, len(groups.parent)
    for row in range(2 * first, 2 * last):
        i = row >> 1 if row & 1 else m - 1 - (row >> 1)
        if row & 1 and i == m - 1 - i:  # the one in the middle was compared already
            continue
        for j in range(i):
            cost[i, j] = cost[j, i] = _difference(counts, entropy, total, bse, z, shares, i, j, table, scale, 1.0)


@nb.njit(cache=True, nogil=True)
def _find_nearest(groups: _Groups) -> None:
    """For each sum the one that differs least, of equal ones the first.

    Relies on sums that `_compare` has compared.
    """
    cost, nearest, least = groups.cost, groups.nearest, groups.least
    for i in range(len(cost)):
        for j in range(len(cost)):
            if cost[i, j] < least[i]:
                least[i], nearest[i] = cost[i, j], j


@nb.njit(cache=True, nogil=True)
def _merge(groups: _Groups, most: int, table: npt.NDArray[np.float64], scale: ScaleNumbers) -> bool:
    """Merge the groups that differ least, up to a number of times; whether there may be more to merge.

    Relies on groups that `_compare` has compared.
    """
    least, nearest, active = groups.least, groups.nearest, groups.active
    for _ in range(most):
        i = -1
        for q in range(len(active)):
            if active[q] and least[q] <= 1.0 and (i < 0 or least[q] < least[i]):
                i = q
                if least[q] == 0.0:  # none is less
                    break
        if i < 0:
            return False
        i, j = min(i, nearest[i]), max(i, nearest[i])
        _join(groups, i, j, table)
        _compare_again(groups, i, j, table, scale)
    return True


@nb.njit(cache=True, nogil=True)
def _join(groups: _Groups, i: int, j: int, table: npt.NDArray[np.float64]) -> None:
    """Add group j to group i."""
    regions, z, shares = groups.sums
    norm = 0.0
    for d in range(z.shape[1]):
        z[i, d] = z[i, d] * regions.total[i] + z[j, d] * regions.total[j]
        norm += z[i, d] ** 2
    # Element by element: operations on whole rows take seconds to compile.
    for d in range(z.shape[1]):
        z[i, d] /= max(np.sqrt(norm), 1e-12)
    regions.bse[i] = mean_of_both(regions.bse[i], regions.size[i], regions.bse[j], regions.size[j])
    regions.size[i] += regions.size[j]
    regions.entropy[i], regions.total[i] = absorb_counts(regions.counts, i, j, table)
    for k in range(shares.shape[1]):
        shares[i, k] = regions.counts[i, k] / max(regions.total[i], 1)
    groups.active[j], groups.parent[j] = False, i


@nb.njit(cache=True, nogil=True)
def _compare_again(groups: _Groups, i: int, j: int, table: npt.NDArray[np.float64], scale: ScaleNumbers) -> None:
    """Compare group i, which group j was added to, with all others, and find those that have lost their nearest one."""
    cost, nearest, least, active = groups.cost, groups.nearest, groups.least, groups.active
    (counts, entropy, total, bse, _), z, shares = groups.sums
    m = len(active)
    least[i] = np.inf
    for q in range(m):
        if active[q] and q != i:
            cost[i, q] = cost[q, i] = _difference(counts, entropy, total, bse, z, shares, i, q, table, scale, 1.0)
            if cost[i, q] < least[i]:
                least[i], nearest[i] = cost[i, q], q
    for q in range(m):
        if not active[q] or q == i:
            continue
        if cost[q, i] < least[q]:
            least[q], nearest[q] = cost[q, i], i
        elif nearest[q] == i or nearest[q] == j:
            least[q] = np.inf
            for s in range(m):
                if s != q and active[s] and cost[q, s] < least[q]:
                    least[q], nearest[q] = cost[q, s], s
                    if least[q] == 0.0:  # none is less
                        break


@nb.njit(cache=True, nogil=True)
def _roots(parent: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Group that each sum has come to in the end.

    Relies on a parent for each, in 0..K - 1, by which every way ends at one that is its own.
    """
    out = np.empty_like(parent)
    for i in range(len(parent)):
        out[i] = root_of(parent, i)
    return out
