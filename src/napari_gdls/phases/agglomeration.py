"""Which sums are of one material: agglomeration of groups of measurements wherever they lie."""

from __future__ import annotations

import math

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.embedding.calibration import squared_beyond_noise
from napari_gdls.graph.components import numbered_by_appearance
from napari_gdls.graph.merge_kernels import Regions, entropies_of, entropy_of, entropy_table, g_statistic
from napari_gdls.phases.difference import Scale, ScaleNumbers, over_limit
from napari_gdls.phases.sums import Pool

_LEAST_SQUARE = 1e-12
"""Of tau_z, so that tau_z = 0 divides by something: then any difference at all parts two sums."""


def agglomerate(pool: Pool, scale: Scale, tau_b: float = math.inf) -> npt.NDArray[np.int64]:
    """Group sums until all that are left differ significantly and materially.

    The two that differ least, by the smaller of G / height and (D / tau_z)^2, become one, as long as that is 1 or
    less. So a sum with few counts goes where it is most likely to belong, and ones with many where D is least.

    Parameters
    ----------
    pool : Pool
        K sums; time and memory grow with K squared.
    scale : Scale
    tau_b : float
        Sums whose mean BSE differ by more, as a fraction of the full scale, stay apart.

    Returns
    -------
    (K,) array of int64
        Group of each sum, numbered by first appearance.
    """
    table = entropy_table()
    entropy, total = entropies_of(pool.counts, table)
    regions = Regions(pool.counts.copy(), entropy, total, pool.bse.copy(), pool.size.astype(np.float64))
    group = _agglomerated(regions, pool.z.copy(), table, scale.numbers(tau_b))
    return numbered_by_appearance(group)


def times_the_limit(pool: Pool, a: int, b: int, scale: Scale) -> float:
    """Statistic G of two sums, over-dispersion accounted for, as a multiple of `Scale.height`."""
    table = entropy_table()
    two = np.array([a, b])
    entropy, total = entropies_of(pool.counts[two], table)
    regions = Regions(pool.counts[two], entropy, total, pool.bse[two], pool.size[two].astype(np.float64))
    harmonic = float(total[0]) * float(total[1]) / max(float(total.sum()), 1.0)
    return float(over_limit(g_statistic(regions, 0, 1, table), harmonic, scale.dispersion, scale.height))


# Both kernels rely on rows of equal length in `regions` and `z`, and on a scale with height and c above 0.
@nb.njit(cache=True, nogil=True)
def _difference(
    regions: Regions,
    z: npt.NDArray[np.float64],
    a: int,
    b: int,
    table: npt.NDArray[np.float64],
    scale: ScaleNumbers,
) -> float:
    """The smaller of G / height and (D / tau_z)^2; inf where BSE alone keeps the two apart."""
    if abs(regions.bse[a] - regions.bse[b]) > scale.tau_b:
        return np.inf
    n_a, n_b = max(float(regions.total[a]), 1.0), max(float(regions.total[b]), 1.0)
    squared = 0.0
    for d in range(z.shape[1]):
        squared += (z[a, d] - z[b, d]) ** 2
    c, f = scale.c, scale.f
    beyond = squared_beyond_noise(squared, n_a, n_b, c, f)
    material = beyond / (c * c * (2 + 2 * f)) / max(scale.tau_z * scale.tau_z, _LEAST_SQUARE)
    sure = over_limit(g_statistic(regions, a, b, table), n_a * n_b / (n_a + n_b), scale.dispersion, scale.height)
    return float(min(material, sure))


@nb.njit(cache=True, nogil=True)
def _agglomerated(
    regions: Regions, z: npt.NDArray[np.float64], table: npt.NDArray[np.float64], scale: ScaleNumbers
) -> npt.NDArray[np.int64]:
    m = len(regions.size)
    cost = np.full((m, m), np.inf)
    nearest, least = np.full(m, -1), np.full(m, np.inf)
    for i in range(m):
        for j in range(i):
            cost[i, j] = cost[j, i] = _difference(regions, z, i, j, table, scale)
            if cost[i, j] < least[i]:
                least[i], nearest[i] = cost[i, j], j
            if cost[i, j] < least[j]:
                least[j], nearest[j] = cost[i, j], i
    parent, active = np.arange(m), np.ones(m, dtype=np.bool_)
    while True:
        i = -1
        for q in range(m):
            if active[q] and least[q] <= 1.0 and (i < 0 or least[q] < least[i]):
                i = q
        if i < 0:
            break
        j = nearest[i]
        i, j = min(i, j), max(i, j)
        n = regions.size[i] + regions.size[j]
        regions.bse[i] = (regions.bse[i] * regions.size[i] + regions.bse[j] * regions.size[j]) / n
        regions.size[i] = n
        norm = 0.0
        for d in range(z.shape[1]):
            z[i, d] = z[i, d] * regions.total[i] + z[j, d] * regions.total[j]
            norm += z[i, d] ** 2
        # Element by element: operations on whole rows take seconds to compile.
        for d in range(z.shape[1]):
            z[i, d] /= max(np.sqrt(norm), 1e-12)
        for k in range(regions.counts.shape[1]):
            regions.counts[i, k] += regions.counts[j, k]
        entropy, total = entropy_of(regions.counts[i], table)
        regions.entropy[i] = entropy
        regions.total[i] = total
        active[j], parent[j] = False, i
        least[i] = np.inf
        for q in range(m):
            if active[q] and q != i:
                cost[i, q] = cost[q, i] = _difference(regions, z, i, q, table, scale)
                if cost[i, q] < least[i]:
                    least[i], nearest[i] = cost[i, q], q
        for q in range(m):
            if not active[q] or q == i:
                continue
            if nearest[q] == i or nearest[q] == j:
                least[q] = np.inf
                for s in range(m):
                    if s != q and active[s] and cost[q, s] < least[q]:
                        least[q], nearest[q] = cost[q, s], s
            elif cost[q, i] < least[q]:
                least[q], nearest[q] = cost[q, i], i
    for i in range(m):
        a = i
        while parent[a] != a:
            a = parent[a]
        parent[i] = a
    return parent
