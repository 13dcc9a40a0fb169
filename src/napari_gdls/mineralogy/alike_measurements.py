"""Groups of measurements whose spectra are alike, for what is computed once for all of a kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field import Field
from napari_gdls.progress import Progress

_GROUPS = 8
"""Groups at most: a choice, about as many as a rock has minerals that differ much in their lines."""

_BANDS = 24
"""Bands of energy, equal in its logarithm, by whose counts measurements are alike: each as wide as a peak or two, so
that the noise of overlapping lines, which their separation magnifies, has no say in it."""

_STEPS = 10
"""Of k-means; groups need be alike only roughly."""

_SAMPLED = 4096
"""Measurements that groups are found from, evenly spaced; all others join the nearest."""

_ROWS_AT_A_TIME = 4096
"""Spectra that are read at a time; each is a step of progress."""


def alike_measurements(field: Field, used: slice, progress: Progress) -> npt.NDArray[np.int64]:
    """Groups of measurements with alike spectra: k-means of their counts in wide bands of energy.

    Parameters
    ----------
    field : Field
    used : slice
        Channels that count.
    progress : Progress

    Returns
    -------
    (N,) array of int64
        Groups from 0.
    """
    return _groups(_bands(field, used, progress))


def _bands(field: Field, used: slice, progress: Progress) -> npt.NDArray[np.float32]:
    """Counts of every measurement in wide bands of energy, (N, B)."""
    energies = field.energy.centers[used]
    ends = np.geomspace(energies[0], energies[-1] + 1.0, _BANDS + 1)
    band = np.searchsorted(ends, energies, side="right") - 1
    places = np.flatnonzero(np.diff(band, prepend=-1))
    inside = np.zeros((field.energy.size, len(places)), dtype=np.float32)
    inside[np.arange(field.energy.size)[used], np.cumsum(np.diff(band, prepend=-1) > 0) - 1] = 1.0
    members = sp.csr_array(inside)
    result = np.empty((field.n_measurements, len(places)), dtype=np.float32)
    for first in range(0, field.n_measurements, _ROWS_AT_A_TIME):
        progress("alike measurements", first / field.n_measurements)
        rows = slice(first, first + _ROWS_AT_A_TIME)
        block: Any = field.spectra[rows]
        if sp.issparse(block):
            result[rows] = (block.astype(np.float32) @ members).toarray()
        else:
            result[rows] = np.add.reduceat(block[:, used], places, axis=1, dtype=np.float32)
    return result


def _groups(counts: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Groups of measurements with alike shares of counts, (N,): k-means of their square roots."""
    n = len(counts)
    shares = np.sqrt(counts)
    shares /= np.maximum(np.linalg.norm(shares, axis=1, keepdims=True), 1e-12)
    sampled = shares[np.unique(np.linspace(0, n - 1, min(n, _SAMPLED)).astype(np.int64))]
    rng = np.random.default_rng(0)
    centres = sampled[:1]
    for _ in range(_GROUPS - 1):  # Arthur and Vassilvitskii (2007): far ones more likely
        squares = ((sampled[:, None] - centres) ** 2).sum(axis=2).min(axis=1).astype(np.float64)
        if not squares.sum() > 0:
            break
        centres = np.concatenate([centres, sampled[rng.choice(len(sampled), p=squares / squares.sum())][None]])
    for _ in range(_STEPS):
        group = _nearest_centre(sampled, centres)
        number = np.bincount(group, minlength=len(centres))
        sums = np.zeros_like(centres)
        np.add.at(sums, group, sampled)
        centres = np.where(number[:, None] > 0, sums / np.maximum(number, 1)[:, None].astype(np.float32), centres)
    return _nearest_centre(shares, centres)


def _nearest_centre(points: npt.NDArray[np.float32], centres: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Index of the nearest centre of each point; the squared distance less what is the same for all."""
    return np.asarray((points @ centres.T - 0.5 * (centres**2).sum(axis=1)).argmax(axis=1), dtype=np.int64)
