"""Images of what is known of measurements: counts in an energy window, and values between measurements."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice, checked_kind, checked_number
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.construction import nearest_measurement

FILLS = ("nearest", "segments", "dots")
"""How pixels between measurements get values: that of the nearest one; the mean of their segment; none."""


def window_map(
    field: Field,
    low: float,
    high: float,
    *,
    background: tuple[tuple[float, float], ...] = (),
) -> npt.NDArray[np.float32]:
    """Map of the counts in an energy window, less a linear background.

    Parameters
    ----------
    field : Field
    low, high : float
        eV; channels centred in ``low <= energy < high`` count.
    background : tuple of one or two (low, high)
        Windows (eV) of continuum. Of two, the background is the straight line through the mean counts per channel of
        both, at their centres; of one, its mean. (): nothing is subtracted.

    Returns
    -------
    (H, W) array of float32
        Counts; negative where noise has it so. NaN where nothing was measured.

    Raises
    ------
    RecipeError
        If a window holds no channel, or two side windows are the same.
    """
    checked_kind("field", field, Field)
    channels, centre = _window(field, low, high)
    counts = field.window_counts(low, high)
    sides = [(*_window(field, *side), field.window_counts(*side)) for side in background]
    if len(sides) > 2:
        raise RecipeError("more than two windows of background are given; one or two are needed.")
    if len(sides) == 1:
        counts = counts - channels * sides[0][2] / sides[0][0]
    elif sides:
        (n0, c0, y0), (n1, c1, y1) = sides
        if c0 == c1:
            raise RecipeError("the two windows of background have the same centre; put one on each side.")
        share = (centre - c0) / (c1 - c0)
        counts = counts - channels * ((1 - share) * y0 / n0 + share * y1 / n1)
    return np.asarray(field.to_map(counts.astype(np.float32)), dtype=np.float32)


def filled_map(
    field: Field,
    values: npt.ArrayLike,
    fill: str,
    labels: npt.ArrayLike | None = None,
    *,
    variances: bool = False,
) -> npt.NDArray[np.float32]:
    """Values of measurements as an image.

    Parameters
    ----------
    field : Field
    values : (N,) array
        NaN: unknown.
    fill : {"dots", "nearest", "segments"}
        "dots": only the pixels of measurements have values. "nearest": that of the nearest measurement. "segments": the
        mean over the measurements in the pixel's segment.
    labels : (H, W) array of int, optional
        Segments from 1, for "segments".
    variances : bool
        Values are variances: those of means over segments are less.

    Returns
    -------
    (H, W) array of float32
        NaN where nothing is known, and at invalid pixels.
    """
    checked_choice("fill", fill, FILLS)
    given = np.asarray(values, dtype=np.float64)
    if fill == "segments":
        if labels is None:
            raise RecipeError("there are no segments yet to take means over; segment the field, or choose 'nearest'.")
        image = np.asarray(labels)
        segment = image[field.locations[:, 0], field.locations[:, 1]]
        known = np.isfinite(given)
        n = int(image.max(initial=0)) + 1
        number = np.bincount(segment[known], minlength=n).astype(np.float64)
        with np.errstate(invalid="ignore", divide="ignore"):
            of_segments = np.bincount(segment[known], given[known], n) / number / (number if variances else 1.0)
        of_segments[0] = np.nan
        filled = of_segments[image]
    elif fill == "nearest":
        filled = given[nearest_measurement(field)[0]]
    else:
        filled = field.to_map(given)
    return np.where(field.valid, filled, np.nan).astype(np.float32)


def _window(field: Field, low: float, high: float) -> tuple[int, float]:
    """Channels in a window, and their centre in eV."""
    low, high = checked_number("low", low, "eV"), checked_number("high", high, "eV")
    inside = field.energy.centers[field.energy.window(low, high)]
    if not inside.size:
        raise RecipeError(
            f"the window from {low:g} to {high:g} eV holds no channel; the spectra go from "
            f"{field.energy.edges[0]:.0f} to {field.energy.edges[-1]:.0f} eV."
        )
    return inside.size, float(inside.mean())
