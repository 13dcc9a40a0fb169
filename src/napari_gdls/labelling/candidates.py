"""Which labels a pixel can have, and how likely each is by the measurements around it and its own BSE value."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions, noise_of_step
from napari_gdls.field import Field
from napari_gdls.labelling.brightness import LabelBrightness, Measurements, half_widths, label_brightness, measurements
from napari_gdls.progress import Progress
from napari_gdls.threads import in_blocks

NOTHING = np.int32(-1)
"""In `Candidates.state`: no measurement is within reach, or the pixel is invalid."""

MOST_CANDIDATES = 5
"""Labels that compete for a pixel, at most: those with the largest shares of the measurements around."""

# Found on simulated fields with known truth, some with measured BSE images; around these values little changes.
_RADIUS = 1.4
"""Of the window around a pixel, in sampling distances: on a square grid, each pixel sees at least four measurements."""
_LEAST_RADIUS = 1.5
"""px, so that pixels of a dense field see their eight neighbours."""
_WIDTH = 0.65
"""Of the Gaussian weight of a measurement, exp(-(d / width)^2), in sampling distances."""
_LEAST_CLOSENESS = np.float32(1e-30)
"""Lower limit of that weight. Only ratios at one pixel matter, and far from everything none may vanish in float32."""
_TAIL = np.float32(3)
"""Degrees of freedom of Student's t, so that its density falls with the power (3 + 1) / 2 = 2."""
_LEAST_WEIGHT = np.float32(1e-3)
"""Weight of a measurement of purity 0, which keeps its label possible."""
_LEAST_PRIOR = np.float32(1e-3)
"""Labels that are less likely are left out."""
_ROWS_AT_A_TIME = 32
"""Rows that a thread looks at a time: some milliseconds where they are 1,000 px wide."""


@dataclass(frozen=True)
class Candidates:
    """Pixels that several labels compete for, with the probability of each label before pixels are compared.

    Attributes
    ----------
    state : (H, W) array of int32
        0 or more: row of a contested pixel in `start`. -1: nothing within reach. Below: the label l of the pixel is
        certain, as -2 - l.
    start : (M + 1,) array of int64
        Candidates of contested pixel k are ``start[k]:start[k + 1]`` in the arrays below; most likely place first.
    label : (C,) array of int32
    prior : (C,) array of float32
        They sum to 1 at each pixel.
    pixel : (M,) array of int64
        Of each contested pixel, row * W + column.
    """

    state: npt.NDArray[np.int32]
    start: npt.NDArray[np.int64]
    label: npt.NDArray[np.int32]
    prior: npt.NDArray[np.float32]
    pixel: npt.NDArray[np.int64]


Box = tuple[slice, slice]
"""Rows and columns of a part of an image."""


def find_candidates(
    field: Field,
    labels: npt.NDArray[np.int32],
    purity: npt.NDArray[np.float32],
    brightness: LabelBrightness,
    reach: float,
    report: Progress,
    box: Box | None = None,
) -> Candidates:
    """Labels of the measurements around each pixel, and their probability there.

    A label's probability is its share of the measurements around, by a Gaussian of their distance times their purity,
    times the likelihood of the pixel's BSE value given the BSE values of these measurements: Student's t about their
    mean, which is drawn to the mean of the label over the field. The t leaves room for stray values, of which measured
    images have more than a Gaussian.

    Measurements behind invalid pixels do not count: what a pixel sees is joined to it, side by side, through valid
    pixels in the window around it.

    Parameters
    ----------
    field : Field
    labels : (N,) array of int32
        0 or more.
    purity : (N,) array of float32
        0 to 1; the label of a measurement of purity 1 is certain.
    brightness : LabelBrightness
        Of every label; see `brightness_in`.
    reach : float
        In sampling distances.
    report : Progress
    box : pair of slices, optional
        Part of the image that is looked at, as if it were all there is. None: the whole.

    Returns
    -------
    Candidates
        Of the pixels in the box.
    """
    spacing = field.sampling_distance
    farthest = min(reach * spacing, math.hypot(*field.shape))
    radius = _radius(field)
    rows, columns = (slice(0, field.shape[0]), slice(0, field.shape[1])) if box is None else box
    # Compiled code is for one layout of arrays in memory.
    bse = np.ascontiguousarray(bse_fractions(field, (rows, columns)))
    valid = np.ascontiguousarray(field.valid[rows, columns])
    height, width = bse.shape
    half = min(int(radius), max(height, width))
    squared_distance = np.arange(2 * (half + 1) ** 2 + 1)
    closeness = np.exp(-squared_distance / (_WIDTH * spacing) ** 2).astype(np.float32)
    closeness = np.maximum(closeness, _LEAST_CLOSENESS)
    inside = measurements_in(field, (rows, columns))
    locations = np.ascontiguousarray(field.locations[inside] - (rows.start, columns.start))
    measured = measurements(locations, bse, labels[inside], purity[inside])
    walled = _near_invalid(valid, half)

    state = np.empty(bse.shape, dtype=np.int32)
    parts = in_blocks(
        height,
        lambda first, last: _candidates_of_rows(
            first, last, state, bse, valid, walled, measured, brightness, closeness, radius, farthest
        ),
        size=_ROWS_AT_A_TIME,
        poll=lambda: report("labelling", 0.3),
    )
    lengths, label, prior, pixel = (np.concatenate(column) for column in zip(*parts, strict=True))
    number = np.cumsum([0, *(len(part[0]) for part in parts)])
    in_blocks(
        len(parts),
        lambda block, _: _count_on(state, block * _ROWS_AT_A_TIME, (block + 1) * _ROWS_AT_A_TIME, number[block]),
        size=1,
    )
    if farthest > radius:
        _grow(state, locations, measured.label, valid, farthest)
    start = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=start[1:])
    return Candidates(state, start, label, prior, pixel)


def brightness_in(field: Field, labels: npt.NDArray[np.int32], purity: npt.NDArray[np.float32]) -> LabelBrightness:
    """Brightness of every label over a field, as `find_candidates` needs it."""
    measured = measurements(field.locations, bse_fractions(field), labels, purity)
    return label_brightness(measured, _radius(field), least_spread=noise_of_step(field) / math.sqrt(2))


def influence(field: Field, reach: float) -> int:
    """How far from a measurement the candidates of a pixel can still depend on it, in px to each side."""
    return int(max(_radius(field), min(reach * field.sampling_distance, math.hypot(*field.shape)))) + 1


def measurements_in(field: Field, box: Box) -> npt.NDArray[np.int64]:
    """The measurements of a part of the image, rising."""
    rows, columns = box
    first, last = np.searchsorted(field.locations[:, 0], [rows.start, rows.stop])
    column = field.locations[first:last, 1]
    return np.asarray(np.flatnonzero((column >= columns.start) & (column < columns.stop)) + first)


def _radius(field: Field) -> float:
    return max(_RADIUS * field.sampling_distance, _LEAST_RADIUS)


def _near_invalid(valid: npt.NDArray[np.bool_], half: int) -> npt.NDArray[np.bool_]:
    """Pixels with an invalid one in the window that reaches `half` px to each side, (H, W)."""
    from scipy.ndimage import maximum_filter

    if valid.all():
        return np.zeros(valid.shape, dtype=bool)
    near: npt.NDArray[np.bool_] = maximum_filter(~valid, size=2 * half + 1, mode="constant", cval=0)
    return near


@nb.njit(cache=True, nogil=True)
def _count_on(state: npt.NDArray[np.int32], first: int, last: int, number: int) -> None:
    """Let the contested pixels of the rows first..last - 1, numbered from 0, be numbered from another number on.

    Relies on 0 <= first, and on numbers that fit into 32 bits, as there are fewer pixels.
    """
    for y in range(first, min(last, state.shape[0])):
        for x in range(state.shape[1]):
            if state[y, x] >= 0:
                state[y, x] += number


@nb.njit(cache=True, nogil=True)
def _candidates_of_rows(
    top: int,
    bottom: int,
    state: npt.NDArray[np.int32],
    bse: npt.NDArray[np.float32],
    valid: npt.NDArray[np.bool_],
    walled: npt.NDArray[np.bool_],
    measured: Measurements,
    brightness: LabelBrightness,
    closeness: npt.NDArray[np.float32],
    radius: float,
    farthest: float,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Fill `state` in the rows top..bottom - 1, its contested pixels numbered from 0.

    Returns, for the contested pixels: number of candidates, labels, priors, pixel.

    Relies on arrays of one (H, W), on rows inside of them, on measurements in raster order inside of the image, on
    labels that index `brightness`, whose spreads are above 0, and on `closeness` up to the largest squared distance in
    a window or the image.
    """
    row_start, columns, labels, purity, measured_bse, bse_weight = measured
    mean, spread, global_weight = brightness
    height, width = state.shape
    widths = half_widths(radius)
    half = len(widths) - 1
    first = np.empty(2 * half + 1, dtype=np.int64)
    most = min((2 * half + 1) ** 2, len(labels))
    # Labels of the measurements around a pixel, in the order in which they come: their share of these by closeness
    # times purity, the weighted sum of their BSE values, and the sum of the weights.
    near, share = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.float32)
    near_bse, near_weight = np.empty(most, dtype=np.float32), np.empty(most, dtype=np.float32)
    seen = np.ones((2 * half + 1, 2 * half + 1), dtype=np.bool_)
    queue = np.empty(((2 * half + 1) ** 2, 2), dtype=np.int64)
    n_pixels = (bottom - top) * width
    lengths = np.empty(n_pixels, dtype=np.int32)
    pixels = np.empty(n_pixels, dtype=np.int64)
    out_label = np.empty(n_pixels * MOST_CANDIDATES, dtype=np.int32)
    out_prior = np.empty(n_pixels * MOST_CANDIDATES, dtype=np.float32)
    m, c = 0, 0
    for y in range(top, bottom):
        highest, lowest = max(y - half, 0), min(y + half, height - 1)
        for yy in range(highest, lowest + 1):
            first[yy - highest] = row_start[yy]
        here = row_start[y]
        for x in range(width):
            state[y, x] = NOTHING
            while here < row_start[y + 1] and columns[here] < x:
                here += 1
            if not valid[y, x]:
                continue
            if here < row_start[y + 1] and columns[here] == x and purity[here] == 1:
                state[y, x] = -2 - labels[here]
                continue
            if walled[y, x]:
                _look_around(valid, y, x, half, seen, queue)
            n, nearest = 0, len(closeness)
            for yy in range(highest, lowest + 1):
                dy = abs(yy - y)
                reach = widths[dy]
                j = first[yy - highest]
                while j < row_start[yy + 1] and columns[j] < x - reach:
                    j += 1
                first[yy - highest] = j
                while j < row_start[yy + 1] and columns[j] <= x + reach:
                    if not walled[y, x] or seen[yy - y + half, columns[j] - x + half]:
                        squared = dy * dy + (columns[j] - x) ** 2
                        nearest = min(nearest, squared)
                        k = 0
                        while k < n and near[k] != labels[j]:
                            k += 1
                        if k == n:
                            n += 1
                            near[k], share[k], near_bse[k], near_weight[k] = labels[j], 0, 0, 0
                        share[k] += max(purity[j], _LEAST_WEIGHT) * closeness[squared]
                        near_bse[k] += bse_weight[j] * measured_bse[j]
                        near_weight[k] += bse_weight[j]
                    j += 1
            if n == 0 or nearest > farthest * farthest:
                continue
            if n == 1:
                state[y, x] = -2 - near[0]
                continue
            n = _largest_shares_first(n, near, share, near_bse, near_weight)
            for k in range(n):  # the likelihood of the BSE value of the pixel
                label = near[k]
                expected = (near_bse[k] + global_weight * mean[label]) / (near_weight[k] + global_weight)
                step = (bse[y, x] - expected) / spread[label]
                tail = 1 + step * step / _TAIL
                share[k] /= tail * tail * spread[label]
            best, end = _taken_over(n, near, share, c, out_label, out_prior)
            if end - c == 1:
                state[y, x] = -2 - near[best]
                continue
            state[y, x] = m
            lengths[m], pixels[m] = end - c, y * width + x
            m += 1
            c = end
    return lengths[:m].copy(), out_label[:c].copy(), out_prior[:c].copy(), pixels[:m].copy()


@nb.njit(cache=True, nogil=True)
def _largest_shares_first(
    n: int,
    label: npt.NDArray[np.int32],
    share: npt.NDArray[np.float32],
    bse: npt.NDArray[np.float32],
    weight: npt.NDArray[np.float32],
) -> int:
    """Move the labels with the largest shares to the front, in place; how many there are."""
    n_kept = min(n, MOST_CANDIDATES)
    for k in range(n_kept):
        best = k
        for j in range(k + 1, n):
            if share[j] > share[best]:
                best = j
        if best != k:
            label[k], label[best] = label[best], label[k]
            share[k], share[best] = share[best], share[k]
            bse[k], bse[best] = bse[best], bse[k]
            weight[k], weight[best] = weight[best], weight[k]
    return n_kept


@nb.njit(cache=True, nogil=True)
def _taken_over(
    n: int,
    label: npt.NDArray[np.int32],
    share: npt.NDArray[np.float32],
    start: int,
    out_label: npt.NDArray[np.int32],
    out_prior: npt.NDArray[np.float32],
) -> tuple[int, int]:
    """Write those of the first n labels that are likely enough to `out_label` and `out_prior`, from `start` on.

    Returns the most likely one, and the end of what was written; the priors sum to 1.
    """
    whole = np.float32(0)
    for k in range(n):
        whole += share[k]
    kept = np.float32(0)
    best, end = 0, start
    for k in range(n):
        if share[k] > share[best]:
            best = k
        if share[k] >= _LEAST_PRIOR * whole:
            out_label[end], out_prior[end] = label[k], share[k]
            kept += share[k]
            end += 1
    for k in range(start, end):
        out_prior[k] /= kept
    return best, end


@nb.njit(cache=True, nogil=True)
def _look_around(
    valid: npt.NDArray[np.bool_],
    y: int,
    x: int,
    half: int,
    seen: npt.NDArray[np.bool_],
    queue: npt.NDArray[np.int64],
) -> None:
    """Mark in `seen` the pixels of the window around (y, x) that are joined to it through valid ones."""
    height, width = valid.shape
    seen[:] = False
    seen[half, half] = True
    # Single elements: assigning pairs takes seconds to compile.
    queue[0, 0], queue[0, 1] = y, x
    head, tail = 0, 1
    while head < tail:
        a, b = queue[head, 0], queue[head, 1]
        head += 1
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            yy, xx = a + dy, b + dx
            if abs(yy - y) > half or abs(xx - x) > half or not (0 <= yy < height and 0 <= xx < width):
                continue
            if valid[yy, xx] and not seen[yy - y + half, xx - x + half]:
                seen[yy - y + half, xx - x + half] = True
                queue[tail, 0], queue[tail, 1] = yy, xx
                tail += 1


@nb.njit(cache=True, nogil=True)
def _grow(
    state: npt.NDArray[np.int32],
    locations: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int32],
    valid: npt.NDArray[np.bool_],
    farthest: float,
) -> None:
    """Give valid pixels that see no measurement in their window the label of the nearest within reach, in place.

    The nearest measurement of a pixel is taken from those of its four neighbours, in sweeps to and fro until nothing
    changes, so it is found around invalid pixels and never through them.

    Relies on locations inside of the image, with a label each, and on `state` and `valid` of one shape.
    """
    height, width = state.shape
    nearest = np.full((height, width), -1, dtype=np.int32)
    for i in range(len(locations)):
        nearest[locations[i, 0], locations[i, 1]] = i
    limit = farthest * farthest
    changed = True
    while changed:
        changed = False
        for backwards in (False, True):
            for row in range(height):
                y = height - 1 - row if backwards else row
                # Each row is gone through both ways, so that labels spread along it at once.
                for turn in range(2 * width):
                    x = turn if turn < width else 2 * width - 1 - turn
                    if not valid[y, x]:
                        continue
                    own = nearest[y, x]
                    least = limit + 1.0
                    if own >= 0:
                        least = (locations[own, 0] - y) ** 2 + (locations[own, 1] - x) ** 2
                    for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                        yy, xx = y + dy, x + dx
                        if not (0 <= yy < height and 0 <= xx < width) or nearest[yy, xx] < 0:
                            continue
                        other = nearest[yy, xx]
                        squared = (locations[other, 0] - y) ** 2 + (locations[other, 1] - x) ** 2
                        if squared < least and squared <= limit:
                            least = squared
                            nearest[y, x] = other
                            changed = True
    for y in range(height):
        for x in range(width):
            if state[y, x] == NOTHING and nearest[y, x] >= 0:
                state[y, x] = -2 - labels[nearest[y, x]]
