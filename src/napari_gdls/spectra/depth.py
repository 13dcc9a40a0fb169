"""Where in the specimen X-rays arise: the depth distribution of ionisation by the XPP model.

Equations from Pouchou and Pichoir (1991), "Quantitative analysis of homogeneous or stratified microvolumes applying
the model PAP", in Heinrich and Newbury (eds), Electron Probe Quantitation, Plenum, pp. 31-75: deceleration and mean
ionisation potential, backscattering, surface ionisation, and the description XPP of the depth distribution. Symbols
are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.spectra.atomic import atomic_weights

FloatArray = npt.NDArray[np.floating]

_SHALLOWEST = 0.2
"""Least decay a of the shallow part over b, that of the deep one. A choice; it holds where the model gives light
elements, just above the edge, a distribution that grows with depth."""


@dataclass(frozen=True)
class Target:
    """What slows down and scatters electrons in a material; arrays of one shape, such as (n,) or (n, 1).

    Parameters
    ----------
    stopping : array
        M, sum of C Z / A, mol/g.
    potential : array
        J, mean ionisation potential, keV.
    scattering : array
        Zb, square of the mass-weighted mean of sqrt(Z).
    """

    stopping: FloatArray
    potential: FloatArray
    scattering: FloatArray

    def __getitem__(self, index: Any) -> Target:
        return Target(self.stopping[index], self.potential[index], self.scattering[index])


@dataclass(frozen=True)
class DepthDistribution:
    """phi(rho z) = A exp(-a rho z) + (B rho z + phi0 - A) exp(-b rho z), by the quantities that determine it.

    All arrays have one shape (or broadcast); depths are masses per area.

    Parameters
    ----------
    area : array
        F, the integral of phi: all ionisations, per ionisation in a free-standing film, g/cm2.
    surface : array
        phi0, the value at the surface.
    slope : array
        P, the initial slope, cm2/g.
    decay_deep, decay_shallow : array
        b and a, cm2/g.
    """

    area: FloatArray
    surface: FloatArray
    slope: FloatArray
    decay_deep: FloatArray
    decay_shallow: FloatArray

    def __getitem__(self, index: Any) -> DepthDistribution:
        return DepthDistribution(*(getattr(self, field.name)[index] for field in fields(self)))

    def emitted(self, chi: FloatArray) -> FloatArray:
        """Ionisations whose photons leave the specimen: the integral of phi(rho z) exp(-chi rho z).

        Parameters
        ----------
        chi : array
            Mass absorption coefficient times path length per depth (cosecant of the take-off angle), cm2/g.

        Returns
        -------
        array
            F(chi), g/cm2; equal to `area` at chi = 0.

        Notes
        -----
        The Laplace transform of phi is a ratio of polynomials whose coefficients follow from its integral, surface
        value and initial slope. Written that way it needs no division by (a - b), which vanishes for some materials.
        """
        a, b = self.decay_shallow, self.decay_deep
        numerator = a * b * b * self.area + chi * (self.slope + self.surface * (chi + a + 2 * b))
        return numerator / ((chi + b) ** 2 * (chi + a))


def target(fractions: FloatArray) -> Target:
    """Averages over the elements of each material.

    Parameters
    ----------
    fractions : (n, 94) float64
        Mass fractions.

    Returns
    -------
    Target
        With arrays of shape (n,).
    """
    z = np.arange(1.0, N_ELEMENTS + 1)
    z_over_a = z / atomic_weights()
    potentials = 1e-3 * z * (10.04 + 8.25 * np.exp(-z / 11.22))
    stopping = fractions @ z_over_a
    potential = np.exp(fractions @ (z_over_a * np.log(potentials)) / stopping)
    return Target(stopping, potential, (fractions @ np.sqrt(z)) ** 2)


def depth_distribution(
    material: Target, beam_energy: float, edge: FloatArray, exponent: FloatArray
) -> DepthDistribution:
    """Depth distribution of the ionisation of a shell (XPP).

    Parameters
    ----------
    material : Target
        Arrays that broadcast with `edge`.
    beam_energy : float
        keV.
    edge : array
        Ionisation energy, keV, below `beam_energy`.
    exponent : array
        m in the decrease of the ionisation cross-section, ln U / U**m, with the overvoltage U; see
        `ionisation.equivalent_exponents`.

    Returns
    -------
    DepthDistribution
    """
    u = beam_energy / edge
    log_u = np.log(u)
    zb = material.scattering

    # Deceleration: the ionisations of an electron on its whole way, 1/S, as a sum over the three terms of the
    # stopping power.
    j = material.potential
    terms = ((6.6e-6, 0.78), (1.12e-5 * (1.35 - 0.45 * j**2), 0.1), (2.2e-6 / j, -0.5 + 0.25 * j))
    path = np.zeros_like(u * j)
    for factor, power in terms:
        t = 1 + power - exponent
        ut = u**t
        path += factor * (edge / j) ** power * (ut * (t * log_u - 1) + 1) / t**2
    path *= j / (edge * material.stopping)

    # Ionisations lost with backscattered electrons.
    eta = 1.75e-3 * zb + 0.37 * (1 - np.exp(-0.015 * zb**1.3))
    mean_w = 0.595 + eta / 3.7 + eta**4.55
    q = (2 * mean_w - 1) / (1 - mean_w)
    g_u = (u - 1 - (1 - u ** (-1 - q)) / (1 + q)) / ((2 + q) * (1 + u * (log_u - 1)))
    loss = 1 - eta * mean_w * (1 - g_u)

    area = loss * path * u**exponent * edge**2 / log_u
    surface = 1 + 3.3 * (1 - u ** -(2 - 2.3 * eta)) * eta**1.2

    # Mean depth, then the initial slope.
    x, y = 1 + 1.3 * np.log(zb), 0.2 + zb / 200
    ratio = np.maximum(1 + x * np.log(1 + y * (1 - u**-0.42)) / np.log(1 + y), surface)
    mean_depth = area / ratio
    b = np.sqrt(2) * (1 + np.sqrt(1 - surface / ratio)) / mean_depth
    slope = (
        0.22 * np.log(4 * zb) * (1 - 2 * np.exp(-zb * (u - 1) / 15)) * (1 - 10 * (1 - 1 / (1 + u / 10)) / zb**2) ** 4
    )
    slope = np.minimum(slope, 0.9 * b * mean_depth**2 * (b - 2 * surface / area)) * area / mean_depth**2
    a = (slope + b * (2 * surface - b * area)) / (b * area * (2 - b * mean_depth) - surface)
    # The integral and the surface value stay as they are.
    a = np.maximum(a, _SHALLOWEST * b)
    return DepthDistribution(area, surface, slope, b, a)
