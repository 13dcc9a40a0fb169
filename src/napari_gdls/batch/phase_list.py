"""The reduce over all fields: which of their phases are one, by the knobs and the code that serve within a field.

Parts that lie inside grains are put together first. What has no measurement inside a grain holds some of what lies
around, more or less of it in each field, and so goes to the phase that it is mostly of: the same judgement as within a
field, on the sums of all fields.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_calibration import calibrated_axes, with_axis
from napari_gdls.batch.field_results import FieldResult, read_field_result
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.embedding.calibration import Calibration
from napari_gdls.embedding.inference import embedder
from napari_gdls.energy import EnergyAxis, common_axis, rebin
from napari_gdls.errors import GdlsError
from napari_gdls.graph.merging import height_of_significance
from napari_gdls.phases.agglomeration import agglomerate, nearest_sums
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.impure_phases import (
    LARGEST_IMPURE,
    LIKENESS,
    MOST_PARTS,
    majority_of_impure,
    misfit_of_mixtures,
    phases_touched,
)
from napari_gdls.phases.over_dispersion import estimate_dispersion
from napari_gdls.phases.phase_sums import MOST_SUMS
from napari_gdls.phases.sums import Embedder, Pool
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe

_Ids = npt.NDArray[np.int64]

_FEW_INSIDE, _SELDOM = 30, 2
"""Measurements inside grains, and fields with such, up to which a phase is tried as a mixture all the same: in a small
field one may have some measurements beside each other, but not in field after field. Chosen on simulated sections."""

_MOST_LIKE = 4
"""Phases that one is tried as a mixture of for being like them, at least, besides those that it touches. A choice."""

_KEPT_SPECTRA = 1_500_000_000
"""Bytes of summed spectra that are kept in memory until it is known which belong together; of further fields they are
read a second time. A choice: twelve thousand fields of ten phases, well below the 4 GB that the list may take."""

_ALL_GROUPS = 4000
"""Sums that are compared with each other at most when groups are put together at the end: 128 MB."""


@dataclasses.dataclass(frozen=True, eq=False)
class _AllParts:
    """The parts of all fields, one after the other."""

    pool: Pool
    inside: npt.NDArray[np.bool_]
    intergrown: npt.NDArray[np.bool_]
    points: npt.NDArray[np.float64]
    first: _Ids
    """(F + 1,) first part of each field."""


def section_phases(results: Mapping[str, Path], recipe: Recipe, *, progress: Progress | None = None) -> SectionPhases:
    """Group the parts of all fields to the phases of the section.

    Parameters
    ----------
    results : mapping of str to Path
        Results of the fields, by name; they are read one at a time.
    recipe : Recipe
        That they were made with.
    progress : Progress, optional

    Returns
    -------
    SectionPhases
        The same for any order of the fields.

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
    kept: dict[str, npt.NDArray[Any]] = {}
    room = _KEPT_SPECTRA
    for done, name in enumerate(names):
        report("phases", 0.4 * done / len(names))
        read = read_field_result(results[name], images=False, whole=False)
        fields.append(_without_spectra(read))
        small = _in_few_bytes(read.parts.spectra)
        if small.nbytes <= room:
            kept[name], room = small, room - small.nbytes
    energy = common_axis(each.energy for each in fields)
    embed = embedder(recipe.model, energy)
    parts = _all_parts(fields)
    scale = _scale(fields, recipe)
    tau_b = math.inf if recipe.tau_b is None else recipe.tau_b

    def poll() -> None:
        report("phases", 0.5)

    given = scale
    group, scale = _grouped(parts, given, tau_b, poll)
    axes = calibrated_axes(
        [each.energy for each in fields],
        lambda number: _spectra_of(names[number], kept, results),
        np.split(np.where(parts.inside & ~parts.intergrown, group, -1), parts.first[1:-1]),
        energy,
    )
    off = [number for number, each in enumerate(fields) if axes[number] != each.energy]
    for number in off:
        poll()
        counts = _spectra_of(names[number], kept, results)
        fields[number] = with_axis(fields[number], counts, axes[number], energy, embed)
    if off:
        parts = _all_parts(fields)
        group, scale = _grouped(parts, given, tau_b, poll)
    n_groups = int(group.max()) + 1
    counted = _speaking(parts.inside, group)
    spectra = np.zeros((n_groups, energy.size))
    for done, name in enumerate(names):
        report("phases", 0.6 + 0.3 * done / len(names))
        use = counted[parts.first[done] : parts.first[done + 1]]
        of = group[parts.first[done] : parts.first[done + 1]]
        counts = _spectra_of(name, kept, results)
        kept.pop(name, None)
        np.add.at(spectra, of[use], rebin(counts[use].astype(np.float64), axes[done], energy))
    sums = parts.pool[counted].regrouped(group[counted])
    sums = dataclasses.replace(sums, z=embed(spectra).astype(np.float64))
    heads = _heads(
        sums,
        spectra,
        np.bincount(group, weights=parts.inside, minlength=n_groups).astype(np.int64),
        _mostly(parts.intergrown, parts.points, group, n_groups),
        _contacts(fields, group, parts.first, n_groups),
        scale,
        embed,
        poll,
    )
    report("phases", 1.0)
    return _section(names, fields, parts, group, heads, sums, spectra, energy)


def _section(
    names: Sequence[str],
    fields: Sequence[FieldResult],
    parts: _AllParts,
    group: _Ids,
    heads: _Ids,
    sums: Pool,
    spectra: npt.NDArray[np.float64],
    energy: EnergyAxis,
) -> SectionPhases:
    """Number the groups that others go to, the phase that most measurements have first."""
    points = np.bincount(heads[group], weights=parts.points, minlength=len(heads))
    kept = np.unique(heads)
    order = kept[np.argsort(-points[kept], kind="stable")]
    number = np.full(len(heads), -1)
    number[order] = np.arange(len(order))
    phase = number[heads[group]].astype(np.int64)
    of_parts = dict(zip(names, np.split(phase, parts.first[1:-1]), strict=True))
    own = heads[group] == group
    return SectionPhases(
        pool=sums[order],
        spectra=spectra[order],
        energy=energy,
        inside=np.bincount(phase[own], weights=parts.inside[own], minlength=len(order)) > 0,
        intergrown=_mostly(parts.intergrown, parts.points, phase, len(order)),
        borders=_contacts(fields, phase, parts.first, len(order)),
        points=points[order].astype(np.float64),
        of_parts=of_parts,
    )


def _spectra_of(name: str, kept: Mapping[str, npt.NDArray[Any]], results: Mapping[str, Path]) -> npt.NDArray[Any]:
    found = kept.get(name)
    return read_field_result(results[name], images=False, whole=False).parts.spectra if found is None else found


def _in_few_bytes(counts: npt.NDArray[np.float64]) -> npt.NDArray[Any]:
    """The same numbers, as whole ones of four bytes where they are."""
    whole = counts.astype(np.uint32) if counts.size and counts.min() >= 0 and counts.max() < 2**32 else counts
    return whole if np.array_equal(whole, counts) else counts


def _without_spectra(result: FieldResult) -> FieldResult:
    """Thousands of fields stay in memory until their parts are grouped; their spectra only while there is room."""
    parts = dataclasses.replace(result.parts, spectra=np.empty((len(result.parts), 0)))
    return dataclasses.replace(
        result, parts=parts, segments={}, part_of_segment=np.empty(0, dtype=np.int64), total_spectrum=np.empty(0)
    )


def _all_parts(fields: Sequence[FieldResult]) -> _AllParts:
    pools = [each.parts.pool for each in fields]
    return _AllParts(
        Pool(
            np.concatenate([each.counts for each in pools]),
            np.concatenate([each.z for each in pools]),
            np.concatenate([each.size for each in pools]),
            np.concatenate([each.bse for each in pools]),
        ),
        np.concatenate([each.parts.inside for each in fields]),
        np.concatenate([each.parts.intergrown for each in fields]),
        np.concatenate([each.parts.points for each in fields]),
        np.concatenate([[0], np.cumsum([len(each.parts) for each in fields])]).astype(np.int64),
    )


def _scale(fields: Sequence[FieldResult], recipe: Recipe) -> Scale:
    """Units of the section: those of its fields, in the middle, with the significance that so many measurements ask."""
    middle = {name: float(np.median([each.scale[name] for each in fields])) for name in fields[0].scale}
    wanted = recipe.with_defaults(sum(each.n_measurements for each in fields))
    assert wanted.significance is not None  # spelled out
    assert wanted.tau_z is not None
    degrees_of_freedom = fields[0].parts.pool.counts.shape[1] - 1
    return Scale(
        Calibration(middle["c"], f=middle["f"]),
        middle["dispersion"],
        height_of_significance(degrees_of_freedom, wanted.significance),
        wanted.tau_z,
    )


def _speaking(inside: npt.NDArray[np.bool_], group: _Ids) -> npt.NDArray[np.bool_]:
    """Parts that are summed for their group: those inside grains, where there are any."""
    return np.asarray(inside | (np.bincount(group, weights=inside) == 0)[group])


def _grouped(parts: _AllParts, scale: Scale, tau_b: float, poll: Callable[[], None]) -> tuple[_Ids, Scale]:
    """Group of each part, and the scale as widened by how parts of one material scatter between fields."""
    group = np.full(len(parts.pool), -1, dtype=np.int64)
    pure = np.flatnonzero(parts.inside & ~parts.intergrown)
    n = 0
    founded: Pool | None = None
    if len(pure):
        group[pure], founded, scale = _founded(parts.pool[pure], scale, tau_b, poll)
        n = len(founded)
    for kind in (False, True):
        rest = np.flatnonzero((group < 0) & (parts.intergrown == kind))
        if len(rest) and founded is not None:
            nearest, cost = nearest_sums(parts.pool[rest], founded, scale, tau_b, poll)
            joins = cost <= 1
            if kind:  # a field of nearly one mineral may take it for a mixture; one that is has another spectrum
                joins &= _difference(parts.pool[rest], founded[nearest], scale) <= scale.tau_z
            group[rest[joins]] = nearest[joins]
            rest = rest[~joins]
        if len(rest):
            found = _founded(parts.pool[rest], scale, tau_b, poll)[0]
            group[rest] = n + found
            n += int(found.max()) + 1
    return np.unique(group, return_inverse=True)[1].astype(np.int64), scale


def _founded(pool: Pool, scale: Scale, tau_b: float, poll: Callable[[], None]) -> tuple[_Ids, Pool, Scale]:
    """Group any number of sums: the largest found phases, others go to these, what fits none founds further ones."""
    order = np.argsort(-pool.total, kind="stable")
    first = order[:MOST_SUMS]
    group = agglomerate(pool[first], scale, tau_b, poll)
    dispersion = estimate_dispersion(pool[first], group, scale)
    if dispersion.counts > 0 or dispersion.embedded > 0:
        scale = dispersion.widened(scale)
        group = agglomerate(pool[first], scale, tau_b, poll)
    founded = pool[first].regrouped(group)
    rest = order[MOST_SUMS:]
    while len(rest):
        rest = rest[nearest_sums(pool[rest], founded, scale, tau_b, poll)[1] > 1]
        new = rest[: MOST_SUMS // 2]
        if len(new) == 0 or len(founded) > _ALL_GROUPS:
            break
        more = pool[new].regrouped(agglomerate(pool[new], scale, tau_b, poll))
        founded = founded.joined(more)
        founded = founded.regrouped(agglomerate(founded, scale, tau_b, poll))
    nearest = nearest_sums(pool, founded, scale, tau_b, poll)[0]
    present, group = np.unique(nearest, return_inverse=True)
    return group.astype(np.int64), founded[present], scale


def _mostly(
    which: npt.NDArray[np.bool_], points: npt.NDArray[np.float64], group: _Ids, n: int
) -> npt.NDArray[np.bool_]:
    """Whether more than half of the measurements of each group are of parts like this."""
    these = np.bincount(group, weights=which * points, minlength=n)
    return np.asarray(2 * these > np.bincount(group, weights=points, minlength=n))


def _difference(one: Pool, other: Pool, scale: Scale) -> npt.NDArray[np.float64]:
    """Noise-free difference D of sums, pair by pair."""
    return scale.difference(np.linalg.norm(one.z - other.z, axis=1), one.total, other.total)


def _contacts(fields: Sequence[FieldResult], group: _Ids, first: _Ids, n: int) -> _Ids:
    """Pairs of neighbouring measurements of two groups, (n, n), over all fields."""
    contacts = np.zeros((n, n), dtype=np.int64)
    for k, each in enumerate(fields):
        of = group[first[k] : first[k + 1]]
        np.add.at(contacts, (of[:, None], of[None, :]), each.parts.borders)
    np.fill_diagonal(contacts, 0)
    return contacts


def _heads(
    sums: Pool,
    spectra: npt.NDArray[np.float64],
    n_inside: _Ids,
    intergrown: npt.NDArray[np.bool_],
    contacts: _Ids,
    scale: Scale,
    embed: Embedder,
    poll: Callable[[], None],
) -> _Ids:
    """The group that each goes to: itself, where it is a phase; else the one that it is mostly of."""
    n, inside = len(sums), n_inside > 0
    heads = np.arange(n)
    probabilities = sums.probabilities()
    shares = spectra / np.maximum(sums.total, 1)[:, None]
    small = (sums.size < LARGEST_IMPURE * sums.size.sum()) & ~intergrown
    # The smallest first: what is left of them is tried as a part of larger ones.
    seldom = (sums.size <= _FEW_INSIDE) & (n_inside <= _SELDOM)
    few = np.flatnonzero(small & (~inside | seldom))
    for k in few[np.argsort(sums.size[few], kind="stable")].tolist():
        poll()
        parts = _likely_parts(k, sums, contacts, (heads == np.arange(n)) & ~intergrown)
        misfit, weights = misfit_of_mixtures(
            sums[np.array([k])], parts, probabilities, shares, inside[[k]], scale, embed, poll
        )
        if misfit[0] <= 1:
            heads[k] = parts[0, int(weights[0].argmax())]
    # What is left without a grain of its own is less pure in one field than in another, by what lies around.
    together = sums.size.copy()
    impure = np.flatnonzero((heads == np.arange(n)) & ~intergrown & (~inside | (sums.size <= _FEW_INSIDE)))
    if len(impure):
        wider = dataclasses.replace(scale, tau_z=LIKENESS * scale.tau_z)
        alike = agglomerate(sums[impure], wider, poll=poll)
        for each in np.unique(alike):
            members = impure[alike == each]
            head = members[np.lexsort((-sums.size[members], ~inside[members]))[0]]
            heads[members] = head
            together[head] = sums.size[members].sum()
    small &= together < LARGEST_IMPURE * sums.size.sum()
    heads = _followed(heads)
    # Only among those that are left: two that went to each other would both stay.
    left = np.unique(heads)
    touching = np.zeros((n, n))
    np.add.at(touching, (heads[:, None], heads[None, :]), contacts)
    np.fill_diagonal(touching, 0)
    doubtful = np.flatnonzero((small & ~inside)[left])
    joins = majority_of_impure(
        doubtful[np.argsort(sums.size[left[doubtful]], kind="stable")],
        sums[left],
        touching[np.ix_(left, left)],
        shares[left],
        scale,
        embed,
        poll,
    )
    for k, (major, _, _) in joins.items():
        heads[left[k]] = left[major]
    return _followed(heads)


def _followed(heads: _Ids) -> _Ids:
    """Where each way from head to head ends."""
    while (heads[heads] != heads).any():
        heads = heads[heads]
    return heads


def _likely_parts(k: int, sums: Pool, contacts: _Ids, allowed: npt.NDArray[np.bool_]) -> _Ids:
    """Phases that one may be a mixture of, (1, P): those that it touches most, then those that it is most like."""
    usable = allowed.copy()
    usable[k] = False
    touched = phases_touched((contacts[[k]] * usable).astype(np.float64), np.array([k]))[0]
    touched = touched[touched >= 0][: MOST_PARTS - _MOST_LIKE]
    usable[touched] = False
    distance = np.where(usable, np.linalg.norm(sums.z - sums.z[k], axis=1), np.inf)
    like = np.argsort(distance, kind="stable")[: MOST_PARTS - len(touched)]
    parts = np.full((1, MOST_PARTS), -1, dtype=np.int64)
    found = [*touched.tolist(), *like[np.isfinite(distance[like])].tolist()]
    parts[0, : len(found)] = found
    return parts
