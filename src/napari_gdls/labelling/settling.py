"""From labels of pixels to the segments that they are part of, where these are known at the measurements."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.labelling.regions import connected_regions


def divided(
    segments: npt.NDArray[np.int32],
    locations: npt.NDArray[np.int64],
    new: npt.NDArray[np.int64],
    which: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int32]:
    """Pixels of some segments shared out among what their measurements belong to now, each to the nearest inside of it.

    Parameters
    ----------
    segments : (H, W) array of int32
        Segment of each pixel before, from 1.
    locations : (N, 2) array of int64
        Of the measurements.
    new : (N,) array of int64
        Segment of each measurement now, from 0.
    which : (S + 1,) array of bool
        Segments that are shared out; that of label 0 is not.

    Returns
    -------
    (H, W) array of int32
        New segments from 1 where a pixel was of one of these, 0 elsewhere.
    """
    rows, columns = locations.T
    own = np.flatnonzero(which[segments[rows, columns]])
    out = np.zeros(segments.shape, dtype=np.int32)
    out[rows[own], columns[own]] = new[own] + 1
    _spread(out, segments, np.ascontiguousarray(rows[own] * segments.shape[1] + columns[own]))
    return out


def settled(labels: npt.NDArray[np.int64], known: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Segment of every pixel of a part of an image, some of which are known.

    Pixels are of the nearest known segment that they are joined with through pixels of their own label; where there is
    none, they are absorbed as in `connected_regions`.

    Parameters
    ----------
    labels : (h, w) array of int64
        Of every pixel; -1: none, and no segment but where one is known.
    known : (h, w) array of int32
        Segment of pixels where it is known, from 1; 0 where it is not.

    Returns
    -------
    (h, w) array of int32
        From 1; 0 where the label is -1 and no segment is known.
    """
    out = known.copy()
    _spread(out, labels, np.flatnonzero(out))
    left = (out == 0) & (labels >= 0)
    if left.any():
        regions = np.where(left, labels + int(out.max()) + 1, out)
        numbers = connected_regions(regions, anchors=np.argwhere(out > 0)) if out.any() else np.zeros_like(out)
        segment_of = np.zeros(int(numbers.max()) + 1, dtype=np.int32)
        segment_of[numbers[out > 0]] = out[out > 0]
        out = np.where(left, segment_of[numbers], out)
    return out


@nb.njit(cache=True, nogil=True)
def _spread(out: npt.NDArray[np.int32], same: npt.NDArray[np.integer], seeds: npt.NDArray[np.int64]) -> None:
    """Spread what stands at the seeds, in place, layer by layer, to pixels that hold 0 and are alike in `same`.

    Relies on two images of one shape, and on seeds inside of them, as row * width + column, each once.
    """
    height, width = out.shape
    queue = np.empty(height * width, dtype=np.int64)
    tail = len(seeds)
    queue[:tail] = seeds
    head = 0
    while head < tail:
        y, x = queue[head] // width, queue[head] % width
        head += 1
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            yy, xx = y + dy, x + dx
            if 0 <= yy < height and 0 <= xx < width and out[yy, xx] == 0 and same[yy, xx] == same[y, x] >= 0:
                out[yy, xx] = out[y, x]
                queue[tail] = yy * width + xx
                tail += 1
