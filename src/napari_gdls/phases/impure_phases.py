"""Sums that are mixtures of phases, and phases that are no more than that."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.difference import Scale
from napari_gdls.phases.phase_sums import LEAST_INTERIOR, MOST_SUMS, PhaseSums, SegmentedField
from napari_gdls.phases.relabelling import Assignment
from napari_gdls.phases.sums import Embedder, Pool
from napari_gdls.phases.unmixing import fit_mixtures

MOST_PARTS = 12
"""Phases that one is tried as a mixture of, at most: as many as a phase touches, but for a few edges."""

_MIXTURE_TOLERANCE = 2 / 3
"""Part of tau_z by which a sum may differ from a mixture and still be one: mixing is not quite linear in reality.
Chosen on the benchmark fields."""

_MOST_PARTS_OF_SEGMENTS = 6
"""The same for segments, which are small and touch few. A choice."""

_LEAST_MEASUREMENTS = 2
"""Measurements of a segment that may start a phase of its own; a single one may be anything."""

_LEAST_WEIGHT = 0.01
"""Share of the counts from which on a phase is a part of a mixture: less may be left by the fit. A choice."""

LARGEST_IMPURE = 0.005
"""Share of all measurements; a phase that has more is kept, even if each of them may be a mixture. A choice."""

_MOST_LIKE = 5
"""Phases that an impure one may be mostly of, the most similar ones first. A choice."""

_LEAST_MAJORITY = 0.4
"""Share of the counts that the phase must have which an impure one is said to be mostly of. Chosen on the benchmark
fields, as the next."""

LIKENESS = 3.0
"""Multiple of tau_z up to which an impure phase that is no mixture joins the one that it resembles."""

_ITERATIONS_OF_SEGMENTS, _ITERATIONS = 60, 500
"""Of `fit_mixtures` at most. 60 find the parts of a segment that begins with the shares of its neighbours; phases begin
with equal shares and are few, so they may take longer."""

_LEAST_TAU_Z = 1e-9
"""So that tau_z = 0 divides by something: then nothing is alike."""


def unexplained_segments(
    field: SegmentedField, now: PhaseSums, scale: Scale, poll: Callable[[], None] = lambda: None
) -> Pool:
    """Sums of the segments that no mixture of the phases in and around them explains, of their interior where it is.

    Parameters
    ----------
    field : SegmentedField
    now : PhaseSums
        The phases so far.
    scale : Scale
    poll : callable
        Called several times a second; may raise.
    """
    sums = field.sums
    parts, start = field.near.phases_around(
        field.segments, field.n_segments, now.labels, len(now.pool), _MOST_PARTS_OF_SEGMENTS
    )
    poll()
    tested = np.flatnonzero(sums.size >= _LEAST_MEASUREMENTS)
    g, weights = fit_mixtures(
        sums.counts[tested], now.pool.probabilities(), parts[tested], start[tested], _ITERATIONS_OF_SEGMENTS, poll
    )
    poll()
    over = scale.over_limit(g, sums.total[tested])
    sure = np.flatnonzero(over > 1)
    sure = np.sort(sure[np.argsort(-over[sure], kind="stable")[:MOST_SUMS]])
    unlikely = field.embedded(tested[sure])
    poll()
    differs = difference_from_mixture(unlikely, parts[tested[sure]], weights[sure], now.spectra, scale, field.embed)
    poll()
    left = tested[sure[differs > _MIXTURE_TOLERANCE * scale.tau_z]]
    has_interior = field.interior_sums.size[left] >= 1
    return sums.joined(field.interior_sums)[np.where(has_interior, left + field.n_segments, left)]


def kept_phases(
    field: SegmentedField, now: PhaseSums, scale: Scale, poll: Callable[[], None] = lambda: None
) -> npt.NDArray[np.bool_]:
    """Which phases to keep, (P,): those without a founding interior go if they are mixtures of phases they touch.

    Parameters
    ----------
    field, now, scale, poll
        See `unexplained_segments`.
    """
    pool, founded = now.pool, now.founded
    touching = field.near.contacts(now.labels, len(pool))
    kept = np.ones(len(pool), dtype=np.bool_)
    likeness = np.full(len(pool), np.inf)
    inner = np.bincount(now.labels[field.near.interior(now.labels)], minlength=len(pool)) >= LEAST_INTERIOR
    consists_of = np.zeros((len(pool), len(pool)), dtype=np.bool_)
    waiting = np.flatnonzero(~founded)
    probabilities = pool.probabilities()
    while len(waiting):
        parts = phases_touched(touching[waiting] * kept, waiting)
        likeness[waiting], weights = misfit_of_mixtures(
            pool[waiting], parts, probabilities, now.spectra, inner[waiting], scale, field.embed, poll
        )
        consists_of[waiting] = False
        rows, columns = np.nonzero(weights > _LEAST_WEIGHT)
        consists_of[waiting[rows], parts[rows, columns]] = True
        # Phases that have lost a part of their mixture are tested again before they may go.
        changed = np.zeros(len(pool), dtype=np.bool_)
        for k in np.argsort(likeness, kind="stable"):
            if likeness[k] > 1:
                break
            if not changed[k]:
                kept[k], likeness[k] = False, np.inf
                changed |= consists_of[:, k]
        waiting = np.flatnonzero(changed & kept & ~founded)
    return kept


def joined_with_majority(
    field: SegmentedField,
    found: Assignment,
    founded: npt.NDArray[np.bool_],
    scale: Scale,
    poll: Callable[[], None] = lambda: None,
) -> Assignment:
    """Let phases whose grains are all too small for a pure measurement join the phase that they are mostly of.

    Parameters
    ----------
    field : SegmentedField
    found : Assignment
    founded : (P,) array of bool
        Phases that go back to the interior of a segment.
    scale, poll
        See `unexplained_segments`.
    """
    now = field.phases(found.labels, founded, keep_empty=True, poll=poll)
    size = np.bincount(found.labels, minlength=len(now.pool))
    doubtful = np.flatnonzero(~founded & (size > 0) & (size < LARGEST_IMPURE * len(found.labels)))
    joins = majority_of_impure(
        doubtful[np.argsort(size[doubtful], kind="stable")],
        now.pool,
        field.near.contacts(found.labels, len(now.pool)),
        now.spectra,
        scale,
        field.embed,
        poll,
    )
    mostly = np.arange(len(now.pool))
    partner, fraction = found.partner.copy(), found.fraction.copy()
    for k, (major, minor, majority) in joins.items():
        mostly[k] = major
        pure = (found.labels == k) & (found.partner < 0)
        partner[pure], fraction[pure] = minor, majority
    return found.changed(mostly[found.labels], np.where(partner >= 0, mostly[partner], -1), fraction)


def misfit_of_mixtures(
    sums: Pool,
    parts: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    inside: npt.NDArray[np.bool_],
    scale: Scale,
    embed: Embedder,
    poll: Callable[[], None] = lambda: None,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How badly the best mixture of phases fits sums, in units of what is taken for one.

    Parameters
    ----------
    sums : Pool
        M sums.
    parts : (M, P) array of int64
        Phases that each may be a mixture of; -1 after the last.
    probabilities : (K, W) array of float64
        Of the windows, for each phase; `Pool.probabilities`.
    spectra, scale, embed
        As in `difference_from_mixture`.
    inside : (M,) array of bool
        Whether the sum is of measurements inside grains, where no mixture is expected: one must explain the counts in
        full there, and elsewhere the spectrum but for the tolerance.
    poll : callable
        Called several times a second; may raise.

    Returns
    -------
    misfit : (M,) array of float64
        Up to 1 it is a mixture; infinite where there are no parts.
    weights : (M, P) array of float64
        Shares of the parts.
    """
    g, weights = fit_mixtures(sums.counts, probabilities, parts, np.ones(parts.shape), _ITERATIONS, poll)
    over = scale.over_limit(g, sums.total)
    material = difference_from_mixture(sums, parts, weights, spectra, scale, embed)
    material /= max(_MIXTURE_TOLERANCE * scale.tau_z, _LEAST_TAU_Z)
    misfit = np.where(inside, over, np.minimum(over, material**2))
    return np.where(parts[:, 0] >= 0, misfit, np.inf), weights


def difference_from_mixture(
    sums: Pool,
    parts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    scale: Scale,
    embed: Embedder,
) -> npt.NDArray[np.float64]:
    """Noise-free difference of sums from the mixtures that fit them best.

    Parameters
    ----------
    sums : Pool
        M sums.
    parts, weights : (M, P) arrays
        As `fit_mixtures` has them.
    spectra : (K, D) array of float64
        Of the phases, each adding up to 1 in the windows.
    scale : Scale
    embed : callable

    Returns
    -------
    (M,) array of float64
    """
    if len(sums) == 0:
        return np.zeros(0)
    share = np.zeros((len(sums), len(spectra)))
    rows, columns = np.nonzero(parts >= 0)
    np.add.at(share, (rows, parts[rows, columns]), weights[rows, columns])
    distance = np.linalg.norm(embed(share @ spectra) - sums.z, axis=1)
    return scale.difference(distance, sums.total, np.inf)


def phases_touched(contact: npt.NDArray[np.float64], own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The phases that each of M phases touches most.

    Parameters
    ----------
    contact : (M, K) array
        Number of edges to each phase.
    own : (M,) array of int64
        Which phases these are.

    Returns
    -------
    (M, at most 12) array of int64
        -1 after the last.
    """
    others = contact.copy()
    others[np.arange(len(own)), own] = 0
    parts = np.argsort(-others, axis=1, kind="stable")[:, :MOST_PARTS]
    return np.where(np.take_along_axis(others, parts, axis=1) > 0, parts, -1)


def majority_of_impure(
    doubtful: npt.NDArray[np.int64],
    pool: Pool,
    touching: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    scale: Scale,
    embed: Embedder,
    poll: Callable[[], None] = lambda: None,
) -> dict[int, tuple[int, int, float]]:
    """Phases of grains too small for a pure measurement, and the phase that they are mostly of.

    Such a phase is a mixture of the phases that it touches with one that it does not touch, since it lies where that
    one would be. Or it differs from one by less than three times tau_z: more is asked of what has no pure measurement.

    Parameters
    ----------
    doubtful : array of int64
        Phases to look at; the smallest first.
    pool : Pool
        All K phases.
    touching : (K, K) array
        Number of edges between them.
    spectra, scale, embed
        As in `difference_from_mixture`.
    poll : callable
        Called several times a second; may raise.

    Returns
    -------
    dict
        From an impure phase to the one it is mostly of, the most important other part (-1: none), and the share of
        the former.
    """
    found: dict[int, tuple[int, int, float]] = {}
    for k in doubtful:
        distance = np.linalg.norm(pool.z - pool.z[k], axis=1)
        distance[[k, *found]] = np.inf
        distance[pool.size == 0] = np.inf
        like = np.argsort(distance, kind="stable")[:_MOST_LIKE]
        like = like[np.isfinite(distance[like])]
        around = phases_touched(touching[[k]], np.array([k]))[0, : MOST_PARTS - 1]
        parts = np.full((len(like), MOST_PARTS), -1)
        for row, major in zip(parts, like, strict=True):
            others = around[(around >= 0) & (around != major)]
            row[: 1 + len(others)] = major, *others
        sums = pool[np.full(len(like), k)]
        g, weights = fit_mixtures(sums.counts, pool.probabilities(), parts, np.ones(parts.shape), _ITERATIONS, poll)
        over = scale.over_limit(g, sums.total)
        material = difference_from_mixture(sums, parts, weights, spectra, scale, embed) / max(scale.tau_z, _LEAST_TAU_Z)
        fits = (np.minimum(over, material**2) <= 1) & (weights[:, 0] >= _LEAST_MAJORITY)
        if fits.any():
            best = int(np.argmax(np.where(fits, weights[:, 0], -1.0)))
            second = 1 + int(weights[best, 1:].argmax())
            minor = int(parts[best, second]) if weights[best, second] > 0 else -1
            found[int(k)] = int(like[best]), minor, float(weights[best, 0])
        elif len(like):
            apart = scale.difference(distance[like[0]], pool.total[k], pool.total[like[0]])
            if apart <= LIKENESS * scale.tau_z:
                found[int(k)] = int(like[0]), -1, 1.0
    # One that joined may have been joined by another before.
    for k, (major, minor, share) in found.items():
        while major in found:
            major = found[major][0]
        found[k] = major, minor, share
    return found
