"""Chemical elements and compositions: symbols, atomic numbers, mass fractions of formulas and mixtures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

from napari_gdls.errors import GdlsError

Composition: TypeAlias = "Mapping[str, float] | str"
"""Mass fractions by element symbol, or a chemical formula such as "KAlSi3O8"."""

HEAVIEST = 92
"""Atomic number of the heaviest element handled: uranium."""


def atomic_number(element: str) -> int:
    """Atomic number of an element.

    Parameters
    ----------
    element : str
        Symbol, such as "Fe".

    Raises
    ------
    GdlsError
        If there is no such element up to uranium.
    """
    import xraylib

    try:
        number = int(xraylib.SymbolToAtomicNumber(element))
    except (ValueError, TypeError):
        number = 0
    if not 1 <= number <= HEAVIEST:
        raise GdlsError(f"{element!r} is no element from H to U; give a symbol such as 'Fe'.")
    return number


def mass_fractions(composition: Composition) -> dict[str, float]:
    """Mass fractions of a composition, adding up to 1.

    Parameters
    ----------
    composition : str or mapping
        A chemical formula, with brackets and fractional atoms if need be ("Ca0.3Na0.7Al1.3Si2.7O8"), or the mass of
        each element by symbol in any unit.

    Returns
    -------
    dict of str to float
        By symbol, in the order of the atomic numbers.

    Raises
    ------
    GdlsError
        If the formula cannot be parsed, an element is unknown, or a mass is negative or not finite.

    Examples
    --------
    >>> {symbol: round(fraction, 4) for symbol, fraction in mass_fractions("SiO2").items()}
    {'O': 0.5325, 'Si': 0.4675}
    """
    masses = _formula_masses(composition) if isinstance(composition, str) else dict(composition)
    for element, mass in masses.items():
        if not (math.isfinite(mass) and mass >= 0):
            raise GdlsError(f"composition: the mass of {element} is {mass}; it must be 0 or more.")
    total = sum(masses.values())
    if not total > 0:
        raise GdlsError("composition: no element has a mass above 0.")
    return {element: masses[element] / total for element in sorted(masses, key=atomic_number)}


def _formula_masses(formula: str) -> dict[str, float]:
    import xraylib

    try:
        parsed = xraylib.CompoundParser(formula)
    except ValueError as error:
        raise GdlsError(f"formula {formula!r} cannot be read: {error}; write it like 'Ca5(PO4)3F'.") from None
    symbols = [xraylib.AtomicNumberToSymbol(number) for number in parsed["Elements"]]
    return dict(zip(symbols, parsed["massFractions"], strict=True))
