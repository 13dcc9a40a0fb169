"""The energy-dispersive detector: resolution, window and crystal, as one response matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.spectra.emission import mass_absorption

_Array = npt.NDArray[np.float64]

MN_KA_ENERGY = 5895.0
"""Energy (eV) at which the resolution of a detector is stated."""

FANO_FACTOR = 0.115
"""Of silicon."""

PAIR_ENERGY = 3.65
"""Mean energy (eV) that makes an electron-hole pair in silicon."""

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True)
class Detector:
    """Silicon drift detector behind a polymer window on a silicon grid.

    Parameters
    ----------
    resolution : float
        FWHM at Mn K-alpha, in eV.
    crystal : float
        Thickness of the crystal, in um.
    dead_layer : float
        Of silicon, in nm.
    polymer : float
        Thickness of the window, in nm; 0: no window and no grid.
    aluminium : float
        Light-tight coating of the window, in nm.
    grid, grid_thickness : float
        Part of the window that the silicon grid covers, and its thickness in um.

    Raises
    ------
    GdlsError
        If the resolution is below what the statistics of electron-hole pairs allow, or a dimension is negative.
    """

    resolution: float = 130.0
    crystal: float = 450.0
    dead_layer: float = 50.0
    polymer: float = 300.0
    aluminium: float = 40.0
    grid: float = 0.23
    grid_thickness: float = 380.0

    def __post_init__(self) -> None:
        best = math.sqrt(_pair_variance(MN_KA_ENERGY)) * _FWHM_PER_SIGMA
        if not (math.isfinite(self.resolution) and self.resolution >= best):
            raise GdlsError(
                f"a detector resolution of {self.resolution} eV is impossible; silicon reaches {best:.0f} eV."
            )
        sizes = (self.crystal, self.dead_layer, self.polymer, self.aluminium, self.grid_thickness)
        if min(sizes) < 0 or not 0 <= self.grid <= 1:
            raise GdlsError("detector: a thickness is negative, or the grid covers less than 0 or more than all.")

    def fwhm(self, energy: npt.ArrayLike) -> _Array:
        """Full width at half maximum of a line, in eV, at energies in eV.

        The electronic noise is what `resolution` leaves over after the statistics of electron-hole pairs at Mn K-alpha.
        """
        noise = (self.resolution / _FWHM_PER_SIGMA) ** 2 - _pair_variance(MN_KA_ENERGY)
        return np.asarray(_FWHM_PER_SIGMA * np.sqrt(noise + _pair_variance(np.asarray(energy, dtype=np.float64))))

    def efficiency(self, energy: npt.ArrayLike) -> _Array:
        """Part of the arriving photons that is counted, at energies in eV."""
        silicon = mass_absorption("Si", energy) * 2.33
        transmitted = np.exp(-silicon * self.dead_layer * 1e-7) * -np.expm1(-silicon * self.crystal * 1e-4)
        if self.polymer > 0:
            # Polyimide C22H10N2O5, 1.42 g/cm3.
            shares = {"H": 0.0264, "C": 0.6911, "N": 0.0733, "O": 0.2092}
            film = 1.42 * sum(share * mass_absorption(element, energy) for element, share in shares.items())
            transmitted = transmitted * np.exp(-film * self.polymer * 1e-7)
            transmitted = transmitted * (1 - self.grid + self.grid * np.exp(-silicon * self.grid_thickness * 1e-4))
        return np.asarray(transmitted * np.exp(-mass_absorption("Al", energy) * 2.70 * self.aluminium * 1e-7))

    def response(self, energy: npt.ArrayLike, axis: EnergyAxis) -> _Array:
        """Counts per channel from one photon each of the given energies.

        Parameters
        ----------
        energy : (L,) array_like
            In eV.
        axis : EnergyAxis

        Returns
        -------
        (L, axis.size) array of float64
            Gaussians of the detector's resolution, integrated over the channels; a row sums to the efficiency, but for
            what falls outside the axis.
        """
        from scipy.special import ndtr

        energies = np.asarray(energy, dtype=np.float64)
        sigma = self.fwhm(energies) / _FWHM_PER_SIGMA
        cumulative = ndtr((axis.edges[None, :] - energies[:, None]) / sigma[:, None])
        return np.asarray(np.diff(cumulative, axis=1) * self.efficiency(energies)[:, None])


def _pair_variance(energy: npt.ArrayLike) -> _Array:
    """Variance (eV2) of the charge that a photon of the given energy (eV) sets free."""
    return np.asarray(FANO_FACTOR * PAIR_ENERGY * np.asarray(energy, dtype=np.float64))
