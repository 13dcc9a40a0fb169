"""What segmentations by regions share: the gradient, its flooding from minima, and regions without a measurement."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions
from napari_gdls.field import Field
from napari_gdls.graph.construction import nearest_measurement

FloatImage = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


def measured_pixels(field: Field, reach: float) -> Mask:
    """Valid pixels at most `reach` sampling distances from a measurement, (H, W)."""
    _, distance = nearest_measurement(field)
    return field.valid & (distance <= reach * field.sampling_distance)


def smoothed_bse(field: Field, sigma: float) -> FloatImage:
    """BSE image as a fraction of its full scale, smoothed by a Gaussian of `sigma` pixels, (H, W).

    Invalid pixels take the value of the nearest valid one first, so that the border of the sample is no edge.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    bse = bse_fractions(field)
    if not field.valid.all():
        rows, columns = distance_transform_edt(~field.valid, return_distances=False, return_indices=True)
        bse = bse[rows, columns]
    return np.asarray(gaussian_filter(bse, sigma), dtype=np.float32) if sigma > 0 else bse


def tensor_gradient(channels: Iterable[FloatImage]) -> FloatImage:
    """Gradient of an image with many channels (Di Zenzo 1986).

    The square root of the largest eigenvalue of the tensor sum_k grad f_k grad f_k^T: the change per pixel, over all
    channels, in the direction in which they change most. Derivatives are Sobel's.

    Parameters
    ----------
    channels : iterable of (H, W) arrays of float32

    Returns
    -------
    (H, W) array of float32

    References
    ----------
    S. Di Zenzo, A note on the gradient of a multi-image, Computer Vision, Graphics, and Image Processing 33 (1986)
    116-125.
    """
    from scipy.ndimage import sobel

    rows = columns = both = np.float32(0)
    for channel in channels:
        down = sobel(channel, axis=0, mode="nearest") / np.float32(8)
        right = sobel(channel, axis=1, mode="nearest") / np.float32(8)
        rows, columns, both = rows + down * down, columns + right * right, both + down * right
    spread = np.sqrt(np.square(0.5 * (rows - columns)) + np.square(both))
    return np.asarray(np.sqrt(0.5 * (rows + columns) + spread), dtype=np.float32)


def flood(relief: FloatImage, within: Mask, depth: float) -> npt.NDArray[np.int32]:
    """Watershed of a relief from its minima that are at least `depth` deep.

    Parameters
    ----------
    relief : (H, W) array of float32
    within : (H, W) array of bool
        Pixels to label.
    depth : float
        Minima that water leaves for a deeper one before it has risen by this much are no markers (h-minima).

    Returns
    -------
    (H, W) array of int32
        From 1 within, 0 elsewhere. Side by side (4-) connected regions.

    References
    ----------
    L. Vincent, P. Soille, Watersheds in digital spaces, IEEE TPAMI 13 (1991) 583-598.
    """
    from scipy.ndimage import generate_binary_structure
    from skimage.measure import label
    from skimage.morphology import local_minima, reconstruction
    from skimage.segmentation import watershed

    if not within.any():
        return np.zeros(relief.shape, dtype=np.int32)
    # A wall so high that nothing outside is a minimum, and none inside runs over it.
    wall = relief[within].max() + np.float32(depth + 1)
    walled = np.where(within, relief, wall).astype(np.float32)
    if depth > 0:
        cross = generate_binary_structure(2, 1)
        filled = reconstruction(walled + np.float32(depth), walled, method="erosion", footprint=cross)
    else:
        filled = walled
    markers = label(local_minima(filled, connectivity=1) & within, connectivity=1)
    if not markers.any():  # the whole image is one plateau, which has no lower place
        markers = label(within, connectivity=1)
    return np.asarray(watershed(walled, markers, connectivity=1, mask=within), dtype=np.int32)


def with_measurements(
    field: Field, labels: npt.NDArray[np.int32], within: Mask, relief: FloatImage, smallest: int = 1
) -> npt.NDArray[np.int32]:
    """Dissolve regions without a measurement, or too small: their pixels are flooded from the regions around.

    A region that no spectrum was measured in cannot be named; instruments that place their beam by the regions never
    have one.

    Parameters
    ----------
    field : Field
    labels : (H, W) array of int32
        Regions from 1; 0 takes no part.
    within : (H, W) array of bool
        Pixels to label; where they are not connected to a region with a measurement they take the label at their
        nearest measurement.
    relief : (H, W) array of float32
        What the flood rises in.
    smallest : int
        Regions of fewer pixels are dissolved too, where a larger one is connected with them.

    Returns
    -------
    (H, W) array of int32
        1..K without gaps, in the order of the given labels.
    """
    from skimage.measure import label
    from skimage.segmentation import relabel_sequential, watershed

    at = field.locations[:, 0], field.locations[:, 1]
    area = np.bincount(labels.ravel())
    measured = np.zeros(len(area), dtype=bool)
    measured[labels[at]] = True
    measured[0] = False
    kept = np.where((measured & (area >= smallest))[labels], labels, 0)
    if smallest > 1:
        pieces = label(within, connectivity=1)
        has_large = np.zeros(pieces.max() + 1, dtype=bool)
        has_large[pieces[kept > 0]] = True
        kept = np.where(measured[labels] & ~has_large[pieces], labels, kept)
    if kept.any() and (kept[within] == 0).any():
        kept = watershed(relief, kept, connectivity=1, mask=within)
        left = within & (kept == 0)
        if left.any():
            nearest, _ = nearest_measurement(field)
            kept[left] = kept[at][nearest[left]]
    return np.asarray(relabel_sequential(kept)[0], dtype=np.int32)
