"""Checks of the parameters that the baselines share."""

from __future__ import annotations

import math
from numbers import Integral, Real

from napari_gdls.errors import RecipeError


def checked_number(name: str, value: object, unit: str = "", *, positive: bool = False) -> float:
    """The parameter as a float.

    Raises
    ------
    RecipeError
        If it is no finite number, negative, or, where it must be `positive`, 0.
    """
    number = float(value) if not isinstance(value, bool) and isinstance(value, Real) else math.nan
    if not (math.isfinite(number) and number >= 0) or (positive and number == 0):
        wanted = "above 0" if positive else "of 0 or more"
        raise RecipeError(f"{name} is {value!r}; a number {wanted} is needed{f', {unit}' if unit else ''}.")
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
        raise RecipeError(f"{name} is {value!r}; a whole number {limits} is needed.")
    return int(value)
