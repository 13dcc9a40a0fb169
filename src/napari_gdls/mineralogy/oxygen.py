"""Oxygen that the cations of a composition ask for, and oxides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.formula import USUAL_CHARGES
from napari_gdls.spectra.atomic import atomic_weights

FloatArray = npt.NDArray[np.float64]

MEASURED, STOICHIOMETRIC, CARBONATE, NO_OXYGEN = "measured", "stoichiometric", "carbonate", "none"
"""Where the oxygen of a composition comes from. With carbonates the carbon comes from there too."""

CHARGES: FloatArray = np.array(
    [0.0 if symbol in ("H", "C", "N", "O") else float(USUAL_CHARGES.get(symbol, 0)) for symbol in SYMBOLS]
)
"""(94,) charges of ions in oxides and oxysalts; halogens are negative and stand for oxygen. 0 for what EDS does not see
(H), for carbon and nitrogen, which are tape, resin or coating as a rule, and where no charge is usual (Au)."""

LEAST_OXYGEN = 15.0
"""Percent of mass by the lines of oxygen from which a material is one of oxides: less is a skin on metal or sulphide.
Native oxides of the heaviest metals hold 7 (PbO) to 12 percent; theirs is measured."""

MOST_SULPHUR = 30.0
"""Percent of mass from which sulphur is sulphide; sulphates hold up to 28 (MgSO4: 26.6)."""

LEAST_RATIO, MOST_RATIO = 0.6, 1.25
"""Measured oxygen by that of the cations' charges, between which it is taken to be that: measured oxygen is 4 to 11 %
low on flat samples, and more on slopes that face away; less is no oxide (sulphides, metals beside oxide)."""

CARBON_CARRIES = 0.5
"""Oxygen per carbon, by mass, of tape and resins (epoxy .3, acrylate .5): excess oxygen of that size says nothing."""

CARBONATE_RATIOS = (2.2, 4.5)
"""Measured oxygen by that of the oxides (3 in carbonates of divalent cations) between which a material is a carbonate;
hydroxides have 2."""

CARBONATE_CATIONS = frozenset({"Mg", "Ca", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Sr", "Cd", "Ba", "Pb"})
"""Divalent cations that carbonates are made of."""

_CARBONATE_SHARE = 0.85
"""Share of these among the cations' charges from which a carbonate is one."""

_CARBON_SHARE = 0.4
"""Part of the carbonate's carbon that must be seen; C K is weak and its absorption the least known."""

_OXYGEN, _CARBON, _SULPHUR = (SYMBOLS.index(symbol) for symbol in ("O", "C", "S"))


@dataclass(frozen=True)
class OxygenRule:
    """What is taken as oxygen, and why.

    Attributes
    ----------
    source : str
        `MEASURED`, `STOICHIOMETRIC`, `CARBONATE` or `NO_OXYGEN`.
    excess : float
        Oxygen beyond that of the cations' charges, in percent of the mass of all with measured oxygen; negative where
        some lacks. 0 where there is none.
    remark : str
        One sentence for those who read the composition; "" where nothing is strange.
    """

    source: str
    excess: float
    remark: str = ""


def oxygen_of_cations(masses: FloatArray) -> float:
    """Mass of oxygen that balances the charges of all other elements of (94,) masses; 0 where anions prevail."""
    moles = masses / atomic_weights()
    return float(max(0.0, (moles * CHARGES).sum() / 2 * atomic_weights()[_OXYGEN]))


def carbon_of_carbonate(masses: FloatArray) -> float:
    """Mass of carbon of carbonates of the divalent cations of (94,) masses."""
    cations = np.array([symbol in CARBONATE_CATIONS for symbol in SYMBOLS])
    return float((masses / atomic_weights())[cations].sum() * atomic_weights()[_CARBON])


def oxygen_rule(masses: FloatArray, errors: FloatArray) -> OxygenRule:
    """Choose between measured and stoichiometric oxygen.

    Parameters
    ----------
    masses, errors : (94,) arrays
        Of the specimen's elements, oxygen measured, and carbon whatever it is of; with their standard errors.
    """
    others = masses.copy()
    others[[_OXYGEN, _CARBON]] = 0.0
    measured = float(masses[_OXYGEN])
    total = float(others.sum()) + measured
    if measured <= 0 or total <= 0:
        return OxygenRule(NO_OXYGEN, 0.0)
    expected = oxygen_of_cations(others)
    excess = 100 * (measured - expected) / total
    if 100 * measured / total < LEAST_OXYGEN or 100 * others[_SULPHUR] / total > MOST_SULPHUR or expected <= 0:
        return OxygenRule(MEASURED, excess if expected > 0 else 0.0)
    ratio = measured / expected
    if ratio < LEAST_RATIO:
        return OxygenRule(MEASURED, excess, f"{-excess:.0f} wt% less oxygen than oxides of these elements hold")
    beyond = measured - CARBON_CARRIES * float(masses[_CARBON]) - 2 * float(errors[_OXYGEN])
    if beyond <= MOST_RATIO * expected:
        return OxygenRule(STOICHIOMETRIC, excess)
    if CARBONATE_RATIOS[0] < ratio < CARBONATE_RATIOS[1] and _is_carbonate(masses, others):
        return OxygenRule(CARBONATE, excess, "a carbonate: carbon and oxygen by stoichiometry")
    return OxygenRule(
        MEASURED,
        excess,
        f"oxygen beyond that of the oxides: {excess:.0f} wt%: H2O, CO2, light elements or a higher valence",
    )


def _is_carbonate(masses: FloatArray, others: FloatArray) -> bool:
    moles = others / atomic_weights()
    charges = np.abs(moles * CHARGES)
    own = np.array([symbol in CARBONATE_CATIONS for symbol in SYMBOLS])
    enough = charges[own].sum() >= _CARBONATE_SHARE * charges.sum()
    return bool(enough and masses[_CARBON] >= _CARBON_SHARE * carbon_of_carbonate(others))


def with_oxygen(masses: FloatArray, source: str) -> FloatArray:
    """(94,) masses with oxygen (and carbon) as a rule says; they sum to 1.

    Parameters
    ----------
    masses : (94,) array
        Of the specimen, oxygen measured.
    source : str
        See `OxygenRule`.
    """
    result = masses.copy()
    if source in (STOICHIOMETRIC, CARBONATE):
        result[_OXYGEN] = 0.0
        result[_OXYGEN] = oxygen_of_cations(result)
    if source == CARBONATE:
        result[_CARBON] = 0.0
        result[_CARBON] = carbon_of_carbonate(result)
        result[_OXYGEN] += result[_CARBON] * 2 * atomic_weights()[_OXYGEN] / atomic_weights()[_CARBON]
    total = result.sum()
    return result / total if total > 0 else result


def oxide_formula(symbol: str) -> str:
    """Oxide of an element by its usual charge: "SiO2", "Al2O3", "FeO"; the symbol itself where it has none."""
    charge = 4 if symbol == "C" else int(CHARGES[SYMBOLS.index(symbol)])
    if charge <= 0:
        return symbol
    cations, oxygens = (1, charge // 2) if charge % 2 == 0 else (2, charge)
    return f"{symbol}{cations if cations > 1 else ''}O{oxygens if oxygens > 1 else ''}"


REPLACED_OXYGEN = "-O=F,Cl"
"""Key of the oxygen that halogens replace among oxides: negative, as tables of analyses have it."""


def oxide_percent(mass_percent: Mapping[str, float]) -> dict[str, float]:
    """Percent of mass of oxides of a composition whose oxygen is that of oxides; they sum to 100.

    Halogens stand beside the oxides, and the oxygen that they replace is `REPLACED_OXYGEN`.
    """
    weights = atomic_weights()
    result: dict[str, float] = {}
    replaced = 0.0
    for symbol, percent in mass_percent.items():
        if symbol == "O":
            continue
        at = SYMBOLS.index(symbol)
        charge = 4.0 if symbol == "C" else CHARGES[at]
        oxygen = percent / weights[at] * charge / 2 * weights[_OXYGEN]
        if charge < 0:
            replaced += oxygen
        result[oxide_formula(symbol)] = percent + max(float(oxygen), 0.0)
    if replaced < 0:
        result[REPLACED_OXYGEN] = float(replaced)
    total = sum(result.values())
    return {name: 100 * value / total for name, value in result.items()} if total > 0 else {}
