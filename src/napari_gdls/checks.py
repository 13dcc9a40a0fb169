"""Checks of numbers that are given as parameters: one wording for what is wrong with them."""

from __future__ import annotations

import math
from numbers import Integral, Real

from napari_gdls.errors import RecipeError

_LONGEST = 60
"""Characters of a value in a message."""


def shown(value: object) -> str:
    """A value as Python writes it, cut where it is long; numbers of thousands of digits cannot be written at all."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]}... ({len(text)} characters)"


def checked_number(name: str, value: object, unit: str = "", *, positive: bool = False) -> float:
    """The parameter as a float.

    Raises
    ------
    RecipeError
        If it is no finite number, negative, or, where it must be `positive`, 0.
    """
    try:
        number = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    except OverflowError:  # whole numbers of hundreds of digits
        number = math.inf
    if not (math.isfinite(number) and number >= 0) or (positive and number == 0):
        wanted = "above 0" if positive else "of 0 or more"
        raise RecipeError(f"{name} is {shown(value)}; a number {wanted} is needed{f', {unit}' if unit else ''}.")
    return number


def checked_whole_number(name: str, value: object, lowest: int, highest: float = math.inf) -> int:
    """The parameter as an int.

    Raises
    ------
    RecipeError
        If it is no whole number, or outside ``lowest <= value <= highest``.
    """
    if isinstance(value, bool) or not isinstance(value, Integral) or not lowest <= int(value) <= highest:
        limits = f"from {lowest} to {highest:g}" if highest < math.inf else f"of {lowest} or more"
        raise RecipeError(f"{name} is {shown(value)}; a whole number {limits} is needed.")
    return int(value)
