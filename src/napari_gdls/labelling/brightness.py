"""How bright each label is in the BSE image: its mean, over the field and locally, and its spread."""

from __future__ import annotations

import math
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

_MIXED_WEIGHT = np.float32(0.15)
"""Weight of a mixed measurement in the mean BSE of its label, where a pure one has 1; chosen on benchmark fields."""
_GLOBAL_WEIGHTS = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
"""Weights of the mean over the field that are tried, in measurements; about 6 are seen around a pixel."""
_USUAL_GLOBAL_WEIGHT = np.float32(4)
"""Likewise, where no measurement is pure, so that none can be tried: the middle of those above."""
_SPREAD_QUANTILE = 0.8
"""Of the deviations, which the spread is computed from: the fifth beyond it may be stray. Chosen on the benchmark
fields."""
_SPREAD_WEIGHT = 20.0
"""Weight of the spread of all labels beside that of one, in measurements; likewise."""


class Measurements(NamedTuple):
    """Labelled measurements in raster order; a plain tuple of arrays for compiled code."""

    row_start: npt.NDArray[np.int64]
    """(H + 1,): the measurements of row y are row_start[y]:row_start[y + 1]."""
    column: npt.NDArray[np.int32]
    label: npt.NDArray[np.int32]
    purity: npt.NDArray[np.float32]
    bse: npt.NDArray[np.float32]
    bse_weight: npt.NDArray[np.float32]
    """Of its BSE value in the mean of its label."""


class LabelBrightness(NamedTuple):
    """BSE of K labels, as a fraction of the full scale; a plain tuple for compiled code.

    What to expect of a label at a place is the mean of its n measurements around it and, with the weight of
    `global_weight` measurements, of its `mean` over the field.
    """

    mean: npt.NDArray[np.float32]
    spread: npt.NDArray[np.float32]
    global_weight: np.float32


def measurements(
    locations: npt.NDArray[np.int64],
    bse: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int32],
    purity: npt.NDArray[np.float32],
) -> Measurements:
    """Measurements at places (N, 2) of a scaled BSE image (H, W), in raster order, with their labels and purities."""
    rows, columns = locations.T
    return Measurements(
        row_start=np.searchsorted(rows, np.arange(len(bse) + 1)).astype(np.int64),
        column=columns.astype(np.int32),
        label=labels,
        purity=purity,
        bse=bse[rows, columns],
        bse_weight=np.where(purity == 1, np.float32(1), _MIXED_WEIGHT),
    )


def label_brightness(measured: Measurements, radius: float, least_spread: float) -> LabelBrightness:
    """Mean and spread of the BSE of every label.

    Parameters
    ----------
    measured : Measurements
    radius : float
        How far around a place its measurements are taken, in px.
    least_spread : float
        That of the noise of the image.

    Returns
    -------
    LabelBrightness
        The weight of the mean over the field is the one with which pure measurements are told best from the others
        around them: low where the image drifts, charges, or labels are zoned, high where it is noisy.
    """
    total = np.bincount(measured.label, weights=measured.bse_weight * measured.bse)
    weight = np.bincount(measured.label, weights=measured.bse_weight)
    mean = (total / np.maximum(weight, _MIXED_WEIGHT)).astype(np.float32)
    pure = measured.purity == 1
    if not pure.any():
        return LabelBrightness(mean, np.full(len(mean), least_spread, dtype=np.float32), _USUAL_GLOBAL_WEIGHT)
    deviations = _deviations(measured, mean, np.array(_GLOBAL_WEIGHTS, dtype=np.float32), radius)[:, pure]
    best = int(np.argmin(deviations.mean(axis=1, dtype=np.float64)))
    spread = _spreads(deviations[best], measured.label[pure], len(mean))
    return LabelBrightness(mean, np.maximum(spread, least_spread).astype(np.float32), np.float32(_GLOBAL_WEIGHTS[best]))


def _spreads(
    deviation: npt.NDArray[np.float32], label: npt.NDArray[np.int32], n_labels: int
) -> npt.NDArray[np.float64]:
    """Scale of the BSE values of each label about what is expected of them, (K,).

    From a quantile of the deviations, as that of a normal distribution; labels with few measurements take after the
    others.
    """
    from scipy.special import ndtri

    as_normal = 1 / ndtri(0.5 + _SPREAD_QUANTILE / 2)
    overall = float(np.quantile(deviation, _SPREAD_QUANTILE)) * as_normal
    number = np.bincount(label, minlength=n_labels)
    first = np.cumsum(number) - number
    place = first + np.maximum(np.ceil(_SPREAD_QUANTILE * number) - 1, 0).astype(np.int64)
    own = np.zeros(n_labels)
    present = number > 0
    own[present] = deviation[np.lexsort((deviation, label))][place[present]] * as_normal
    variance: npt.NDArray[np.float64] = (number * own**2 + _SPREAD_WEIGHT * overall**2) / (number + _SPREAD_WEIGHT)
    return np.sqrt(variance)


@nb.njit(cache=True, nogil=True)
def half_widths(radius: float) -> npt.NDArray[np.int64]:
    """How far a disk reaches to both sides, in the row of its centre and in those below."""
    widths = np.empty(int(radius) + 1, dtype=np.int64)
    for k in range(len(widths)):
        widths[k] = int(math.sqrt(radius * radius - k * k))
    return widths


@nb.njit(cache=True, nogil=True)
def _deviations(
    measured: Measurements,
    mean: npt.NDArray[np.float32],
    global_weights: npt.NDArray[np.float32],
    radius: float,
) -> npt.NDArray[np.float32]:
    """How far each measurement is from what the others of its label lead to expect, (len(global_weights), N).

    Relies on measurements in raster order inside of the image, on labels that index `mean`, on weights above 0 in
    `global_weights`, and on a radius of 0 or more; `Field` sees to finite BSE.
    """
    row_start, columns, labels = measured.row_start, measured.column, measured.label
    height = len(row_start) - 1
    widths = half_widths(radius)
    half = len(widths) - 1
    first = np.empty(2 * half + 1, dtype=np.int64)
    deviation = np.empty((len(global_weights), len(columns)), dtype=np.float32)
    for y in range(height):
        top, bottom = max(y - half, 0), min(y + half, height - 1)
        for yy in range(top, bottom + 1):
            first[yy - top] = row_start[yy]
        for i in range(row_start[y], row_start[y + 1]):
            sum_of_weights = np.float32(0)
            total = np.float32(0)
            for yy in range(top, bottom + 1):
                width = widths[abs(yy - y)]
                j = first[yy - top]
                while j < row_start[yy + 1] and columns[j] < columns[i] - width:
                    j += 1
                first[yy - top] = j
                while j < row_start[yy + 1] and columns[j] <= columns[i] + width:
                    if labels[j] == labels[i] and j != i:
                        sum_of_weights += measured.bse_weight[j]
                        total += measured.bse_weight[j] * measured.bse[j]
                    j += 1
            for k in range(len(global_weights)):
                expected = (total + global_weights[k] * mean[labels[i]]) / (sum_of_weights + global_weights[k])
                deviation[k, i] = abs(measured.bse[i] - expected)
    return deviation
