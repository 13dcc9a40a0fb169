"""Pixel labels by a random walker on the BSE image, started from the measurements (paper, section 3.7)."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.graph.construction import nearest_measurement, voronoi_neighbours
from napari_gdls.labelling.conductances import conductances, default_beta
from napari_gdls.labelling.graph_colouring import colours_of_labels
from napari_gdls.lattice import border_pixels
from napari_gdls.progress import Progress, silent

_TOLERANCE = 2e-3
"""Change of a probability in a sweep below which a pixel is at rest. A hundredth of it changes 3 labels in 100,000 of
the synthetic sample."""
_MOST_SWEEPS = 400
"""Ten times what the samples need; a limit, for fields where a probability should never come to rest."""
_SWEEPS_AT_A_TIME = 8
"""Sweeps over one list of pixels; longer lists of pixels that are at rest already, or more lists, take longer."""
_OVERRELAXATION = np.float32(1.6)
"""Factor of each step of the successive over-relaxation, 1 to 2; chosen for speed."""


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
    over-relaxation that starts from the nearest measurements and follows the borders.

    Parameters
    ----------
    field : Field
    measurement_labels : (N,) array of int
        Label of every measurement, 0..K-1.
    beta : float, optional
        Conductance exp(-beta delta_b^2) across a BSE step delta_b, a fraction of the full scale. 0 ignores the image.
        None: from the noise of the image; see `napari_gdls.labelling.conductances.default_beta`.
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
    labels = checked_labels(field, measurement_labels)
    if beta is not None:
        beta = checked_number("beta", beta)
    reach = checked_number("reach", reach, "in sampling distances", positive=True)
    report = progress or silent
    report("labelling", 0.0)
    nearest, distance = nearest_measurement(field)
    within = field.valid & (distance <= reach * field.sampling_distance)
    start = labels[nearest]
    if not field.is_dense and labels.max() > 0:
        neighbours = voronoi_neighbours(field, nearest)
        report("labelling", 0.1)
        colours = colours_of_labels(neighbours, labels)
        report("labelling", 0.2)
        winner = _walk(field, colours[start], default_beta(field) if beta is None else beta, report)
        start = _spread(field.locations, labels, winner, start)
    report("labelling", 1.0)
    return np.where(within, start + 1, 0).astype(np.int32)


def checked_labels(field: Field, measurement_labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """One label of 0 or more for each measurement, as int64, or a `FieldError`."""
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


def _walk(field: Field, colours: npt.NDArray[np.int64], beta: float, report: Progress) -> npt.NDArray[np.int64]:
    """Most probable colour of every pixel, (H, W), from the colours of the nearest measurements."""
    right, down = conductances(field, beta)
    probability = np.zeros((*field.shape, int(colours.max()) + 1), dtype=np.float32)
    np.put_along_axis(probability, colours[..., None], np.float32(1), axis=2)
    free = field.valid.copy()
    free[field.locations[:, 0], field.locations[:, 1]] = False
    # Where all pixels around have one colour nothing can change, so the work starts along the borders of the colours
    # and goes on only where probabilities still change, and beside that.
    moving = border_pixels(colours)
    for sweep in range(0, _MOST_SWEEPS, _SWEEPS_AT_A_TIME):
        pixels = _free_pixels_around(moving, free)
        for more in range(1, _SWEEPS_AT_A_TIME):
            for half in pixels:
                _relax(probability, half, right, down, _OVERRELAXATION)
            report("labelling", 0.2 + 0.7 * (sweep + more) / _MOST_SWEEPS)
        moving[:] = False
        for half in pixels:
            rows, columns = half.T
            before = probability[rows, columns]
            _relax(probability, half, right, down, _OVERRELAXATION)
            change = np.abs(probability[rows, columns] - before).max(axis=1, initial=0.0)
            moving[rows, columns] = change > _TOLERANCE
        report("labelling", 0.2 + 0.7 * (sweep + _SWEEPS_AT_A_TIME) / _MOST_SWEEPS)
        if not moving.any():
            break
    return np.where(free, probability.argmax(axis=2), colours)


@nb.njit(cache=True, nogil=True)
def _free_pixels_around(
    moving: npt.NDArray[np.bool_], free: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Free pixels at most 2 px from a moving one, as on a chessboard: the white ones, (n, 2), and the black ones.

    Relies on arrays of one (H, W).
    """
    height, width = moving.shape
    near = np.zeros((height, width), dtype=np.bool_)
    for y in range(height):
        for x in range(width):
            if moving[y, x]:
                for yy in range(max(y - 2, 0), min(y + 3, height)):
                    for xx in range(max(x - 2, 0), min(x + 3, width)):
                        near[yy, xx] = free[yy, xx]
    pixels = np.empty((2, np.count_nonzero(near), 2), dtype=np.int32)
    n = np.zeros(2, dtype=np.int64)
    for y in range(height):
        for x in range(width):
            if near[y, x]:
                colour = (y + x) % 2
                pixels[colour, n[colour], 0], pixels[colour, n[colour], 1] = y, x
                n[colour] += 1
    return pixels[0, : n[0]].copy(), pixels[1, : n[1]].copy()


@nb.njit(cache=True, nogil=True)
def _relax(
    probability: npt.NDArray[np.float32],
    pixels: npt.NDArray[np.int32],
    right: npt.NDArray[np.float32],
    down: npt.NDArray[np.float32],
    overrelaxation: np.float32,
) -> None:
    """Half a red-black sweep, in place.

    Relies on arrays of one (H, W), on pixels inside of it, and on finite conductances of 0 or more: those of
    `conductances`, of BSE that `Field` has checked.
    """
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
) -> npt.NDArray[np.int64]:
    """Labels of the pixels from their colours: each seed's label grows through the pixels of its colour.

    Islands of a colour without a seed take the label of a neighbour; `start` is the label where nothing arrives.

    Relies on arrays of one (H, W), and on seeds inside of it, each once, with a label each.
    """
    height, width = colour.shape
    out = np.full((height, width), -1, dtype=np.int64)
    queue = np.empty((height * width, 2), dtype=np.int32)
    tail = 0
    for k in range(len(seeds)):
        out[seeds[k, 0], seeds[k, 1]] = labels[k]
        queue[tail] = seeds[k]
        tail += 1
    for same_colour in (True, False):
        head = 0  # the second round goes over all pixels again, now across colours
        while head < tail:
            y, x = queue[head]
            head += 1
            for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                yy, xx = y + dy, x + dx
                if 0 <= yy < height and 0 <= xx < width and out[yy, xx] < 0:
                    if same_colour and colour[yy, xx] != colour[y, x]:
                        continue
                    out[yy, xx] = out[y, x]
                    queue[tail, 0], queue[tail, 1] = yy, xx
                    tail += 1
    return np.where(out < 0, start, out)
