"""First masks of the grains, from score images alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

_DENSEST = 0.25
"""Part of the pixels in the narrowest range of shares, which tells what pixels without the grain have."""

_SDS_OF_DENSEST = 0.6373
"""Width of the narrowest range that holds a quarter of a normal distribution, in standard deviations."""

_ABOVE = 3.0
"""Standard deviations above the level of pixels without the grain from which it is there."""

_LEAST_PURE = 0.02
"""Part of the pixels that first masks must leave to the matrix: where the matrix is seldom alone the limits rise."""


def first_masks(scores: FloatArray, matrix: int, measured: BoolArray, sigma: float) -> dict[int, BoolArray]:
    """Pixels where each component but the matrix is clearly above its level elsewhere.

    Parameters
    ----------
    scores : (H, W, k) float64
        Counts of each component; NaN where not measured.
    matrix : int
        Component of the matrix.
    measured : (H, W) bool
    sigma : float
        Standard deviation of the Gaussian that smooths the counts, px.

    Returns
    -------
    dict of int to (H, W) bool
        By component.
    """
    filled = np.where(measured[..., None], np.nan_to_num(scores), 0.0)
    smooth = gaussian_filter(np.maximum(filled, 0.0), (sigma, sigma, 0), mode="nearest")
    shares = smooth / np.maximum(smooth.sum(axis=2, keepdims=True), np.finfo(float).tiny)
    grains = [k for k in range(scores.shape[2]) if k != matrix]
    heights = {k: _height(shares[..., k], measured) for k in grains}
    above = _ABOVE
    while True:
        masks = {k: (heights[k] > above) & measured for k in grains}
        free = measured & ~np.any([masks[k] for k in grains], axis=0)
        if free.sum() >= _LEAST_PURE * measured.sum() or above > _HIGHEST:
            return masks
        above *= _STEP


_STEP, _HIGHEST = 1.25, 100.0  # factor of the limit, and where raising it ends


def _height(share: FloatArray, measured: BoolArray) -> FloatArray:
    """Standard deviations above the mode of the pixels without the grain."""
    values = np.sort(share[measured])
    n = max(2, round(_DENSEST * len(values)))
    if len(values) <= n:
        return np.zeros_like(share)
    widths = values[n - 1 :] - values[: len(values) - n + 1]
    at = int(np.argmin(widths))
    spread = max(float(widths[at]) / _SDS_OF_DENSEST, 1e-6)
    return np.asarray((share - float(values[at : at + n].mean())) / spread)
