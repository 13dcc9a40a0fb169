"""Pixels labelled again where the labels of measurements have changed, in boxes around these alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.labelling.candidates import Box, influence
from napari_gdls.labelling.local_walker import PixelTask, labels_in_box

_CELL = 32
"""px: changed measurements in one square of a lattice this wide, and in squares beside it, share a box. A choice."""

_SPREAD = 16
"""px beyond which a change of the candidates of a pixel changes no label: a difference in probability falls by half or
more from pixel to pixel, as the priors hold it, and is below the tolerance of the walker by then."""

_USUAL_SWEEPS = 10
"""Sweeps that a box has room for at first: 7 to 8 are needed for the samples."""


def relabelled(
    field: Field, before: PixelTask, after: PixelTask, *, whole: bool = False, poll: Callable[[], None] = lambda: None
) -> Iterator[tuple[Box, npt.NDArray[np.bool_], npt.NDArray[np.int32], npt.NDArray[np.float32]]]:
    """Label the pixels again that a change of the labels of measurements can reach.

    Pixels around measurements that have changed their names alone, all of one label together, keep their solution.

    Parameters
    ----------
    field : Field
    before, after : PixelTask
        With labels of the same brightness wherever they have the same number.
    whole : bool
        Whether the whole image is solved for it, instead of boxes; the result is the same.
    poll : callable
        Called before each box; may raise.

    Yields
    ------
    box : pair of slices
    reached : (h, w) array of bool
        Pixels in it to be changed.
    labels : (h, w) array of int32
        From 1; 0: none.
    confidence : (h, w) array of float32
    """
    changed = changed_measurements(field, before, after)
    if not changed.any():
        return
    near = influence(field, after.reach)
    spread = near + _SPREAD
    places = field.locations[changed]
    margin = spread + near + 2 * _USUAL_SWEEPS
    for own in [places] if whole else _clusters(places, field.shape):
        poll()
        room = margin
        while True:
            box = _around(own, max(field.shape) if whole else room, field.shape)
            labels, confidence, sweeps = labels_in_box(field, after, box)
            if room >= spread + near + 2 * sweeps or (box[0].stop - box[0].start, box[1].stop - box[1].start) == (
                field.shape
            ):
                break
            room = spread + near + 2 * sweeps
        yield box, _reached(own, box, spread, labels.shape), labels, confidence


def merged_boxes(boxes: Iterable[Box]) -> list[Box]:
    """Boxes that have no pixel in common: those that have are one, around both."""
    apart: list[tuple[int, int, int, int]] = []
    for rows, columns in boxes:
        top, bottom, left, right = rows.start, rows.stop, columns.start, columns.stop
        k = 0
        while k < len(apart):
            other = apart[k]
            if top < other[1] and other[0] < bottom and left < other[3] and other[2] < right:
                apart.pop(k)
                top, bottom = min(top, other[0]), max(bottom, other[1])
                left, right = min(left, other[2]), max(right, other[3])
                k = 0
            else:
                k += 1
        apart.append((top, bottom, left, right))
    return [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in apart]


def changed_measurements(field: Field, before: PixelTask, after: PixelTask) -> npt.NDArray[np.bool_]:
    """Measurements around which pixels see other labels than before, and not the same ones by other names, (N,)."""
    touched = (before.labels != after.labels) | (before.purity != after.purity)
    same_weight = before.purity == after.purity
    same_weight &= before.brightness.mean[before.labels] == after.brightness.mean[after.labels]
    same_weight &= before.brightness.spread[before.labels] == after.brightness.spread[after.labels]
    row_start = np.searchsorted(field.locations[:, 0], np.arange(field.shape[0] + 1)).astype(np.int64)
    return np.asarray(
        _changed(
            np.flatnonzero(touched),
            same_weight,
            np.ascontiguousarray(field.locations),
            row_start,
            before.labels,
            after.labels,
            2 * influence(field, after.reach),
        )
    )


@nb.njit(cache=True, nogil=True)
def _changed(
    touched: npt.NDArray[np.int64],
    same_weight: npt.NDArray[np.bool_],
    locations: npt.NDArray[np.int64],
    row_start: npt.NDArray[np.int64],
    before: npt.NDArray[np.int32],
    after: npt.NDArray[np.int32],
    reach: int,
) -> npt.NDArray[np.bool_]:
    """Those touched that weigh otherwise, or that are of one label with others within reach than before.

    Relies on locations in raster order inside of the image that `row_start` is of, and on arrays of one length.
    """
    n, height = len(locations), len(row_start) - 1
    out = np.zeros(n, dtype=np.bool_)
    for k in range(len(touched)):
        i = touched[k]
        if not same_weight[i]:
            out[i] = True
            continue
        y, x = locations[i, 0], locations[i, 1]
        for row in range(max(y - reach, 0), min(y + reach + 1, height)):
            first, last = row_start[row], row_start[row + 1]
            while first < last:  # the first measurement of the row that is not too far to the left
                middle = (first + last) // 2
                if locations[middle, 1] < x - reach:
                    first = middle + 1
                else:
                    last = middle
            j = first
            while j < row_start[row + 1] and locations[j, 1] <= x + reach:
                if (before[i] == before[j]) != (after[i] == after[j]):
                    out[i] = True
                    break
                j += 1
            if out[i]:
                break
    return out


def _clusters(places: npt.NDArray[np.int64], shape: tuple[int, int]) -> Iterator[npt.NDArray[np.int64]]:
    from scipy.ndimage import label

    cells = places // _CELL
    marked = np.zeros((shape[0] // _CELL + 1, shape[1] // _CELL + 1), dtype=np.bool_)
    marked[cells[:, 0], cells[:, 1]] = True
    number, n = label(marked, structure=np.ones((3, 3)))
    cluster = number[cells[:, 0], cells[:, 1]]
    order = np.argsort(cluster, kind="stable")
    yield from np.split(places[order], np.searchsorted(cluster[order], np.arange(2, n + 1)))


def _around(places: npt.NDArray[np.int64], room: int, shape: tuple[int, int]) -> Box:
    """Box around places that begins in an even row and column, so that the walker's red and black pixels stay so."""
    (top, left), (bottom, right) = places.min(axis=0).tolist(), places.max(axis=0).tolist()
    return (
        slice(max(top - room, 0) // 2 * 2, min(bottom + room + 1, shape[0])),
        slice(max(left - room, 0) // 2 * 2, min(right + room + 1, shape[1])),
    )


def _reached(places: npt.NDArray[np.int64], box: Box, spread: int, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    from scipy.ndimage import maximum_filter

    there = np.zeros(shape, dtype=np.bool_)
    there[places[:, 0] - box[0].start, places[:, 1] - box[1].start] = True
    return np.asarray(maximum_filter(there, size=2 * spread + 1, mode="constant", cval=0))
