"""Geometry of ternary plots: shares of three quantities as places in an equilateral triangle of side 1."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

HEIGHT = math.sqrt(3) / 2
"""Of an equilateral triangle with sides of 1."""

CORNERS: FloatArray = np.array([[0.5, HEIGHT], [0.0, 0.0], [1.0, 0.0]])
"""Places (x, y) of the corners: top, left, right."""


def shares_of(amounts: npt.ArrayLike) -> FloatArray:
    """Shares of three amounts in their sum.

    Parameters
    ----------
    amounts : (n, 3) array

    Returns
    -------
    (n, 3) array of float64
        Each row sums to 1; NaN where the sum is not positive, or an amount is not known. A negative amount, as net
        counts may be, gives a negative share: a place outside of the triangle.
    """
    given = np.asarray(amounts, dtype=np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        total = given.sum(axis=1, keepdims=True)
        known = np.isfinite(total) & (total > 0)
        return np.divide(given, total, out=np.full(given.shape, np.nan), where=known)


def places_of(shares: npt.ArrayLike) -> FloatArray:
    """Places in the triangle of shares that sum to 1.

    Parameters
    ----------
    shares : (n, 3) array
        Of the quantities of the top, left and right corner.

    Returns
    -------
    (n, 2) array of float64
        x from 0 at the left corner to 1 at the right one, y from 0 at the base to `HEIGHT` at the top.
    """
    given = np.asarray(shares, dtype=np.float64)
    return given @ CORNERS


def shares_at(places: npt.ArrayLike) -> FloatArray:
    """Shares that belong to places in the triangle; what `places_of` has made of them.

    Parameters
    ----------
    places : (n, 2) array

    Returns
    -------
    (n, 3) array of float64
    """
    given = np.asarray(places, dtype=np.float64)
    top = given[:, 1] / HEIGHT
    right = given[:, 0] - top / 2
    return np.stack([top, 1 - top - right, right], axis=1)


def grid_lines(steps: int) -> FloatArray:
    """Lines of equal shares, parallel to the sides.

    Parameters
    ----------
    steps : int
        Parts of each side; 10 gives lines at 10, 20 .. 90 percent.

    Returns
    -------
    (3 (steps - 1), 2, 2) array of float64
        Both ends of each line: those of equal shares of the top quantity first, then left, then right; of each the
        smallest share first.
    """
    lines = []
    for fixed in range(3):
        first, second = (fixed + 1) % 3, (fixed + 2) % 3
        for step in range(1, steps):
            ends = np.zeros((2, 3))
            ends[:, fixed] = step / steps
            ends[0, first] = ends[1, second] = 1 - step / steps
            lines.append(places_of(ends))
    return np.array(lines).reshape(-1, 2, 2)
