"""Which materials counting statistics cannot tell apart.

Two spectra p and q, as probabilities per channel, share the Bhattacharyya coefficient BC = sum sqrt(p q). For N
counts of either, N (1 - BC) is the exponent of the Chernoff bound (at s = 1/2) on mistaking one for the other: below
2.3 the bound, exp(-2.3) / 2 = 5 %, no longer promises that they are told apart.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.minerals import MaterialError

CONFUSABLE_BELOW = 2.3
"""Limit of N (1 - BC), in nats; see above."""

_BLOCK = 256
"""Spectra compared at a time, all against all: bounds the memory."""

_ROUNDING = 1e-12
"""Of 1 - BC: keeps equal spectra together."""


def sqrt_probabilities(spectra: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Square roots of spectra that are scaled to sum to 1: rows of unit length.

    Parameters
    ----------
    spectra : (n, D) array
        Ideal spectra in any unit, not negative.

    Returns
    -------
    (n, D) float64

    Raises
    ------
    MaterialError
        If a value is negative or not finite, or a spectrum is empty.
    """
    rows = np.array(spectra, dtype=np.float64)
    if rows.ndim != 2:
        raise MaterialError(f"spectra have the shape {rows.shape}; (materials, channels) is needed.")
    totals = rows.sum(axis=1)
    if not (np.isfinite(totals).all() and (rows >= 0).all() and (totals > 0).all()):
        bad = np.flatnonzero(~(np.isfinite(totals) & (rows >= 0).all(axis=1) & (totals > 0)))[0]
        raise MaterialError(f"spectrum {bad} is empty or holds negative or infinite values; ideal spectra are needed.")
    rows /= totals[:, None]
    return np.sqrt(rows, out=rows)


def separation(spectra: npt.ArrayLike, index: int, counts: float) -> npt.NDArray[np.float64]:
    """N (1 - BC) of one spectrum against all.

    Parameters
    ----------
    spectra : (n, D) array
        Ideal spectra, one row per material.
    index : int
        Row of the one.
    counts : float
        N, counts per spectrum.

    Returns
    -------
    (n,) float64
        0 for itself; below `CONFUSABLE_BELOW` the two cannot be told apart.
    """
    roots = sqrt_probabilities(spectra)
    return np.asarray(_check_counts(counts) * 0.5 * np.square(roots - roots[index]).sum(axis=1))


def merge_confusable(
    spectra: npt.ArrayLike, counts: float, *, order: npt.ArrayLike | None = None, limit: float = CONFUSABLE_BELOW
) -> npt.NDArray[np.int64]:
    """Group materials that cannot be told apart at a number of counts.

    Confusability is no equivalence: chains of neighbours lead from forsterite to fayalite. So groups form around
    leaders. In `order` each material becomes a leader unless an earlier leader is confusable with it; then every other
    material joins the leader it is most similar to. Hence no two leaders are confusable, every material is confusable
    with its leader, and the result depends on nothing but spectra and order.

    Parameters
    ----------
    spectra : (n, D) array
        Ideal spectra, one row per material.
    counts : float
        N, counts per spectrum.
    order : (n,) array of int, optional
        Rows from the one that should lead first (the most common mineral) to the last. Default: as they stand.
    limit : float
        Materials with N (1 - BC) below this are confusable.

    Returns
    -------
    (n,) int64
        Row of the leader of each material; leaders have their own.

    Raises
    ------
    MaterialError
        If spectra, counts or order are not as described.

    Notes
    -----
    Takes n x leaders x D multiplications, in blocks of 256 rows; memory is three times that of the spectra in float64.
    """
    roots = sqrt_probabilities(spectra)
    n = len(roots)
    rows = np.arange(n) if order is None else np.asarray(order, dtype=np.int64)
    if not np.array_equal(np.sort(rows), np.arange(n)):
        raise MaterialError(f"order does not hold each of the rows 0..{n - 1} once.")
    # 1 - BC below this.
    closest = limit / _check_counts(counts) + _ROUNDING
    roots = roots[rows]
    leaders = np.empty_like(roots)
    leading: list[int] = []
    for first in range(0, n, _BLOCK):
        block = roots[first : first + _BLOCK]
        taken: npt.NDArray[np.bool_] = np.asarray((1 - block @ leaders[: len(leading)].T < closest).any(axis=1))
        inside = 1 - block @ block.T < closest
        for i in range(len(block)):
            if not taken[i]:
                leaders[len(leading)] = block[i]
                leading.append(first + i)
                taken[i:] |= inside[i, i:]
    result = rows.copy()
    followers = np.setdiff1d(np.arange(n), leading)
    for first in range(0, len(followers), _BLOCK):
        some = followers[first : first + _BLOCK]
        result[some] = rows[leading][np.argmax(roots[some] @ leaders[: len(leading)].T, axis=1)]
    return result[np.argsort(rows)]


def _check_counts(counts: float) -> float:
    if not np.isfinite(counts) or counts <= 0:
        raise MaterialError(f"counts is {counts}; the number of counts per spectrum must be positive.")
    return float(counts)
