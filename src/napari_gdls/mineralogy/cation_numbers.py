"""Atoms per formula unit from masses: normalised to charges or cations, iron divided, with drawn errors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.materials.composition import atomic_number
from napari_gdls.materials.formula import USUAL_CHARGES, atomic_weight
from napari_gdls.mineralogy.formula_rules import BALANCED, FERRIC, FormulaRule

FloatArray = npt.NDArray[np.float64]

Atoms = dict[str, FloatArray]
"""Amount of each element, (n,): the measured one first, then those of drawn compositions."""

HALOGENS = ("F", "Cl", "Br", "I")
UNSEEN = frozenset({"H", "He", "Li", "Be", "B", "C", "N", "O"})
"""What structural formulas are not calculated from: not seen, or of coating and air as well."""

_PAIRS = 1000
"""Pairs of drawn compositions, with opposite deviations: they give standard errors to 2 %."""
_SEED = 1987  # any number: equal analyses give equal errors


@dataclass(frozen=True)
class Scaled:
    """Atoms per formula unit.

    Parameters
    ----------
    atoms : Atoms
        Cations, with "Fe2+" and "Fe3+" (and "Mn", "Mn3+" where some is needed) for iron, and halogens.
    total : (n,) float64
        Counted cations before any scaling to their ideal number.
    unbalanced : (n,) float64
        Charges that all iron and manganese as Fe3+ and Mn3+ do not bring; 0 where nothing is wrong.
    """

    atoms: Atoms
    total: FloatArray
    unbalanced: FloatArray


def drawn_moles(mass_percent: Mapping[str, float], error: Mapping[str, float]) -> Atoms:
    """Moles in 100 g of the elements that formulas are calculated from, measured and drawn within their errors.

    Parameters
    ----------
    mass_percent, error : mapping
        Element -> percent of mass and its standard error (0 where it is not given).

    Raises
    ------
    CompositionError
        If a symbol is no element.
    RecipeError
        If a number is negative or not finite.
    """
    names = sorted((s for s in mass_percent if s not in UNSEEN), key=atomic_number)
    mass = np.array([checked_number(f"mass of {s}", mass_percent[s], "percent") for s in names])
    sigma = np.array([checked_number(f"error of {s}", error.get(s, 0.0), "percent of mass") for s in names])
    deviation = np.random.default_rng(_SEED).standard_normal((_PAIRS, len(names)))
    drawn = np.maximum(mass + np.concatenate([np.zeros((1, len(names))), deviation, -deviation]) * sigma, 0.0)
    return {s: drawn[:, k] / atomic_weight(s) for k, s in enumerate(names) if mass[k] > 0}


def on_basis(moles: Atoms, rule: FormulaRule) -> Scaled:
    """Atoms per formula unit by a rule."""
    cations = {s: n for s, n in moles.items() if s not in HALOGENS and (s != "S" or _takes(rule, "S"))}
    charge = {s: float(rule.charges.get(s, USUAL_CHARGES.get(s, 0))) for s in cations}
    if rule.iron == FERRIC and "Fe" in charge and "Fe" not in rule.charges:
        charge["Fe"] = 3.0
    wanted = 2 * rule.oxygens
    charges = np.sum([n * charge[s] for s, n in cations.items()], axis=0)
    scale = wanted / np.maximum(charges, np.finfo(float).tiny)
    total = scale * np.sum([n for s, n in cations.items() if s not in rule.uncounted], axis=0)
    atoms = {s: n * scale for s, n in moles.items()}
    nothing = np.zeros_like(scale)
    if rule.cations is None or not (rule.on_cations or rule.iron == BALANCED):  # the oxygens hold
        return Scaled(_named_iron(atoms, rule, nothing, nothing), total, nothing)
    to_ideal = rule.cations / np.maximum(total, np.finfo(float).tiny)
    if rule.on_cations:
        atoms = {s: n * to_ideal for s, n in atoms.items()}
        return Scaled(_named_iron(atoms, rule, nothing, nothing), total, nothing)
    # Droop (1987): scaled to the ideal number of cations, charges that are missing are those of Fe3+.
    to_ideal = np.minimum(to_ideal, 1.0)
    missing = wanted * (1 - to_ideal)
    iron = np.minimum(missing, atoms.get("Fe", nothing) * to_ideal)
    manganese = np.minimum(missing - iron, atoms.get("Mn", nothing) * to_ideal)
    unbalanced = np.maximum(missing - iron - manganese, 0.0)
    # What no iron balances is an error of the analysis: the oxygens hold then, with all iron as Fe3+.
    rescale = to_ideal * wanted / np.maximum(wanted - unbalanced, np.finfo(float).tiny)
    atoms = {s: n * rescale for s, n in atoms.items()}
    larger = rescale / np.maximum(to_ideal, np.finfo(float).tiny)
    return Scaled(_named_iron(atoms, rule, iron * larger, manganese * larger), total, unbalanced)


def _takes(rule: FormulaRule, symbol: str) -> bool:
    return any(symbol in site.takes for site in rule.sites)


def _named_iron(atoms: Atoms, rule: FormulaRule, ferric: FloatArray, manganic: FloatArray) -> Atoms:
    """Iron and manganese by their charges; names of other elements stay."""
    named: Atoms = {}
    for symbol, number in atoms.items():
        if symbol == "Fe" and rule.iron == FERRIC:
            named["Fe3+"] = number
        elif symbol == "Fe":
            named["Fe2+"] = np.maximum(number - ferric, 0.0)
            if rule.iron == BALANCED:
                named["Fe3+"] = ferric
        elif symbol == "Mn" and manganic[0] > 0:
            named |= {"Mn": np.maximum(number - manganic, 0.0), "Mn3+": manganic}
        else:
            named[symbol] = number
    return named
