"""The silicon drift detector: which photons it catches and in which channel it counts them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.fft import irfft, next_fast_len, rfft
from scipy.special import erfcx, ndtr

from napari_gdls.checks import checked_choice, checked_number
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import SILICON, mass_absorption

FloatArray = npt.NDArray[np.floating]

MANGANESE_K_ALPHA = 5895.0
"""Energy (eV) at which the resolution of a detector is stated."""

# Silicon and aluminium: handbook values.
_PAIR_ENERGY = 3.65  # eV per electron-hole pair in silicon
_SILICON_K_ALPHA, _SILICON_K_EDGE = 1740.0, 1839.0  # eV
_SILICON_K_YIELD = 0.050  # K photons per K vacancy (Krause 1979, J. Phys. Chem. Ref. Data 8:307)
_SILICON_K_SHARE = 0.92  # of the absorption above the K edge, in the K shell: 1 - 1 / jump ratio
_SILICON_DENSITY, _ALUMINIUM_DENSITY = 2.33, 2.70  # g/cm3

_FWHM_PER_SIGMA = 2 * math.sqrt(2 * math.log(2))  # of a normal distribution
_NARROWEST = 15.0  # eV; least FWHM, where a small Fano factor leaves none: a choice, far below any detector's
_TAIL_REFERENCE = 277.0  # eV, C K: the energy that `Detector.tail` is stated at
_TAIL_LENGTH = 0.05  # mean share of the charge that is lost; fitted with `tail` to the standards
_PEAK_REACH = 6.0  # sigmas; beyond lies 1e-9 of a peak on either side
_TAIL_REACH = 8.0  # lengths of the tail; beyond lies 3e-4 of it
_SMALLEST_TAIL = 1e-3  # share of a peak; less is left out, as no spectrum shows it
_LOWEST_ENERGY = 50.0  # eV, of the absorption tables
_PEAKS_AT_A_TIME = 64  # of similar energy: large enough for array arithmetic, small enough to reach equally far
_FINE_POINTS = 2  # between two nodes of a continuum
_BLOCK = 256  # spectra at a time: the arrays of a block stay in the cache


@dataclass(frozen=True)
class Window:
    """What stands in front of the crystal.

    Parameters
    ----------
    layers : tuple of (str, float)
        Elements that cover the whole window and their mass per area in ug/cm2.
    grid : float
        Thickness of the silicon support grid, um.
    open_area : float
        Part of the window that the grid leaves free.
    """

    layers: tuple[tuple[str, float], ...] = ()
    grid: float = 0.0
    open_area: float = 1.0

    def transmission(self, absorption: FloatArray) -> FloatArray:
        """Share of photons that pass, (n,), for (94, n) mass absorption coefficients."""
        depth = sum(
            (1e-6 * mass * absorption[atomic_number(s) - 1] for s, mass in self.layers), np.zeros(absorption.shape[1])
        )
        grid = np.exp(-1e-4 * self.grid * _SILICON_DENSITY * absorption[SILICON - 1])
        return np.asarray(np.exp(-depth) * (self.open_area + (1 - self.open_area) * grid))


WINDOWS = {
    # As the polymer windows on silicon grids are made: 13, 145, 45, 85 nm of B, C, N, O and 35 nm of Al (Moxtek
    # AP3.3).
    "polymer": Window((("B", 3.1), ("C", 32.0), ("N", 4.6), ("O", 9.7), ("Al", 9.5)), grid=380.0, open_area=0.77),
    # 100 nm of Si3N4 (3.17 g/cm3) with 30 nm of Al, no grid.
    "nitride": Window((("Si", 19.0), ("N", 12.7), ("Al", 8.1))),
    "none": Window(),
}
"""Windows by name."""


@dataclass(frozen=True)
class Detector:
    """A silicon drift detector behind a window.

    The defaults describe a usual detector with a polymer window. `fwhm`, `tail` and `pile_up` are the values that
    suit the three detectors behind the standard spectra of ``benchmarks/spectra.py`` best on the whole.

    Parameters
    ----------
    fwhm : float
        Resolution at Mn K-alpha, eV.
    fano : float
        Fano factor: variance of the number of electron-hole pairs over its mean.
    window : {"polymer", "nitride", "none"}
        See `WINDOWS`.
    thickness : float
        Of the silicon crystal, um.
    dead_layer : float
        Silicon that absorbs but does not count, nm.
    contact : float
        Aluminium contact on the crystal, nm.
    tail : float
        Share of the C K photons (277 eV) that lose part of their charge near the surface. They count in a tail
        towards low energy, which skews and shifts the peaks of light elements. At other energies the layer that loses
        charge is the same.
    escape : float
        Escape peaks relative to theory.
    pile_up : float
        Share of counts that are two photons taken as one.

    Raises
    ------
    RecipeError
        If a value is out of range.
    """

    fwhm: float = 128.0
    fano: float = 0.115
    window: str = "polymer"
    thickness: float = 450.0
    dead_layer: float = 30.0
    contact: float = 20.0
    tail: float = 0.65
    escape: float = 1.0
    pile_up: float = 0.002

    def __post_init__(self) -> None:
        checked_choice("detector: window", self.window, WINDOWS)
        # Wider than what is built, so as to exclude wrong units and nothing else.
        limits = {
            "fwhm": (20.0, 1000.0),
            "fano": (0.0, 1.0),
            "thickness": (1.0, 10_000.0),
            "dead_layer": (0.0, 10_000.0),
            "contact": (0.0, 10_000.0),
            "tail": (0.0, 0.9),
            "escape": (0.0, 10.0),
            "pile_up": (0.0, 0.5),
        }
        for name, (low, high) in limits.items():
            checked_number(f"detector: {name}", getattr(self, name), lowest=low, highest=high)

    def resolution(self, energies: npt.ArrayLike) -> FloatArray:
        """Full width at half maximum of a line at `energies` (eV), in eV.

        Notes
        -----
        Electronic noise and the statistics of electron-hole pairs, FWHM**2 = noise**2 + (2.355)**2 F eps E (Goldstein
        et al. 2018, Scanning Electron Microscopy and X-Ray Microanalysis, 4th ed., ch. 16); the noise follows from
        the resolution at Mn K-alpha. It is at least 15 eV wide, whatever the Fano factor.
        """
        e = np.asarray(energies, dtype=np.float64)
        variance = self.fwhm**2 + _FWHM_PER_SIGMA**2 * self.fano * _PAIR_ENERGY * (e - MANGANESE_K_ALPHA)
        return np.sqrt(np.maximum(variance, _NARROWEST**2))

    def efficiency(self, energies: npt.ArrayLike) -> FloatArray:
        """Share of the photons of `energies` (n,), in eV, that reach the active crystal and are absorbed there."""
        return self._efficiency(mass_absorption(energies))

    def _efficiency(self, absorption: FloatArray) -> FloatArray:
        silicon = _SILICON_DENSITY * absorption[SILICON - 1]
        # 1e-7 cm are a nm, 1e-4 cm are a um.
        contact = np.exp(-1e-7 * self.contact * _ALUMINIUM_DENSITY * absorption[atomic_number("Al") - 1])
        crystal = np.exp(-1e-7 * self.dead_layer * silicon) * -np.expm1(-1e-4 * self.thickness * silicon)
        return np.asarray(WINDOWS[self.window].transmission(absorption) * contact * crystal)

    def escape_share(self, energies: npt.ArrayLike) -> FloatArray:
        """Share of the counts of a line at `energies` (n,), in eV, that lose a Si K photon.

        Notes
        -----
        Reed and Ware (1972), J. Phys. E 5:582: half of the K fluorescence times the part of the absorption that is in
        the K shell times 1 - (mu_K / mu) ln(1 + mu / mu_K), mu and mu_K being the absorption of the photon and of Si
        K-alpha.
        """
        return self._escape_share(np.atleast_1d(np.asarray(energies, dtype=np.float64)), mass_absorption(energies))

    def _escape_share(self, energies: FloatArray, absorption: FloatArray) -> FloatArray:
        ratio = absorption[SILICON - 1] / mass_absorption(_SILICON_K_ALPHA)[SILICON - 1]
        # Half of the K photons go outwards.
        share = 0.5 * _SILICON_K_YIELD * _SILICON_K_SHARE * (1 - np.log1p(ratio) / ratio)
        return np.asarray(np.where(energies > _SILICON_K_EDGE, np.minimum(self.escape * share, 0.5), 0.0))

    def response(self, energies: npt.ArrayLike, axis: EnergyAxis) -> npt.NDArray[np.float32]:
        """Where photons are counted.

        Parameters
        ----------
        energies : (n,) array
            Of the photons, eV.
        axis : EnergyAxis

        Returns
        -------
        (n, axis.size) float32
            Expected counts in each channel for one photon that arrives at the detector. A row sums to the efficiency,
            less what falls outside the axis. Pile-up is not part of it, because it depends on the whole spectrum.

        Notes
        -----
        A peak is a Gaussian; the part with incomplete charge is that Gaussian convolved with an exponential whose
        mean is 5 % of the energy (global constant, fitted with `tail` to the NIST standards).
        """
        e = np.atleast_1d(np.asarray(energies, dtype=np.float64))
        absorption = mass_absorption(np.maximum(e, _LOWEST_ENERGY))
        efficiency = self._efficiency(absorption)
        escape = self._escape_share(e, absorption)
        silicon = absorption[SILICON - 1] / mass_absorption(_TAIL_REFERENCE)[SILICON - 1]
        tail = -np.expm1(math.log1p(-self.tail) * silicon)
        tail[tail < _SMALLEST_TAIL] = 0.0
        counts = np.zeros((e.size, axis.size))
        sigma = self.resolution(e) / _FWHM_PER_SIGMA
        _add_peaks(counts, axis, e, sigma, efficiency * (1 - escape) * (1 - tail))
        if self.tail > 0:
            _add_peaks(counts, axis, e, sigma, efficiency * (1 - escape) * tail, _TAIL_LENGTH * e)
        if self.escape > 0:
            escaped = np.where(escape > 0, e - _SILICON_K_ALPHA, e)
            sigma = self.resolution(escaped) / _FWHM_PER_SIGMA
            _add_peaks(counts, axis, escaped, sigma, efficiency * escape)
        return counts.astype(np.float32)

    def continuum_response(self, nodes: FloatArray, axis: EnergyAxis) -> npt.NDArray[np.float32]:
        """Where photons of a continuum are counted.

        Parameters
        ----------
        nodes : (n,) array
            Rising energies at which the continuum is known, eV; it is linear in between, and nothing outside.
        axis : EnergyAxis

        Returns
        -------
        (n, axis.size) float32
            Expected counts in each channel for one photon per keV at one node.
        """
        # The detector sees the linear course between two nodes at a few energies closer together than its resolution.
        low = np.repeat(np.arange(nodes.size - 1), _FINE_POINTS)
        weight = np.tile((np.arange(_FINE_POINTS) + 0.5) / _FINE_POINTS, nodes.size - 1)
        width = np.diff(nodes)[low]
        energies = nodes[low] + weight * width
        at = np.arange(energies.size)
        # Widths are in eV, the continuum is per keV.
        weights = np.concatenate([(1 - weight) * width, weight * width]) / (1000.0 * _FINE_POINTS)
        spread = sp.csr_array(
            (weights, (np.append(low, low + 1), np.append(at, at))), shape=(nodes.size, energies.size), dtype=np.float32
        )
        return np.asarray(spread @ self.response(energies, axis))

    def add_pile_up(self, spectra: npt.NDArray[np.float32], axis: EnergyAxis) -> npt.NDArray[np.float32]:
        """Count the share `pile_up` of pairs of photons as one photon of their summed energy.

        Parameters
        ----------
        spectra : (n, axis.size) float32
            Expected counts.
        axis : EnergyAxis

        Returns
        -------
        (n, axis.size) float32
            ``(1 - 2 f) s + f (s * s)``, * being the convolution of the spectrum, of sum 1, with itself; photons that
            the axis does not hold take no part. Sums beyond the axis are lost.
        """
        if self.pile_up == 0:
            return spectra
        # Entry k of the convolution holds the energy 2 offset + k width: move it to the channel of that energy.
        position = np.arange(axis.size) - axis.offset / axis.width
        low = np.floor(position).astype(np.int64)
        weight = (position - low).astype(np.float32)
        length = next_fast_len(2 * axis.size - 1, real=True)
        inside = [(at >= 0) & (at < length) for at in (low, low + 1)]
        f = np.float32(self.pile_up)
        result = (1 - 2 * f) * spectra
        for start in range(0, len(spectra), _BLOCK):
            block = spectra[start : start + _BLOCK]
            total = np.maximum(block.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
            transform = rfft(block, length, axis=1)
            pairs = np.maximum(irfft(transform * transform, length, axis=1), 0.0) * (f / total)
            into = result[start : start + _BLOCK]
            into[:, inside[0]] += pairs[:, low[inside[0]]] * (1 - weight[inside[0]])
            into[:, inside[1]] += pairs[:, low[inside[1]] + 1] * weight[inside[1]]
        return result


def _add_peaks(
    counts: FloatArray,
    axis: EnergyAxis,
    energies: FloatArray,
    sigma: FloatArray,
    area: FloatArray,
    tail: FloatArray | None = None,
) -> None:
    """Add a peak to each row of `counts`: a Gaussian, or one with an exponential tail of mean `tail` (eV).

    Only the channels that a peak reaches are touched. Contents are differences of the distribution function, so
    nothing is lost by the width of the channels.
    """
    rows = np.flatnonzero(area > 0)
    edge0 = axis.edges[0]
    # Peaks of similar energy reach over similar numbers of channels.
    for at in np.array_split(rows[np.argsort(energies[rows])], max(1, rows.size // _PEAKS_AT_A_TIME)):
        e, s = energies[at, None], sigma[at, None]
        length = np.zeros_like(s) if tail is None else tail[at, None]
        first = np.floor((e - _PEAK_REACH * s - _TAIL_REACH * length - edge0) / axis.width).astype(np.int64)
        last = np.ceil((e + _PEAK_REACH * s - edge0) / axis.width).astype(np.int64)
        first, last = np.clip(first, 0, axis.size), np.clip(last, 0, axis.size)
        reach = int((last - first).max(initial=0))
        if reach == 0:
            continue
        channels = first + np.arange(reach + 1)
        u = (edge0 + channels * axis.width - e) / s
        share = ndtr(u)
        if tail is not None:
            # Distribution function of a normal variable less an exponential one (Grushka 1972, Anal. Chem. 44:1733);
            # the two forms of the second term are equal, and neither overflows where it is used.
            w = u + s / length
            right = 0.5 * erfcx(np.maximum(w, 0.0) / math.sqrt(2)) * np.exp(-0.5 * u**2)
            left = np.exp(np.minimum(s / length * (u + 0.5 * s / length), 0.0)) * ndtr(-w)
            share += np.where(w > 0, right, left)
        content = np.diff(np.minimum(share, 1.0), axis=1) * area[at, None]
        channels = channels[:, :-1]
        inside = channels < last
        into = np.broadcast_to(at[:, None], channels.shape)[inside]
        counts[into, channels[inside]] += content[inside]
