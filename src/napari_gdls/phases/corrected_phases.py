"""Phases of the measurements after corrections by hand: what is known of those that have changed, found anew."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.embedding.inference import embedder
from napari_gdls.field import Field
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.phases.correction_replay import Corrected
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.neighbourhood import interior
from napari_gdls.phases.phase_sums import LEAST_INTERIOR
from napari_gdls.phases.sums import Pool
from napari_gdls.spectra.windows import window_counts_of_groups


def changed_phases(before: MeasurementPhases, corrected: Corrected) -> npt.NDArray[np.bool_]:
    """Which phases have gained or lost measurements, (P,), but for those that have been merged as they were."""
    was = corrected.number[before.labels]
    moved = was != corrected.phases
    changed = np.zeros(corrected.n_phases, dtype=np.bool_)
    changed[corrected.phases[moved]] = True
    changed[was[moved & (was >= 0)]] = True
    return changed


def with_corrections(
    before: MeasurementPhases, corrected: Corrected, field: Field, graph: MeasurementGraph, model: str
) -> MeasurementPhases:
    """Phases after corrections.

    A measurement whose phase a hand has decided is of this phase alone, for sure. Sums of phases that have gained or
    lost measurements are made anew, as the search for phases makes them (`PhaseSums`); others stay.

    Parameters
    ----------
    before : MeasurementPhases
    corrected : Corrected
    field : Field
        With the spectra that have been embedded.
    graph : MeasurementGraph
    model : str
        Name of the embedding.
    """
    number, n = corrected.number, corrected.n_phases
    partner = np.where(before.partner >= 0, number[before.partner], -1)
    partner[(partner == corrected.phases) | corrected.decided] = -1
    fraction = np.where(partner >= 0, before.fraction, np.float32(1))
    confidence = np.where(corrected.decided, np.float32(1), before.confidence)
    kept = number >= 0
    pool = _merged_pool(before.pool, number, n)
    intergrown = np.bincount(number[kept], weights=before.intergrown[kept], minlength=n) > 0
    changed = changed_phases(before, corrected)
    if changed.any():
        anew = _summed_anew(corrected.phases, np.flatnonzero(changed), field, graph, model)
        for mine, new in zip(
            (pool.counts, pool.z, pool.size, pool.bse), (anew.counts, anew.z, anew.size, anew.bse), strict=True
        ):
            mine[changed] = new
    return dataclasses.replace(
        before,
        labels=corrected.phases,
        partner=partner,
        fraction=fraction,
        confidence=confidence,
        pool=pool,
        intergrown=intergrown,
    )


def _merged_pool(pool: Pool, number: npt.NDArray[np.int64], n: int) -> Pool:
    """Sums of the phases as they are numbered now, (n,); a phase that was not merged has those that it had."""
    kept = np.flatnonzero(number >= 0)
    merged = pool[kept].regrouped(number[kept]) if len(kept) else pool[kept]
    room = n - len(merged)
    out = Pool(
        np.concatenate([merged.counts, np.zeros((room, merged.counts.shape[1]), dtype=np.int64)]),
        np.concatenate([merged.z, np.zeros((room, merged.z.shape[1]))]),
        np.concatenate([merged.size, np.zeros(room, dtype=np.int64)]),
        np.concatenate([merged.bse, np.zeros(room)]),
    )
    single = kept[np.bincount(number[kept], minlength=n)[number[kept]] == 1]
    for mine, given in zip((out.z, out.bse), (pool.z, pool.bse), strict=True):
        mine[number[single]] = given[single]
    return out


def _summed_anew(
    labels: npt.NDArray[np.int64], phases: npt.NDArray[np.int64], field: Field, graph: MeasurementGraph, model: str
) -> Pool:
    """Sums over the interior measurements of some phases, over all where few are, as `SegmentedField.phases` has it."""
    rank = np.full(int(labels.max()) + 1, -1, dtype=np.int64)
    rank[phases] = np.arange(len(phases))
    group = rank[labels]
    inside = interior(graph.edges, labels)
    enough = np.bincount(group[inside & (group >= 0)], minlength=len(phases)) >= LEAST_INTERIOR
    group = np.where((group >= 0) & (inside | ~enough[group]), group, -1)
    chosen = group >= 0
    size = np.bincount(group[chosen], minlength=len(phases))
    bse = np.bincount(group[chosen], weights=bse_fractions_at_measurements(field)[chosen], minlength=len(phases))
    counts = window_counts_of_groups(field, group, len(phases))
    spectra = field.summed_spectra(group, len(phases)) / np.maximum(counts.sum(axis=1), 1)[:, None]
    z = embedder(model, field.energy)(spectra).astype(np.float64)
    return Pool(counts, z, size.astype(np.int64), bse / np.maximum(size, 1))
