"""Counting statistics: spectra with a finite number of counts, drawn from expected ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_whole_number, shown
from napari_gdls.errors import RecipeError

LARGEST_TOTAL = 1e9
"""Largest expected total of a spectrum: far above any measurement, and drawn without overflow."""


def sample_counts(probabilities: npt.ArrayLike, counts: npt.ArrayLike, seed: int) -> npt.NDArray[np.float32]:
    """Draw counted spectra: independent Poisson numbers in every channel.

    Parameters
    ----------
    probabilities : (n, D) or (D,) array
        Expected spectra; only the shape of a row matters, not its sum.
    counts : float or (n,) array
        Expected total of each spectrum. To draw many spectra of one material repeat its row, or give (D,)
        probabilities and one entry of `counts` per spectrum.
    seed : int
        The same seed gives the same spectra, on any number of threads; a spectrum depends on the seed and its row
        alone.

    Returns
    -------
    (n, D) float32
        Whole numbers. The total of a spectrum is a Poisson number too; given the total, the spectrum is multinomial.

    Raises
    ------
    RecipeError
        If a probability is negative or not finite, a row is all zero, or `counts` is negative or beyond 1e9.

    Notes
    -----
    A channel's number is found by inversion of the distribution function below an expectation of 10 and by
    transformed rejection above (Hoermann 1993, Insurance: Math. Econ. 12:39, algorithm PTRS). The random numbers come
    from SplitMix64 (Steele, Lea and Flood 2014, OOPSLA), with a stream of its own for each row.
    """
    number = checked_whole_number("seed", seed, -math.inf) % 2**64
    shape = _as_numbers("probabilities", probabilities, np.float32)
    totals = checked_totals(counts)
    if shape.ndim == 1:
        shape = shape[None]
    if shape.ndim != 2 or totals.ndim > 1:
        raise RecipeError(
            f"probabilities have the shape {shape.shape} and counts {totals.shape}; (n, D) and (n,) are needed."
        )
    rows = totals.size if totals.ndim and len(shape) == 1 else len(shape)
    try:
        totals = np.ascontiguousarray(np.broadcast_to(totals, rows))
    except ValueError:
        raise RecipeError(f"{len(shape)} spectra cannot be drawn with {totals.size} different counts.") from None
    if not (np.isfinite(shape).all() and (shape >= 0).all()):
        raise RecipeError("probabilities must be finite and not negative.")
    sums = shape.sum(axis=1, dtype=np.float64)
    if not (sums > 0).all():
        raise RecipeError(f"spectrum {np.flatnonzero(sums == 0)[0]} is empty: it has no shape to draw counts from.")
    source = np.ascontiguousarray(np.broadcast_to(np.arange(len(shape)), rows))
    result = np.empty((rows, shape.shape[1]), dtype=np.float32)
    # numba takes half a second to load: only where counts are drawn.
    from napari_gdls.spectra._poisson import draw

    draw(np.ascontiguousarray(shape), source, totals / sums[source], np.uint64(number), result)
    return result


def checked_totals(counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Counts of spectra as they come, in float64; a `RecipeError` if one is no number from 0 to 1e9."""
    totals = _as_numbers("counts", counts, np.float64)
    if not ((totals >= 0) & (totals <= LARGEST_TOTAL)).all():
        raise RecipeError(f"counts must be from 0 to {LARGEST_TOTAL:g}; got {totals.min()} to {totals.max()}.")
    return totals


def _as_numbers(name: str, values: npt.ArrayLike, dtype: type[np.floating[Any]]) -> npt.NDArray[Any]:
    """An array of real numbers; what overflows `dtype` is infinite."""
    try:
        given = np.asarray(values)
        if given.dtype.kind not in "buif":
            raise ValueError
        with np.errstate(over="ignore"):
            return given.astype(dtype)
    except (TypeError, ValueError):
        raise RecipeError(f"{name} are {shown(values)}; an array of numbers is needed.") from None
