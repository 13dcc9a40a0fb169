"""Phases of the measurements of a field: which segments are of one material, and which measurements are mixtures.

Segments of a merge tree are cut fine, and summed over their interior measurements only, since those at borders are
mixtures and would make a phase of every rim. Equal sums make phases. What phases and their mixtures do not explain
makes further phases, unless these are mixtures themselves. Then every measurement takes its most likely phase.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.checks import checked_number
from napari_gdls.embedding import Calibration, Embedding
from napari_gdls.embedding.inference import embedder
from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.graph.merging import MergeTree
from napari_gdls.phases.agglomeration import agglomerate
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.impure_phases import joined_with_majority, kept_phases, unexplained_segments
from napari_gdls.phases.intergrowth import joined_with_intergrowths
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.over_dispersion import Dispersion, estimate_dispersion
from napari_gdls.phases.phase_sums import LEAST_INTERIOR, MOST_SUMS, PhaseSums, SegmentedField
from napari_gdls.phases.relabelling import NO_BSE, Assignment, assign_phases, bse_misfits
from napari_gdls.phases.sums import Evidence, Pool
from napari_gdls.progress import Progress, silent

FINE_SIGNIFICANCE = 5.0
"""Significance at which the tree is cut for phases to be found among the parts: parts of one material are put together
again by the search, while a part of two would spoil it. Chosen on the benchmark fields."""

_ROUNDS = 3
"""Times that phases are added for what is unexplained; the benchmark fields need one or two."""

_SWEEPS, _LAST_SWEEPS = 8, 12
"""Sweeps of `assign_phases` at most, on the way and at the end; most fields settle in four to six."""


def find_phases(
    field: Field,
    graph: MeasurementGraph,
    tree: MergeTree,
    z: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
    model: Embedding,
    *,
    tau_z: float,
    significance: float,
    tau_b: float | None = None,
    intergrowths: bool = True,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> MeasurementPhases:
    """Group the measurements to phases. Two phases stay two if they differ significantly and by more than tau_z.

    Parameters
    ----------
    field : Field
    graph : MeasurementGraph
    tree : MergeTree
        Of the graph.
    z : (N, d) array of float32
        Embedded spectra.
    counts : (N, W) array of int32
        Counts in energy windows that the tree was built from.
    model : Embedding
        That made `z`.
    tau_z : float
        Smallest noise-free difference D of two phases, on the scale of delta_z of two spectra of 1,000 counts.
    significance : float
        How sure one must be that two phases differ: x, for a probability of error of exp(-x) in a single comparison.
    tau_b : float, optional
        Phases whose mean BSE differs by more, as a fraction of the full scale, stay apart even where their spectra
        agree. None: BSE alone makes no phases.
    intergrowths : bool
        Whether areas whose grains are smaller than the distance of the measurements become one phase, a fine-grained
        mixture.
    calibration : Calibration, optional
        Scale of the distances of `z`. None: that of the model.
    progress : Progress, optional

    Returns
    -------
    MeasurementPhases

    Raises
    ------
    RecipeError
        If a threshold is negative or not finite, or the graph is that of another field.
    FieldError
        If the tree, `z` or `counts` are not of the measurements of the field, or hold impossible values.
    Cancelled
        If `progress` asks for it.
    """
    material, sure = checked_number("tau_z", tau_z), checked_number("significance", significance)
    brightness = math.inf if tau_b is None else checked_number("tau_b", tau_b, "a fraction of the BSE full scale")
    report = progress or silent
    report("segments", 0.0)
    _check_same_measurements(field, graph, tree, z, counts)
    segmented = SegmentedField(
        Evidence(counts, z, bse_fractions_at_measurements(field)),
        Neighbourhood.of(field, graph),
        tree.cut(tree.height_of_significance(min(FINE_SIGNIFICANCE, sure))),
        field.summed_spectra,
        embedder(model, field.energy),
    )
    scale = Scale(calibration or model.calibration, 0.0, tree.height_of_significance(sure), material)
    seeds, widened, dispersion = _seeds(segmented, scale, brightness, lambda: report("segments", 0.0))
    return _Search(segmented, widened, brightness, report).phases(seeds, dispersion, intergrowths=intergrowths)


def _check_same_measurements(
    field: Field,
    graph: MeasurementGraph,
    tree: MergeTree,
    z: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
) -> None:
    """Compiled code relies on this."""
    graph.require_field(field)
    n = field.n_measurements
    for name, length in {"tree": tree.n_measurements, "z": len(z), "counts": len(counts)}.items():
        if length != n:
            raise FieldError(f"{name}: of {length:,} measurements, but the field has {n:,}; give those of one field.")
    if not np.isfinite(z).all():
        raise FieldError("z: some embedded spectra are not finite; embed the field again.")
    if counts.dtype != np.int32 or counts.min(initial=0) < 0:
        raise FieldError("counts: not what window_counts gives, whole numbers (int32) of 0 or more.")


def _seeds(
    segmented: SegmentedField, scale: Scale, tau_b: float, poll: Callable[[], None]
) -> tuple[Pool, Scale, Dispersion]:
    """Phases of the segments that have an interior, and the scale as widened by how these scatter."""
    sums = segmented.interior_sums
    poll()
    found = np.flatnonzero(sums.size >= LEAST_INTERIOR)
    if len(found) == 0:
        sums = segmented.sums
        found = np.argsort(-sums.size, kind="stable")[:1]
    founding = sums[np.sort(found[np.argsort(-sums.size[found], kind="stable")[:MOST_SUMS]])]
    group = agglomerate(founding, scale, tau_b, poll)
    dispersion = estimate_dispersion(founding, group, scale)
    if dispersion.counts > 0 or dispersion.embedded > 0:
        scale = dispersion.widened(scale)
        group = agglomerate(founding, scale, tau_b, poll)
    return founding.regrouped(group), scale, dispersion


@dataclass(frozen=True, eq=False)
class _Search:
    """The search for the phases of one field; every step makes new arrays and changes none."""

    field: SegmentedField
    scale: Scale
    tau_b: float
    report: Progress

    def phases(self, seeds: Pool, dispersion: Dispersion, *, intergrowths: bool) -> MeasurementPhases:
        """Find the phases, beginning with those of the seeds, and label the measurements with them."""
        now = self._with_what_is_unexplained(seeds)
        self.report("segments", 0.8)
        # Sums of all measurements may be more alike than those that founded the phases were.
        poll = self._poll(0.8)
        group = agglomerate(now.pool, self.scale, self.tau_b, poll)
        founded = np.bincount(group, weights=now.founded) > 0
        labels = group[now.labels]
        misfit = bse_misfits(self.field.evidence.bse, labels, self.field.near.interior(labels), len(founded), poll)
        found = self._assigned(now.pool.regrouped(group), _LAST_SWEEPS, 0.8, misfit)
        self.report("segments", 0.9)
        found = joined_with_majority(self.field, found, founded, self.scale, self._poll(0.9))
        n_pure = len(founded)
        if intergrowths:
            self.report("segments", 0.95)
            found = joined_with_intergrowths(self.field, found, n_pure, self.scale, self.tau_b, self._poll(0.95))
        return self._numbered(found, n_pure, dispersion)

    def _with_what_is_unexplained(self, seeds: Pool) -> PhaseSums:
        """Add phases for what mixtures of those that there are do not explain, round by round."""
        pool, founded = seeds, np.ones(len(seeds), dtype=np.bool_)
        labels = self._assigned(pool, _SWEEPS, 0.1).labels
        for round_ in range(_ROUNDS):
            done = 0.2 + 0.6 * round_ / _ROUNDS
            now = self.field.phases(labels, founded, poll=self._poll(done))
            pool, labels, founded = now.pool, now.labels, now.founded
            unexplained = unexplained_segments(self.field, now, self.scale, self._poll(done))
            if len(unexplained) == 0:
                break
            grown = self._grown(now, unexplained, done)
            kept = kept_phases(self.field, grown, self.scale, self._poll(done))
            if np.count_nonzero(kept) <= len(pool) and round_ > 0:
                break
            pool, founded = grown.pool[kept], grown.founded[kept]
            labels = self._assigned(pool, _SWEEPS, done).labels
        return self.field.phases(labels, founded, poll=self._poll(0.8))

    def _grown(self, now: PhaseSums, unexplained: Pool, done: float) -> PhaseSums:
        """Phases and what is unexplained, put together, with the measurements that each then has."""
        poll = self._poll(done)
        new = unexplained.regrouped(agglomerate(unexplained, self.scale, self.tau_b, poll))
        both = now.pool.joined(new)
        group = agglomerate(both, self.scale, self.tau_b, poll)
        pool = both.regrouped(group)
        founded = np.zeros(len(pool), dtype=np.bool_)
        founded[group[: len(now.pool)]] = now.founded
        labels = self._assigned(pool, _SWEEPS, done).labels
        # A purer phase that takes over most of what another was founded on is no less well founded.
        poll()
        heirs = np.zeros((len(now.pool), len(pool)), dtype=np.int64)
        np.add.at(heirs, (now.labels, labels), 1)
        founded[heirs.argmax(axis=1)[now.founded]] = True
        return self.field.phases(labels, founded, poll=poll)

    def _assigned(
        self, pool: Pool, most_sweeps: int, done: float, bse_misfit: npt.NDArray[np.float32] = NO_BSE
    ) -> Assignment:
        """Label the measurements with given phases, beginning with the most likely one of each segment."""
        shares = pool.probabilities()
        likely = (self.field.sums.counts.astype(np.float64) @ np.log(shares).T).argmax(axis=1)
        return assign_phases(
            self.field.evidence,
            self.field.near,
            shares,
            likely[self.field.segments],
            dispersion=self.scale.dispersion,
            most_sweeps=most_sweeps,
            poll=self._poll(done),
            bse_misfit=bse_misfit,
        )

    def _poll(self, done: float) -> Callable[[], None]:
        return lambda: self.report("segments", done)

    def _numbered(self, found: Assignment, n_pure: int, dispersion: Dispersion) -> MeasurementPhases:
        """Phases that no measurement has are left out; the most frequent one becomes phase 0."""
        n = max(int(found.labels.max()), int(found.partner.max(initial=-1))) + 1
        size = np.bincount(found.labels, minlength=n)
        order = np.argsort(-size, kind="stable")[: np.count_nonzero(size)]
        number = np.full(n, -1)
        number[order] = np.arange(len(order))
        partner = np.where(found.partner >= 0, number[found.partner], -1)  # also -1 where only mixtures hold the phase
        now = self.field.phases(number[found.labels], np.ones(len(order), dtype=np.bool_), poll=self._poll(0.95))
        return MeasurementPhases(
            labels=now.labels,
            partner=partner,
            fraction=np.where(partner >= 0, found.fraction, 1.0).astype(np.float32),
            confidence=found.confidence,
            pool=now.pool,
            intergrown=order >= n_pure,
            scale=self.scale,
            dispersion=dispersion,
        )
