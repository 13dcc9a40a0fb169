"""The BSE image as fractions of its full scale, and its noise: the units of delta_b and tau_b."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.lattice import neighbours
from napari_gdls.threads import in_blocks

_FLOAT_STEPS = 65_536
"""Steps per full scale that floats are taken to have: their detectors give 16 bits at best."""

_BYTES_OF_COUNTED_VALUES = 2
"""Bytes of the whole numbers that are counted, at most: of longer ones there may be too many different ones."""

_ROWS_AT_A_TIME = 256
"""Rows of an image that a thread looks at a time: a few milliseconds where they are 2,000 px wide."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation, 1 / Phi^-1(3/4)."""


def bse_fractions(field: Field, box: tuple[slice, slice] | None = None) -> npt.NDArray[np.float32]:
    """BSE image as fractions of the full scale, (H, W), or the part of it in a box of rows and columns."""
    image = field.bse if box is None else field.bse[box]
    fractions: npt.NDArray[np.float32] = image.astype(np.float32) / np.float32(field.bse_full_scale)
    return fractions


def bse_fractions_at_measurements(field: Field) -> npt.NDArray[np.float64]:
    """BSE values at the measurements as fractions of the full scale, (N,)."""
    fractions: npt.NDArray[np.float64] = field.bse_at_measurements.astype(np.float64) / field.bse_full_scale
    return fractions


def grey_step(field: Field) -> float:
    """Smallest step between BSE values, as a fraction of the full scale: one grey value."""
    return 1.0 / field.bse_full_scale if field.bse.dtype.kind in "ui" else 1.0 / _FLOAT_STEPS


def noise_of_value(field: Field, differences: npt.NDArray[np.floating]) -> float:
    """Standard deviation of one BSE value inside a material, as a fraction of the full scale.

    Parameters
    ----------
    field : Field
    differences : (E,) array
        Absolute differences of values, most of them inside a material, as fractions of the full scale: delta_b of the
        edges of a measurement graph, for instance. Their median is hardly moved by those across borders.

    Returns
    -------
    float
        Never less than what rounding to grey values makes.
    """
    rounding = grey_step(field) / math.sqrt(12)
    if len(differences) == 0:
        return rounding
    return max(MAD_TO_SIGMA * float(np.median(differences)) / math.sqrt(2), rounding)


def noise_of_step(field: Field) -> float:
    """Standard deviation of the difference of two neighbouring pixels inside a material, as a fraction of the scale.

    From the median absolute difference of valid neighbours, which grain borders hardly move. Never less than what
    rounding to grey values makes.
    """
    rounding = grey_step(field) / np.sqrt(6)
    median, n_steps = quantile_of_steps(field, 0.5, field.valid, 1, 1)
    return float(max(np.float32(MAD_TO_SIGMA) * median, rounding) if n_steps else rounding)


def quantile_of_steps(
    field: Field, quantile: float, group: npt.NDArray[Any], lowest: int, highest: int
) -> tuple[np.float32, int]:
    """Quantile of the absolute differences between neighbouring pixels of one group.

    Parameters
    ----------
    field : Field
    quantile : float
        0 to 1.
    group : (H, W) array of int or bool
        Of the pixels.
    lowest, highest : int
        Groups that count.

    Returns
    -------
    value : float32
        As a fraction of the full scale; 0 where no two neighbours are of one group.
    n_steps : int
        Number of differences.
    """
    if field.bse.dtype.kind != "u" or field.bse.dtype.itemsize > _BYTES_OF_COUNTED_VALUES:
        pairs = zip(neighbours(bse_fractions(field)), neighbours(group), strict=True)
        steps = np.concatenate(
            [np.abs(b - a)[(of_a == of_b) & (of_a >= lowest) & (of_a <= highest)] for (a, b), (of_a, of_b) in pairs]
        )
        return np.float32(np.quantile(steps, quantile)) if len(steps) else np.float32(0), len(steps)
    # Whole numbers are counted instead of sorted.
    image, of = np.ascontiguousarray(field.bse), np.ascontiguousarray(group)
    size = int(image.max()) + 1
    parts = in_blocks(
        len(image),
        lambda first, last: _numbers_of_steps(image, of, lowest, highest, first, last, size),
        size=_ROWS_AT_A_TIME,
    )
    reached = np.cumsum(np.sum(parts, axis=0))
    n = int(reached[-1])
    if n == 0:
        return np.float32(0), 0
    place = quantile * (n - 1)
    low, high = np.searchsorted(reached, [math.floor(place), math.ceil(place)], side="right")
    return np.float32((low + (high - low) * (place - math.floor(place))) / field.bse_full_scale), n


@nb.njit(cache=True, nogil=True)
def _numbers_of_steps(
    image: npt.NDArray[np.unsignedinteger],
    group: npt.NDArray[Any],
    lowest: int,
    highest: int,
    first: int,
    last: int,
    size: int,
) -> npt.NDArray[np.int64]:
    """How often each difference occurs between pixels of the rows first..last - 1 and their right and lower neighbours.

    Relies on two images of one shape, on values below `size`, and on 0 <= first <= last <= H.
    """
    height, width = image.shape
    out = np.zeros(size, dtype=np.int64)
    for y in range(first, last):
        for x in range(width):
            own = np.int64(group[y, x])
            if own < lowest or own > highest:
                continue
            here = np.int64(image[y, x])
            if x + 1 < width and np.int64(group[y, x + 1]) == own:
                out[abs(np.int64(image[y, x + 1]) - here)] += 1
            if y + 1 < height and np.int64(group[y + 1, x]) == own:
                out[abs(np.int64(image[y + 1, x]) - here)] += 1
    return out
