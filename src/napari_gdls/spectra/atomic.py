"""Atomic data: edges, yields, characteristic lines and photo-absorption, from xraylib with a few gaps closed.

xraylib (Schoonjans et al. 2011, Spectrochim. Acta B 66:776) collects edges and line energies, radiative rates,
fluorescence yields, Coster-Kronig probabilities and cross-sections. Three things are changed here, each said where it
is done: the 4f lines of Ba to Eu, the M5 yields of Cd to Pr, and which table of photo-absorption serves which energy.
"""

# ruff: noqa: RUF001  (Siegbahn names are written with Greek letters)

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import xraylib
import xraylib_np

from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import N_ELEMENTS

SUBSHELLS = ("K", "L1", "L2", "L3", "M1", "M2", "M3", "M4", "M5")
"""Subshells whose vacancies are followed; index into the last axis of the tables below."""

SHELL_OF_SUBSHELL = np.array(["KLM".index(name[0]) for name in SUBSHELLS])
"""0, 1, 2 for subshells of K, L, M."""

SILICON = 14
"""Atomic number of what detectors are made of."""

_M4, _M5 = 7, 8  # indices into `SUBSHELLS`

_WEAKEST_RATE = 1e-3
"""Lines that carry less than this share of their subshell's radiative decays are left out. A choice."""

_ABSORPTION_FROM, _ABSORPTION_TO, _KISSEL_TO = 0.05, 100.0, 1.0
"""Energies (keV) between which absorption is tabulated, and up to which the cross-sections of Kissel serve; see
`mass_absorption`."""

# Energies (eV) of M5-N7 (M-alpha) and M4-N6 (M-beta): Bearden (1967), Rev. Mod. Phys. 39:78; Pm, which it lacks, is
# interpolated. Ba: its M5 and M4 edges, for lines of the resonantly excited 4f level (it has no 4f electron of its
# own). xraylib holds no radiative rate for these lines below Gd although they are the strong M lines from La on.
_M_4F_ENERGIES = {
    56: (779.0, 793.0),
    57: (833.0, 854.0),
    58: (883.0, 902.0),
    59: (929.2, 950.0),
    60: (978.0, 997.0),
    61: (1029.0, 1048.0),
    62: (1081.0, 1100.0),
    63: (1131.0, 1153.0),
}
_BARIUM, _GADOLINIUM = 56, 64  # atomic numbers
_BARIUM_4F_SHARE = 0.25  # of the M4 and M5 decays; measured on sanbornite and BaF2, see `strengths.line_corrections`

# Siegbahn and IUPAC names of the usual lines: Jenkins et al. (1991), X-Ray Spectrom. 20:149.
_SIEGBAHN = {
    "K-L3": "Kα1", "K-L2": "Kα2", "K-M3": "Kβ1", "K-M2": "Kβ3", "K-N3": "Kβ2", "K-N2": "Kβ2", "K-M4": "Kβ5",
    "K-M5": "Kβ5", "L3-M5": "Lα1", "L3-M4": "Lα2", "L2-M4": "Lβ1", "L3-N5": "Lβ2", "L1-M3": "Lβ3", "L1-M2": "Lβ4",
    "L3-O4": "Lβ5", "L3-O5": "Lβ5", "L3-N1": "Lβ6", "L3-O1": "Lβ7", "L1-M5": "Lβ9", "L1-M4": "Lβ10",
    "L3-N4": "Lβ15", "L2-M3": "Lβ17", "L2-N4": "Lγ1", "L1-N2": "Lγ2", "L1-N3": "Lγ3", "L1-O3": "Lγ4",
    "L1-O2": "Lγ4'", "L2-N1": "Lγ5", "L2-O4": "Lγ6", "L2-O1": "Lγ8", "L2-M1": "Lη", "L3-M1": "Ll", "L3-M3": "Ls",
    "L3-M2": "Lt", "M5-N7": "Mα1", "M5-N6": "Mα2", "M4-N6": "Mβ", "M3-N5": "Mγ", "M5-N3": "Mζ1", "M4-N2": "Mζ2",
}  # fmt: skip


@dataclass(frozen=True)
class Subshells:
    """Properties of the subshells K to M5 of all elements.

    Parameters
    ----------
    edge : (94, 9) float64
        Ionisation energy in eV; 0 where the element has no such subshell.
    fluorescence_yield : (94, 9) float64
        Radiative decays per vacancy.
    coster_kronig : dict of (int, int) to (94,) float64
        Probability that a vacancy of the first subshell moves to the second one of the same shell (indices into
        `SUBSHELLS`).
    """

    edge: npt.NDArray[np.float64]
    fluorescence_yield: npt.NDArray[np.float64]
    coster_kronig: dict[tuple[int, int], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Lines:
    """Characteristic lines, one entry per transition.

    Parameters
    ----------
    element : (n,) int64
        Column of the element in a composition (atomic number - 1).
    subshell : (n,) int64
        Index into `SUBSHELLS` of the subshell whose vacancy is filled.
    energy : (n,) float64
        In eV.
    rate : (n,) float64
        Share of the subshell's radiative decays.
    name : tuple of str
        IUPAC notation, such as "K-L3".
    """

    element: npt.NDArray[np.int64]
    subshell: npt.NDArray[np.int64]
    energy: npt.NDArray[np.float64]
    rate: npt.NDArray[np.float64]
    name: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.name)

    def select(self, keep: npt.NDArray[np.bool_]) -> Lines:
        """The lines where `keep`, an (n,) bool array, is true."""
        names = tuple(name for name, kept in zip(self.name, keep, strict=True) if kept)
        return Lines(self.element[keep], self.subshell[keep], self.energy[keep], self.rate[keep], names)


@cache
def atomic_weights() -> npt.NDArray[np.float64]:
    """Standard atomic weights, (94,) float64, g/mol."""
    return np.asarray(xraylib_np.AtomicWeight(_all_elements()))


@cache
def element_density(atomic_number: int) -> float:
    """Density of an element, g/cm3; carbon has 2.0, as evaporated films do."""
    return float(xraylib.ElementDensity(atomic_number))


@cache
def subshells() -> Subshells:
    """Edges, yields and Coster-Kronig probabilities of all elements.

    Notes
    -----
    The M5 yields in xraylib (McGuire 1972, Phys. Rev. A 5:1043, interpolated) are 0 from Cd to La and climb from
    there to the first calculated value at Nd, while M4 has 0.0027 all along. The M5 yield is taken as not smaller
    than the M4 yield for Cd to Pr, which joins the value at Nd.
    """
    elements = _all_elements()
    codes = np.array([getattr(xraylib, f"{name}_SHELL") for name in SUBSHELLS])
    edge = 1000.0 * np.asarray(xraylib_np.EdgeEnergy(elements, codes))
    yields = np.asarray(xraylib_np.FluorYield(elements, codes))
    gap = slice(48 - 1, 59)  # Cd to Pr
    yields[gap, _M5] = np.maximum(yields[gap, _M5], yields[gap, _M4])
    coster_kronig = {}
    for shell in "LM":
        count = sum(name[0] == shell for name in SUBSHELLS)
        first = SUBSHELLS.index(f"{shell}1")
        for i in range(count):
            for j in range(i + 1, count):
                code = np.array([getattr(xraylib, f"F{shell}{i + 1}{j + 1}_TRANS")])
                coster_kronig[first + i, first + j] = np.asarray(xraylib_np.CosKronTransProb(elements, code))[:, 0]
    return Subshells(edge, yields, coster_kronig)


def vacancies_by_photons(
    elements: npt.NDArray[np.int64], subshell: npt.NDArray[np.int64], energies: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Vacancies in a subshell by photo-absorption, those that move there within their shell included.

    Parameters
    ----------
    elements : (n,) int64
        Columns in a composition (atomic number - 1).
    subshell : (n,) int64
        Indices into `SUBSHELLS`.
    energies : (n, k) float64
        Of the photons, eV.

    Returns
    -------
    (n, k) float64
        cm2 per g of the element.

    Notes
    -----
    Shares of the subshells in the absorption by Kissel (2000, RTAB), as xraylib has them; Coster-Kronig probabilities
    as in `subshells`.
    """
    result = np.empty(energies.shape)
    transfers = sorted(subshells().coster_kronig.items())
    codes = np.array([getattr(xraylib, f"{name}_SHELL") for name in SUBSHELLS])
    for i, (element, wanted) in enumerate(zip(elements, subshell, strict=True)):
        own = [k for k, name in enumerate(SUBSHELLS) if name[0] == SUBSHELLS[wanted][0] and k <= wanted]
        z, kev = np.array([element + 1]), energies[i] / 1000.0
        vacancies = dict(zip(own, xraylib_np.CS_Photo_Partial(z, codes[own], kev)[0], strict=True))
        for (source, sink), probability in transfers:
            if source in vacancies and sink in vacancies:
                vacancies[sink] = vacancies[sink] + probability[element] * vacancies[source]
        result[i] = vacancies[int(wanted)]
    return result


@cache
def k_absorption_share() -> npt.NDArray[np.float64]:
    """Share of the K shell in the absorption just above the K edge, (94,) float64."""
    jump = np.asarray(xraylib_np.JumpFactor(_all_elements(), np.array([xraylib.K_SHELL])))[:, 0]
    return np.where(jump > 1, 1 - 1 / np.maximum(jump, 1.0), 0.0)


@cache
def characteristic_lines() -> Lines:
    """All K, L and M lines of boron to plutonium, by element, subshell and energy.

    Notes
    -----
    The radiative rates of M4 and M5 below Gd leave out the transitions from 4f. For La to Eu the branching of Gd is
    taken with Bearden's energies; Ba gets a smaller share of them; for lighter elements the rates are left as they
    are. A line whose energy xraylib does not know gets the difference of the two edges.
    """
    elements = _all_elements()
    pattern = re.compile(r"(K|L[1-3]|M[1-5])([LMNOP][1-7])_LINE")
    # Transitions inside a shell (L1-L2, ...) lie far below the energies of interest.
    matches = [m for m in map(pattern.fullmatch, dir(xraylib)) if m is not None and m[1][0] != m[2][0]]
    codes = np.array([getattr(xraylib, match[0]) for match in matches])
    rates = np.asarray(xraylib_np.RadRate(elements, codes))
    energies = np.round(1000.0 * np.asarray(xraylib_np.LineEnergy(elements, codes)), 2)
    edges = subshells().edge
    column = {match[1] + match[2]: index for index, match in enumerate(matches)}
    for index, match in enumerate(matches):
        unknown = (energies[:, index] <= 0) & (rates[:, index] > 0)
        outer = np.asarray(xraylib_np.EdgeEnergy(elements, np.array([getattr(xraylib, f"{match[2]}_SHELL")])))[:, 0]
        energies[unknown, index] = edges[unknown, SUBSHELLS.index(match[1])] - 1000.0 * outer[unknown]
    for atomic_number, (m_alpha, m_beta) in _M_4F_ENERGIES.items():
        for shell in ("M4", "M5"):
            own = [index for name, index in column.items() if name.startswith(shell)]
            from_4f = np.array([matches[index][2] in ("N6", "N7") for index in own])
            branching = rates[_GADOLINIUM - 1, own]
            if atomic_number == _BARIUM:
                share = branching[from_4f].sum()
                branching = np.where(
                    from_4f, branching / share * _BARIUM_4F_SHARE, rates[_BARIUM - 1, own] * (1 - _BARIUM_4F_SHARE)
                )
            rates[atomic_number - 1, own] = branching
        energies[atomic_number - 1, [column["M5N6"], column["M5N7"]]] = m_alpha
        energies[atomic_number - 1, column["M4N6"]] = m_beta
    keep = (rates > _WEAKEST_RATE) & (energies > 0)
    element, transition = np.nonzero(keep)
    subshell = np.array([SUBSHELLS.index(match[1]) for match in matches])[transition]
    energy = energies[element, transition]
    order = np.lexsort((energy, subshell, element))
    names = [f"{matches[i][1]}-{matches[i][2]}" for i in transition[order]]
    return Lines(element[order], subshell[order], energy[order], rates[element, transition][order], tuple(names))


def siegbahn_name(iupac: str) -> str:
    """Siegbahn name of a transition in IUPAC notation ("K-L3" is "Kα1"); "" where it has none."""
    return _SIEGBAHN.get(iupac, "")


def mass_absorption(energies: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Photoelectric mass absorption coefficients of all elements.

    Parameters
    ----------
    energies : (n,) array
        Photon energies in eV, 50 to 100,000.

    Returns
    -------
    (94, n) float64
        In cm2/g.

    Notes
    -----
    Below 1 keV the cross-sections of Kissel (2000, RTAB) serve, which put O K of silicates closer to measured
    spectra; above it xraylib's main table, because the fits to Kissel's values fall off for light elements from a few
    keV on. The two agree within 0.5 % at 1 keV.
    """
    kev = np.asarray(energies, dtype=np.float64).reshape(-1) / 1000.0
    return _kept_absorption(kev.tobytes()) if kev.size <= _MOST_KEPT else _looked_up_absorption(kev)


_MOST_KEPT = 4096
"""Energies whose coefficients are kept for the next call, 3 MB at most: fits ask for the same lines many times."""


@lru_cache(maxsize=16)
def _kept_absorption(kev: bytes) -> npt.NDArray[np.float64]:
    absorption = _looked_up_absorption(np.frombuffer(kev))
    absorption.setflags(write=False)
    return absorption


def _looked_up_absorption(kev: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    if kev.size and not (kev.min() >= _ABSORPTION_FROM and kev.max() <= _ABSORPTION_TO):
        raise RecipeError(
            f"absorption is tabulated from 50 to 100,000 eV; got {kev.min() * 1e3} to {kev.max() * 1e3} eV."
        )
    absorption = np.empty((N_ELEMENTS, kev.size))
    soft = kev < _KISSEL_TO
    elements = _all_elements()
    if soft.any():
        absorption[:, soft] = xraylib_np.CS_Photo_Total(elements, kev[soft])
    if not soft.all():
        absorption[:, ~soft] = xraylib_np.CS_Photo(elements, kev[~soft])
    return absorption


# Absorption of L-alpha (L3-M4,5) of an element in itself, cm2/g, from measured intensities at several beam energies:
# Pouchou and Pichoir (1991), see `depth`. That of Fe, 3350 there, is of Sokaras et al. (2011), see below, which suits
# iron and the glass K412 better. In a solid the L3 edge begins with a line of its own, where L-alpha lies; the tables
# know free atoms.
_L_ALPHA_IN_ITSELF = {
    21: 4750.0,
    22: 4550.0,
    23: 4370.0,
    24: 3850.0,
    25: 3340.0,
    26: 3626.0,
    27: 3260.0,
    28: 3560.0,
    29: 1755.0,
}

# The same for L-beta 1 (L2-M4) over L-alpha. Cu: Pouchou and Pichoir (1991), 6750 cm2/g; Fe: Sokaras et al. (2011),
# Phys. Rev. A 83:052511, 12,780 over 3,626 cm2/g, taken for the others too.
_L_BETA_TO_ALPHA = {z: 3.85 if z == 29 else 3.5 for z in _L_ALPHA_IN_ITSELF}


def line_absorption(lines: Lines) -> npt.NDArray[np.float64]:
    """Photoelectric mass absorption coefficients of all elements for lines.

    Parameters
    ----------
    lines : Lines

    Returns
    -------
    (94, n) float64
        In cm2/g: `mass_absorption`, but for L-alpha and L-beta 1 of Sc to Cu, which lie at the L3 and L2 edges, in
        their own element, where the measured coefficients of Pouchou and Pichoir (1991; Fe: Sokaras et al. 2011) stand.
    """
    absorption = np.array(mass_absorption(lines.energy))
    for i, name in enumerate(lines.name):
        own = int(lines.element[i])
        alpha = _L_ALPHA_IN_ITSELF.get(own + 1)
        if alpha is not None and name in ("L3-M4", "L3-M5"):
            absorption[own, i] = alpha
        elif alpha is not None and name == "L2-M4":
            absorption[own, i] = alpha * _L_BETA_TO_ALPHA[own + 1]
    return absorption


def _all_elements() -> npt.NDArray[np.int64]:
    return np.arange(1, N_ELEMENTS + 1)
