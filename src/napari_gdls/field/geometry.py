"""Where a field is measured: valid pixels, locations and the distance between them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError
from napari_gdls.field.numbers import number_within

_LEAST_SAMPLING_DISTANCE = 0.5
"""px; measurements have pixels of their own, so they are 1 px apart or more, but for rounding of what a file says."""

_DIAGONALS, _SMALL_IMAGE = 10.0, 100.0
"""Largest sampling distance, in diagonals of the image or in px, whichever is more: small crops of a sparsely measured
field keep the distance of the whole, but time and memory of some steps grow with it."""


def checked_valid(valid: npt.ArrayLike | None, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """Mask of the valid pixels, (H, W); None: all.

    Raises
    ------
    FieldError
        If it is not bool or of another shape.
    """
    if valid is None:
        return np.ones(shape, dtype=bool)
    mask = np.asarray(valid)
    if mask.shape != shape or mask.dtype != bool:
        raise FieldError(
            f"`valid=` is {mask.dtype} of shape {mask.shape}; it must be bool of the shape of bse, {shape}."
        )
    return mask


def checked_locations(locations: npt.ArrayLike, valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Row and column of every measurement, (N, 2) int64.

    Raises
    ------
    FieldError
        If they are no whole numbers, doubled, outside the image or on invalid pixels.
    """
    given = np.asarray(locations)
    if given.ndim != 2 or given.shape[1] != 2 or len(given) == 0:
        raise FieldError(
            f"locations have shape {given.shape}; one row and column per spectrum, (N, 2), N > 0, are needed."
        )
    if given.dtype.kind not in "uif" or not (np.abs(given.astype(np.float64)) < 2**53).all():
        raise FieldError("locations must be whole numbers: row and column of a pixel.")
    places = given.astype(np.int64)
    if not np.array_equal(places, given):
        raise FieldError("locations must be whole numbers: row and column of a pixel; round them first.")
    outside = ((places < 0) | (places >= valid.shape)).any(axis=1)
    if outside.any():
        row, column = places[np.argmax(outside)]
        raise FieldError(
            f"{np.count_nonzero(outside)} of {len(places)} locations lie outside the "
            f"{valid.shape[0]} x {valid.shape[1]} px image, the first at row {row}, column {column}; "
            "they are (row, column), counted from 0."
        )
    pixel, first = np.unique(places[:, 0] * valid.shape[1] + places[:, 1], return_index=True)
    if len(pixel) < len(places):
        doubled = np.setdiff1d(np.arange(len(places)), first)[0]
        row, column = places[doubled]
        raise FieldError(
            f"{len(places) - len(pixel)} locations are doubled, one of them row {row}, column {column}; "
            "add up the spectra of one pixel."
        )
    masked = ~valid[places[:, 0], places[:, 1]]
    if masked.any():
        row, column = places[np.argmax(masked)]
        raise FieldError(
            f"{np.count_nonzero(masked)} measurements lie on pixels that are not valid, the first at row {row}, "
            f"column {column}.",
            remedy="Make these pixels True in `valid=`, or drop the spectra.",
        )
    return places


def checked_sampling_distance(
    distance: float | None, locations: npt.NDArray[np.int64], valid: npt.NDArray[np.bool_]
) -> float:
    """Distance between neighbouring measurements, in px; None: the median distance to the nearest other one.

    Raises
    ------
    FieldError
        If it does not fit into the image, or there is a single measurement and nothing given.
    """
    farthest = max(_DIAGONALS * math.hypot(*valid.shape), _SMALL_IMAGE)
    given = number_within(
        "sampling_distance",
        distance,
        "px",
        _LEAST_SAMPLING_DISTANCE,
        farthest,
        f" in an image of {valid.shape[0]} x {valid.shape[1]} px",
    )
    if given is not None:
        return given
    if len(locations) == np.count_nonzero(valid):
        return 1.0
    if len(locations) == 1:
        raise FieldError(
            "one measurement has no neighbour to estimate the sampling distance from.",
            remedy="Give `sampling_distance=`, in px.",
        )
    from scipy.spatial import cKDTree

    nearest, _ = cKDTree(locations).query(locations, k=2)
    return float(np.median(nearest[:, 1]))
