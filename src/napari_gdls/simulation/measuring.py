"""Spectra as a detector counts them: what the materials around each measurement send out, and Poisson numbers of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import Composition
from napari_gdls.progress import Progress
from napari_gdls.simulation.disturbances import drifted
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.emission import Emission
from napari_gdls.spectra.sampling import sample_counts

_NOT_EXCITED = 1e-9
"""Channels that hold less than this part of all expected counts are left out: no field has so many counts in a spectrum
that it would show."""

_BLOCK = 1024
"""Spectra sampled at a time; part of what a seed means, so do not change it."""


def expected_spectra(
    compositions: Sequence[Composition],
    landing_energies: npt.NDArray[np.float64],
    take_offs: npt.NDArray[np.float64],
    detector: Detector,
    axis: EnergyAxis,
    coating: tuple[str, float] | None,
) -> npt.NDArray[np.float32]:
    """Spectra of all compositions under all conditions, without noise.

    Parameters
    ----------
    compositions : sequence of m mappings
        Mass fractions by element symbol.
    landing_energies : (k,) array of float64
        In keV.
    take_offs : (l,) array of float64
        In degrees.
    detector : Detector
    axis : EnergyAxis
        D channels.
    coating : (str, float), optional
        Element and thickness in nm.

    Returns
    -------
    (m * k * l, D) float32
        Counts per electron, in the order of `mixing.interpolated`.

    Raises
    ------
    RecipeError
        If a condition is out of range.
    """
    elements = sorted({element for composition in compositions for element in composition})
    spectra = np.empty((len(compositions), len(landing_energies), len(take_offs), axis.size), dtype=np.float32)
    for i, beam_energy in enumerate(landing_energies):
        emissions = [
            Emission(float(beam_energy), float(take_off), elements=elements, coating=coating) for take_off in take_offs
        ]
        # The lines, and so the response, are the same at all angles.
        response = emissions[0].response(detector, axis)
        for k, emission in enumerate(emissions):
            spectra[:, i, k] = emission.intensities(compositions) @ response
    return detector.add_pile_up(spectra.reshape(-1, axis.size), axis)


def sampled_spectra(
    seed: int,
    weights: sp.csr_array[Any, tuple[int, int]],
    spectra: npt.NDArray[np.float32],
    totals: npt.NDArray[np.float64],
    axis: EnergyAxis,
    calibration: tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None,
    report: Progress,
) -> sp.csr_array[Any, tuple[int, int]]:
    """Poisson samples of weighted sums of spectra.

    Parameters
    ----------
    seed : int
    weights : (n, m) csr_array
        Of the spectra, for each measurement.
    spectra : (m, D) float32
        See `expected_spectra`.
    totals : (n,) float64
        Counts that each sample is expected to hold.
    axis : EnergyAxis
        D channels.
    calibration : pair of (n,) float64, optional
        Errors of offset (eV) and gain, see `Disturbances.calibration`.
    report : Progress

    Returns
    -------
    (n, D) csr_array of uint16 or uint32

    Raises
    ------
    RecipeError
        If no count falls on the axis.
    """
    excited = np.flatnonzero(spectra.sum(axis=0) > _NOT_EXCITED * spectra.sum())
    if not len(excited):
        raise RecipeError("no X-ray of these minerals falls on the energy axis; check its offset and width, in eV.")
    reach = 0
    if calibration is not None:
        shift = np.abs(calibration[0]).max() + np.abs(calibration[1]).max() * np.abs(axis.edges[[0, -1]]).max()
        reach = math.ceil(shift / axis.width) + 1
    first, last = max(int(excited[0]) - reach, 0), min(int(excited[-1]) + 1 + reach, axis.size)
    part = EnergyAxis(axis.offset + first * axis.width, axis.width, last - first)
    spectra = np.ascontiguousarray(spectra[:, first:last])
    values, channels, lengths = [], [], []
    for start in range(0, len(totals), _BLOCK):
        report("spectra", start / len(totals))
        block = slice(start, start + _BLOCK)
        expected = weights[block] @ spectra
        if calibration is not None:
            expected = drifted(expected, part, calibration[0][block], calibration[1][block])
        drawn = sample_counts(expected, totals[block], seed + start)
        filled = np.flatnonzero(drawn > 0)
        length = np.count_nonzero(drawn, axis=1)
        values.append(drawn.ravel()[filled].astype(np.uint32))
        row_start = np.repeat(np.arange(len(drawn)) * drawn.shape[1] - first, length)
        channels.append((filled - row_start).astype(np.int32))
        lengths.append(length)
    counted = np.concatenate(values)
    counted = counted.astype(np.uint16 if int(counted.max(initial=0)) < 1 << 16 else np.uint32)
    begin = np.concatenate([[0], np.cumsum(np.concatenate(lengths))])
    return sp.csr_array((counted, np.concatenate(channels), begin), shape=(len(totals), axis.size))
