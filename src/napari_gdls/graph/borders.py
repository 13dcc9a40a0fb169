"""Which labels of an image touch, and along how many sides of pixels; compiled."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt


@nb.njit(cache=True, nogil=True)
def border_sides(
    labels: npt.NDArray[np.integer], where: npt.NDArray[np.bool_], n: int, first: int, last: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Pairs of labels that touch in the rows first..last - 1, each with its right and lower neighbours.

    Relies on two images (H, W), on labels of 0..n - 1 with n below 2**31, and on 0 <= first <= last <= H.

    Parameters
    ----------
    labels : (H, W) array of int
    where : (H, W) array of bool
        Pixels that count.
    n, first, last : int

    Returns
    -------
    key : (K,) array of int64
        Lower label times n plus the higher one. A pair comes as often as its border turns, so several times.
    sides : (K,) array of int64
        Sides of pixels that each of them stands for.
    """
    height, width = labels.shape
    most = 2 * (last - first) * width
    key, sides, m = np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64), 0
    for y in range(first, last):
        along = -1  # place of the last pair of a pixel and the one below it
        for x in range(width):
            if not where[y, x]:
                continue
            here = np.int64(labels[y, x])
            if x + 1 < width and where[y, x + 1] and labels[y, x + 1] != here:
                other = np.int64(labels[y, x + 1])
                key[m], sides[m] = min(here, other) * n + max(here, other), 1
                m += 1
            if y + 1 < height and where[y + 1, x] and labels[y + 1, x] != here:
                other = np.int64(labels[y + 1, x])
                pair = min(here, other) * n + max(here, other)
                if along >= 0 and key[along] == pair:
                    sides[along] += 1
                else:
                    along = m
                    key[m], sides[m] = pair, 1
                    m += 1
    return key[:m].copy(), sides[:m].copy()
