"""The BSE image of a field: what its values may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError
from napari_gdls.field.numbers import native_numbers, number_within

_FULL_SCALES = {np.dtype(np.uint8): 256.0, np.dtype(np.uint16): 65536.0}  # BSE units: one above the largest value
_LEAST_SCALE, _MOST_SCALE = 1e-30, 1e30
"""Limits of a full scale, in BSE units: with room to spare for float32, in which images are compared."""
_MOST_FRACTION = 1e6
"""Largest BSE value as a multiple of the full scale: times 65,536 grey steps and squared, as steps between pixels
are, it is far from the limit of float32 (1e38)."""


def checked_bse(bse: npt.ArrayLike) -> npt.NDArray[Any]:
    """BSE image (H, W) in native numbers.

    Raises
    ------
    FieldError
        If it is no single-channel image of finite real numbers.
    """
    image = np.asarray(bse)
    if image.ndim != 2 or image.size == 0:
        raise FieldError(f"bse has shape {image.shape}; a single-channel image (height, width) is needed.")
    image = native_numbers(image, "bse has dtype {dtype}; real numbers are needed.")
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        wrong = ~np.isfinite(image)
        row, column = np.argwhere(wrong)[0]
        raise FieldError(
            f"bse is {image[row, column]} in {np.count_nonzero(wrong)} pixels, the first at row {row}, column "
            f"{column}; each pixel needs a number.",
            remedy="Give these pixels a number, and mark them as False in `valid=`: no part of the specimen.",
        )
    return image


def checked_full_scale(bse: npt.NDArray[Any], full_scale: float | None) -> float:
    """Full scale of a BSE image, from `checked_bse`; None: that of its dtype.

    Raises
    ------
    FieldError
        If the dtype has none, or the values are out of proportion to it.
    """
    scale = number_within("bse_full_scale", full_scale, "BSE units", _LEAST_SCALE, _MOST_SCALE)
    if scale is None:
        scale = _FULL_SCALES.get(bse.dtype)
    if scale is None:
        raise FieldError(
            f"bse has dtype {bse.dtype}, which has no natural full scale.",
            remedy="Give `bse_full_scale=` (65536 for 16-bit values, 1 for values scaled to 0..1).",
        )
    largest = max(float(bse.max()), -float(bse.min()))
    if not largest <= _MOST_FRACTION * scale:
        raise FieldError(
            f"bse has values of {largest:g} and a full scale of {scale:g}, more than {_MOST_FRACTION:,.0f} times less.",
            remedy="Give a `bse_full_scale=` that fits the values.",
        )
    return scale
