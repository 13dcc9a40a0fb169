"""Ionisation of inner shells by electron impact."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.spectra.atomic import SUBSHELLS

_BOHR_RADIUS = 5.29177210903e-9  # cm (CODATA 2018)
_REST_ENERGY = 510.99895  # of the electron, keV (CODATA 2018)
_CHANGE_OF_FORMULA = 16.0  # overvoltage up to which the first formula of Bote et al. (2009) holds

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
    ``benchmarks/spectra.py`` was 0.047 instead of 0.038.
    """
    table = _coefficients()
    edge = table[..., _EDGE]
    with np.errstate(divide="ignore"):
        overvoltage = np.where(edge > 0, 1000.0 * beam_energy / edge, 0.0)
    u = np.maximum(overvoltage, 1.0)
    a1, a2, a3, a4, a5 = np.moveaxis(table[..., _LOW], -1, 0)
    near = (u - 1) / u**2 * (a1 + a2 * u + a3 / (1 + u) + a4 / (1 + u) ** 3 + a5 / (1 + u) ** 5) ** 2
    g1, g2, g3, g4 = np.moveaxis(table[..., _G], -1, 0)
    momentum = np.sqrt(beam_energy * (beam_energy + 2 * _REST_ENERGY)) / _REST_ENERGY
    beta2 = beam_energy * (beam_energy + 2 * _REST_ENERGY) / (beam_energy + _REST_ENERGY) ** 2
    bracket = (2 * np.log(momentum) - beta2) * (1 + g1 / momentum) + g2 + g3 * (1 - beta2) ** 0.25 + g4 / momentum
    far = u / (u + table[..., _B]) * table[..., _A] / beta2 * bracket
    reduced = np.where(overvoltage <= _CHANGE_OF_FORMULA, near, far)
    return np.where(overvoltage > 1, 4 * np.pi * _BOHR_RADIUS**2 * reduced, 0.0)
