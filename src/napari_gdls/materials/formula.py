"""Chemical and mineral formulas as people write them, read into atoms and mass fractions.

`parse_formula` reads the notations of the IMA list, of mineral databases and of papers::

    (Mg,Fe2+)2SiO4      Ca3Fe³⁺₂(SiO₄)₃      CaSO4·2H2O      Fe^3+^_2_O_3_      [Na(H2O)6]      2CaO·SiO2
    (Fe0.5Mg0.5)CO3     Fe(1-x)S             □Ca2Mg5Si8O22(OH)2      K0.65Al2[box]Al0.65Si3.35O10(OH)2

The rules, where a notation leaves room:

Site mixing
    ``(A,B,C)`` shares its site between the constituents. With an amount on each, ``(Fe0.7,Mg0.3)``, these hold. With
    none, the constituents stand in decreasing order of abundance, as the IMA lists them, and get shares in proportion
    to n, n-1, ..., 1: two share 2/3 and 1/3, three share 1/2, 1/3 and 1/6. `shares` changes that. Amounts on some
    only are refused.
Charges
    ``Fe3+``, ``Fe^3+^``, ``Fe³⁺``: one digit and a sign. A number after it is an amount: ``Fe3+2O3`` is Fe³⁺₂O₃.
Hydrates
    ``·``, ``*``, ``•`` or a point: ``CaSO4.2H2O``. A point with digits on both sides is a decimal point, except
    before a number and H2O. A number that opens a part multiplies the whole part.
Ranges and variables
    ``4-5`` is its middle, 4.5. Variables (x, y, z, n, m) have the values that the caller gives, else they are
    refused.

"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from types import MappingProxyType
from typing import TypeAlias

from napari_gdls.checks import shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import Composition, CompositionError, mass_fractions
from napari_gdls.materials.tokens import CLOSING, VACANCY, FormulaError, Token, amount_value, tokenize

Ion: TypeAlias = tuple[str, int | None]
"""An element and its charge; None where the formula does not say it."""

Shares: TypeAlias = str | Callable[[int], Sequence[float]]

USUAL_CHARGES: Mapping[str, int] = MappingProxyType(
    {
        "H": 1, "Li": 1, "Na": 1, "K": 1, "Rb": 1, "Cs": 1, "Ag": 1, "Tl": 1, "Au": 1,
        "Be": 2, "Mg": 2, "Ca": 2, "Sr": 2, "Ba": 2, "Mn": 2, "Fe": 2, "Co": 2, "Ni": 2, "Cu": 2, "Zn": 2, "Cd": 2,
        "Hg": 2, "Pb": 2, "Pd": 2, "Pt": 2,
        "B": 3, "Al": 3, "Sc": 3, "Cr": 3, "Ga": 3, "Y": 3, "In": 3, "La": 3, "Ce": 3, "Pr": 3, "Nd": 3, "Sm": 3,
        "Eu": 3, "Gd": 3, "Tb": 3, "Dy": 3, "Ho": 3, "Er": 3, "Tm": 3, "Yb": 3, "Lu": 3, "Bi": 3, "Rh": 3, "Ir": 3,
        "Ru": 3,
        "C": 4, "Si": 4, "Ti": 4, "Ge": 4, "Zr": 4, "Hf": 4, "Sn": 4, "Th": 4, "Se": 4, "Te": 4, "Os": 4,
        "P": 5, "V": 5, "As": 5, "Nb": 5, "Sb": 5, "Ta": 5, "S": 6, "Mo": 6, "W": 6, "U": 6, "Re": 6,
        "N": -3, "O": -2, "F": -1, "Cl": -1, "Br": -1, "I": -1, VACANCY: 0,
    }
)  # fmt: skip
"""Charges in oxysalts and halides, where a formula states none: N as in ammonium, S as in sulfate."""


@cache
def atomic_weight(symbol: str) -> float:
    """Standard atomic weight in g/mol (xraylib)."""
    import xraylib

    return float(xraylib.AtomicWeight(SYMBOLS.index(symbol) + 1))


@dataclass(frozen=True)
class Formula:
    """What a formula holds.

    Parameters
    ----------
    ions : mapping
        (element, charge or None) -> atoms per formula unit, positive.
    vacancies : float
        Empty sites per formula unit.
    text : str
        The formula as it was written; empty for a mixture.
    """

    ions: Mapping[Ion, float]
    vacancies: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        for (element, _), amount in self.ions.items():
            if not math.isfinite(amount) or amount < 0:
                raise FormulaError(
                    self.text, 0, f"{amount} atoms of {element}; a finite amount, not negative, is needed."
                )
        object.__setattr__(self, "ions", MappingProxyType({ion: float(n) for ion, n in self.ions.items() if n > 0}))

    @cached_property
    def atoms(self) -> Mapping[str, float]:
        """Element -> atoms per formula unit, in the order of the atomic numbers."""
        totals: dict[str, float] = {}
        for (element, _), amount in self.ions.items():
            totals[element] = totals.get(element, 0.0) + amount
        return MappingProxyType({element: totals[element] for element in sorted(totals, key=SYMBOLS.index)})

    @property
    def molar_mass(self) -> float:
        """Mass of a formula unit in g/mol."""
        return sum(amount * atomic_weight(element) for element, amount in self.atoms.items())

    @cached_property
    def mass_fractions(self) -> Mapping[str, float]:
        """Element -> mass fraction; they sum to 1."""
        total = self.molar_mass
        return MappingProxyType(
            {element: amount * atomic_weight(element) / total for element, amount in self.atoms.items()}
        )

    def charge(self, usual: Mapping[str, int] = USUAL_CHARGES) -> float:
        """Net charge of a formula unit.

        Parameters
        ----------
        usual : mapping
            Charges of the elements for which the formula states none.

        Raises
        ------
        FormulaError
            If the charge of an element is neither stated nor in `usual`.
        """
        total = 0.0
        for (element, charge), amount in self.ions.items():
            if charge is None and element not in usual:
                raise FormulaError(self.text, 0, f"the charge of {element} is not known; write it, as in Fe3+.")
            total += amount * (usual[element] if charge is None else charge)
        return total

    def canonical(self) -> str:
        """A text that `parse_formula` reads back as the same atoms, charges and vacancies."""
        pieces = [f"{VACANCY}{_plain(self.vacancies)}"] if self.vacancies else []
        for element, charge in sorted(self.ions, key=lambda ion: (SYMBOLS.index(ion[0]), ion[1] or 0)):
            sign = "" if charge is None else f"^{abs(charge)}{'-' if charge < 0 else '+'}^"
            pieces.append(f"{element}{sign}{_plain(self.ions[element, charge])}")
        return "".join(pieces)


def _plain(amount: float) -> str:
    """The shortest decimal number, without exponent, that is exactly `amount`."""
    text = repr(amount)
    return f"{amount:.{max(17 - math.floor(math.log10(amount)), 1)}f}" if "e" in text else text


def mixture(parts: Iterable[tuple[Formula, float]], text: str = "") -> Formula:
    """The sum of formulas, each times an amount.

    Parameters
    ----------
    parts : iterable of (Formula, float)
        Formula units and how many of each.
    text : str
        How the mixture is written, if it has a text.
    """
    ions: dict[Ion, float] = {}
    vacancies = 0.0
    for formula, amount in parts:
        for ion, atoms in formula.ions.items():
            ions[ion] = ions.get(ion, 0.0) + atoms * amount
        vacancies += formula.vacancies * amount
    return Formula(ions, vacancies, text)


def parse_formula(
    text: str,
    *,
    shares: Shares = "decreasing",
    variables: Mapping[str, float] | None = None,
    symbols: Mapping[str, Formula] | None = None,
) -> Formula:
    """Read a chemical or mineral formula; the rules stand at the top of this module.

    Parameters
    ----------
    text : str
        The formula.
    shares : {"decreasing", "equal"} or callable
        How constituents without amounts share a site, ``(Mg,Fe)``. A callable takes their number and returns their
        shares.
    variables : mapping, optional
        Values of x, y, z, n and m in the formula.
    symbols : mapping, optional
        What symbols other than elements stand for: ``{"REE": parse_formula("(Ce0.5,La0.3,Nd0.2)")}``.

    Returns
    -------
    Formula

    Raises
    ------
    FormulaError
        With the position of the fault: unknown element, unbalanced bracket, variable without value, ambiguous notation.

    Examples
    --------
    >>> dict(parse_formula("CaSO4·2H2O").atoms)
    {'H': 4.0, 'O': 6.0, 'S': 1.0, 'Ca': 1.0}
    """
    if not isinstance(text, str):
        raise TypeError(f"a formula is a text, not {text!r}.")
    symbols = dict(symbols or {})
    clash = sorted(set(symbols) & set(SYMBOLS))
    if clash:
        raise FormulaError(text, 0, f"the symbol {clash[0]} is an element; choose another name for what it stands for.")
    parser = _Parser(text, shares, dict(variables or {}), symbols)
    return parser.parse()


def parse_template(text: str, sites: Iterable[str]) -> tuple[Formula, dict[str, float]]:
    """Read a formula with named sites, as in ``X3M2Si3O12``.

    Parameters
    ----------
    text : str
        The formula.
    sites : iterable of str
        Names of its sites.

    Returns
    -------
    Formula
        What the formula holds besides its sites.
    dict
        Site -> how often it stands in the formula.
    """
    names = list(sites)
    whole = parse_formula(text, symbols={name: Formula({(name, None): 1.0}) for name in names})
    rest = {ion: amount for ion, amount in whole.ions.items() if ion[0] not in names}
    return Formula(rest, whole.vacancies, text), {name: whole.ions.get((name, None), 0.0) for name in names}


def composition_of(material: str | Composition) -> dict[str, float]:
    """Mass fractions of a material, adding up to 1.

    Parameters
    ----------
    material : str or mapping
        A formula ("Ca5(PO4)3F"), or the mass of each element by symbol in any unit.

    Returns
    -------
    dict of str to float
        By symbol, in the order of the atomic numbers; elements without mass are left out.

    Raises
    ------
    FormulaError
        If the formula cannot be read.
    CompositionError
        If an element is unknown, a mass is negative or not finite, or no element is heavier than beryllium.

    Examples
    --------
    >>> {symbol: round(fraction, 4) for symbol, fraction in composition_of("SiO2").items()}
    {'O': 0.5325, 'Si': 0.4675}
    """
    given: Mapping[str, float] = parse_formula(material).mass_fractions if isinstance(material, str) else material
    if not isinstance(given, Mapping):
        raise CompositionError(f"{shown(material)} is neither a formula nor a mapping from element symbol to mass.")
    row = mass_fractions(given)[0]
    return {symbol: float(fraction) for symbol, fraction in zip(SYMBOLS, row, strict=True) if fraction > 0}


class _Parser:
    """Recursive descent over the tokens of one formula.

    ::

        formula = part {hydrate part}
        part    = [amount] unit {unit}
        unit    = (symbol | vacancy | bracket) [charge] [amount]
        bracket = open formula {mix formula} close
    """

    def __init__(self, text: str, shares: Shares, variables: dict[str, float], symbols: dict[str, Formula]) -> None:
        self.text = text
        self.shares = shares
        self.variables = variables
        self.symbols = symbols
        self.tokens = list(tokenize(text, symbols))
        self.at = 0

    def parse(self) -> Formula:
        formula, _ = self.formula()
        token = self.token
        if token.kind == "mix":
            raise self.error("constituents that share a site stand in brackets: (Fe,Mg).")
        if token.kind == "close":
            raise self.error(f"the bracket {token.text!r} closes nothing.")
        if token.kind != "end":
            raise self.error(f"{token.text!r} is not expected here.")
        if not formula.ions:
            raise FormulaError(self.text, 0, "no atoms.")
        return Formula(formula.ions, formula.vacancies, self.text)

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def stands(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.token.kind in kinds

    def error(self, problem: str, token: Token | None = None) -> FormulaError:
        return FormulaError(self.text, (token or self.token).position, problem)

    def accept(self, kind: str) -> Token | None:
        token = self.token
        if token.kind != kind:
            return None
        self.at += 1
        return token

    def amount(self) -> float | None:
        token = self.accept("amount")
        return None if token is None else amount_value(token, self.text, self.variables)

    def formula(self) -> tuple[Formula, float | None]:
        """Parts up to something else, and the amount if it all is one unit with an amount (a share, then)."""
        parts: list[tuple[Formula, float]] = []
        lone: float | None = None
        while True:
            factor = self.amount()
            units, lone = self.part()
            if factor is not None or parts:
                lone = None
            parts.append((units, 1.0 if factor is None else factor))
            if not self.accept("hydrate"):
                return mixture(parts), lone

    def part(self) -> tuple[Formula, float | None]:
        units: list[tuple[Formula, float]] = []
        amount: float | None = None
        while self.stands("symbol", "vacancy", "open"):
            start = self.token
            unit = self.unit()
            amount = self.amount()
            if self.stands("charge"):
                raise self.error("a charge stands before the amount: Fe³⁺₂, Fe3+2.")
            if self.stands("amount"):
                raise self.error("two amounts follow each other.")
            if units and amount is not None and amount < 1 and start.text == "H" and self.stands("mix", "close"):
                raise self.error(f"{self.token_before(start)}H{amount:g} is ambiguous; write (OH){amount:g}.", start)
            units.append((unit, 1.0 if amount is None else amount))
        if not units:
            what = "the formula ends" if self.token.kind == "end" else f"{self.token.text!r} stands"
            raise self.error(f"{what} where an element or a bracket is expected.")
        return mixture(units), amount if len(units) == 1 else None

    def token_before(self, token: Token) -> str:
        return self.tokens[self.tokens.index(token) - 1].text

    def unit(self) -> Formula:
        token = self.token
        self.at += 1
        if token.kind == "vacancy":
            return Formula({}, 1.0)
        if token.kind == "open":
            unit = self.bracket(token)
            self.accept("charge")  # of a group: says nothing about its atoms
            return unit
        charge = self.accept("charge")
        if token.text in self.symbols:
            return self.symbols[token.text]
        return Formula({(token.text, None if charge is None else _charge(charge.text)): 1.0})

    def bracket(self, opening: Token) -> Formula:
        constituents: list[tuple[Formula, float | None]] = []
        while True:
            constituents.append(self.formula())
            if not self.accept("mix"):
                break
        closing = self.accept("close")
        if closing is None:
            if self.token.kind == "end":
                raise self.error(f"the bracket {opening.text!r} is never closed.", opening)
            raise self.error(f"{self.token.text!r} is not expected here.")
        if closing.text != CLOSING[opening.text]:
            raise self.error(f"{closing.text!r} closes the bracket {opening.text!r}.", closing)
        if len(constituents) == 1:
            return constituents[0][0]
        stated = [amount is not None for _, amount in constituents]
        if all(stated):
            return mixture((formula, 1.0) for formula, _ in constituents)
        if any(stated):
            raise self.error(
                "some constituents of this site have amounts and some have none; give all or none.", opening
            )
        return mixture(
            zip([formula for formula, _ in constituents], self.split(len(constituents), opening), strict=True)
        )

    def split(self, n: int, opening: Token) -> list[float]:
        if callable(self.shares):
            shares = [float(share) for share in self.shares(n)]
            if len(shares) != n or min(shares) < 0 or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
                raise self.error(f"the shares {shares} of {n} constituents are not {n} numbers that sum to 1.", opening)
            return shares
        if self.shares == "equal":
            return [1.0 / n] * n
        if self.shares == "decreasing":
            return [2 * (n - rank) / (n * (n + 1)) for rank in range(n)]
        raise self.error(f"shares is {self.shares!r}; it is 'decreasing', 'equal' or a function.", opening)


def _charge(word: str) -> int:
    magnitude = int(word[:-1] or 1)
    return -magnitude if word[-1] == "-" else magnitude
