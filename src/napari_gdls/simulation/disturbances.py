"""What disturbs a measurement: drift, charging, topography, pile-up, zoning and uneven counts."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.simulation.texture import smooth_noise
from napari_gdls.spectra.emission import HIGHEST_TAKE_OFF, LOWEST_TAKE_OFF

_Float = npt.NDArray[np.float32]

LARGEST_TILT = 3.0
"""Tilts end at this many standard deviations."""

# Between conditions so close, linear interpolation errs by less than 0.1 % of the counts.
_PATH_RATIO = 1.2  # of the ways out of the specimen
_LANDING_STEP = 2.0  # keV

_WAVES_PER_PATCH = 4  # scale of the noise that patches are cut from, in parts of their diameter: by eye
_FLAT = 1e-6  # of noise of standard deviation 1: less range than that is none

_LIMITS = {
    "offset_drift": (-1000.0, 1000.0),
    "gain_drift": (-0.1, 0.1),
    "zoning": (0.0, 1.0),
    "charging": (0.0, 40.0),
    "charged_area": (0.0, 1.0),
    "charging_brightness": (-1.0, 1.0),
    "grain_tilt": (0.0, 30.0),
    "patch_tilt": (0.0, 30.0),
    "patch_size": (1.0, 1e5),
    "pile_up": (0.0, 0.4),
    "counts_spread": (0.0, 3.0),
}
"""Limits of the disturbances, in their units: beyond what any instrument that works shows."""


@dataclass(frozen=True)
class Disturbances:
    """What `simulate_field` adds to an ideal measurement; everything is off by default.

    Parameters
    ----------
    offset_drift : (float, float)
        Change of the energy offset from the first to the last row, and from the first to the last column, in eV.
    gain_drift : (float, float)
        The same for the gain, as a fraction (0.001 moves a line at 6 keV by 6 eV).
    zoning : float
        Part of the grains of minerals with a `rim_formula` whose composition changes gradually from middle to border.
    charging : float
        Highest surface potential in charged patches, in kV. Electrons land with that much less energy: the continuum
        ends earlier, and lines of high energy weaken.
    charged_area : float
        Part of the field that is charged.
    charging_brightness : float
        How much brighter the BSE image is at the highest potential, as a part of its full scale.
    grain_tilt : float
        Standard deviation of the tilt of grains towards the detector, in degrees: polishing leaves relief between hard
        and soft ones. Tilted away, soft X-rays have a longer way out and are absorbed more.
    patch_tilt : float
        The same for gentle waves of the surface.
    patch_size : float
        Typical diameter of charged patches and of waves, in pixels.
    pile_up : float
        Share of counts that are two photons taken as one, besides that of the detector.
    counts_spread : float
        Standard deviation of the expected counts of spectra over their mean (log-normal), besides counting noise.

    Raises
    ------
    RecipeError
        If a value is out of range.
    """

    offset_drift: tuple[float, float] = (0.0, 0.0)
    gain_drift: tuple[float, float] = (0.0, 0.0)
    zoning: float = 0.0
    charging: float = 0.0
    charged_area: float = 0.1
    charging_brightness: float = 0.05
    grain_tilt: float = 0.0
    patch_tilt: float = 0.0
    patch_size: float = 80.0
    pile_up: float = 0.0
    counts_spread: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            checked = _checked_pair if field.name.endswith("_drift") else _checked
            object.__setattr__(self, field.name, checked(field.name, value))

    @property
    def drifts(self) -> bool:
        """Whether the energy calibration changes over the field."""
        return any(self.offset_drift) or any(self.gain_drift)

    def calibration(
        self, places: npt.NDArray[np.int64], shape: tuple[int, int]
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Error of the energy calibration at places of a field.

        Parameters
        ----------
        places : (n, 2) array of int64
            Row and column.
        shape : (int, int)

        Returns
        -------
        offset : (n,) array of float64
            In eV; 0 at the centre of the field, as in `Drift`.
        gain : (n,) array of float64
            A photon of energy E is counted at E (1 + gain) + offset.
        """
        from_centre = (places + 0.5) / shape - 0.5
        return from_centre @ np.array(self.offset_drift), from_centre @ np.array(self.gain_drift)

    def charge(self, shape: tuple[int, int], seed: np.random.SeedSequence) -> _Float:
        """Surface potential over the highest one, (H, W) float32: 0 outside charged patches, 1 at the highest point."""
        if self.charging == 0 or self.charged_area == 0:
            return np.zeros(shape, dtype=np.float32)
        noise = smooth_noise(np.random.default_rng(seed), shape, self.patch_size / _WAVES_PER_PATCH)
        floor = np.quantile(noise, 1 - self.charged_area)
        return np.asarray(np.clip((noise - floor) / max(float(noise.max() - floor), _FLAT), 0, 1), dtype=np.float32)

    def tilt(self, grains: npt.NDArray[np.int32], seed: np.random.SeedSequence) -> _Float:
        """Tilt of the surface towards the detector, (H, W) float32 in degrees; `grains` are numbered from 0."""
        of_grains, waves = (np.random.default_rng(each) for each in seed.spawn(2))
        total = np.zeros(grains.shape, dtype=np.float32)
        if self.grain_tilt > 0:
            own = of_grains.standard_normal(int(grains.max()) + 1).clip(-LARGEST_TILT, LARGEST_TILT)
            total += (self.grain_tilt * own).astype(np.float32)[grains]
        if self.patch_tilt > 0:
            wave = smooth_noise(waves, (grains.shape[0], grains.shape[1]), self.patch_size / _WAVES_PER_PATCH)
            total += np.float32(self.patch_tilt) * wave.clip(-LARGEST_TILT, LARGEST_TILT)
        return total

    def expected_counts(self, n: int, counts: float, seed: np.random.SeedSequence) -> npt.NDArray[np.float64]:
        """Expected counts of n spectra, (n,) float64, of mean `counts`."""
        if self.counts_spread == 0:
            return np.full(n, counts)
        variance = math.log1p(self.counts_spread**2)
        normal = np.random.default_rng(seed).standard_normal(n)
        return np.asarray(counts * np.exp(math.sqrt(variance) * normal - variance / 2))


def _checked(name: str, value: object) -> float:
    low, high = _LIMITS[name]
    return checked_number(f"disturbances: {name}", value, lowest=low, highest=high)


def _checked_pair(name: str, value: Any) -> tuple[float, float]:
    try:
        first, second = value
        return _checked(name, first), _checked(name, second)
    except (TypeError, ValueError, RecipeError):
        low, high = _LIMITS[name]
        raise RecipeError(
            f"disturbances: {name} is {shown(value)}; two numbers (rows, columns) from {low:g} to {high:g} are needed."
        ) from None


def drifted(
    spectra: npt.NDArray[np.float32],
    axis: EnergyAxis,
    offset: npt.NDArray[np.float64],
    gain: npt.NDArray[np.float64],
) -> npt.NDArray[np.float32]:
    """Spectra that a wrong calibration makes of expected ones.

    Parameters
    ----------
    spectra : (n, axis.size) float32
    axis : EnergyAxis
    offset, gain : (n,) arrays of float64
        See `Disturbances.calibration`.

    Returns
    -------
    (n, axis.size) float32
        Linear between channels; sums are kept but for what leaves the axis, and to the order of the gain.
    """
    centers = axis.centers
    moved = np.empty_like(spectra)
    for row, (shift, stretch) in enumerate(zip(offset, gain, strict=True)):
        moved[row] = np.interp(centers, centers * (1 + stretch) + shift, spectra[row], left=0.0, right=0.0)
    return moved


def take_off_nodes(
    take_off: float, tilts: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Take-off angles between which spectra are interpolated.

    Parameters
    ----------
    take_off : float
        Of the flat surface, in degrees.
    tilts : (n,) array
        Of the places towards the detector, in degrees.

    Returns
    -------
    nodes : (k,) array of float64
        In degrees, from steep to flat; the cosecant, with which the way out goes, grows by the same factor each time.
    position : (n,) array of float64
        Of each place among the nodes, 0 to k - 1.
    """
    angles = np.clip(take_off + tilts.astype(np.float64), LOWEST_TAKE_OFF, HIGHEST_TAKE_OFF)
    if not tilts.any():
        return np.array([float(take_off)]), np.zeros(len(angles))
    path = -np.log(np.sin(np.radians(angles)))
    shortest, longest = path.min(), path.max()
    intervals = max(math.ceil((longest - shortest) / math.log(_PATH_RATIO)), 1)
    nodes = np.degrees(np.arcsin(np.exp(-np.linspace(shortest, longest, intervals + 1))))
    return nodes, (path - shortest) / max(longest - shortest, 1e-12) * intervals


def landing_nodes(
    beam_energy: float, potentials: npt.NDArray[np.floating[Any]]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Landing energies between which spectra are interpolated.

    Parameters
    ----------
    beam_energy : float
        In keV.
    potentials : (n,) array
        Of the surface at the places, in kV.

    Returns
    -------
    nodes : (k,) array of float64
        In keV, falling from the beam energy.
    position : (n,) array of float64
        Of each place among the nodes, 0 to k - 1.
    """
    highest = float(potentials.max(initial=0.0))
    if highest == 0:
        return np.array([float(beam_energy)]), np.zeros(len(potentials))
    intervals = math.ceil(highest / _LANDING_STEP)
    nodes = beam_energy - np.linspace(0, highest, intervals + 1)
    return nodes, potentials.astype(np.float64) / highest * intervals
