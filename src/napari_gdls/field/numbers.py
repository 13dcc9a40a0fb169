"""Numbers of a kind and size that compiled code can hold."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import shown
from napari_gdls.errors import FieldError


def native_numbers(values: npt.NDArray[Any], message: str) -> npt.NDArray[Any]:
    """Numbers in the byte order of this machine, of a kind that compiled code knows.

    Parameters
    ----------
    values : array
    message : str
        Of the error; ``{dtype}`` becomes the dtype of the values.

    Returns
    -------
    array
        Integers, float32 or float64: 16-bit floats become 32-bit ones, floats of more than 64 bits 64-bit ones.

    Raises
    ------
    FieldError
        If they are no real numbers.
    """
    dtype = values.dtype
    if dtype.kind not in "uif":
        raise FieldError(message.format(dtype=dtype))
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        # What float64 cannot hold becomes infinite here and is refused like other infinite values.
        with np.errstate(over="ignore"):
            return values.astype(np.float32 if dtype.itemsize < 4 else np.float64)
    return values if dtype.isnative else values.astype(dtype.newbyteorder("="))


def number_within(name: str, value: float | None, unit: str, low: float, high: float, advice: str = "") -> float | None:
    """A number as a float; None stays None.

    Raises
    ------
    FieldError
        If it is no number, not positive, or outside ``low <= value <= high``.
    """
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        raise FieldError(f"{name} is {shown(value)}; a positive number ({unit}) is needed.") from None
    if not (math.isfinite(number) and number > 0):
        raise FieldError(f"{name} is {number}; it must be positive and finite ({unit}).")
    if not low <= number <= high:
        raise FieldError(f"{name} is {number:g} {unit}; it must lie between {low:g} and {high:g} {unit}{advice}.")
    return number
