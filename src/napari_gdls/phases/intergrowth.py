"""Fine-grained mixtures: areas with grains too small for the measurements, as one phase instead of salt and pepper."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_gdls.graph.components import connected_components
from napari_gdls.phases.agglomeration import agglomerate
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.merge_candidates import pairwise_differences
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.phase_sums import SegmentedField
from napari_gdls.phases.relabelling import Assignment

LEAST_COHESION = 0.5
"""Share of the edges of a grain that stay inside, below which it counts as a speck: more of it is border."""

LEAST_EXCESS = 0.45
"""The same for all grains of a common phase, as a part of what is beyond chance; a little less than for one grain, as
small ones are among them. A choice."""

RESEMBLANCE = 1.0
"""Noise-free difference D up to which a speck may be a part of the grain that it touches: as much as two spectra of
1,000 counts of one material differ in one case of twenty."""

_COMMON = 0.05
"""Share of all measurements from which on a phase is common: rarer ones lie scattered by chance. A choice."""
_BSE_QUANTILES = (0.05, 0.5, 0.95)
"""Ends and middle of the BSE of a patch; the outer twentieths are left to noise and to grains."""
_LEAST_GRAIN = 5
"""Measurements of the smallest compact grain that has more edges inside than to others, on a square grid."""
_LEAST_PATCH = 50
"""Measurements of an area, below which a few specks that lie together by chance would do. Chosen on the benchmark
fields, as the next."""
_LEAST_INTERIOR = 0.5
"""Share of the measurements of an area that are not at its border: thin nets of specks along grain borders
have less."""


def find_intergrowths(
    near: Neighbourhood, labels: npt.NDArray[np.int64], bse: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Patches in which phases alternate from measurement to measurement.

    A compact grain of five measurements has more edges inside than to others, and so have all larger ones; single
    measurements, short chains and ragged nets have not; neither have common phases that lie as if thrown at random.
    Where these fill areas of 50 measurements or more, most of them not at the border of the area, the rock is finer
    than the measurements are dense, and none of them is of one mineral. Not so where five or more measurements side by
    side are brighter or darker than the area: there is a grain, altered perhaps.

    Parameters
    ----------
    near : Neighbourhood
    labels : (N,) array of int64
        Phase of every measurement.
    bse : (N,) array of float64

    Returns
    -------
    (N,) array of int64
        Patch, from 0; -1 outside of them.
    """
    n = len(labels)
    inside = labels[near.edges[:, 0]] == labels[near.edges[:, 1]]
    grain = connected_components(near.edges[inside], n)
    chance = np.bincount(labels)[labels] / n
    excess = (_cohesion(near, labels) - chance) / np.maximum(1 - chance, 1e-9)
    speck = (_cohesion(near, grain) < LEAST_COHESION) | ((excess < LEAST_EXCESS) & (chance >= _COMMON))
    between = speck[near.edges].all(axis=1)
    patch = connected_components(near.edges[between], n)
    size = np.bincount(patch)
    interior = np.bincount(patch[near.interior(patch)], minlength=len(size)) / size
    large = speck & ((size >= _LEAST_PATCH) & (interior >= _LEAST_INTERIOR))[patch]
    out = np.full(n, -1)
    if large.any():
        out[large] = np.unique(patch[large], return_inverse=True)[1]
        out[_grains_by_bse(near, out, bse)] = -1
    return out


def _grains_by_bse(
    near: Neighbourhood, patch: npt.NDArray[np.int64], bse: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Measurements in patches that are brighter or darker than these together with at least four beside them, (N,).

    Beyond the middle nine tenths by as much again as these reach from the median.
    """
    side = np.zeros(len(patch), dtype=np.int64)
    for k in range(int(patch.max()) + 1):
        values = bse[patch == k]
        low, middle, high = np.quantile(values, _BSE_QUANTILES)
        side[patch == k] = (values > 2 * high - middle).astype(np.int64) - (values < 2 * low - middle)
    u, v = near.edges.T
    joined = connected_components(
        near.edges[(side[u] != 0) & (side[u] == side[v]) & (patch[u] == patch[v])], len(patch)
    )
    return np.asarray((side != 0) & (np.bincount(joined)[joined] >= _LEAST_GRAIN))


def joined_with_intergrowths(
    field: SegmentedField,
    found: Assignment,
    n_phases: int,
    scale: Scale,
    tau_b: float,
    poll: Callable[[], None] = lambda: None,
) -> Assignment:
    """Fine-grained mixtures as phases of their own, numbered from `n_phases` on; alike ones are one phase.

    Parameters
    ----------
    field : SegmentedField
    found : Assignment
    n_phases : int
        Number of the phases in `found`.
    scale : Scale
    tau_b, poll
        See `agglomerate`.
    """
    patch = find_intergrowths(field.near, found.labels, field.evidence.bse)
    if patch.max() < 0:
        return found
    poll()
    difference = pairwise_differences(field.evidence.pooled(found.labels, n_phases), scale)
    labels, patch = without_rims(field.near, found.labels, patch, difference)
    poll()
    within = patch >= 0
    if not within.any():
        return found.changed(labels, found.partner)
    number = np.zeros(len(labels), dtype=np.int64)
    number[within] = np.unique(patch[within], return_inverse=True)[1]
    group = agglomerate(field.evidence.pooled(number, int(number.max()) + 1, within), scale, tau_b, poll)
    mixed = np.where(within, n_phases + group[number], labels)
    return found.changed(mixed, np.where(within | (found.partner == labels), -1, found.partner))


def without_rims(
    near: Neighbourhood,
    labels: npt.NDArray[np.int64],
    patch: npt.NDArray[np.int64],
    difference: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Give the ragged rims of large grains back to these.

    A speck inside a patch that touches a grain outside, of a phase that it resembles, is a part of that grain which
    is too small or too mixed to be told from its surroundings. It takes the phase of the grain, and leaves the patch.

    Parameters
    ----------
    near : Neighbourhood
    labels : (N,) array of int64
        Phase of every measurement.
    patch : (N,) array of int64
        From `find_intergrowths`.
    difference : (P, P) array of float64
        Noise-free difference of any two phases.

    Returns
    -------
    labels, patch : (N,) arrays of int64
    """
    inside = labels[near.edges[:, 0]] == labels[near.edges[:, 1]]
    grain = connected_components(near.edges[inside], len(labels))
    within = patch[near.edges] >= 0
    inner, outer = near.edges[within[:, 0] != within[:, 1]].T
    inner, outer = np.where(patch[inner] >= 0, inner, outer), np.where(patch[inner] >= 0, outer, inner)
    apart = difference[labels[inner], labels[outer]]
    order = np.lexsort((labels[outer], apart))  # the most similar of the grains that a speck touches
    order = order[apart[order] <= RESEMBLANCE]
    speck, first = np.unique(grain[inner[order]], return_index=True)
    phase = np.full(int(grain.max()) + 1, -1)
    phase[speck] = labels[outer[order[first]]]
    rim = phase[grain] >= 0
    return np.where(rim, phase[grain], labels), np.where(rim, -1, patch)


def _cohesion(near: Neighbourhood, groups: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Share of the edges of each measurement's group that join two of the group, (N,)."""
    own = groups[near.edges]
    ends = np.bincount(own.ravel(), minlength=int(groups.max()) + 1)
    same = own[:, 0] == own[:, 1]
    within = np.bincount(own[same, 0], minlength=len(ends))
    return np.asarray((2 * within / np.maximum(ends, 1))[groups])
