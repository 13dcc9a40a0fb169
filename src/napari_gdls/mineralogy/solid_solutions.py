"""Where a material lies in the solid solution of its group: An, Fo, En-Wo-Fs, Mg#, Alm-Prp-Grs-Sps, Ta/(Nb+Ta) ..."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.formula import atomic_weight, parse_formula
from napari_gdls.materials.minerals import find_mineral
from napari_gdls.mineralogy.identification import Coordinate
from napari_gdls.mineralogy.mineral_kinds import kind_of
from napari_gdls.mineralogy.mixing_amounts import Amounts, amounts_of_parts
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum

Weights = Mapping[str, float]

_UNCOMPARED = frozenset({"H", "C", "O"})  # coating, tape and water change what is measured of them
_MIDDLE, _HEAVY = 0.055, 0.11
"""Standard error by the physics of the mass of an element from Na to Zn, and of a heavier one, relative to that of
others in the same spectrum. So chosen that 68 % of the true coordinates lie within one standard error, on simulated
spectra of solid solutions whose lines had one wrong factor for each element; not those that figures are reported of."""
_COUNTING = 1.1
"""By how much the standard errors of the fit are too small at few counts, chosen likewise at 1,000 counts; where there
are many, they hardly matter beside the physics."""
_ZINC = 30  # atomic number
_PAIR = 2  # parts of a ratio
_LEAST_SEEN = 2.0  # standard errors of what a coordinate is a share of; below, it says nothing
_HALF = 0.025  # of the probability lies on either side outside of the interval


@dataclass(frozen=True)
class _SolidSolution:
    """What mixes, and the shares that are asked for.

    Parameters
    ----------
    parts : mapping
        What mixes, by the name of its amount: a mineral of the table, or a formula. Elements that no part holds are
        left aside.
    shares : mapping
        Coordinate -> the amounts that it counts, and those that it is a share of; each with a weight.
    balances : tuple
        Sums of amounts that are 0 in a perfect crystal, and their standard deviation in real ones as part of all atoms.
    """

    parts: Mapping[str, str]
    shares: Mapping[str, tuple[Weights, Weights]]
    balances: tuple[tuple[Weights, float], ...] = ()


def _each(*names: str) -> Weights:
    return dict.fromkeys(names, 1.0)


def _of(*names: str) -> dict[str, tuple[Weights, Weights]]:
    """Each of some amounts as a share of them all."""
    return {name: (_each(name), _each(*names)) for name in names}


def _ratio(name: str, first: str, *others: str) -> dict[str, tuple[Weights, Weights]]:
    return {name: (_each(first), _each(first, *others))}


def _elements(*symbols: str) -> dict[str, str]:
    return {symbol: symbol for symbol in symbols}


_MG_NUMBER = _SolidSolution(_elements("Mg", "Fe"), _ratio("Mg#", "Mg", "Fe"))
_PYROXENE_M = ("En", "Fs", "Wo", "Mn", "CaTs", "CaTi")  # with Ca, Mg, Fe or Mn
_SODIC = {"Jd": 1.0, "Ae": 1.0, "Mg": 0.5, "Fe": 0.5, "Ca": 0.5}  # of two Si each
_CATIONS = _SolidSolution(
    {"Cal": "Ca", "Mgs": "Mg", "Sd": "Fe", "Rds": "Mn"}, _of("Cal", "Mgs", "Sd", "Rds")
)  # C is that of coating and tape as well

_SOLID_SOLUTIONS: Mapping[str, _SolidSolution] = {
    "feldspar": _SolidSolution(
        {"An": "anorthite", "Ab": "albite", "Or": "orthoclase", "Cn": "celsian"},
        {name: (_each(name), _each("An", "Ab", "Or", "Cn")) for name in ("An", "Ab", "Or")},
    ),
    "olivine": _SolidSolution(
        {"Fo": "MgSi0.5O2", "Fa": "FeSi0.5O2", "Tep": "MnSi0.5O2", "Ca": "CaSi0.5O2", "Ni": "NiSi0.5O2"},
        _ratio("Fo", "Fo", "Fa"),
    ),
    "pyroxene": _SolidSolution(
        # One cation beside Si in each of the first, so that their shares are those of the cations; the Ca of the last
        # two counts for Wo (Morimoto et al. 1988, Mineral. Mag. 52:535).
        {
            "En": "MgSiO3", "Fs": "FeSiO3", "Wo": "CaSiO3", "Mn": "MnSiO3", "Jd": "jadeite", "CaTs": "kushiroite",
            "CaTi": "CaTiAl2O6",
        },
        {
            "En": (_each("En"), _each(*_PYROXENE_M)),
            "Wo": (_each("Wo", "CaTs", "CaTi"), _each(*_PYROXENE_M)),
            "Fs": (_each("Fs", "Mn"), _each(*_PYROXENE_M)),
        },
    ),
    "sodic pyroxene": _SolidSolution(
        {"Mg": "MgSiO3", "Fe": "FeSiO3", "Ca": "CaSiO3", "Jd": "jadeite", "Ae": "aegirine"},
        {"Jd": (_each("Jd"), _SODIC), "Ae": (_each("Ae"), _SODIC)},
    ),
    "garnet": _SolidSolution(
        {
            "Alm": "almandine", "Prp": "pyrope", "Grs": "grossular", "Sps": "spessartine", "Adr": "andradite",
            "Uv": "uvarovite", "Mor": "morimotoite",
        },
        {
            name: (_each(name), _each("Alm", "Prp", "Grs", "Sps", "Adr", "Uv", "Mor"))
            for name in ("Alm", "Prp", "Grs", "Sps", "Adr")
        },
    ),
    "spinel": _SolidSolution(
        {**_elements("Mg", "Mn", "Zn", "Ni", "Al", "Cr", "V", "Ti"), "Fe2+": "Fe^2+^", "Fe3+": "Fe^3+^"},
        {
            **_ratio("Mg#", "Mg", "Fe2+"),
            **_ratio("Cr#", "Cr", "Al"),
            "Usp": (_each("Ti"), {"Ti": 1.0, "Al": 0.5, "Cr": 0.5, "V": 0.5, "Fe3+": 0.5}),
        },
        # Neutral: two trivalent cations, or Ti and another divalent one, for each divalent one.
        (
            (
                {**_each("Al", "Cr", "V", "Fe3+"), "Ti": 4.0, **dict.fromkeys(("Mg", "Mn", "Zn", "Ni", "Fe2+"), -2.0)},
                0.01,
            ),
        ),
    ),
    "ilmenite": _SolidSolution(
        {"Ilm": "ilmenite", "Gk": "geikielite", "Pph": "pyrophanite", "Hem": "hematite"},
        _of("Ilm", "Gk", "Pph", "Hem"),
    ),
    "carbonate": _CATIONS,
    "dolomite": _CATIONS,
    "aragonite": _SolidSolution(
        {"Arg": "Ca", "Str": "Sr", "Wth": "Ba", "Cer": "Pb"}, _of("Arg", "Str", "Wth", "Cer")
    ),
    "epidote": _SolidSolution({"Czo": "clinozoisite", "Ep": "epidote"}, _ratio("Ep", "Ep", "Czo")),
    "scapolite": _SolidSolution({"Me": "Ca4Al6Si6O24", "Ma": "Na4Al3Si9O24"}, _ratio("Me", "Me", "Ma")),
    "melilite": _SolidSolution(
        {"Gh": "gehlenite", "Ak": "åkermanite", "Fe": "Ca2FeSi2O7", "Na": "alumoåkermanite"},
        {"Gh": (_each("Gh"), _each("Gh", "Ak", "Fe", "Na")), "Ak": (_each("Ak"), _each("Gh", "Ak", "Fe", "Na"))},
    ),
    "columbite": _SolidSolution(
        _elements("Fe", "Mn", "Mg", "Nb", "Ta"),
        {**_ratio("Ta/(Nb+Ta)", "Ta", "Nb"), **_ratio("Mn/(Mn+Fe)", "Mn", "Fe")},
        # AB2O6; Ti, Sn and W take some of the places.
        (({**_each("Fe", "Mn", "Mg"), "Nb": -0.5, "Ta": -0.5}, 0.05),),
    ),
    "wolframite": _SolidSolution(_elements("Fe", "Mn"), _ratio("Mn/(Mn+Fe)", "Mn", "Fe")),
    "scheelite": _SolidSolution(_elements("W", "Mo"), _ratio("Mo/(W+Mo)", "Mo", "W")),
    "sphalerite": _SolidSolution(
        {"Zn": "ZnS", "Fe": "FeS", "Mn": "MnS", "Cd": "CdS"},
        {"Fe/(Zn+Fe)": (_each("Fe"), _each("Zn", "Fe"))},
    ),
    "tetrahedrite": _SolidSolution(_elements("As", "Sb"), _ratio("As/(As+Sb)", "As", "Sb")),
    "baryte": _SolidSolution(_elements("Sr", "Ba"), _ratio("Sr/(Sr+Ba)", "Sr", "Ba")),
    "electrum": _SolidSolution(_elements("Ag", "Au"), _ratio("Ag/(Au+Ag)", "Ag", "Au")),
    **dict.fromkeys(
        (
            "trioctahedral mica", "dioctahedral mica", "chlorite", "serpentine", "calcic amphibole", "sodic amphibole",
            "Mg-Fe-Mn amphibole", "tourmaline", "cordierite",
        ),
        _MG_NUMBER,
    ),
}  # fmt: skip


def coordinate_names() -> tuple[str, ...]:
    """Names of all coordinates, in the order of the groups: "An", "Ab", "Or", "Fo", ..."""
    return tuple(dict.fromkeys(name for solution in _SOLID_SOLUTIONS.values() for name in solution.shares))


def compared_elements(group: str, name: str = "") -> dict[str, frozenset[str]]:
    """Elements that the coordinates of a mineral group follow from, by coordinate; empty where there are none."""
    solution = _SOLID_SOLUTIONS.get(kind_of(group, name))
    if solution is None:
        return {}
    return {
        coordinate: frozenset(symbol for part in below for symbol in _atoms(solution.parts[part]))
        for coordinate, (_above, below) in solution.shares.items()
    }


def coordinates_of(fit: SpectrumFit, group: str, name: str = "") -> tuple[Coordinate, ...]:
    """Where a material lies in the solid solution of its mineral group.

    Parameters
    ----------
    fit : SpectrumFit
        Its spectrum; the masses that nothing was thresholded of are used.
    group : str
        Mineral group, as in `Candidate.group`.
    name : str
        Mineral, where its group is not enough (gold and silver, cordierite).

    Returns
    -------
    tuple of Coordinate
        Shares in moles. Those of a group stand in one order; one that is a share of hardly anything, such as Cr# of
        magnetite, is left out. Empty for groups without a solid solution that EDS sees.

    Notes
    -----
    ====================  ================================================================================
    group                 coordinates
    ====================  ================================================================================
    feldspar              An, Ab, Or of An + Ab + Or + Cn
    olivine               Fo = Mg / (Mg + Fe)
    pyroxene              En, Wo, Fs: Mg, Ca, Fe + Mn of their sum
    jadeite, omphacite,   Jd, Ae of Jd + Ae + (Mg, Fe, Ca)2Si2O6
    aegirine
    garnet                Alm, Prp, Grs, Sps, Adr; iron is divided so that the sites are full
    spinel                Mg# = Mg / (Mg + Fe2+), Cr# = Cr / (Cr + Al), Usp; iron divided by charge balance
    ilmenite, hematite    Ilm, Gk (Mg), Pph (Mn), Hem
    calcite, dolomite     Cal, Mgs, Sd, Rds: Ca, Mg, Fe, Mn of their sum
    aragonite             Arg, Str, Wth, Cer: Ca, Sr, Ba, Pb of their sum
    epidote               Ep of clinozoisite and epidote
    scapolite, melilite   Me; Gh and Ak
    columbite             Ta/(Nb+Ta), Mn/(Mn+Fe)
    wolframite            Mn/(Mn+Fe)
    scheelite             Mo/(W+Mo)
    sphalerite            Fe/(Zn+Fe)
    tetrahedrite          As/(As+Sb)
    baryte                Sr/(Sr+Ba)
    gold, silver          Ag/(Au+Ag)
    mica, chlorite,       Mg# = Mg / (Mg + Fe)
    amphibole, serpentine,
    tourmaline, cordierite
    ====================  ================================================================================

    All elements of the solid solution weigh in, by their errors: An follows from Na, K and Ca, and from Al/Si as well,
    which counts where Na is weak. The value is the most probable one; error and interval are those of all amounts of
    the parts that are not negative (`mixing_amounts`), so that the interval stays within 0 and 1 and tells something
    where a mass was found to be 0. The error is that of counting, of overlapping lines, and of the physics.
    """
    solution = _SOLID_SOLUTIONS.get(kind_of(group, name))
    if solution is None:
        return ()
    amounts, names = _amounts(_with_all(fit, solution), solution)
    if amounts is None:
        return ()
    found = []
    for coordinate, (numerator, denominator) in solution.shares.items():
        above = np.array([numerator.get(part, 0.0) for part in names])
        below = np.array([denominator.get(part, 0.0) for part in names])
        if not (above > 0).any() or (below > 0).sum() < 2:  # what it tells apart was not looked for
            continue
        whole, whole_at_best = amounts.samples @ below, float(amounts.best @ below)
        if whole_at_best <= 0 or whole.mean() < _LEAST_SEEN * whole.std():
            continue
        value = float(amounts.best @ above) / whole_at_best
        shares = amounts.samples @ above / np.maximum(whole, np.finfo(float).tiny)
        low, high = np.quantile(shares, [_HALF, 1 - _HALF])
        found.append(
            Coordinate(coordinate, value, float(shares.std()), min(float(low), value), max(float(high), value))
        )
    return tuple(found)


def _with_all(fit: SpectrumFit, solution: _SolidSolution) -> SpectrumFit:
    """The fit with what the coordinates tell apart: made anew where the search looked for only one of Nb and Ta."""
    asked: set[str] = set()
    for above, below in solution.shares.values():
        for part in below if len(below) == _PAIR else above:
            asked |= _atoms(solution.parts[part]).keys()
    looked_for = {SYMBOLS[k] for k in np.flatnonzero(np.isfinite(fit.open_errors))}
    if asked <= looked_for or not asked & set(fit.elements) or not fit.counts.sum() > 0:
        return fit
    elements = sorted(asked | set(fit.elements), key=SYMBOLS.index)
    return fit_spectrum(fit.counts, fit.instrument, elements=elements, factors=fit.factors or None)


def _amounts(fit: SpectrumFit, solution: _SolidSolution) -> tuple[Amounts | None, list[str]]:
    """Amounts of the parts whose elements were all looked for; None where the spectrum holds nothing of them."""
    atoms = {name: _atoms(part) for name, part in solution.parts.items()}
    looked_for = {SYMBOLS[k] for k in np.flatnonzero(np.isfinite(fit.open_errors))}
    names = [name for name, part in atoms.items() if part.keys() <= looked_for]
    elements = sorted({symbol for name in names for symbol in atoms[name]}, key=SYMBOLS.index)
    if len(names) < 2:
        return None, names
    at = [SYMBOLS.index(symbol) for symbol in elements]
    weights = np.array([atomic_weight(symbol) for symbol in elements])
    measured, errors = fit.open_masses[at] / weights, _COUNTING * fit.open_errors[at] / weights
    total = measured.sum()
    if not total > 0:
        return None, names
    design = np.array([[atoms[name].get(symbol, 0.0) for name in names] for symbol in elements])
    physics = np.array([_MIDDLE if k + 1 <= _ZINC else _HEAVY for k in at])
    balances = np.array([[weight.get(name, 0.0) for name in names] for weight, _ in solution.balances])
    tolerances = np.array([tolerance for _, tolerance in solution.balances])
    amounts = amounts_of_parts(
        design, measured / total, errors / total, physics, balances.reshape(-1, len(names)), tolerances
    )
    return amounts, names


@cache
def _atoms(part: str) -> Mapping[str, float]:
    """Atoms that are compared of a mineral of the table or a formula."""
    formula = find_mineral(part).formula if part[0].islower() or part[0] == "å" else parse_formula(part)
    return {symbol: number for symbol, number in formula.atoms.items() if symbol not in _UNCOMPARED}
