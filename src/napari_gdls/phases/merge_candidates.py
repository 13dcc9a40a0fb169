"""Which phases could be one: the list to choose merges from."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.agglomeration import times_the_limit
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.sums import Pool


class PhaseMerge(NamedTuple):
    """Two groups of phases that could be one phase.

    Attributes
    ----------
    first, second : tuple of int
        Phases of each group.
    difference : float
        Their noise-free difference D, on the scale of tau_z.
    significance : float
        How sure it is that they differ at all: x, for a probability of error of less than exp(-x) in one comparison, as
        in `Recipe.significance`. At or below that of the run the difference may be chance.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    difference: float
    significance: float


def phase_merges(pool: Pool, scale: Scale) -> tuple[PhaseMerge, ...]:
    """Merge phases, those that differ least first, until there is one.

    Parameters
    ----------
    pool : Pool
        P phases.
    scale : Scale

    Returns
    -------
    tuple of PhaseMerge
        P - 1 merges in the order in which they were made. Differences mostly, not always, rise.
    """
    groups: list[tuple[int, ...]] = [(k,) for k in range(len(pool))]
    merges = []
    while len(groups) > 1:
        difference = pairwise_differences(pool, scale)
        np.fill_diagonal(difference, np.inf)
        a, b = sorted(int(i) for i in np.unravel_index(difference.argmin(), difference.shape))
        sure = scale.significance(times_the_limit(pool, a, b, scale), pool.counts.shape[1])
        merges.append(PhaseMerge(groups[a], groups[b], float(difference[a, b]), sure))
        group = np.arange(len(groups))
        group[b] = a
        group[group > b] -= 1
        pool = pool.regrouped(group)
        groups[a] = tuple(sorted((*groups[a], *groups.pop(b))))
    return tuple(merges)


def pairwise_differences(pool: Pool, scale: Scale) -> npt.NDArray[np.float64]:
    """Noise-free difference of any two of P phases, (P, P)."""
    distance = np.linalg.norm(pool.z[:, None] - pool.z[None], axis=2)
    return scale.difference(distance, pool.total[:, None], pool.total[None])
