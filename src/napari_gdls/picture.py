"""A picture of a segmentation, for those without a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.colours import composition_colours

if TYPE_CHECKING:
    from napari_gdls.pipeline import Segmentation

_SMALLEST_WIDTH = 600


def segmentation_picture(segmentation: Segmentation) -> npt.NDArray[np.uint8]:
    """BSE image beside the segments: coloured by composition, over the BSE relief, with their borders.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    (h, w, 3) array of uint8
        Small fields are enlarged by a whole factor, to at least 600 px a side panel. Pixels without a label are black.
    """
    from skimage.segmentation import find_boundaries

    field = segmentation.field
    factor = max(1, -(-_SMALLEST_WIDTH // field.shape[1]))
    labels = np.kron(segmentation.labels, np.ones((factor, factor), dtype=segmentation.labels.dtype))
    grey = np.kron(_stretched(field.bse, field.valid), np.ones((factor, factor)))
    colours = np.vstack([np.zeros(3), composition_colours(segmentation.spectra(), field.energy)])
    right = colours[labels] * (0.6 + 0.4 * grey[..., None])
    right[find_boundaries(labels, mode="inner") & (labels > 0)] *= 0.35
    left = np.repeat(grey[..., None], 3, axis=2)
    gap = np.ones((len(left), 4 * factor if factor < 4 else 12, 3))
    return np.asarray(np.round(255 * np.concatenate([left, gap, right], axis=1)), dtype=np.uint8)


def _stretched(bse: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """BSE between its 0.5th and 99.5th percentile, as 0..1."""
    values = bse.astype(np.float64)
    low, high = np.percentile(values[valid] if valid.any() else values, (0.5, 99.5))
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(bse.shape, 0.5)
