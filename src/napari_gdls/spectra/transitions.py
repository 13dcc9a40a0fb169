"""Characteristic X-ray transitions: their names, energies, and how often they follow an ionisation.

All numbers come from xraylib (Schoonjans et al. 2011, doi:10.1016/j.sab.2011.09.011) but for the M lines of the light
rare earths, which it lacks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from napari_gdls.spectra.elements import atomic_number

SHELLS = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")
_OUTER = [
    f"{shell}{number}"
    for shell, count in (("L", 3), ("M", 5), ("N", 7), ("O", 5), ("P", 3))
    for number in range(1, count + 1)
]

LOWEST_ENERGY = 100.0
"""Lines below this energy (eV) do not reach the detector."""

# M5-N6,7 and M4-N6 in eV (Bearden 1967, doi:10.1103/RevModPhys.39.78); xraylib knows them from Gd on.
_RARE_EARTH_M = {
    "La": (833.0, 854.0),
    "Ce": (883.0, 902.0),
    "Pr": (929.2, 950.0),
    "Nd": (978.0, 997.0),
    "Sm": (1081.0, 1100.0),
    "Eu": (1131.0, 1153.0),
}
# Their fluorescence yields and radiative rates vary little with the element: those of Gd, rounded.
_RARE_EARTH_YIELD = 0.0028
_RARE_EARTH_RATE = 0.83


@dataclass(frozen=True)
class Transition:
    """A characteristic line of one element.

    Attributes
    ----------
    name : str
        IUPAC name, such as "K-L3".
    shell : str
        Shell that was ionised.
    energy : float
        Of the photon, in eV.
    rate : float
        Photons per ionisation of the shell: fluorescence yield times radiative rate.
    """

    name: str
    shell: str
    energy: float
    rate: float


def _known(function: object, *arguments: float) -> float:
    """Value of an xraylib function, 0 where it holds no number."""
    try:
        return float(function(*arguments))  # type: ignore[operator]
    except ValueError:
        return 0.0


@cache
def transitions(element: str) -> tuple[Transition, ...]:
    """All K, L and M lines of an element above 100 eV.

    Parameters
    ----------
    element : str
        Symbol.

    Raises
    ------
    GdlsError
        If the element is unknown.
    """
    import xraylib

    number = atomic_number(element)
    lines = []
    for shell in SHELLS:
        fluorescence = _known(xraylib.FluorYield, number, getattr(xraylib, f"{shell}_SHELL"))
        for outer in _OUTER:
            code = getattr(xraylib, f"{shell}{outer}_LINE", None)
            if code is None:
                continue
            energy = round(1000 * _known(xraylib.LineEnergy, number, code), 3)
            rate = fluorescence * _known(xraylib.RadRate, number, code)
            if energy > LOWEST_ENERGY and rate > 0:
                lines.append(Transition(f"{shell}-{outer}", shell, energy, rate))
    if element in _RARE_EARTH_M:
        alpha, beta = _RARE_EARTH_M[element]
        rate = _RARE_EARTH_YIELD * _RARE_EARTH_RATE
        lines += [Transition("M5-N7", "M5", alpha, rate), Transition("M4-N6", "M4", beta, rate)]
    return tuple(lines)


@cache
def edge_energy(element: str, shell: str) -> float:
    """Ionisation energy of a shell in eV, 0 where it is empty or unknown."""
    import xraylib

    return round(1000 * _known(xraylib.EdgeEnergy, atomic_number(element), getattr(xraylib, f"{shell}_SHELL")), 3)


@cache
def coster_kronig(element: str, inner: str, outer: str) -> float:
    """Probability that a vacancy moves from a subshell to a higher one before it is filled, e.g. from "L1" to "L3"."""
    import xraylib

    code = getattr(xraylib, f"F{inner}{outer[1]}_TRANS", None)
    return 0.0 if code is None else _known(xraylib.CosKronTransProb, atomic_number(element), code)
