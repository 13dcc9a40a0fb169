"""How strong the characteristic lines are that a beam excites in an element, before the specimen takes its part."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_kind
from napari_gdls.materials.composition import N_ELEMENTS, atomic_number
from napari_gdls.spectra.atomic import (
    SHELL_OF_SUBSHELL,
    SUBSHELLS,
    Lines,
    atomic_weights,
    characteristic_lines,
    subshells,
)
from napari_gdls.spectra.ionisation import ionisation_cross_sections

LOWEST_ENERGY = 100.0
"""Photons below this energy (eV) are left out."""

AVOGADRO = 6.02214076e23
"""1/mol (SI)."""

_WEAKEST_LINE = 3e-4  # lines weaker than this part of the strongest of their element and shell are left out: a choice


def line_corrections(lines: Lines) -> npt.NDArray[np.float64]:
    """Factors between tabulated and observed strengths of soft lines, (n,) float64.

    Notes
    -----
    Where the physics is at its end, one factor for each family of lines, smooth in the atomic number. The factors are
    linear in it between the elements named and constant outside:

    - K lines: 0.905 up to O, 0.98 at F, 1 from Na to S, 0.98 at Ca and Ti, 1 from Fe on. The yields of Bambynek (1984),
      which are used, and of Krause (1979) differ by 24 % at F, 20 % at O, 4 to 5 % from Ca to Fe and 2 % at Ge; O and F
      also carry what is wrong in the absorption of soft lines. Uncertainty 3 % (O: 4 %).
    - All L lines: 1.05 up to Zn, 1.12 from Ba on; from Zn and Ge in glass and pure, and Ba beside Si. Yields of L
      subshells are known to 5 to 10 %.
    - L3 and L2 lines from the 3d band (L-alpha, L-beta 1) on top: Ti 0.20, Fe 0.50, Zn 0.90, 0.95 from Ge on. Rates
      and yields are those of free atoms; in a solid the 3d electrons of the first long period are valence electrons.
      Fe is that of metal and glass alike, with the absorption of `atomic.line_absorption`. Ti stands between the metal
      (0.3) and Ti of oxides, which has hardly any L-alpha.
    - L-l and L-eta, which come from the 3s core level, on top: 1.15 up to Ge, 1 from Zr on.
    - M4 and M5 lines: 0.29 up to Ba, 0.5 at Ce, 0.9 at Eu, 1 from Hf on; M1 to M3 lines: 1.8 up to Ce, 1 from Hf on.
      Those other than Ba are not verified: 20 %.

    They were fitted to the spectra of ``benchmarks/spectra.py`` (14 of 12 materials), one value for all; the scale of
    each spectrum is free, so that they say how lines stand to each other. `detector.Detector` and the constants of
    `continuum` were fitted to the same spectra.
    """
    z = lines.element + 1
    factor = np.ones(len(lines))
    subshell = np.array(SUBSHELLS)[lines.subshell]
    outer = np.array([name.split("-")[1] for name in lines.name])
    is_l = np.isin(subshell, ["L1", "L2", "L3"])
    from_3d = np.isin(subshell, ["L2", "L3"]) & np.isin(outer, ["M4", "M5"])
    for chosen, at, values in (
        (subshell == "K", (8, 9, 11, 16, 20, 22, 26), (0.905, 0.98, 1.0, 1.0, 0.98, 0.98, 1.0)),
        (is_l, (30, 56), (1.05, 1.12)),
        (from_3d, (22, 26, 30, 32), (0.20, 0.50, 0.90, 0.95)),
        (is_l & (outer == "M1"), (32, 40), (1.15, 1.0)),
        (np.isin(subshell, ["M4", "M5"]), (56, 58, 63, 72), (0.29, 0.5, 0.9, 1.0)),
        (np.isin(subshell, ["M1", "M2", "M3"]), (58, 72), (1.8, 1.0)),
    ):
        factor[chosen] *= np.interp(z[chosen], at, values)
    return factor


def hard_line_corrections(lines: Lines) -> npt.NDArray[np.float64]:
    """Factors of the K lines of heavy elements in thick specimens, (n,) float64.

    Notes
    -----
    1 up to Fe, 1.13 at Zn, 1.15 from Ge on, linear in the atomic number between. What these lines lack is not
    understood: it is seen in a glass (ADM-6005a at 20 keV, against Al, Si, Ca and Ti), in the ratios of K to L lines of
    the pure elements, and against the continuum, at overvoltages of 1.8 to 2.1. Nothing shows that it is a matter of
    yields, so films, whose beams are far above the edges, do without. Ni and Cu are interpolated, elements beyond Ge
    extrapolated; uncertainty 8 %.
    """
    k_lines = lines.subshell == SUBSHELLS.index("K")
    return np.where(k_lines, np.interp(lines.element + 1, (26, 30, 32), (1.0, 1.13, 1.15)), 1.0)


def line_strengths(lines: Lines, beam_energy: float) -> npt.NDArray[np.float64]:
    """Photons per electron and per g/cm2 of a pure element, in a film so thin that the electron does not slow down.

    Parameters
    ----------
    lines : Lines
    beam_energy : float
        keV.

    Returns
    -------
    (n,) float64
        0 for lines that the beam cannot excite.

    Notes
    -----
    Vacancies made by the beam, moved within their shell by Coster-Kronig transitions, times fluorescence yield,
    radiative rate and `line_corrections`. Vacancies that decays of deeper shells leave behind are left out.
    """
    data = subshells()
    vacancies = np.where(data.edge > 0, ionisation_cross_sections(beam_energy), 0.0)
    for (source, sink), probability in sorted(data.coster_kronig.items()):
        vacancies[:, sink] += probability * vacancies[:, source]
    photons = vacancies * data.fluorescence_yield * (AVOGADRO / atomic_weights()[:, None])
    excited = data.edge[lines.element, lines.subshell] < 1000 * beam_energy
    return photons[lines.element, lines.subshell] * lines.rate * excited * line_corrections(lines)


def excited_lines(
    beam_energy: float, wanted: npt.NDArray[np.bool_], highest: float = math.inf
) -> tuple[Lines, npt.NDArray[np.float64]]:
    """Lines worth counting that a beam excites, and their strengths.

    Parameters
    ----------
    beam_energy : float
        keV.
    wanted : (94,) array of bool
        Elements.
    highest : float
        Lines above this energy (eV) are left out, as those below 100 eV are.

    Returns
    -------
    lines : Lines
    strengths : (n,) float64
        See `line_strengths`.
    """
    lines = characteristic_lines()
    strength = line_strengths(lines, beam_energy)
    strength[~wanted[lines.element] | (lines.energy < LOWEST_ENERGY) | (lines.energy > highest)] = 0.0
    # Compared with the strongest line of the same element and shell, so that weak L lines of heavy elements stay
    # beside M.
    shell = SHELL_OF_SUBSHELL[lines.subshell]
    strongest = np.zeros((N_ELEMENTS, 3))
    np.maximum.at(strongest, (lines.element, shell), strength)
    keep = (strength > 0) & (strength > _WEAKEST_LINE * strongest[lines.element, shell])
    return lines.select(keep), strength[keep]


def chosen_elements(elements: Iterable[str] | None) -> npt.NDArray[np.bool_]:
    """Which elements are named, (94,) bool; all where `elements` is None."""
    wanted = np.full(N_ELEMENTS, elements is None)
    if elements is not None:
        wanted[[atomic_number(symbol) - 1 for symbol in checked_kind("elements", elements, Iterable)]] = True
    return wanted
