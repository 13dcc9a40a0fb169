"""How a spectrum was measured: beam, geometry, calibrated energy axis and detector."""

from __future__ import annotations

from dataclasses import dataclass

from napari_gdls.energy import EnergyAxis
from napari_gdls.spectra import Detector


@dataclass(frozen=True)
class Instrument:
    """The conditions under which the spectra of a field were measured.

    Parameters
    ----------
    beam_energy : float
        keV.
    take_off_angle : float
        Between the surface of the specimen and the detector, degrees.
    energy : EnergyAxis
        Calibration of the channels, as the peaks show it.
    detector : Detector
        Its `fwhm` (eV at Mn K-alpha) as the peaks show it.
    """

    beam_energy: float
    take_off_angle: float
    energy: EnergyAxis
    detector: Detector
