"""The reduce over all fields: which of their phases are one, by the knobs and the code that serve within a field."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import FieldResult, read_field_result
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.embedding.calibration import Calibration
from napari_gdls.embedding.inference import embedder
from napari_gdls.energy import common_axis, rebin
from napari_gdls.errors import GdlsError
from napari_gdls.phases.agglomeration import agglomerate, nearest_sums
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.over_dispersion import estimate_dispersion
from napari_gdls.phases.phase_sums import MOST_SUMS
from napari_gdls.phases.sums import Pool
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe


def section_phases(results: Mapping[str, Path], recipe: Recipe, *, progress: Progress | None = None) -> SectionPhases:
    """Group the parts of all fields to the phases of the section.

    Parameters
    ----------
    results : mapping of str to Path
        Results of the fields, by name; they are read twice, one at a time.
    recipe : Recipe
        That they were made with.
    progress : Progress, optional

    Returns
    -------
    SectionPhases

    Raises
    ------
    GdlsError
        If there are no results.
    FieldReadError
        If one is damaged.
    """
    report = progress or silent
    names = sorted(results)
    if not names:
        raise GdlsError("no field of the batch has a result, so there are no phases.")
    fields = []
    for done, name in enumerate(names):
        report("phases", 0.4 * done / len(names))
        fields.append(_without_spectra(read_field_result(results[name], images=False)))
    pool = _joined([each.parts.pool for each in fields])
    intergrown = np.concatenate([each.parts.intergrown for each in fields])
    points = np.concatenate([each.parts.points for each in fields])
    scale, tau_b = _scale(fields), math.inf if recipe.tau_b is None else recipe.tau_b
    group = np.zeros(len(pool), dtype=np.int64)
    n_groups = 0
    for kind in (False, True):
        chosen = np.flatnonzero(intergrown == kind)
        if len(chosen):
            group[chosen] = n_groups + _grouped(pool[chosen], scale, tau_b)
            n_groups = int(group.max()) + 1
    order = np.argsort(-np.bincount(group, weights=points, minlength=n_groups), kind="stable")
    number = np.empty(n_groups, dtype=np.int64)
    number[order] = np.arange(n_groups)
    group = number[group]
    of_parts = dict(zip(names, np.split(group, np.cumsum([len(each.parts) for each in fields])[:-1]), strict=True))
    energy = common_axis(each.energy for each in fields)
    spectra = np.zeros((n_groups, energy.size))
    borders = np.zeros((n_groups, n_groups), dtype=np.int64)
    for each in fields:
        of = of_parts[each.name]
        np.add.at(borders, (of[:, None], of[None, :]), each.parts.borders)
    np.fill_diagonal(borders, 0)
    inside = np.concatenate([each.parts.inside for each in fields])
    has_inside = np.bincount(group, weights=inside, minlength=n_groups) > 0
    counted = inside | ~has_inside[group]  # what lies inside grains speaks for a phase, where any of it does
    first = 0
    for done, name in enumerate(names):
        report("phases", 0.6 + 0.4 * done / len(names))
        result = read_field_result(results[name], images=False)
        read = rebin(result.parts.spectra, result.energy, energy)
        use = counted[first : first + len(read)]
        np.add.at(spectra, of_parts[name][use], read[use])
        first += len(read)
    summed = pool[counted].regrouped(group[counted])
    z = embedder(recipe.model, energy)(spectra).astype(np.float64)
    report("phases", 1.0)
    return SectionPhases(
        pool=Pool(summed.counts, z, summed.size, summed.bse),
        spectra=spectra,
        energy=energy,
        inside=has_inside,
        borders=borders,
        intergrown=np.bincount(group, weights=intergrown, minlength=n_groups) > 0,
        points=np.bincount(group, weights=points, minlength=n_groups).astype(np.float64),
        of_parts=of_parts,
    )


def _without_spectra(result: FieldResult) -> FieldResult:
    """Thousands of fields stay in memory until their parts are grouped; their spectra are read again."""
    import dataclasses

    return dataclasses.replace(
        result, parts=dataclasses.replace(result.parts, spectra=np.empty((len(result.parts), 0))), segments={}
    )


def _joined(pools: list[Pool]) -> Pool:
    return Pool(
        np.concatenate([each.counts for each in pools]),
        np.concatenate([each.z for each in pools]),
        np.concatenate([each.size for each in pools]),
        np.concatenate([each.bse for each in pools]),
    )


def _scale(fields: list[FieldResult]) -> Scale:
    """Units of the section: those of its fields, in the middle."""
    middle = {name: float(np.median([each.scale[name] for each in fields])) for name in fields[0].scale}
    return Scale(Calibration(middle["c"], f=middle["f"]), middle["dispersion"], middle["height"], middle["tau_z"])


def _grouped(pool: Pool, scale: Scale, tau_b: float) -> npt.NDArray[np.int64]:
    """Group any number of sums: the largest found phases, others go to these, what fits none founds further ones."""
    order = np.argsort(-pool.total, kind="stable")
    first = order[:MOST_SUMS]
    group = agglomerate(pool[first], scale, tau_b)
    dispersion = estimate_dispersion(pool[first], group, scale)
    if dispersion.counts > 0 or dispersion.embedded > 0:
        scale = dispersion.widened(scale)
        group = agglomerate(pool[first], scale, tau_b)
    founded = pool[first].regrouped(group)
    rest = order[MOST_SUMS:]
    while len(rest):
        cost = nearest_sums(pool[rest], founded, scale, tau_b)[1]
        beyond = rest[cost > 1.0]
        new = beyond[: MOST_SUMS - min(len(founded), MOST_SUMS // 2)]
        if len(new):
            both = founded.joined(pool[new])
            founded = both.regrouped(agglomerate(both, scale, tau_b))
        rest = beyond[len(new) :]
    founded = founded.regrouped(agglomerate(founded, scale, tau_b))
    return np.unique(nearest_sums(pool, founded, scale, tau_b)[0], return_inverse=True)[1].astype(np.int64)
