"""The words of a chemical formula: the lexical half of `parse_formula`."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError

Kind = Literal["symbol", "vacancy", "amount", "charge", "open", "close", "mix", "hydrate", "end"]

VACANCY = "□"
CLOSING = {"(": ")", "[": "]", "{": "}"}

# One character for one, so that positions stay those of the text.
_PLAIN = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₓₙ＋−–‑‒˗", "0123456789+-xn+-----")  # noqa: RUF001 (dashes of all kinds)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻", "0123456789+-")
_SIMPLE_FRACTIONS = {"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4"}

_NUMBER = r"(?:\d+/\d+|\d*[½⅓⅔¼¾]|\d+(?:\.\d+)?|\.\d+)"
_TERM = rf"(?:{_NUMBER}[xyznm]?|[xyznm])(?![a-z])"
_SUM = rf"{_TERM}(?:[+-]{_TERM})*"
_PATTERNS = (
    ("skip", re.compile(r"[\s_]+|</?sub>")),
    ("vacancy", re.compile(r"\[box\]|[□☐◻▢]")),
    # Superscripts, ^3+^, ^3+ and <sup>3+</sup>; plain 3+ and 2- are looked for only after a unit, see `_plain_charge`.
    ("charge", re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]*[⁺⁻]|\^\d*[+-]\^?|<sup>\d*[+-]</sup>")),
    ("amount", re.compile(rf"\((?=[^()]*[xyznm+-])({_SUM})\)|({_SUM})")),
    ("open", re.compile(r"[(\[{]")),
    ("close", re.compile(r"[)\]}]")),
    ("mix", re.compile(r"[,;/]")),
    ("hydrate", re.compile(r"[·•∙⋅*.]")),
)
_PLAIN_CHARGE = re.compile(r"(\d+)([+-])(?![\dxyznm.]*[xyznm])|([+-])(?=$|[)\]},;/])")
_POINT_BEFORE_WATER = re.compile(r"(\d+)\.(?=(?:\d+(?:\.\d+)?|\d*[½⅓⅔¼¾]|[nxyzm])\s*\(?H2O)")
_SYMBOL = re.compile(r"[A-Z][a-z]?")


class FormulaError(GdlsError, ValueError):
    """A formula cannot be read.

    Parameters
    ----------
    text : str
        The formula.
    position : int
        Index of the character at fault, from 0.
    problem : str
        What is wrong and what to write instead.
    """

    def __init__(self, text: str, position: int, problem: str) -> None:
        self.text = text
        self.position = position
        self.problem = problem
        super().__init__(f"formula {text!r}, character {position + 1}: {problem}")


@dataclass(frozen=True)
class Token:
    """A word of a formula.

    Parameters
    ----------
    kind : str
        "symbol", "vacancy", "amount", "charge", "open", "close", "mix" (between constituents of a site), "hydrate"
        (between parts) or "end".
    text : str
        The word in plain characters.
    position : int
        Where it starts in the formula, from 0.
    """

    kind: Kind
    text: str
    position: int


def tokenize(text: str, names: Collection[str] = ()) -> Iterator[Token]:
    """Split a formula into words.

    Parameters
    ----------
    text : str
        The formula.
    names : collection of str
        Symbols besides those of the elements (REE, M, ...). A longer name goes before a shorter one and before an
        element.

    Yields
    ------
    Token
        The last one is of kind "end".

    Raises
    ------
    FormulaError
        At a character that no formula holds, an unknown element or a number that could mean two things.
    """
    plain = text.translate(_PLAIN)
    ordered = sorted(names, key=lambda name: (-len(name), name))
    position = 0
    last: Kind = "end"
    while position < len(plain):
        token, position, matched = _next(text, plain, position, last, ordered)
        if matched:
            last = token.kind
            yield token
    yield Token("end", "", len(text))


def _next(text: str, plain: str, position: int, last: Kind, names: list[str]) -> tuple[Token, int, bool]:
    """The word at `position`, where it ends, and whether it is a word at all (False: blank or markup)."""
    after_unit = last in ("symbol", "close", "vacancy")
    if last == "amount" and plain[position] == ".":
        return Token("hydrate", ".", position), position + 1, True
    if after_unit and (charge := _plain_charge(text, plain, position)):
        return Token("charge", charge, position), position + len(charge), True
    if after_unit and (point := _POINT_BEFORE_WATER.match(plain, position)):
        return Token("amount", point[1], position), position + len(point[1]), True
    symbol = _SYMBOL.match(plain, position)
    for name in names:
        # Ti is titanium, not a site T and an i: two letters that make an element go before a name of one letter.
        if plain.startswith(name, position) and not (len(name) == 1 and symbol and symbol[0] in SYMBOLS):
            return Token("symbol", name, position), position + len(name), True
    if symbol:
        # Two letters where both make an element, else one: Co is cobalt, NOH is N, O, H.
        for word in (symbol[0], symbol[0][:1]):
            if word in SYMBOLS:
                return Token("symbol", word, position), position + len(word), True
        raise FormulaError(
            text,
            position,
            f"{symbol[0]!r} is no element; a symbol such as REE or M needs its composition in `symbols`.",
        )
    for kind, pattern in _PATTERNS:
        if not (match := pattern.match(plain, position)):
            continue
        word = next((group for group in match.groups() if group), match[0])
        if kind == "skip":
            return Token("end", "", position), match.end(), False
        if kind == "charge":
            word = re.sub(r"[\^]|</?sup>", "", word).translate(_SUPERSCRIPTS)
            if not after_unit and last != "amount":
                raise FormulaError(text, position, f"the charge {word} follows no atom or group.")
        if kind == "vacancy":
            word = VACANCY
        return Token(kind, word, position), match.end(), True  # type: ignore[arg-type]
    raise FormulaError(text, position, f"{text[position]!r} has no place in a formula.")


def _plain_charge(text: str, plain: str, position: int) -> str:
    """A charge in plain characters, as in Fe3+, S2- or (Cl-,F-); empty if there is none here."""
    match = _PLAIN_CHARGE.match(plain, position)
    if not match:
        return ""
    digits = match[1] or ""
    if match[2] == "-" and re.match(r"\d|\.", plain[match.end() :]):
        return ""  # a range, 4-5
    if len(digits) > 1:
        raise FormulaError(
            text, position, f"{match[0]!r} can mean an amount and a charge; write the charge as in Fe^3+^2 or Fe³⁺₂."
        )
    return match[0]


def amount_value(token: Token, text: str, variables: dict[str, float]) -> float:
    """The number that an "amount" token stands for.

    Parameters
    ----------
    token : Token
        Of kind "amount": a number, a fraction, a range (its middle counts) or a sum with variables.
    text : str
        The formula, for messages.
    variables : dict
        Values of x, y, z, n, m.

    Raises
    ------
    FormulaError
        If a variable has no value, or the result is negative.
    """
    pieces = re.findall(rf"([+-]?)({_NUMBER})?([xyznm])?", token.text)
    pieces = [piece for piece in pieces if any(piece)]
    total = 0.0
    has_variable = any(variable for _, _, variable in pieces)
    if len(pieces) > 1 and not has_variable:
        if len(pieces) != 2 or pieces[1][0] != "-":
            raise FormulaError(text, token.position, f"{token.text!r} is neither an amount nor a range such as 4-5.")
        return (_number(pieces[0][1], text, token) + _number(pieces[1][1], text, token)) / 2
    for sign, number, variable in pieces:
        value = _number(number, text, token) if number else 1.0
        if variable:
            if variable not in variables:
                raise FormulaError(
                    text, token.position, f"the variable {variable} has no value; put a number, or pass variables."
                )
            value *= variables[variable]
        total += -value if sign == "-" else value
    if total < 0:
        raise FormulaError(text, token.position, f"the amount {token.text} is {total:g}; it must not be negative.")
    return total


def _number(word: str, text: str, token: Token) -> float:
    for character, fraction in _SIMPLE_FRACTIONS.items():
        if word.endswith(character):
            whole = float(word[:-1]) if word[:-1] else 0.0
            return whole + _number(fraction, text, token)
    if "/" in word:
        above, below = word.split("/")
        if float(below) == 0:
            raise FormulaError(text, token.position, f"the fraction {word} divides by zero.")
        return float(above) / float(below)
    return float(word)
