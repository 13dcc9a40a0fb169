"""Segments from the BSE image alone, as in MLA and AMICS."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import noise_of_step
from napari_gdls.checks import checked_number, checked_whole_number
from napari_gdls.field import Field
from napari_gdls.methods.baselines.flooding import (
    flood,
    measured_pixels,
    smoothed_bse,
    tensor_gradient,
    with_measurements,
)
from napari_gdls.progress import Progress, silent

_SMOOTHING = 1.0
"""Standard deviation (px) of the Gaussian that smooths the BSE image before its gradient is taken. A choice."""

_TOLERANCE_IN_NOISE = 0.75
"""Smallest step that makes a border, in standard deviations of the noise of a pixel. A choice; docs/baselines.md says
what a smaller one does to two fields."""


def bse_only(
    field: Field,
    *,
    tolerance: float | None = None,
    smallest: int = 5,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Segment the BSE image into regions of homogeneous grey; spectra only name them.

    As MLA does it (Fandrich et al. 2007), and AMICS (Gloy 2016) with its two parameters, sensitivity to grey and size:
    the details of neither are published (paper, section 2.1), so this is the watershed of the gradient of the BSE
    image. The spectrum of a region is the sum of its measurements. Minerals of one grey that touch become one region.

    Parameters
    ----------
    field : Field
    tolerance : float, optional
        Smallest step of grey that makes a border, as a fraction of the BSE full scale. Larger: fewer segments. None:
        three quarters of the standard deviation of the noise of a pixel.
    smallest : int
        Regions of fewer pixels are dissolved, as are those without a measurement.
    reach, progress
        See `watershed`.

    Returns
    -------
    (H, W) array of int32
        Segments from 1; 0 where a pixel is invalid or beyond reach.

    Raises
    ------
    RecipeError
        If a parameter is out of range.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    R. Fandrich, Y. Gu, D. Burrows, K. Moeller, Modern SEM-based mineral liberation analysis, International Journal of
    Mineral Processing 84 (2007) 310-320.
    """
    if tolerance is None:
        step = _TOLERANCE_IN_NOISE * noise_of_step(field) / math.sqrt(2)
    else:
        step = checked_number("tolerance", tolerance, "as a fraction of the BSE full scale")
    fewest = checked_whole_number("smallest", smallest, 1)
    within = measured_pixels(field, checked_number("reach", reach, "in sampling distances", positive=True))
    report = progress or silent
    report("bse regions", 0.0)
    gradient = tensor_gradient([smoothed_bse(field, _SMOOTHING)])
    # A step of height s, smoothed by a Gaussian, is s / (sqrt(2 pi) sigma) steep.
    labels = flood(gradient, within, step / (math.sqrt(2 * math.pi) * _SMOOTHING))
    report("bse regions", 0.7)
    labels = with_measurements(field, labels, within, gradient, fewest)
    report("bse regions", 1.0)
    return labels
