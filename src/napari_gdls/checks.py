"""Checks of parameters, numbers, choices and objects: one wording for what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Collection
from numbers import Integral, Real
from typing import TypeVar

from napari_gdls.errors import RecipeError

_Given = TypeVar("_Given")

_LONGEST = 60
"""Characters of a value in a message."""


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long; numbers of thousands of digits cannot be written at all."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}... ({len(text)} characters)"


def checked_number(
    name: str,
    value: object,
    unit: str = "",
    *,
    positive: bool = False,
    lowest: float = 0.0,
    highest: float = math.inf,
) -> float:
    """The parameter as a float.

    Raises
    ------
    RecipeError
        If it is no finite number, outside ``lowest <= value <= highest``, or, where it must be `positive`, 0.
    """
    try:
        number = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    except OverflowError:  # whole numbers of hundreds of digits
        number = math.inf
    if not (math.isfinite(number) and lowest <= number <= highest) or (positive and number <= 0):
        if highest < math.inf:
            wanted = f"above 0 and at most {highest:g}" if positive else f"from {lowest:g} to {highest:g}"
        else:
            wanted = "above 0" if positive else f"of {lowest:g} or more"
        raise RecipeError(f"{name} is {shown(value)}; a number {wanted} is needed{f', {unit}' if unit else ''}.")
    return number


def checked_whole_number(name: str, value: object, lowest: float, highest: float = math.inf) -> int:
    """The parameter as an int.

    Raises
    ------
    RecipeError
        If it is no whole number, or outside ``lowest <= value <= highest``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not lowest <= int(value) <= highest:
        limits = f" from {lowest} to {highest:g}" if highest < math.inf else f" of {lowest} or more"
        raise RecipeError(f"{name} is {shown(value)}; a whole number{limits if lowest > -math.inf else ''} is needed.")
    return int(value)


def checked_choice(name: str, value: object, choices: Collection[str]) -> str:
    """The parameter, or a `RecipeError` if it is none of the choices."""
    if not isinstance(value, str) or value not in choices:
        raise RecipeError(f"{name} is {shown(value)}; choose one of {', '.join(choices)}.")
    return value


def checked_kind(name: str, value: _Given, kind: type) -> _Given:
    """The parameter, or a `RecipeError` if it is no object of a class."""
    if not isinstance(value, kind):
        raise RecipeError(f"{name} is {shown(value)}; an object of the class {kind.__name__} is needed.")
    return value
