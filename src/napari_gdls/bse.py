"""The BSE image as fractions of its full scale, and its noise: the units of delta_b and tau_b."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.lattice import neighbours

_FLOAT_STEPS = 65_536
"""Steps per full scale that floats are taken to have: their detectors give 16 bits at best."""

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
    pairs = zip(neighbours(bse_fractions(field)), neighbours(field.valid), strict=True)
    differences = np.concatenate([np.abs(b - a)[valid & valid_b] for (a, b), (valid, valid_b) in pairs])
    rounding = grey_step(field) / np.sqrt(6)
    if len(differences) == 0:
        return float(rounding)
    return float(max(MAD_TO_SIGMA * np.median(differences), rounding))
