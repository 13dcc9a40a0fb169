"""Structural formulas as they are written: sites filled in order, (Na0.60Ca0.38)(Al1.38Si2.62)O8."""

from __future__ import annotations

from collections.abc import Mapping

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.formula_rules import FormulaRule, Site

SHOWN_FROM = 0.005
"""Atoms per formula unit; less is 0.00."""

_NETWORK = ("P", "As", "Si")  # stand last on their site: (Al1.4Si2.6)


def filled_sites(
    atoms: Mapping[str, float], sites: tuple[Site, ...]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """What stands on each site, and what has none.

    Parameters
    ----------
    atoms : mapping
        Cations per formula unit.
    sites : tuple of Site
        In the order of filling.

    Returns
    -------
    list of dict
    dict
    """
    left = dict(atoms)
    filled = []
    for site in sites:
        room = float("inf") if site.room is None else site.room
        content: dict[str, float] = {}
        for symbol in site.takes:
            taken = min(left.get(symbol, 0.0), room)
            if taken > 0:
                content[symbol] = taken
                left[symbol] -= taken
                room -= taken
        filled.append(content)
    return filled, {symbol: number for symbol, number in left.items() if number > 0}


def formula_text(cations: Mapping[str, float], halogens: Mapping[str, float], rule: FormulaRule) -> str:
    """The formula, sites from the last filled to the first, then oxygens, OH by difference, F and Cl."""
    filled, left = filled_sites(cations, rule.sites)
    pieces = [_site_text(content) for content in _merged([*reversed(filled)])]
    if any(number >= SHOWN_FROM for number in left.values()):
        pieces.insert(0, _site_text(left))
    oxygens = rule.oxygens - sum(halogens.values()) / 2
    ending = rule.anions.replace("{Z}", _hydroxyl_text(halogens, rule)).replace("{O}", f"O{_amount(oxygens)}")
    return "".join(pieces) + ending


def _merged(sites: list[dict[str, float]]) -> list[dict[str, float]]:
    """Neighbouring sites that one and the same element fills are written as one: Mg2Si2O6."""
    out: list[dict[str, float]] = []
    for content in sites:
        shown = [symbol for symbol, number in content.items() if number >= SHOWN_FROM]
        if out and len(shown) == 1 and shown == [symbol for symbol, number in out[-1].items() if number >= SHOWN_FROM]:
            out[-1] = {shown[0]: out[-1][shown[0]] + content[shown[0]]}
        else:
            out.append(content)
    return out


def plain_text(metals: Mapping[str, float], anions: Mapping[str, float]) -> str:
    """The formula of a sulfide or an alloy: metals, then anions."""
    return _site_text(metals, always_plain=True) + _site_text(anions, always_plain=True)


def _hydroxyl_text(halogens: Mapping[str, float], rule: FormulaRule) -> str:
    pieces = {symbol: number for symbol, number in halogens.items() if number >= SHOWN_FROM}
    hydroxyl = rule.hydroxyl - sum(halogens.values()) if "{O}" not in rule.anions else 0.0
    if rule.hydroxyl and hydroxyl >= SHOWN_FROM and "{O}" not in rule.anions:
        if not pieces:
            return "(OH)" + (_amount(hydroxyl) if hydroxyl != 1 else "")
        return "(" + "".join(f"{s}{_amount(n)}" for s, n in pieces.items()) + f"(OH){_amount(hydroxyl)})"
    return "".join(f"{symbol}{_amount(number)}" for symbol, number in pieces.items())


def _site_text(content: Mapping[str, float], *, always_plain: bool = False) -> str:
    shown = {symbol: number for symbol, number in content.items() if number >= SHOWN_FROM}
    order = sorted(
        shown, key=lambda symbol: (symbol in _NETWORK, -shown[symbol], -SYMBOLS.index(symbol.rstrip("+123")))
    )
    pieces = [_written(symbol, shown[symbol]) for symbol in order]
    text = "".join(pieces)
    return f"({text})" if len(pieces) > 1 and not always_plain else text


def _written(symbol: str, number: float) -> str:
    """Fe3+0.12 is written Fe³⁺0.12, so that charge and amount do not run together."""
    charge = symbol.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
    element = symbol.removesuffix(charge) if charge else symbol
    return element + charge.translate(str.maketrans("23+", "²³⁺")) + _amount(number)


def _amount(number: float) -> str:
    """Two decimals; whole numbers without any, and nothing for 1."""
    text = f"{number:.2f}"
    whole = text.rstrip("0").rstrip(".") if text.endswith("00") else text
    return "" if whole == "1" else whole
