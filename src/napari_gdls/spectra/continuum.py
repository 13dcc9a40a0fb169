"""Bremsstrahlung (the continuum) of a thick specimen, and of a thin film."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS

FloatArray = npt.NDArray[np.floating]

SCALE = 4.0e-7
"""Photons per electron, keV and unit of the formula; fitted to eleven standards, see `strengths.line_corrections`."""

DECREASE = 0.011
"""Decrease of the continuum against formula and lines per unit of the mean atomic number; fitted too, from 10 to 46."""

SOFT_EXCESS, SOFT_ENERGY = 0.5, 0.7
"""Continuum that the formula lacks at low energy: a factor of 1 + 0.5 exp(-E / 0.7 keV). The standards have 1.0 to 1.25
times the formula at 1 keV and 1.2 to 1.6 times at 0.25 keV, where it is 1 at 2.6 keV."""

_HEAVIEST = 60.0  # mean atomic number from which the decrease stays the same: a choice; the heaviest standard has 46

FINE_STRUCTURE = 7.2973525693e-3
"""Fine-structure constant (CODATA 2018)."""

ELECTRON_REST_ENERGY = 510.99895
"""keV (CODATA 2018)."""

_ELECTRON_RADIUS = 2.8179403262e-13  # classical, cm (CODATA 2018)
_ALMOST_ALL = 0.99  # of the beam energy: photons beyond are left out, where the Born approximation ends; a choice


def generated_continuum(energy: FloatArray, beam_energy: float, mean_z: FloatArray) -> FloatArray:
    """Continuum generated in a thick specimen, before absorption.

    Parameters
    ----------
    energy : array
        Photon energies, keV.
    beam_energy : float
        keV.
    mean_z : array
        Mass-weighted mean atomic number; broadcasts with `energy`.

    Returns
    -------
    array
        Photons per electron and keV; 0 from the beam energy up.

    Notes
    -----
    Castellano, Osan and Trincavelli (2004), Spectrochim. Acta B 59:313, for photons of 0.25 to 20 keV: their formula
    for the generated continuum, with the mass-weighted mean atomic number for compounds. It is in arbitrary units;
    the factor ``SCALE * exp(-DECREASE * min(Z, 60))`` puts it beside the lines.
    """
    z, e = mean_z, energy
    shape = (
        np.sqrt(z)
        * (beam_energy - e)
        / e
        * (-73.90 - 1.2446 * e + 36.502 * np.log(z) + 148.5 * beam_energy**0.1293 / z)
        * (1 + (-0.006624 + 0.0002906 * beam_energy) * z / e)
    )
    scale = SCALE * np.exp(-DECREASE * np.minimum(z, _HEAVIEST)) * (1 + SOFT_EXCESS * np.exp(-e / SOFT_ENERGY))
    return np.asarray(scale * np.maximum(shape, 0.0))


def film_continuum(energy: FloatArray, beam_energy: float, angle: float) -> FloatArray:
    """Continuum of atoms under a beam that they neither slow down nor scatter.

    Parameters
    ----------
    energy : (n,) array
        Photon energies, keV.
    beam_energy : float
        keV.
    angle : float
        Between the direction of the beam and that of the photons, degrees; 90 and more are back on the side that the
        beam comes from.

    Returns
    -------
    (94, n) float64
        Cross-sections by element, cm2 per atom, keV of photon energy and steradian; 0 from the beam energy up.

    Notes
    -----
    Formula 2BN of Koch and Motz (1959), Rev. Mod. Phys. 31:920: Born approximation, relativistic, without screening,
    which matters at angles of a few degrees alone. It is multiplied by the factor of Elwert (1939), Ann. Phys. 426:178,
    for the field of the nucleus, as Koch and Motz advise. Integrated over the sphere it is their formula 3BN.
    """
    result = np.zeros((N_ELEMENTS, energy.size))
    radiated = (energy > 0) & (energy < beam_energy * _ALMOST_ALL)
    k = energy[radiated] / ELECTRON_REST_ENERGY
    e0 = 1 + beam_energy / ELECTRON_REST_ENERGY
    e = e0 - k
    p0, p = np.sqrt(e0**2 - 1), np.sqrt(e**2 - 1)
    cosine = np.cos(np.radians(angle))
    sine2 = 1 - cosine**2
    delta = e0 - p0 * cosine
    q = np.sqrt(p0**2 + k**2 - 2 * k * p0 * cosine)
    long = np.log((e * e0 - 1 + p * p0) / (e * e0 - 1 - p * p0))
    epsilon, epsilon_q = np.log((e + p) / (e - p)), np.log((q + p) / (q - p))
    bracket = (
        8 * sine2 * (2 * e0**2 + 1) / (p0**2 * delta**4)
        - 2 * (5 * e0**2 + 2 * e * e0 + 3) / (p0**2 * delta**2)
        - 2 * (p0**2 - k**2) / (q**2 * delta**2)
        + 4 * e / (p0**2 * delta)
        + long
        / (p * p0)
        * (
            4 * e0 * sine2 * (3 * k - p0**2 * e) / (p0**2 * delta**4)
            + 4 * e0**2 * (e0**2 + e**2) / (p0**2 * delta**2)
            + (2 - 2 * (7 * e0**2 - 3 * e * e0 + e**2)) / (p0**2 * delta**2)
            + 2 * k * (e0**2 + e * e0 - 1) / (p0**2 * delta)
        )
        - 4 * epsilon / (p * delta)
        + epsilon_q / (p * q) * (4 / delta**2 - 6 * k / delta - 2 * k * (p0**2 - k**2) / (q**2 * delta))
    )
    per_z2 = FINE_STRUCTURE * _ELECTRON_RADIUS**2 / (8 * np.pi) * (p / p0) / k * bracket / ELECTRON_REST_ENERGY
    z = np.arange(1.0, N_ELEMENTS + 1)[:, None]
    before, after = p0 / e0, p / e
    charge = 2 * np.pi * FINE_STRUCTURE * z
    elwert = before * np.expm1(-charge / before) / (after * np.expm1(-charge / after))
    result[:, radiated] = np.maximum(per_z2, 0.0) * z**2 * elwert
    return result
