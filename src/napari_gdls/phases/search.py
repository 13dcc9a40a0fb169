"""Phases: which segments are of one material, and which measurements are mixtures on borders.

Segments of a merge tree are cut fine, and summed over their interior measurements only, since those at borders are
mixtures and would make a phase of every rim. Equal sums make phases. What phases and their mixtures do not explain
makes further phases, unless these are mixtures themselves. Then every measurement takes its most likely phase.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.agglomeration import agglomerate
from napari_gdls.phases.impure_phases import difference_from_mixture, majority_of_impure, phases_touched
from napari_gdls.phases.intergrowth import find_intergrowths, take_out_rims
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.merge_candidates import pairwise_differences
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.over_dispersion import estimate_dispersion
from napari_gdls.phases.sums import Embedder, Evidence, Pool, Scale
from napari_gdls.phases.unmixing import (
    FRACTIONS,
    MIXTURE_PENALTY,
    fit_mixtures,
    most_likely,
    phases_around,
    relabel,
)
from napari_gdls.progress import Progress, silent

_LEAST_INTERIOR = 3
"""Interior measurements that a segment needs to found a phase on its own."""

_MOST_SUMS = 1000
_MOST_PARTS = 6
_ROUNDS = 3
_ITERATIONS, _ITERATIONS_FOR_PHASES = 60, 500
_LEAST_WEIGHT = 0.01
_MIXTURE_TOLERANCE = 2 / 3
"""Part of tau_z by which a sum may differ from a mixture and still be one: mixing is not quite linear in reality."""

_NO_MISFIT = np.zeros((0, 0), dtype=np.float32)
_BSE_WIDTH = 1.5
_MOST_BSE_DEVIATIONS = 3.0

_LARGEST_IMPURE = 0.005
"""A phase of more measurements than this share of all is kept, even if each of them may be a mixture."""
_SWEEPS, _LAST_SWEEPS = 8, 12


class _Resummed(NamedTuple):
    """P phases as their measurements are: sums, labels (N,), whether well founded (P,), and spectra (P, D)."""

    pool: Pool
    labels: npt.NDArray[np.int64]
    founded: npt.NDArray[np.bool_]
    spectra: npt.NDArray[np.float64]


class PhaseSearch:
    """Looks for the phases of one field.

    Parameters
    ----------
    evidence : Evidence
    near : Neighbourhood
    segments : (N,) array of int64
        Fine segments, each of one material.
    scale : Scale
    summed_spectra : callable
        From labels (N,), -1 for none, and their number to summed spectra on the energy axis of the field.
    embed : callable
        From such spectra to unit vectors.
    tau_b : float
        See `agglomerate`.
    intergrowths : bool
        Whether areas of fine-grained mixtures become phases.
    """

    def __init__(
        self,
        evidence: Evidence,
        near: Neighbourhood,
        segments: npt.NDArray[np.int64],
        scale: Scale,
        summed_spectra: Callable[[npt.NDArray[np.int64], int], npt.NDArray[np.float64]],
        embed: Embedder,
        tau_b: float = math.inf,
        intergrowths: bool = True,
    ) -> None:
        self.evidence, self.near, self.segments, self.scale = evidence, near, segments, scale
        self.summed_spectra, self.embed, self.tau_b = summed_spectra, embed, tau_b
        self.intergrowths = intergrowths
        self.n_segments = int(segments.max()) + 1
        self._sums = evidence.pooled(segments, self.n_segments)
        self._interior_sums = evidence.pooled(segments, self.n_segments, near.interior(segments))

    def run(self, progress: Progress | None = None) -> MeasurementPhases:
        """Find the phases and label the measurements with them."""
        report = progress or silent
        pool = self._seeds()
        founded = np.ones(len(pool), dtype=np.bool_)
        labels = self._labelled(pool, _SWEEPS)[0]
        for round_ in range(_ROUNDS):
            report("segments", 0.2 + 0.6 * round_ / _ROUNDS)
            pool, labels, founded, spectra = self._resummed(labels, founded)
            unexplained = self._unexplained(pool, labels, spectra)
            if len(unexplained) == 0:
                break
            new = unexplained.regrouped(agglomerate(unexplained, self.scale, self.tau_b))
            both = pool.joined(new)
            group = agglomerate(both, self.scale, self.tau_b)
            grown = both.regrouped(group)
            was_founded = np.zeros(len(grown), dtype=np.bool_)
            was_founded[group[: len(pool)]] = founded
            grown_labels = self._labelled(grown, _SWEEPS)[0]
            # A purer phase that takes over most of what another was founded on is no less well founded.
            heirs = np.zeros((len(pool), len(grown)), dtype=np.int64)
            np.add.at(heirs, (labels, grown_labels), 1)
            was_founded[heirs.argmax(axis=1)[founded]] = True
            grown, grown_labels, was_founded, spectra = self._resummed(grown_labels, was_founded)
            kept = self._not_mixtures(grown, grown_labels, was_founded, spectra)
            if np.count_nonzero(kept) <= len(pool) and round_ > 0:
                break
            pool, founded = grown[kept], was_founded[kept]
            labels = self._labelled(pool, _SWEEPS)[0]
        report("segments", 0.8)
        pool, labels, founded, _ = self._resummed(labels, founded)
        # Sums of all measurements may be more alike than those that founded the phases were.
        group = agglomerate(pool, self.scale, self.tau_b)
        founded = np.bincount(group, weights=founded) > 0
        pool, bse_misfit = pool.regrouped(group), self._bse_misfit(group[labels], len(founded))
        labels, partner, fraction, confidence = self._labelled(pool, _LAST_SWEEPS, bse_misfit)
        share = np.where(partner >= 0, np.array(FRACTIONS)[fraction], 1.0)
        self._join_impure(labels, partner, share, founded)
        intergrown = self._join_intergrown(labels, partner, share, len(founded))
        return self._numbered(labels, partner, share, confidence, intergrown)

    def _seeds(self) -> Pool:
        """Phases of the segments that have an interior."""
        found = np.flatnonzero(self._interior_sums.size >= _LEAST_INTERIOR)
        sums = self._interior_sums
        if len(found) == 0:
            found, sums = np.argsort(-self._sums.size, kind="stable")[:1], self._sums
        found = np.sort(found[np.argsort(-sums.size[found], kind="stable")[:_MOST_SUMS]])
        seeds = sums[found]
        group = agglomerate(seeds, self.scale, self.tau_b)
        self.dispersion = estimate_dispersion(seeds, group, self.scale)
        if self.dispersion.counts > 0 or self.dispersion.embedded > 0:
            self.scale = self.dispersion.widened(self.scale)
            group = agglomerate(seeds, self.scale, self.tau_b)
        return seeds.regrouped(group)

    def _labelled(
        self, pool: Pool, sweeps: int, bse_misfit: npt.NDArray[np.float32] = _NO_MISFIT
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Label the measurements with given phases, beginning with the most likely one of each segment."""
        shares = pool.probabilities()
        log_pure = np.log(shares).astype(np.float32)
        major = np.array(FRACTIONS)[None, None, :, None]
        log_mixed = np.log(major * shares[:, None, None, :] + (1 - major) * shares[None, :, None, :])
        labels = (self._sums.counts.astype(np.float64) @ np.log(shares).T).argmax(axis=1)[self.segments]
        likely = most_likely(self.evidence.counts, log_pure)
        partner, fraction, confidence = relabel(
            self.near.indptr,
            self.near.neighbours,
            self.near.affinity,
            self.evidence.counts,
            likely,
            bse_misfit,
            log_pure,
            log_mixed.astype(np.float32),
            self.scale.dispersion,
            MIXTURE_PENALTY,
            labels,
            sweeps,
        )
        return labels, partner, fraction, confidence

    def _bse_misfit(self, labels: npt.NDArray[np.int64], n_phases: int) -> npt.NDArray[np.float32]:
        """Half the squared deviation of the BSE of each measurement from that of each phase, (N, P).

        In units of 1.5 times the spread inside the phase, or inside most phases if that is more, and never more than
        three of these, so that charged or tilted areas do not change their phase.
        """
        inside, bse = self.near.interior(labels), self.evidence.bse
        middle, spread = np.zeros(n_phases), np.zeros(n_phases)
        for k in range(n_phases):
            own = labels == k
            chosen = own & inside if np.count_nonzero(own & inside) >= _LEAST_INTERIOR else own
            values = bse[chosen] if chosen.any() else bse
            middle[k] = np.median(values)
            spread[k] = 1.4826 * np.median(np.abs(values - middle[k]))
        width = _BSE_WIDTH * np.maximum(spread, max(np.median(spread), 1e-9))
        deviations = np.minimum(np.abs(bse[:, None] - middle) / width, _MOST_BSE_DEVIATIONS)
        return np.asarray(0.5 * deviations**2, dtype=np.float32)

    def _resummed(self, labels: npt.NDArray[np.int64], founded: npt.NDArray[np.bool_], drop: bool = True) -> _Resummed:
        """Phases anew from their measurements; those without any are dropped, if they may be."""
        n = len(founded)
        everything = self.evidence.pooled(labels, n)
        inside = self.evidence.pooled(labels, n, self.near.interior(labels))
        enough = inside.size >= _LEAST_INTERIOR
        pool = everything.joined(inside)[np.where(enough, np.arange(n) + n, np.arange(n))]
        alive = (everything.size > 0) | (not drop)
        number = np.cumsum(alive) - 1
        pool, labels = pool[alive], number[labels]
        # The direction of a sum of mixtures is not the mean of their directions.
        spectra = self._phase_spectra(pool, labels)
        pool = dataclasses.replace(pool, z=self.embed(spectra).astype(np.float64))
        return _Resummed(pool, labels, founded[alive], spectra)

    def _unexplained(self, pool: Pool, labels: npt.NDArray[np.int64], spectra: npt.NDArray[np.float64]) -> Pool:
        """Sums of the segments that no mixture of the phases in and around them explains."""
        parts, start = phases_around(
            self.near.indptr, self.near.neighbours, self.segments, labels, self.n_segments, len(pool), _MOST_PARTS
        )
        tested = np.flatnonzero(self._sums.size >= 2)
        g, weights = fit_mixtures(
            self._sums.counts[tested], pool.probabilities(), parts[tested], start[tested], _ITERATIONS
        )
        over = g / (1 + self.scale.dispersion * self._sums.total[tested]) / self.scale.height
        sure = np.flatnonzero(over > 1)
        sure = np.sort(sure[np.argsort(-over[sure], kind="stable")[:_MOST_SUMS]])
        sums = self._embedded(tested[sure])
        differs = difference_from_mixture(sums, parts[tested[sure]], weights[sure], spectra, self.scale, self.embed)
        sure = sure[differs > _MIXTURE_TOLERANCE * self.scale.tau_z]
        left = tested[sure]
        n = self.n_segments
        interior = self._interior_sums.size[left] >= 1
        return self._sums.joined(self._interior_sums)[np.where(interior, left + n, left)]

    def _embedded(self, segments: npt.NDArray[np.int64]) -> Pool:
        """Sums of some segments, with the direction of the summed spectrum."""
        sums = self._sums[segments]
        number = np.full(self.n_segments, -1)
        number[segments] = np.arange(len(segments))
        z = self.embed(self.summed_spectra(number[self.segments], len(segments)))
        return dataclasses.replace(sums, z=z.astype(np.float64))

    def _phase_spectra(self, pool: Pool, labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Spectra of the phases, each adding up to 1 in the windows; (P, D)."""
        inside = self.near.interior(labels)
        enough = np.bincount(labels[inside], minlength=len(pool)) >= _LEAST_INTERIOR
        chosen = np.where(inside | ~enough[labels], labels, -1)
        spectra = self.summed_spectra(chosen, len(pool))
        return np.asarray(spectra / np.maximum(pool.total, 1)[:, None])

    def _not_mixtures(
        self,
        pool: Pool,
        labels: npt.NDArray[np.int64],
        founded: npt.NDArray[np.bool_],
        spectra: npt.NDArray[np.float64],
    ) -> npt.NDArray[np.bool_]:
        """Which phases to keep: those without a founding interior go if they are mixtures of phases they touch."""
        touching = self.near.contacts(labels, len(pool))
        kept = np.ones(len(pool), dtype=np.bool_)
        likeness = np.full(len(pool), np.inf)
        inner = np.bincount(labels[self.near.interior(labels)], minlength=len(pool)) >= _LEAST_INTERIOR
        consists_of = np.zeros((len(pool), len(pool)), dtype=np.bool_)
        waiting = np.flatnonzero(~founded)
        while len(waiting):
            parts = phases_touched(touching[waiting] * kept, waiting)
            g, weights = fit_mixtures(
                pool.counts[waiting], pool.probabilities(), parts, np.ones(parts.shape), _ITERATIONS_FOR_PHASES
            )
            over = g / (1 + self.scale.dispersion * pool.total[waiting]) / self.scale.height
            material = difference_from_mixture(pool[waiting], parts, weights, spectra, self.scale, self.embed)
            material /= max(_MIXTURE_TOLERANCE * self.scale.tau_z, 1e-9)
            # Inside a grain no mixture is expected, so one must explain the sum in full there.
            likely = np.where(inner[waiting], over, np.minimum(over, material**2))
            likeness[waiting] = np.where(parts[:, 0] >= 0, likely, np.inf)
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

    def _join_impure(
        self,
        labels: npt.NDArray[np.int64],
        partner: npt.NDArray[np.int64],
        share: npt.NDArray[np.float64],
        founded: npt.NDArray[np.bool_],
    ) -> None:
        """Phases of grains too small to be measured purely join the phase that they are mostly of; in place."""
        pool, _, _, spectra = self._resummed(labels, founded, drop=False)
        size = np.bincount(labels, minlength=len(pool))
        doubtful = np.flatnonzero(~founded & (size > 0) & (size < _LARGEST_IMPURE * len(labels)))
        joins = majority_of_impure(
            doubtful[np.argsort(size[doubtful], kind="stable")],
            pool,
            self.near.contacts(labels, len(pool)),
            spectra,
            self.scale,
            self.embed,
        )
        mostly = np.arange(len(pool))
        for k, (major, minor, majority) in joins.items():
            mostly[k] = major
            pure = (labels == k) & (partner < 0)
            partner[pure], share[pure] = minor, majority
        labels[:] = mostly[labels]
        partner[:] = np.where(partner >= 0, mostly[partner], -1)
        partner[partner == labels] = -1
        share[partner < 0] = 1.0

    def _join_intergrown(
        self,
        labels: npt.NDArray[np.int64],
        partner: npt.NDArray[np.int64],
        share: npt.NDArray[np.float64],
        n_phases: int,
    ) -> npt.NDArray[np.int64]:
        """Fine-grained mixtures become phases of their own, numbered from `n_phases`, in place; their numbers."""
        if not self.intergrowths:
            return np.zeros(0, dtype=np.int64)
        patch = find_intergrowths(self.near, labels, self.evidence.bse)
        if patch.max() < 0:
            return np.zeros(0, dtype=np.int64)
        difference = pairwise_differences(self.evidence.pooled(labels, n_phases), self.scale)
        take_out_rims(self.near, labels, patch, difference)
        within = patch >= 0
        if not within.any():
            return np.zeros(0, dtype=np.int64)
        partner[partner == labels] = -1
        share[partner < 0] = 1.0
        number = np.zeros(len(labels), dtype=np.int64)
        number[within] = np.unique(patch[within], return_inverse=True)[1]
        sums = self.evidence.pooled(number, int(number.max()) + 1, within)
        group = agglomerate(sums, self.scale, self.tau_b)
        labels[within] = n_phases + group[number[within]]
        partner[within], share[within] = -1, 1.0
        return n_phases + np.arange(int(group.max()) + 1)

    def _numbered(
        self,
        labels: npt.NDArray[np.int64],
        partner: npt.NDArray[np.int64],
        share: npt.NDArray[np.float64],
        confidence: npt.NDArray[np.float32],
        intergrown: npt.NDArray[np.int64],
    ) -> MeasurementPhases:
        """Phases that no measurement has are left out; the most frequent one becomes phase 0."""
        n = max(int(labels.max()), int(partner.max(initial=-1))) + 1
        size = np.bincount(labels, minlength=n)
        order = np.argsort(-size, kind="stable")[: np.count_nonzero(size)]
        number = np.full(n, -1)
        number[order] = np.arange(len(order))
        partner = np.where(partner >= 0, number[partner], -1)  # also -1 where only mixtures hold the phase
        pool, labels, _, _ = self._resummed(number[labels], np.ones(len(order), dtype=np.bool_))
        return MeasurementPhases(
            labels=labels,
            partner=partner,
            fraction=np.where(partner >= 0, share, 1.0).astype(np.float32),
            confidence=confidence,
            pool=pool,
            intergrown=np.isin(order, intergrown),
            scale=self.scale,
            dispersion=self.dispersion,
        )
