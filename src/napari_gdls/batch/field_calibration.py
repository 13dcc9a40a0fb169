"""The energy calibration of fields against each other: what drifted between them is taken out of their sums."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_results import FieldResult
from napari_gdls.energy import DEFAULT_BEAM_ENERGY, EnergyAxis, rebin
from napari_gdls.phases.sums import Embedder
from napari_gdls.spectra.drift import line_shifts
from napari_gdls.spectra.windows import window_sums

_Ids = npt.NDArray[np.int64]
_Floats = npt.NDArray[np.float64]

_LINE_ERROR = 1.0
"""eV: by how much other lines beneath it, which differ from field to field, may move a line; added to its error."""

_STEPS = 5
"""Of reweighting in the regression of shifts on energy; they change by less than a tenth of their error then."""

_MOST_PHASES, _LEAST_FIELDS = 8, 3
"""Phases whose lines are compared, those that most fields have, and fields that must have one. A choice."""

_NOTABLE, _STANDARD_ERRORS = 1.5, 4.0
"""By how many eV, and how many of its standard errors, the calibration of a field must be off to be mended: what is
less, counting and other lines beneath make. A choice."""


def calibrated_axes(
    axes: Sequence[EnergyAxis], spectra: Callable[[int], npt.NDArray[Any]], group: Sequence[_Ids], common: EnergyAxis
) -> list[EnergyAxis]:
    """The energy axis of each field as the lines of the phases that it shares with others show it.

    Detectors drift from field to field, and phases of a field that is off by some eV differ from those of the others as
    much as kindred minerals do. Lines are compared within a phase, since those of another composition lie elsewhere for
    what lies beneath them. Fields whose lines lie where those of the others do keep their axis.

    Parameters
    ----------
    axes : sequence of F EnergyAxis
    spectra : callable
        From the number of a field to the summed spectra of its parts, (P, D).
    group : sequence of F (P,) arrays of int64
        Phase of each part, as far as known; -1 for parts that tell nothing.
    common : EnergyAxis
        On which spectra are compared.
    """
    n = len(axes)
    size = np.bincount(np.concatenate([each[each >= 0] for each in group]), minlength=1)
    shared = np.argsort(-size, kind="stable")[:_MOST_PHASES]
    shared = shared[size[shared] >= _LEAST_FIELDS]
    energies, shifts, errors = [], [], []
    for phase in shared.tolist():
        sums = np.zeros((n, common.size))
        for number in range(n):
            chosen = group[number] == phase
            if chosen.any():
                counts = spectra(number)[chosen].sum(axis=0, dtype=np.float64)
                sums[number] = rebin(counts[None], axes[number], common)[0]
        there = np.flatnonzero(sums.any(axis=1))
        energy, shift, error = line_shifts(sums[there], common)
        every = np.zeros((n, len(energy))), np.full((n, len(energy)), np.inf)
        every[0][there], every[1][there] = shift, error
        energies.append(energy)
        shifts.append(every[0])
        errors.append(every[1])
    if not energies:
        return list(axes)
    lines, error = np.concatenate(energies), np.hstack(errors)
    offset, gain = (np.nan_to_num(each) for each in calibration_shifts(lines, np.hstack(shifts), error))
    weight = 1 / np.hypot(error, _LINE_ERROR) ** 2
    total = np.maximum(weight.sum(axis=1), np.finfo(np.float64).tiny)
    # At the lines that were seen: what a line is drawn to beyond them says nothing.
    off = np.sqrt((weight * (offset[:, None] + gain[:, None] * lines) ** 2).sum(axis=1) / total)
    notable = off >= np.maximum(_NOTABLE, _STANDARD_ERRORS / np.sqrt(total))
    made = []
    for axis, o, g, mended in zip(axes, offset.tolist(), gain.tolist(), notable.tolist(), strict=True):
        if not mended:
            made.append(axis)
        else:
            made.append(EnergyAxis(axis.offset * (1 - g) - o, axis.width * (1 - g), axis.size))
    return made


def calibration_shifts(energies: _Floats, shifts: _Floats, errors: _Floats) -> tuple[_Floats, _Floats]:
    """Offset and gain of each field that the shifts of its lines show.

    Parameters
    ----------
    energies : (L,) array
        Of the lines, eV.
    shifts, errors : (F, L) arrays
        eV; the error is infinite where a line is too weak.

    Returns
    -------
    offset : (F,) array of float64
        eV; NaN for fields with fewer than two lines.
    gain : (F,) array of float64
        As a fraction, likewise.

    Notes
    -----
    A straight line through the shifts of each field, robust by weights of Cauchy: lines that others lie beneath count
    less.
    """
    error = np.hypot(errors, _LINE_ERROR)
    seen = np.isfinite(error)
    weight = np.where(seen, 1 / np.where(seen, error, 1) ** 2, 0.0)
    enough = seen.sum(axis=1) >= 2
    offset, gain = (np.full(len(shifts), np.nan) for _ in range(2))
    if not enough.any():
        return offset, gain
    shift, base, error = shifts[enough], weight[enough], np.where(seen, error, 1)[enough]
    robust = base
    a, b = np.zeros(len(shift)), np.zeros(len(shift))
    for _ in range(_STEPS):
        total = robust.sum(axis=1)
        mean = robust @ energies / total
        middle = (robust * shift).sum(axis=1) / total
        apart = energies - mean[:, None]
        b = (robust * apart * shift).sum(axis=1) / (robust * apart**2).sum(axis=1)
        a = middle - b * mean
        residual = (shift - a[:, None] - b[:, None] * energies) / error
        robust = base / (1 + residual**2)
    offset[enough], gain[enough] = a, b
    return offset, gain


def with_axis(
    result: FieldResult, spectra: npt.NDArray[Any], axis: EnergyAxis, common: EnergyAxis, embed: Embedder
) -> FieldResult:
    """A field with the sums of its parts as they are on its calibrated axis.

    Parameters
    ----------
    result : FieldResult
    spectra : (P, D) array
        Of its parts.
    axis : EnergyAxis
        As the lines show it.
    common : EnergyAxis
        Of all fields, on which sums are embedded.
    embed : callable
    """
    beam = DEFAULT_BEAM_ENERGY if result.beam_energy is None else result.beam_energy
    calibrated = rebin(spectra.astype(np.float64), axis, common).astype(np.float64)
    pool = dataclasses.replace(
        result.parts.pool,
        counts=window_sums(rebin(calibrated, common, result.energy).astype(np.float64), result.energy, beam),
        z=embed(calibrated).astype(np.float64),
    )
    return dataclasses.replace(result, parts=dataclasses.replace(result.parts, pool=pool))
