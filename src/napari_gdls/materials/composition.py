"""Compositions: from what users write to rows of mass fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError

N_ELEMENTS = len(SYMBOLS)
"""Length of a composition as an array."""

LIGHTEST_WITH_LINES = 5
"""Atomic number from which an element has a characteristic line on record (B K, 183 eV)."""

Composition: TypeAlias = Mapping[str, float]
Compositions: TypeAlias = Composition | Sequence[Composition] | npt.NDArray[np.floating]

_COLUMN = {symbol: column for column, symbol in enumerate(SYMBOLS)}


class CompositionError(GdlsError, ValueError):
    """A composition names an unknown element or holds impossible mass fractions."""


def atomic_number(symbol: str) -> int:
    """Atomic number of an element symbol.

    Raises
    ------
    CompositionError
        If `symbol` is no element from H to Pu.
    """
    try:
        return _COLUMN[symbol] + 1
    except (KeyError, TypeError):
        raise CompositionError(f"{shown(symbol)} is no element symbol; write one from H to Pu, as in 'Fe'.") from None


def mass_fractions(compositions: Compositions) -> npt.NDArray[np.float64]:
    """Turn compositions into rows of mass fractions that sum to 1.

    Parameters
    ----------
    compositions : mapping, sequence of mappings, or (n, 94) or (94,) array
        A mapping goes from element symbol to mass fraction (mass percent does as well: rows are normalised). The
        columns of an array are the elements of `SYMBOLS`, H to Pu.

    Returns
    -------
    (n, 94) float64
        H, He, Li and Be keep their place: they have no line here, but they dilute, stop electrons and absorb.

    Raises
    ------
    CompositionError
        If an element is unknown, a value is negative or not finite, or a composition holds no element from B up.
    """
    if isinstance(compositions, Mapping):
        compositions = [compositions]
    if isinstance(compositions, np.ndarray):
        if compositions.dtype.kind not in "buif":
            raise CompositionError(f"compositions are {compositions.dtype}; mass fractions are real numbers.")
        fractions = np.atleast_2d(np.array(compositions, dtype=np.float64))
        if fractions.ndim != 2 or fractions.shape[1] != N_ELEMENTS:
            raise CompositionError(
                f"compositions have the shape {compositions.shape}; (n, {N_ELEMENTS}) is needed, a column for each "
                "element from H to Pu."
            )
    elif not isinstance(compositions, Sequence):
        raise CompositionError(
            f"compositions are {shown(compositions)}; mappings from element symbol to mass are needed."
        )
    else:
        fractions = np.zeros((len(compositions), N_ELEMENTS))
        for row, composition in enumerate(compositions):
            if not isinstance(composition, Mapping):
                raise CompositionError(
                    f"composition {row} is {shown(composition)}; a mapping from element symbol to mass fraction is "
                    "needed."
                )
            for symbol, value in composition.items():
                try:
                    fractions[row, atomic_number(symbol) - 1] = value
                except CompositionError as error:
                    raise CompositionError(f"composition {row}: {error}") from None
                except (TypeError, ValueError, OverflowError):
                    raise CompositionError(f"composition {row}: {symbol} is {shown(value)}, not a number.") from None
    bad = ~np.isfinite(fractions) | (fractions < 0)
    if bad.any():
        row, column = np.argwhere(bad)[0]
        raise CompositionError(
            f"composition {row}: the mass fraction of {SYMBOLS[column]} is {fractions[row, column]}; it must be finite "
            "and not negative."
        )
    empty = fractions[:, LIGHTEST_WITH_LINES - 1 :].max(axis=1, initial=0.0) == 0
    if empty.any():
        raise CompositionError(
            f"composition {np.flatnonzero(empty)[0]} holds no element from boron up, so it has no X-ray line."
        )
    with np.errstate(over="ignore"):
        totals = fractions.sum(axis=1, keepdims=True)
    if not np.isfinite(totals).all():
        raise CompositionError(
            f"composition {np.flatnonzero(~np.isfinite(totals))[0]} holds masses that are too large."
        )
    normalised: npt.NDArray[np.float64] = fractions / totals
    return normalised
