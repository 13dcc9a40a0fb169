"""Pixel labels by a random walker on the BSE image, started from the measurements (paper, section 3.7)."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError, RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.construction import nearest_measurement, voronoi_neighbours
from napari_gdls.labelling.colouring import colour_labels
from napari_gdls.labelling.contrast import conductances, default_beta
from napari_gdls.progress import Progress, silent

_TOLERANCE = 2e-3
_MOST_SWEEPS = 400
_SWEEPS_AT_A_TIME = 8
_OVERRELAXATION = 1.6


def label_pixels(
    field: Field,
    measurement_labels: npt.ArrayLike,
    *,
    beta: float | None = None,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Give every pixel the label whose measurements a random walker on the BSE image most likely meets first.

    The Markov random field of the paper (section 3.7) solved as a combinatorial Dirichlet problem (Grady 2006):
    measurements are seeds, conductances fall with the BSE step between neighbouring pixels. Labels that cannot meet
    share a colour, and the problem is solved for a few colours instead of thousands of labels, by successive
    over-relaxation from the nearest measurement's label. Pixels whose surroundings know one label only take it at once.

    Parameters
    ----------
    field : Field
    measurement_labels : (N,) array of int
        Label of every measurement, 0..K-1.
    beta : float, optional
        Conductance exp(-beta delta_b^2) across a BSE step delta_b, a fraction of the full scale. 0 ignores the image.
        None: from the noise of the image; see `napari_gdls.labelling.contrast.default_beta`.
    reach : float
        Pixels further than this from every measurement get 0; in sampling distances.
    progress : Progress, optional

    Returns
    -------
    (H, W) array of int32
        Label + 1; 0 where the pixel is invalid or beyond reach.

    Raises
    ------
    FieldError
        If the labels do not fit the field.
    RecipeError
        If `beta` is negative or `reach` not positive.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    L. Grady, Random walks for image segmentation, IEEE TPAMI 28 (2006) 1768-1783.
    """
    labels = _checked_labels(field, measurement_labels)
    if beta is not None and not beta >= 0:
        raise RecipeError(f"beta is {beta}; it must be 0 or more.")
    if not reach > 0:
        raise RecipeError(f"reach is {reach}; it must be positive, in sampling distances.")
    report = progress or silent
    report("labelling", 0.0)
    nearest, distance = nearest_measurement(field)
    within = field.valid & (distance <= reach * field.sampling_distance)
    start = labels[nearest]
    if not field.is_dense and labels.max() > 0:
        neighbours = voronoi_neighbours(field, nearest)
        undecided = _undecided(field, nearest, neighbours, labels)
        report("labelling", 0.1)
        colours = colour_labels(neighbours, labels)
        report("labelling", 0.2)
        winner = _walk(field, colours[start], undecided, default_beta(field) if beta is None else beta, report)
        seeds = field.locations[:, 0] * field.shape[1] + field.locations[:, 1]
        start = _spread(seeds, labels, winner, start, undecided)
    report("labelling", 1.0)
    return np.where(within, start + 1, 0).astype(np.int32)


def _checked_labels(field: Field, measurement_labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    given = np.asarray(measurement_labels)
    if given.shape != (field.n_measurements,) or given.dtype.kind not in "ui":
        raise FieldError(
            f"measurement labels are {given.dtype} of shape {given.shape}; one whole number for each of the "
            f"{field.n_measurements} measurements is needed."
        )
    if given.min() < 0 or given.max() >= np.iinfo(np.int32).max:
        raise FieldError(
            f"measurement labels run from {given.min()} to {given.max()}; they must be 0 or more and fit int32."
        )
    return given.astype(np.int64)


def _undecided(
    field: Field, nearest: npt.NDArray[np.int64], neighbours: npt.NDArray[np.int64], labels: npt.NDArray[np.int64]
) -> npt.NDArray[np.bool_]:
    """Valid pixels without a measurement in cells that border on another label, (H, W)."""
    borders = labels[neighbours[:, 0]] != labels[neighbours[:, 1]]
    contested = np.zeros(field.n_measurements, dtype=bool)
    contested[neighbours[borders]] = True
    pixels = contested[nearest] & field.valid
    pixels[field.locations[:, 0], field.locations[:, 1]] = False
    return pixels


def _walk(
    field: Field, colours: npt.NDArray[np.int64], undecided: npt.NDArray[np.bool_], beta: float, report: Progress
) -> npt.NDArray[np.int64]:
    """Most probable colour of every pixel, (H, W); `colours` where nothing is undecided."""
    n_colours = int(colours.max()) + 1
    right, down = conductances(field, beta)
    probability = np.zeros((*field.shape, n_colours), dtype=np.float32)
    np.put_along_axis(probability, colours[..., None], np.float32(1), axis=2)
    rows, columns = np.nonzero(undecided)
    even = (rows + columns) % 2 == 0
    pixels = [np.stack([rows[half], columns[half]], axis=1).astype(np.int32) for half in (even, ~even)]
    for sweep in range(0, _MOST_SWEEPS, _SWEEPS_AT_A_TIME):
        for _ in range(_SWEEPS_AT_A_TIME - 1):
            for half in pixels:
                _relax(probability, half, right, down, np.float32(_OVERRELAXATION))
        before = probability[rows, columns]
        for half in pixels:
            _relax(probability, half, right, down, np.float32(_OVERRELAXATION))
        change = float(np.abs(probability[rows, columns] - before).max(initial=0.0))
        # Errors shrink by a constant factor a sweep, so the logarithm of the change tells how much is left.
        done = np.log(max(change, _TOLERANCE)) / np.log(_TOLERANCE)
        report("labelling", 0.2 + 0.7 * max(float(done), sweep / _MOST_SWEEPS))
        if change < _TOLERANCE:
            break
    winner = colours.copy()
    winner[undecided] = probability[undecided].argmax(axis=1)
    return winner


@nb.njit(cache=True, nogil=True, fastmath=False)
def _relax(
    probability: npt.NDArray[np.float32],
    pixels: npt.NDArray[np.int32],
    right: npt.NDArray[np.float32],
    down: npt.NDArray[np.float32],
    overrelaxation: np.float32,
) -> None:
    """Half a red-black sweep, in place."""
    height, width, n_colours = probability.shape
    mean = np.empty(n_colours, dtype=np.float32)
    for k in range(len(pixels)):
        y, x = pixels[k, 0], pixels[k, 1]
        mean[:] = 0
        total = np.float32(0)
        for side in range(4):
            if side == 0:
                if x + 1 == width:
                    continue
                weight, yy, xx = right[y, x], y, x + 1
            elif side == 1:
                if x == 0:
                    continue
                weight, yy, xx = right[y, x - 1], y, x - 1
            elif side == 2:
                if y + 1 == height:
                    continue
                weight, yy, xx = down[y, x], y + 1, x
            else:
                if y == 0:
                    continue
                weight, yy, xx = down[y - 1, x], y - 1, x
            if weight == 0:
                continue
            total += weight
            for c in range(n_colours):
                mean[c] += weight * probability[yy, xx, c]
        if total == 0:
            continue
        share = overrelaxation / total
        keep = np.float32(1) - overrelaxation
        for c in range(n_colours):
            probability[y, x, c] = keep * probability[y, x, c] + share * mean[c]


@nb.njit(cache=True, nogil=True)
def _spread(
    seeds: npt.NDArray[np.int64],
    labels: npt.NDArray[np.int64],
    colour: npt.NDArray[np.int64],
    start: npt.NDArray[np.int64],
    undecided: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Labels of the pixels from the colours: each seed's label grows through the undecided pixels of its colour.

    Decided pixels keep `start`. Undecided ones that no label of their colour reaches take the label of a neighbour.
    """
    height, width = colour.shape
    out = np.where(undecided, -1, start)
    queue = np.empty(height * width, dtype=np.int64)
    for same_colour in (True, False):
        head, tail = 0, 0
        for pixel in range(height * width):
            if out[pixel // width, pixel % width] >= 0:
                queue[tail] = pixel
                tail += 1
        while head < tail:
            y, x = queue[head] // width, queue[head] % width
            head += 1
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                yy, xx = y + dy, x + dx
                if 0 <= yy < height and 0 <= xx < width and out[yy, xx] < 0:
                    if same_colour and colour[yy, xx] != colour[y, x]:
                        continue
                    out[yy, xx] = out[y, x]
                    queue[tail] = yy * width + xx
                    tail += 1
    return np.where(out < 0, start, out)
