"""What speaks against a structural formula, and what was assumed that EDS cannot see: in sentences."""

from __future__ import annotations

import numpy as np

from napari_gdls.mineralogy.cation_numbers import HALOGENS, Atoms, Scaled
from napari_gdls.mineralogy.end_members import left_out
from napari_gdls.mineralogy.formula_choice import AnionRule
from napari_gdls.mineralogy.formula_rules import BALANCED, FormulaRule
from napari_gdls.mineralogy.formula_text import filled_sites

_CLEAR = 2.0  # standard errors
_OFF = 0.015  # relative; a cation total that good analyses have, by experience with wet and microprobe ones
_LEFT_OVER = 0.05  # atoms per formula unit that are worth a word
_UNSURE = 0.5  # part of Fe3+ that its error is
_LOST_SODIUM = 0.10  # part of the atoms with Na that can have left without the total showing another cause


def doubts_about(kind: str, rule: FormulaRule, scaled: Scaled, shares: Atoms) -> tuple[str, ...]:
    """Sentences about a formula of oxygens.

    Parameters
    ----------
    kind : str
    rule : FormulaRule
    scaled : Scaled
        Atoms per formula unit, the measured ones first.
    shares : dict
        End members, likewise.
    """
    return (
        *_missing_elements(rule, scaled),
        *_ranges(rule, scaled),
        *_total(rule, scaled),
        *_left_over(rule, scaled),
        *_iron(rule, scaled),
        *_outside_of_end_members(kind, scaled, shares),
        *_sodium(kind, scaled),
        *_unseen(rule, scaled),
    )


def doubts_about_anions(rule: AnionRule, metals: np.ndarray, assumed: bool) -> tuple[str, ...]:
    """Sentences about the formula of a sulfide or an alloy; `metals` are (n,) atoms per formula unit."""
    doubts = []
    if rule.metals and _is_off(metals, rule.metals):
        doubts.append(
            f"{metals[0]:.2f} ± {metals.std():.2f} metal atoms for {rule.number:g} of {' and '.join(rule.anions)}; "
            f"{rule.mineral} has {rule.metals:g}."
        )
    return (*doubts, *assumed_mineral(rule.mineral, assumed))


def assumed_mineral(mineral: str, assumed: bool) -> tuple[str, ...]:
    """That a formula was scaled as that of another mineral, if it was."""
    return (f"The mineral is not known: the formula is scaled as that of {mineral}.",) if assumed else ()


def _is_off(values: np.ndarray, wanted: float) -> bool:
    off = abs(values[0] - wanted)
    return bool(off > _OFF * wanted and off > _CLEAR * values.std())


def _missing_elements(rule: FormulaRule, scaled: Scaled) -> list[str]:
    missing = [s for s, (low, _) in rule.needed.items() if low > 0 and s not in scaled.atoms]
    return [f"No {s} was found: this is no analysis of a {rule.mineral}." for s in missing]


def _ranges(rule: FormulaRule, scaled: Scaled) -> list[str]:
    doubts = []
    for symbol, (low, high) in rule.needed.items():
        number = scaled.atoms.get(symbol)
        if number is None:
            continue
        outside = max(low - number[0], number[0] - high)
        if outside > 0 and outside > _CLEAR * number.std():
            doubts.append(
                f"{symbol} is {number[0]:.2f} ± {number.std():.2f} atoms per formula unit; a {rule.mineral} has "
                f"{low:g} to {high:g}."
            )
    return doubts


def _total(rule: FormulaRule, scaled: Scaled) -> list[str]:
    if rule.cations is None:
        return []
    if rule.iron == BALANCED:
        doubts = []
        if scaled.total[0] < rule.cations and _is_off(scaled.total, rule.cations):
            doubts.append(
                f"There are {scaled.total[0]:.2f} ± {scaled.total.std():.2f} cations for {rule.oxygens:g} oxygens with "
                f"all iron as Fe2+; a {rule.mineral} has {rule.cations:g}."
            )
        if scaled.unbalanced[0] > _OFF * 2 * rule.oxygens and scaled.unbalanced[0] > _CLEAR * scaled.unbalanced.std():
            doubts.append(
                f"With {rule.cations:g} cations {scaled.unbalanced[0]:.2f} charges are missing that all iron as Fe3+ "
                f"does not bring; this is no good analysis of a {rule.mineral}."
            )
        return doubts
    if not _is_off(scaled.total, rule.cations):
        return []
    counted = f" without {', '.join(rule.uncounted)}" if rule.uncounted else ""
    return [
        f"There are {scaled.total[0]:.2f} ± {scaled.total.std():.2f} cations{counted} for {rule.oxygens:g} oxygens; a "
        f"{rule.mineral} has {rule.cations:g}."
    ]


def _left_over(rule: FormulaRule, scaled: Scaled) -> list[str]:
    measured = {s: float(n[0]) for s, n in scaled.atoms.items() if s not in HALOGENS}
    left = filled_sites(measured, rule.sites)[1]
    found = [
        f"{number:.2f} {symbol}"
        for symbol, number in left.items()
        if number > _LEFT_OVER and number > _CLEAR * scaled.atoms[symbol].std()
    ]
    return [f"There is no place in a {rule.mineral} for {', '.join(found)}."] if found else []


def _iron(rule: FormulaRule, scaled: Scaled) -> list[str]:
    ferric = scaled.atoms.get("Fe3+")
    if rule.iron != BALANCED or ferric is None:
        return []
    error = float(ferric.std())
    sentence = f"Fe3+ is by charge balance ({rule.iron_from})"
    if error > _UNSURE * ferric[0]:
        return [f"{sentence}: {ferric[0]:.2f} ± {error:.2f}, so that hardly anything is known of it."]
    return [f"{sentence}: {ferric[0]:.2f} ± {error:.2f}."]


def _outside_of_end_members(kind: str, scaled: Scaled, shares: Atoms) -> list[str]:
    left = [s for s in left_out(kind, scaled.atoms) if scaled.atoms[s][0] > _LEFT_OVER]
    if not left:
        return []
    if not shares:
        return [f"No shares of end members are given, as none of them holds {', '.join(left)}."]
    return [f"The shares of end members leave out {', '.join(left)}."]


def _sodium(kind: str, scaled: Scaled) -> list[str]:
    """A feldspar with Na whose large cations are too few for its Al and Si."""
    if kind != "feldspar" or "Na" not in scaled.atoms:
        return []
    large = np.sum([scaled.atoms[s] for s in ("Na", "K", "Ca", "Ba", "Sr") if s in scaled.atoms], axis=0)
    short = 1 - large
    if short[0] > _LOST_SODIUM and short[0] > _CLEAR * short.std():
        return [f"Only {large[0]:.2f} Na, K and Ca for four Al and Si: Na may have left the spot under the beam."]
    return []


def _unseen(rule: FormulaRule, scaled: Scaled) -> list[str]:
    doubts = []
    if rule.hydroxyl and "{Z}" in rule.anions and "{O}" not in rule.anions:
        halogens = sum(float(scaled.atoms[s][0]) for s in HALOGENS if s in scaled.atoms)
        if halogens > rule.hydroxyl + _LEFT_OVER:
            doubts.append(f"F and Cl are {halogens:.2f} atoms where {rule.hydroxyl:g} have a place.")
        doubts.append("OH is not measured: it is what F and Cl leave of its places.")
    if rule.unseen:
        doubts.append(f"{rule.unseen} is not measured; its amount in the formula is the ideal one.")
    return doubts
