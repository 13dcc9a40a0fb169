"""Which rule a formula follows: that of its kind, or the formula of its mineral where that is built otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from napari_gdls.materials.formula import USUAL_CHARGES
from napari_gdls.materials.minerals import Mineral, find_mineral, known_mineral, load_minerals, plain_name
from napari_gdls.mineralogy.cation_numbers import HALOGENS, UNSEEN, FloatArray, drawn_moles, on_basis
from napari_gdls.mineralogy.formula_rules import BALANCED, FERRIC, FERROUS, RULES, FormulaRule, Site
from napari_gdls.mineralogy.mineral_kinds import kind_of

CHALCOGENS = ("S", "Se", "Te")
_SULFIDES, _NATIVE = frozenset({"sulfide", "sulfosalt"}), "native"  # chemical classes of the table
_ARSENIDES = frozenset({"As", "Sb", "Bi"})
_NEAR = 0.03  # relative; how closely a mineral of a kind has its number of cations, rounding of formulas included
_NEAR_CHARGES = 0.1  # charges that may stay unbalanced, likewise
_HALFWAY = 2.5  # mean charge of iron between Fe2+ and Fe3+


@dataclass(frozen=True)
class AnionRule:
    """How the formula of a sulfide, arsenide or alloy is calculated: scaled to its anions, or to all atoms.

    Parameters
    ----------
    mineral : str
    anions : tuple of str
        Elements whose sum is `number`; empty: all elements.
    number : float
        Atoms per formula unit.
    metals : float
        Other atoms per formula unit of the mineral; 0 for alloys.
    """

    mineral: str
    anions: tuple[str, ...]
    number: float
    metals: float


def rule_of(group: str, name: str) -> tuple[str, FormulaRule | AnionRule, bool] | None:
    """The rule for a mineral.

    Parameters
    ----------
    group, name : str

    Returns
    -------
    (str, FormulaRule or AnionRule, bool) or None
        The kind or the mineral that it is the rule of; the rule; and whether the mineral was assumed, as the commonest
        of the group. None where neither group nor name is known, or the mineral has no elements that EDS sees.
    """
    kind, mineral = kind_of(group, name), known_mineral(name)
    if kind in RULES and (mineral is None or _fits(kind, mineral.name)):
        return kind, RULES[kind], False
    assumed = mineral is None
    mineral = mineral or _commonest(group)
    if mineral is None:
        return None
    rule = _rule_of_mineral(mineral.name)
    return None if rule is None else (mineral.name, rule, assumed)


@cache
def _commonest(group: str) -> Mineral | None:
    of_group = [mineral for mineral in load_minerals() if plain_name(mineral.group) == plain_name(group)]
    return min(of_group, key=lambda mineral: mineral.commonness, default=None)


@cache
def _fits(kind: str, name: str) -> bool:
    """Whether the table's formula of a mineral is built as its kind is: not so spodumene, whose Li nobody sees."""
    rule, mineral = RULES[kind], find_mineral(name)
    moles = drawn_moles({s: 100 * f for s, f in mineral.formula.mass_fractions.items()}, {})
    if not any(symbol not in HALOGENS for symbol in moles):
        return False
    scaled = on_basis(moles, rule)
    inside = all(low <= scaled.atoms[s][0] <= high for s, (low, high) in rule.needed.items() if s in scaled.atoms)
    there = all(s in scaled.atoms or low <= 0 for s, (low, _) in rule.needed.items())
    whole = rule.cations is None or abs(_total_in_use(scaled.total[0], rule, scaled.atoms) / rule.cations - 1) < _NEAR
    balanced = bool(scaled.unbalanced[0] < _NEAR_CHARGES)
    return inside and there and whole and balanced and _same_iron(mineral, scaled.atoms, rule)


def _same_iron(mineral: Mineral, atoms: Mapping[str, FloatArray], rule: FormulaRule) -> bool:
    """Whether dividing the iron gives what the formula says: not so for pseudobrookite, Fe3+2TiO5, as an ilmenite."""
    iron = mineral.formula.atoms.get("Fe", 0.0)
    if rule.iron != BALANCED or not iron:
        return True
    stated = mineral.formula.ions.get(("Fe", 3), 0.0) / iron
    found = float(atoms["Fe3+"][0] / (atoms["Fe2+"][0] + atoms["Fe3+"][0]))
    return abs(found - stated) < _NEAR_CHARGES


def _total_in_use(total: float, rule: FormulaRule, atoms: Mapping[str, object]) -> float:
    """Counted cations; where iron has been divided, after that."""
    if "Fe3+" in atoms and "Fe2+" in atoms and rule.cations is not None:
        return min(total, rule.cations)
    return total


@cache
def _rule_of_mineral(name: str) -> FormulaRule | AnionRule | None:
    mineral = find_mineral(name)
    atoms = {symbol: number for symbol, number in mineral.formula.atoms.items() if symbol not in UNSEEN}
    if not atoms:
        return None
    if mineral.chemical_class == _NATIVE or mineral.chemical_class in _SULFIDES:
        return _anion_rule(mineral, atoms)
    charges: dict[str, float] = {}
    for symbol in atoms:
        ions = {ion: n for ion, n in mineral.formula.ions.items() if ion[0] == symbol}
        whole = sum(n * (USUAL_CHARGES.get(symbol, 0) if ion[1] is None else ion[1]) for ion, n in ions.items())
        charges[symbol] = whole / atoms[symbol]
    cations = {symbol: number for symbol, number in atoms.items() if symbol not in HALOGENS}
    if not cations or any(charges[symbol] <= 0 for symbol in cations):
        return _anion_rule(mineral, atoms)
    unseen = [s for s in mineral.formula.atoms if s in UNSEEN and s not in ("H", "O")]
    iron = "Fe3+" if charges.get("Fe", 0) > _HALFWAY else "Fe2+"
    return FormulaRule(
        mineral.name,
        sum(number * charges[symbol] for symbol, number in cations.items()) / 2,
        sum(cations.values()),
        FERRIC if iron == "Fe3+" else FERROUS,
        (Site(tuple(iron if symbol == "Fe" else symbol for symbol in cations)),),
        "{O}{Z}" if "O" in mineral.formula.atoms else "{Z}",
        {},
        unseen=" and ".join(unseen),
        charges=charges,
        hydroxyl=sum(mineral.formula.atoms.get(symbol, 0.0) for symbol in HALOGENS),
    )


def _anion_rule(mineral: Mineral, atoms: Mapping[str, float]) -> AnionRule:
    anions = tuple(s for s in (*CHALCOGENS, *HALOGENS) if s in atoms)
    chalcogens = sum(atoms[s] for s in anions)
    if (
        mineral.chemical_class == "sulfide"
    ):  # FeAsS: As is an anion where it is not the only one beside S to be a cation
        anions += tuple(s for s in atoms if s in _ARSENIDES and len(atoms) > len(anions) + 1 and atoms[s] >= chalcogens)
    number = sum(atoms[s] for s in anions)
    metals = sum(atoms.values()) - number
    if not anions or metals <= 0 or mineral.chemical_class == _NATIVE:
        return AnionRule(mineral.name, (), sum(atoms.values()), 0.0)
    return AnionRule(mineral.name, anions, number, metals)
