"""Noise-free EDS spectra of given compositions: a first-order model of a flat, thick, homogeneous sample."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.spectra.detector import Detector
from napari_gdls.spectra.elements import Composition
from napari_gdls.spectra.emission import emission

TIMA_AXIS = EnergyAxis(offset=0.0, width=10.0, size=3000)
"""0 to 30 keV in channels of 10 eV, as in the paper (section 3)."""

_LINES_AT_ONCE = 512


def ideal_spectra(
    compositions: Sequence[Composition],
    energy: EnergyAxis = TIMA_AXIS,
    *,
    beam_energy: float = 25.0,
    take_off: float = 40.0,
    detector: Detector | None = None,
) -> npt.NDArray[np.float64]:
    """Expected spectra of materials, without noise.

    Characteristic K, L and M lines, absorbed continuum, detector efficiency and resolution; no escape or sum peaks, no
    secondary fluorescence, no coating. See `napari_gdls.spectra.emission` for the physics and its limits.

    Parameters
    ----------
    compositions : sequence of str or mapping
        Formulas ("SiO2"), or masses by element symbol.
    energy : EnergyAxis
        Channels of the result.
    beam_energy : float
        In keV.
    take_off : float
        Angle between surface and detector, in degrees.
    detector : Detector, optional
        None: 130 eV at Mn K-alpha, polymer window.

    Returns
    -------
    (n, energy.size) array of float64
        Expected counts in one arbitrary unit for all materials: equal beam dose, so materials that emit more have
        higher sums.

    Raises
    ------
    GdlsError
        If a composition cannot be read, or beam energy or angle are out of range.

    Examples
    --------
    >>> quartz = ideal_spectra(["SiO2"])[0]
    >>> TIMA_AXIS.centers[quartz.argmax()]
    np.float64(1740.0)
    """
    counter = Detector() if detector is None else detector
    photons = [emission(each, beam_energy=beam_energy, take_off=take_off) for each in compositions]
    if not photons:
        return np.zeros((0, energy.size))
    continuum = np.array([each.continuum_intensity for each in photons])
    spectra = continuum @ counter.response(photons[0].continuum_energy, energy)
    # Materials share most of their lines, and the response to a line is the costly part.
    line_energies, column = np.unique(np.concatenate([each.line_energy for each in photons]), return_inverse=True)
    row = np.repeat(np.arange(len(photons)), [len(each.line_energy) for each in photons])
    lines = np.zeros((len(photons), len(line_energies)))
    np.add.at(lines, (row, column), np.concatenate([each.line_intensity for each in photons]))
    for start in range(0, len(line_energies), _LINES_AT_ONCE):
        part = slice(start, start + _LINES_AT_ONCE)
        spectra += lines[:, part] @ counter.response(line_energies[part], energy)
    return np.asarray(spectra)
