"""Arithmetic with maps, as typed by users: "Fe/(Fe+Mg)", "Ca > 0.2 & Si", "log10(wt(Ti))".

A grammar of its own: nothing that is typed is ever run as Python, comparisons bind closer than "&" and "|", and what
cannot be read is said with its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError

FloatArray = npt.NDArray[np.float64]

_Node: TypeAlias = tuple[Any, ...]

IMAGE_NAMES = ("BSE", "counts")
"""What else than elements can be named: the BSE image, and all counts of a measurement."""

COMPOSITIONS = ("wt", "at")
"""Functions of one element: its percent of mass, and of atoms."""

LONGEST = 500
"""Characters of an expression; a choice, far beyond what anybody types."""

_DEEPEST = 40
"""Brackets, functions and signs within one another; a choice."""

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<sign>\*\*|<=|>=|==|!=|&&|\|\||[-+*/^()<>,&|~!]))"
)

_SAME = {"**": "^", "&&": "&", "||": "|", "~": "!", "and": "&", "or": "|", "not": "!"}
"""Other spellings."""

_STRENGTH = {"|": 1, "&": 2, **dict.fromkeys(("<", "<=", ">", ">=", "==", "!="), 4), "+": 5, "-": 5, "*": 6, "/": 6}
"""How close an operator between two values binds."""
_NOT, _SIGN, _POWER = 3, 7, 8
"""How close "!", a sign and powers bind, on the same scale."""


class ExpressionError(GdlsError, ValueError):
    """An expression cannot be read, or names what there is not.

    Attributes
    ----------
    position : int
        Character at which it goes wrong, from 0.
    """

    def __init__(self, text: str, position: int, reason: str) -> None:
        self.position = position
        before, after = text[:position], text[position:]
        place = f"after {before.strip()[-20:]!r}" if before.strip() else "at the beginning"
        found = f", at {after.strip()[:12]!r}" if after.strip() else ""
        super().__init__(f"the expression cannot be read {place}{found}: {reason}")


@dataclass(frozen=True, eq=False)
class Expression:
    """An expression that was read.

    Attributes
    ----------
    text : str
    names : tuple of str
        Quantities that it needs, in the order of their names: "Fe" (net counts), "BSE", "counts", "wt(Fe)", "at(Fe)".
    """

    text: str
    names: tuple[str, ...]
    _root: _Node

    def value(self, quantities: Mapping[str, npt.ArrayLike]) -> FloatArray:
        """Compute it.

        Parameters
        ----------
        quantities : mapping of str to array
            At least `names`, of one shape.

        Returns
        -------
        array of float64
            Of that shape. NaN where a quantity is unknown, and where there is no result: x/0, the logarithm of 0.
            Comparisons give 1 or 0.
        """
        known = {name: np.asarray(quantities[name], dtype=np.float64) for name in self.names}
        shape = np.broadcast_shapes(*(each.shape for each in known.values()))
        with np.errstate(all="ignore"):
            result = np.broadcast_to(_value(self._root, known), shape)
        return np.where(np.isfinite(result), result, np.nan)


def read_expression(text: str) -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        Numbers; symbols of elements (their net counts), "BSE", "counts"; ``wt(Fe)`` and ``at(Fe)``, percents of mass
        and of atoms; ``+ - * / ^``, ``< <= > >= == !=``, ``& | !`` (or and, or, not); abs, sqrt, log (natural), log10,
        exp, min, max, where(condition, value, other).

    Returns
    -------
    Expression

    Raises
    ------
    ExpressionError
        With the place at which it goes wrong.
    """
    if not isinstance(text, str):
        raise ExpressionError("", 0, f"it is a {type(text).__name__}; give text.")
    if len(text) > LONGEST:
        raise ExpressionError(text[:LONGEST], LONGEST, f"it is longer than {LONGEST} characters.")
    reader = _Reader(text)
    root = reader.whole()
    if not reader.names:
        raise ExpressionError(text, 0, "it names no element and no image, so it is the same everywhere.")
    return Expression(text.strip(), tuple(sorted(reader.names)), root)


class _Reader:
    """Precedence climbing over the tokens: (kind, text, position)."""

    def __init__(self, text: str) -> None:
        self.text, self.names, self._depth, self._at = text, set[str](), 0, 0
        self._tokens = self._split()

    def _split(self) -> list[tuple[str, str, int]]:
        tokens, end = [], len(self.text.rstrip())
        place = 0
        while place < end:
            found = _TOKEN.match(self.text, place)
            if found is None or found.lastgroup is None:
                place += len(self.text[place:]) - len(self.text[place:].lstrip())
                raise ExpressionError(self.text, place, f"{self.text[place]!r} has no meaning here.")
            word = found[found.lastgroup]
            kind = "sign" if word in _SAME else found.lastgroup
            tokens.append((kind, _SAME.get(word, word), found.start(found.lastgroup)))
            place = found.end()
        return [*tokens, ("end", "", end)]

    def whole(self) -> _Node:
        root = self._expression(0)
        if self._next[0] != "end":
            self._fail('an operator such as "+" is missing.' if self._next[1] != ")" else "no bracket is open.")
        return root

    @property
    def _next(self) -> tuple[str, str, int]:
        return self._tokens[self._at]

    def _take(self) -> tuple[str, str, int]:
        self._at += 1
        return self._tokens[self._at - 1]

    def _fail(self, reason: str) -> None:
        raise ExpressionError(self.text, self._next[2], reason)

    def _expression(self, least: int) -> _Node:
        self._depth += 1
        if self._depth > _DEEPEST:
            self._fail(f"brackets lie more than {_DEEPEST} deep.")
        left = self._single()
        while True:
            sign = self._next[1]
            if sign == "^" and least <= _POWER:
                self._take()
                left = ("^", left, self._expression(_SIGN))  # 2^-3^2 is 2^(-(3^2))
            elif self._next[0] == "sign" and _STRENGTH.get(sign, -1) >= least:
                self._take()
                left = (sign, left, self._expression(_STRENGTH[sign] + 1))
                if _STRENGTH[sign] == 4 and _STRENGTH.get(self._next[1]) == 4:
                    self._fail('comparisons cannot follow one another; write "a < b & b < c".')
            else:
                self._depth -= 1
                return left

    def _single(self) -> _Node:
        kind, word, _ = self._next
        if kind == "number":
            self._take()
            return ("number", float(word))
        if kind == "name":
            return self._named()
        if word == "(":
            self._take()
            inner = self._expression(0)
            self._close()
            return inner
        if word in ("-", "+", "!"):
            self._take()
            return ("sign" + word, self._expression(_NOT if word == "!" else _SIGN))
        self._fail("a number, an element or a bracket is missing.")
        raise AssertionError  # pragma: no cover - _fail has raised

    def _named(self) -> _Node:
        _, word, _ = self._next
        called = self._tokens[self._at + 1][1] == "("
        if word in COMPOSITIONS:
            self._take()
            if not called:
                self._fail(f'an element in brackets is missing: "{word}(Fe)".')
            self._take()
            element = self._next[1]
            if element not in SYMBOLS:
                self._fail(f'{word} takes the symbol of an element, as in "{word}(Fe)".')
            self._take()
            self._close()
            name = f"{word}({element})"
            self.names.add(name)
            return ("name", name)
        if called:
            if word not in _FUNCTIONS:
                self._fail(f"there is no function {word}; there are {', '.join((*COMPOSITIONS, *_FUNCTIONS))}.")
            return self._function()
        if word in _FUNCTIONS:
            self._take()
            self._fail(f'"{word}" is a function; its arguments in brackets are missing.')
        if word not in SYMBOLS and word not in IMAGE_NAMES:
            self._fail(f"{word} is no element, and neither {' nor '.join(IMAGE_NAMES)}.")
        self._take()
        self.names.add(word)
        return ("name", word)

    def _function(self) -> _Node:
        _, word, place = self._take()
        self._take()
        arguments = [self._expression(0)]
        while self._next[1] == ",":
            self._take()
            arguments.append(self._expression(0))
        self._close()
        least, most, _ = _FUNCTIONS[word]
        if not least <= len(arguments) <= most:
            number = f"{least}" if least == most else f"{least} or more"
            raise ExpressionError(self.text, place, f"{word} takes {number} values, not {len(arguments)}.")
        return (word, *arguments)

    def _close(self) -> None:
        if self._next[1] != ")":
            self._fail('a ")" is missing.')
        self._take()


def _all(one: FloatArray, other: FloatArray) -> FloatArray:
    """Truth of both; unknown only where no side is known to be false."""
    false = (one <= 0) | (other <= 0)
    return np.where(false, 0.0, np.where(np.isnan(one) | np.isnan(other), np.nan, 1.0))


def _any(one: FloatArray, other: FloatArray) -> FloatArray:
    true = (one > 0) | (other > 0)
    return np.where(true, 1.0, np.where(np.isnan(one) | np.isnan(other), np.nan, 0.0))


def _not(one: FloatArray) -> FloatArray:
    return np.where(np.isnan(one), np.nan, np.where(one > 0, 0.0, 1.0))


def _compared(compare: Callable[..., Any]) -> Callable[[FloatArray, FloatArray], FloatArray]:
    def compared(one: FloatArray, other: FloatArray) -> FloatArray:
        return np.where(np.isnan(one) | np.isnan(other), np.nan, compare(one, other).astype(np.float64))

    return compared


def _where(condition: FloatArray, value: FloatArray, other: FloatArray) -> FloatArray:
    return np.where(np.isnan(condition), np.nan, np.where(condition > 0, value, other))


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "^": np.power,
    "<": _compared(np.less),
    "<=": _compared(np.less_equal),
    ">": _compared(np.greater),
    ">=": _compared(np.greater_equal),
    "==": _compared(np.equal),
    "!=": _compared(np.not_equal),
    "&": _all,
    "|": _any,
    "sign-": np.negative,
    "sign+": np.positive,
    "sign!": _not,
}

_FUNCTIONS: dict[str, tuple[int, int, Callable[..., Any]]] = {
    "abs": (1, 1, np.abs),
    "sqrt": (1, 1, np.sqrt),
    "log": (1, 1, np.log),
    "log10": (1, 1, np.log10),
    "exp": (1, 1, np.exp),
    "min": (2, 99, lambda *values: np.minimum.reduce(np.broadcast_arrays(*values))),
    "max": (2, 99, lambda *values: np.maximum.reduce(np.broadcast_arrays(*values))),
    "where": (3, 3, _where),
}
"""Least and greatest number of values, and the function."""

FUNCTIONS = (*COMPOSITIONS, *_FUNCTIONS)
"""Names of all functions, for completion."""


def _value(node: _Node, known: Mapping[str, FloatArray]) -> FloatArray:
    kind = node[0]
    if kind == "number":
        return np.asarray(node[1], dtype=np.float64)
    if kind == "name":
        return known[node[1]]
    values = [_value(each, known) for each in node[1:]]
    function = _OPERATIONS[kind] if kind in _OPERATIONS else _FUNCTIONS[kind][2]
    result = np.asarray(function(*values), dtype=np.float64)
    # What is infinite is unknown from here on: 1/(1/0) must not come out as 0.
    return np.where(np.isfinite(result), result, np.nan)
