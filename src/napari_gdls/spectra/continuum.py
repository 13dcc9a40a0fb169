"""Bremsstrahlung (the continuum) of a thick specimen."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.floating]

SCALE = 4.0e-7
"""Photons per electron, keV and unit of the formula; fitted to eleven standards, see `emission.line_corrections`."""

DECREASE = 0.011
"""Decrease of the continuum against formula and lines per unit of the mean atomic number; fitted too, from 10 to 46."""

_HEAVIEST = 60.0  # mean atomic number from which the decrease stays the same: a choice; the heaviest standard has 46


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
    return np.asarray(SCALE * np.exp(-DECREASE * np.minimum(z, _HEAVIEST)) * np.maximum(shape, 0.0))
