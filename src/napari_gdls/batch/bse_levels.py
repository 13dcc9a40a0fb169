"""BSE levels of the fields of a section: brightness and contrast that drift from field to field are matched."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import lsqr

from napari_gdls.batch.field_results import FieldResult
from napari_gdls.batch.mosaic_fields import HeldResults
from napari_gdls.batch.places import SectionPlaces
from napari_gdls.batch.registration import PairShift
from napari_gdls.batch.section_phases import SectionPhases

_QUANTILES = np.linspace(0.05, 0.95, 10)
"""Of the BSE in an overlap, that are compared: by quantiles, a shift of a pixel makes no difference. A choice."""

_UNCHANGED = 0.05
"""Weight of leaving a field as it is, against a quantile, or a phase, that it has in common with others."""

_KEPT = 100.0
"""Weight of the mean gain and the mean offset of fields that hang together, which stay 1 and 0: it holds them."""

_LEAST_PHASES = 2
"""Phases that a field needs to have in common with the section for its levels to be matched by them."""


def matched_levels(
    places: SectionPlaces,
    results: HeldResults,
    how: str,
    fields: Sequence[FieldResult],
    phases: SectionPhases | None,
    pairs: Sequence[PairShift] = (),
) -> SectionPlaces:
    """Places with the gain and the offset of each field.

    Parameters
    ----------
    places : SectionPlaces
    results : HeldResults
        With BSE and valid pixels, in the order of the places.
    how : str
        One of `napari_gdls.batch.section_choices.BSE_LEVELS`.
    fields : sequence of FieldResult
        In the order of the places.
    phases : SectionPhases or None
    pairs : sequence of PairShift
        Fields that overlap, and whose images are alike there.
    """
    if how == "none":
        return places
    if pairs and how in ("auto", "overlap"):
        gain, offset = _by_overlaps(places, results, [(pair.first, pair.second) for pair in pairs])
    elif how in ("auto", "phases") and phases is not None:
        gain, offset = _by_phases(fields, phases)
    else:
        return places
    return dataclasses.replace(places, bse_gain=gain, bse_offset=offset)


def _by_overlaps(
    places: SectionPlaces, results: HeldResults, pairs: Sequence[tuple[int, int]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gains and offsets by which quantiles of what two fields have in common agree best."""
    values: list[tuple[int, int, npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []
    for first, second in pairs:
        windows = [places.window(k) for k in (first, second)]
        common = windows[0].common(windows[1])
        seen = []
        for number, window in zip((first, second), windows, strict=True):
            bse, valid = results.bse_and_valid(number)
            part = common.inside(window)
            inside = bse[part][valid[part]]
            seen.append(np.quantile(inside, _QUANTILES) if inside.size else np.zeros(0))
        if all(each.size for each in seen):
            values.append((first, second, seen[0], seen[1]))
    n = len(places.names)
    scale = max((float(np.abs(a).max()) for _, _, a, _ in values), default=1.0)
    rows, columns, data = [], [], []
    row = 0
    for first, second, a, b in values:
        for x, y in zip(a / scale, b / scale, strict=True):
            rows += [row] * 4
            columns += [first, n + first, second, n + second]
            data += [x, 1.0, -y, -1.0]
            row += 1
    right = np.zeros(row + 4 * n)
    for k in range(2 * n):
        rows.append(row + k)
        columns.append(k)
        data.append(_UNCHANGED)
    right[row : row + n] = _UNCHANGED
    row += 2 * n
    # Fields that hang together keep their mean level and contrast: without, less contrast for all would fit better.
    links = csr_array((np.ones(len(values)), ([a for a, *_ in values], [b for _, b, *_ in values])), shape=(n, n))
    for group in _groups(links):
        for first_column, wanted in ((0, 1.0), (n, 0.0)):
            rows += [row] * len(group)
            columns += [first_column + k for k in group]
            data += [_KEPT / len(group)] * len(group)
            right[row] = _KEPT * wanted
            row += 1
    solved = lsqr(csr_array((data, (rows, columns)), shape=(row, 2 * n)), right[:row], atol=1e-12, btol=1e-12)[0]
    return np.asarray(solved[:n]), np.asarray(solved[n:] * scale)


def _groups(links: csr_array) -> list[list[int]]:
    """Fields that hang together."""
    label = connected_components(links, directed=False)[1]
    return [np.flatnonzero(label == k).tolist() for k in range(int(label.max()) + 1)]


def _by_phases(
    fields: Sequence[FieldResult], phases: SectionPhases
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Gains and offsets by which the means of the phases of a field agree best with those of the section."""
    gain, offset = np.ones(len(fields)), np.zeros(len(fields))
    for number, each in enumerate(fields):
        parts = each.parts
        of = phases.of_parts[each.name]
        usable = parts.inside & ~parts.intergrown
        if len(np.unique(of[usable])) < _LEAST_PHASES:
            continue
        weight = np.sqrt(parts.pool.size[usable] / parts.pool.size[usable].sum())
        here, there = parts.pool.bse[usable], phases.pool.bse[of[usable]]
        matrix = np.column_stack([here * weight, weight])
        matrix = np.concatenate([matrix, _UNCHANGED * np.diag([float(here.std()) + 1e-9, 1.0])])
        right = np.concatenate([there * weight, [_UNCHANGED * (float(here.std()) + 1e-9), 0.0]])
        found = np.linalg.lstsq(matrix, right, rcond=None)[0]
        if found[0] > 0:  # else the phases are too much alike to tell
            gain[number], offset[number] = found[0], found[1] * each.bse_full_scale
    return gain, offset
