"""The quantities that rules are about: ``Si [wt%]``, ``Na + K [at%]``, ``Mg / (Mg + Fe) [area%]``, ``BSE``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.oxygen import oxide_formula
from napari_gdls.mineralogy.schemes.scheme_errors import SchemeError

BSE = "BSE"
"""The quantity of the backscattered-electron image, in parts of its full scale."""

MASS, ATOMS, ATOMS_WITHOUT_OXYGEN, AREA = "wt%", "at%", "at% O-free", "area%"
"""Units: percent of mass; of atoms; of the atoms but H, C, N and O; of the net counts of all lines but those of C."""

UNITS = (MASS, ATOMS, ATOMS_WITHOUT_OXYGEN, AREA)
"""All of them."""

_NOT_COUNTED = {ATOMS_WITHOUT_OXYGEN: frozenset({"H", "C", "N", "O"}), AREA: frozenset({"C"})}
"""What percentages leave out: oxygen, which is measured worst, and what coating, tape and resin hold."""

_WHOLE = re.compile(r"(?P<terms>[^\[\]]*)\[\s*(?P<unit>[^\[\]]*?)\s*\]\s*")
_SUM = re.compile(r"\s*[A-Za-z0-9]+(?:\s*\+\s*[A-Za-z0-9]+)*\s*")
_EXAMPLES = 'Write one such as "Si [wt%]", "SiO2 [wt%]", "Na + K [at%]", "Mg / (Mg + Fe) [at%]", "Fe [area%]" or "BSE".'
_OXIDES = frozenset(oxide_formula(symbol) for symbol in SYMBOLS) - frozenset(SYMBOLS)


@dataclass(frozen=True)
class Quantity:
    """A sum, or a ratio of sums, of amounts of elements or oxides.

    Attributes
    ----------
    text : str
        As it was written.
    unit : str
        One of `UNITS`, or "" for `BSE`.
    top, bottom : tuple of str
        Terms of the sum, and of that by which it is divided: none for a sum.
    """

    text: str
    unit: str
    top: tuple[str, ...] = ()
    bottom: tuple[str, ...] = ()

    @property
    def highest(self) -> float | None:
        """Largest value that is possible; None where there is no such."""
        if self.unit == "" or (self.bottom and set(self.top) <= set(self.bottom)):
            return 1.0
        return None if self.bottom else 100.0

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements it is about, without those of oxides."""
        return tuple(dict.fromkeys(term for term in self.top + self.bottom if term in SYMBOLS))

    def of(self, quantities: SchemeQuantities) -> Any:
        """Its value, float or array as the quantities are; NaN where it is not defined.

        Ratios to nothing are not, nor oxides in materials that hold none.

        Raises
        ------
        SchemeError
            If the kind of quantity was not measured.
        """
        if not self.unit:
            if quantities.bse is None:
                raise SchemeError(f"the scheme asks for {BSE}, and no value of the BSE image is known here.")
            return quantities.bse
        amounts = quantities.amounts.get(self.unit)
        if amounts is None:
            known = ", ".join(quantities.amounts)
            raise SchemeError(f'the scheme asks for "{self.text}", and here only {known} and {BSE} are known.')
        if self._of_oxides:
            if not quantities.oxides:
                return np.nan
            amounts = quantities.oxides
        top = sum((amounts.get(term, 0.0) for term in self.top), start=0.0)
        if not self.bottom:
            return top
        bottom = np.asarray(sum((amounts.get(term, 0.0) for term in self.bottom), start=0.0), dtype=np.float64)
        return np.divide(top, bottom, out=np.full(bottom.shape, np.nan), where=bottom > 0)

    @property
    def _of_oxides(self) -> bool:
        return any(term not in SYMBOLS for term in self.top)


@dataclass(frozen=True, eq=False)
class SchemeQuantities:
    """What rules can ask for, of one material or, as arrays, of many measurements.

    Attributes
    ----------
    amounts : mapping of str to mapping of str to float or (N,) array
        By unit and element.
    oxides : mapping of str to float
        Percent of mass by oxide; empty where oxygen is not that of oxides.
    found : mapping of str to bool or (N,) array of bool
        Elements that are there beyond doubt.
    bse : float, (N,) array or None
        Part of the full scale; None where it is not known.
    """

    amounts: Mapping[str, Mapping[str, Any]]
    oxides: Mapping[str, float] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)
    bse: Any = None


def scheme_quantities(composition: Composition, bse: float | None = None) -> SchemeQuantities:
    """What the rules of a scheme can ask for, of one material.

    Parameters
    ----------
    composition : Composition
    bse : float, optional
        Its value in the BSE image, in parts of the full scale.

    Raises
    ------
    RecipeError
        If `bse` is not between 0 and 1.
    """
    return SchemeQuantities(
        amounts={
            MASS: dict(composition.mass_percent),
            ATOMS: dict(composition.atomic_percent),
            ATOMS_WITHOUT_OXYGEN: percent_of(composition.atomic_percent, ATOMS_WITHOUT_OXYGEN),
            AREA: percent_of(composition.net_areas, AREA),
        },
        oxides=dict(composition.oxide_percent),
        found={symbol: percent > 0 for symbol, percent in composition.mass_percent.items()},
        bse=None if bse is None else checked_number(BSE, bse, "of the full scale", highest=1.0),
    )


def percent_of(amounts: Mapping[str, Any], unit: str) -> dict[str, Any]:
    """Percentages of floats or arrays among those elements that the unit counts; 0 where there is nothing."""
    counted = {symbol: value for symbol, value in amounts.items() if symbol not in _NOT_COUNTED[unit]}
    total: npt.NDArray[np.float64] = np.asarray(sum(counted.values(), start=0.0), dtype=np.float64)
    factor = 100 * np.divide(1.0, total, out=np.zeros(total.shape), where=total > 0)
    return {symbol: value * factor for symbol, value in counted.items()}


def parse_quantity(text: str) -> Quantity:
    """Read a quantity as people write it.

    Raises
    ------
    SchemeError
        If it cannot be read; the message says what is wrong and how it is written.
    """
    if text.strip() == BSE:
        return Quantity(BSE, "")
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise SchemeError(f'"{text}" is no quantity with its unit in square brackets. {_EXAMPLES}')
    unit = whole["unit"]
    if unit not in UNITS:
        raise SchemeError(f'"{text}" has the unit "{unit}"; there are {", ".join(UNITS)}.')
    sides = whole["terms"].split("/")
    if len(sides) > 2:
        raise SchemeError(f'"{text}" divides more than once. {_EXAMPLES}')
    terms = [_terms(side, text, alone=len(sides) == 1) for side in sides]
    _check_terms(text, unit, [term for side in terms for term in side])
    return Quantity(text, unit, terms[0], terms[1] if len(terms) > 1 else ())


def _terms(side: str, text: str, *, alone: bool) -> tuple[str, ...]:
    inner = side.strip()
    in_brackets = inner.startswith("(") and inner.endswith(")")
    inner = inner[1:-1] if in_brackets else inner
    if not _SUM.fullmatch(inner):
        raise SchemeError(f'"{text}" is no sum or ratio of elements or oxides. {_EXAMPLES}')
    terms = tuple(term.strip() for term in inner.split("+"))
    if len(terms) > 1 and not alone and not in_brackets:
        raise SchemeError(f'"{text}": put the sums of a ratio in brackets, as in "Mg / (Mg + Fe) [at%]".')
    if len(set(terms)) < len(terms):
        raise SchemeError(f'"{text}" adds the same twice.')
    return terms


def _check_terms(text: str, unit: str, terms: list[str]) -> None:
    oxides = [term for term in terms if term not in SYMBOLS]
    for term in oxides:
        if term not in _OXIDES:
            raise SchemeError(
                f'"{text}": {term} is neither an element nor an oxide by the usual charge of one; oxides are given as '
                "SiO2, Al2O3, FeO (all iron), MnO, MgO, CaO, Na2O, K2O ..."
            )
    if oxides and unit != MASS:
        raise SchemeError(f'"{text}": oxides are given in {MASS} only.')
    if oxides and len(oxides) < len(terms):
        raise SchemeError(f'"{text}" mixes elements and oxides; take one kind.')
    for term in terms:
        if term in _NOT_COUNTED.get(unit, ()):
            raise SchemeError(f'"{text}": {unit} leaves {term} out; take {MASS} or {ATOMS}.')
