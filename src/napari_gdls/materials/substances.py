"""Substances that are no minerals and yet lie in samples: glasses, alloys, slags, mounting media, abrasives, standards.

The table, `substances.csv` beside this file, states compositions as they are stated in practice: mass percent of
elements or of oxides (nominal, of the usual grade), or a formula.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType

from napari_gdls.materials.formula import parse_formula
from napari_gdls.materials.minerals import MaterialError


@dataclass(frozen=True)
class Substance:
    """A row of the table.

    Parameters
    ----------
    name : str
    kind : {"glass", "alloy", "other"}
    composition : str
        As the table states it.
    mass_fractions : mapping
        Element -> mass fraction; they sum to 1.
    density : float or None
        In g/cm3.
    """

    name: str
    kind: str
    composition: str
    mass_fractions: Mapping[str, float]
    density: float | None


def mass_fractions_of(parts: Mapping[str, float]) -> Mapping[str, float]:
    """Mass fractions of elements in a mixture that is stated by mass of its constituents.

    Parameters
    ----------
    parts : mapping
        Formula of each constituent (an oxide, an element, a compound) -> its mass, in any unit.

    Returns
    -------
    mapping
        Element -> mass fraction; they sum to 1.

    Raises
    ------
    FormulaError
        If a constituent is no formula.
    MaterialError
        If a mass is negative or all are 0.

    Examples
    --------
    >>> round(mass_fractions_of({"SiO2": 60, "MgO": 40})["Mg"], 4)
    0.2412
    """
    total = sum(parts.values())
    if not total > 0 or min(parts.values()) < 0:
        raise MaterialError(f"the masses of a mixture are {dict(parts)}; positive numbers are needed.")
    fractions: dict[str, float] = {}
    for formula, mass in parts.items():
        for element, fraction in parse_formula(formula).mass_fractions.items():
            fractions[element] = fractions.get(element, 0.0) + fraction * mass / total
    return MappingProxyType({element: fraction for element, fraction in fractions.items() if fraction > 0})


@cache
def load_substances() -> tuple[Substance, ...]:
    """All substances of the table, in its order."""
    text = resources.files(__package__).joinpath("substances.csv").read_text(encoding="utf-8")
    return tuple(_substance(row) for row in csv.DictReader(text.splitlines()))


def _substance(row: Mapping[str, str]) -> Substance:
    if row["basis"] == "formula":
        fractions = parse_formula(row["composition"]).mass_fractions
    else:
        parts = dict(part.split() for part in row["composition"].split(";"))
        fractions = mass_fractions_of({constituent: float(mass) for constituent, mass in parts.items()})
    density = float(row["density"]) if row["density"] else None
    return Substance(row["name"], row["kind"], row["composition"], fractions, density)
