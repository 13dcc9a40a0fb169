"""Ionisation of inner shells by electron impact."""

from __future__ import annotations

import csv
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.spectra.atomic import SUBSHELLS

_BOHR_RADIUS = 5.29177210903e-9  # cm (CODATA 2018)
_REST_ENERGY = 510.99895  # of the electron, keV (CODATA 2018)
_CHANGE_OF_FORMULA = 16.0  # overvoltage up to which the first formula of Bote et al. (2009) holds

_USUAL_EXPONENT = 0.86  # of K shells, Pouchou and Pichoir (1991); see `equivalent_exponents`
_EXPONENTS = (0.0, 2.0)  # bounds of the search; what comes out lies between 0.3 and 1.2
_HALVINGS = 30  # of these bounds: to 2e-9
_NODES = 48  # of Gauss and Legendre; twice as many change no exponent by more than 1e-4
_STOPPING_POWER = 0.78  # 1 / S grows with this power of the energy: first term of Pouchou and Pichoir (1991)

# Columns of the table after atomic number and subshell.
_EDGE, _LOW, _B, _A, _G = 0, slice(1, 6), 6, 7, slice(8, 12)


@cache
def _coefficients() -> npt.NDArray[np.float64]:
    """(94, 9, 12) float64; the edge is 0 where there is no entry."""
    table = np.zeros((N_ELEMENTS, len(SUBSHELLS), 12))
    source = files("napari_gdls.spectra").joinpath("bote_salvat_2009.csv")
    with source.open(encoding="utf-8") as text:
        rows = csv.reader(line for line in text if not line.startswith("#"))
        next(rows)
        for atomic_number, subshell, *values in rows:
            table[int(atomic_number) - 1, SUBSHELLS.index(subshell)] = [float(value) for value in values]
    table.setflags(write=False)
    return table


def ionisation_cross_sections(beam_energy: float) -> npt.NDArray[np.float64]:
    """Cross-sections for ionisation of K, L and M subshells by an electron.

    Parameters
    ----------
    beam_energy : float
        Kinetic energy of the electron, keV.

    Returns
    -------
    (94, 9) float64
        In cm2 per atom, by element and subshell (`SUBSHELLS`); 0 below the edge and where there is no such subshell.

    Notes
    -----
    The analytical formulas for electrons of Bote, Salvat, Jablonski and Powell (2009), At. Data Nucl. Data Tables
    95:871: fits to distorted-wave calculations for overvoltages up to 16, and to plane-wave Born calculations above.

    They cost a table of 70 kB. The usual ``k ln U / (U**m Ec**2)`` with one constant per subshell needs none, but its
    ratio to them changes by 5 to 20 % between 10 and 25 keV, and with it the mean total variation to the standards of
    ``benchmarks/spectra.py`` was a quarter larger.
    """
    return _cross_sections(np.float64(beam_energy))


def _cross_sections(energy: npt.NDArray[np.float64] | np.float64) -> npt.NDArray[np.float64]:
    """Cross-sections at energies (keV) that broadcast with (94, 9)."""
    table = _coefficients()
    edge = table[..., _EDGE]
    with np.errstate(divide="ignore"):
        overvoltage = np.where(edge > 0, 1000.0 * energy / edge, 0.0)
    u = np.maximum(overvoltage, 1.0)
    a1, a2, a3, a4, a5 = np.moveaxis(table[..., _LOW], -1, 0)
    near = (u - 1) / u**2 * (a1 + a2 * u + a3 / (1 + u) + a4 / (1 + u) ** 3 + a5 / (1 + u) ** 5) ** 2
    g1, g2, g3, g4 = np.moveaxis(table[..., _G], -1, 0)
    momentum = np.sqrt(energy * (energy + 2 * _REST_ENERGY)) / _REST_ENERGY
    beta2 = energy * (energy + 2 * _REST_ENERGY) / (energy + _REST_ENERGY) ** 2
    bracket = (2 * np.log(momentum) - beta2) * (1 + g1 / momentum) + g2 + g3 * (1 - beta2) ** 0.25 + g4 / momentum
    far = u / (u + table[..., _B]) * table[..., _A] / beta2 * bracket
    reduced = np.where(overvoltage <= _CHANGE_OF_FORMULA, near, far)
    return np.where(overvoltage > 1, 4 * np.pi * _BOHR_RADIUS**2 * reduced, 0.0)


@lru_cache(maxsize=16)
def equivalent_exponents(beam_energy: float) -> npt.NDArray[np.float64]:
    """Exponents m for which ``ln U / U**m`` has the ionisations of the cross-sections on an electron's whole way.

    Parameters
    ----------
    beam_energy : float
        keV.

    Returns
    -------
    (94, 9) float64
        By element and subshell; `_USUAL_EXPONENT` where the beam does not reach the edge.

    Notes
    -----
    The depth distribution (`depth.depth_distribution`) integrates ``ln U / U**m`` along the electron's way and gives
    the result in units of its value at the beam energy. With the exponents of Pouchou and Pichoir (0.86 for K,
    0.82 for L, 0.78 for M) that ratio differs from the one of `ionisation_cross_sections`, which lines are multiplied
    by: at 20 keV the integral over theirs was 9 % too small for O K, 4 % for Si K, 11 % for Ge L and Pb M,
    and 2 % too large for Fe K. Here m makes the two integrals the same, for a stopping power proportional to
    ``(E / J)**-0.78`` (the leading term of theirs, to which the ratio is not sensitive: 0.2 % for J from 0.1 to
    0.4 keV).
    """
    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    edge = _coefficients()[..., _EDGE] / 1000.0
    reached = (edge > 0) & (edge < beam_energy)
    edge = np.where(reached, edge, 0.5 * beam_energy)
    # Overvoltages in equal steps of the logarithm.
    top = np.log(beam_energy / edge)
    steps = 0.5 * (1 + nodes[:, None, None]) * top
    u = np.exp(steps)
    weight = weights[:, None, None] * u ** (1 + _STOPPING_POWER)  # dE / S
    own = _cross_sections(edge * u)
    wanted = (own * weight).sum(axis=0) / np.where(reached, ionisation_cross_sections(beam_energy), 1.0)

    low, high = (np.full(edge.shape, bound) for bound in _EXPONENTS)
    for _ in range(_HALVINGS):
        exponent = 0.5 * (low + high)
        shape = steps * np.exp(-exponent * (steps - top)) / top  # 1 at the beam energy
        more = (shape * weight).sum(axis=0) < wanted
        low, high = np.where(more, exponent, low), np.where(more, high, exponent)
    return np.where(reached, 0.5 * (low + high), _USUAL_EXPONENT)
