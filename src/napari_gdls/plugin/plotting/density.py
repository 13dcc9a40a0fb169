"""Many points as an image: how many lie at each place, and which phase most of them are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

_FAINTEST = 0.25
"""Opacity of a place with one point, 0 to 1; chosen by eye: single points are seen, and do not look like a crowd."""


def density_image(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    group: npt.NDArray[np.integer],
    colours: npt.NDArray[np.float64],
    extent: tuple[float, float, float, float],
    shape: tuple[int, int],
) -> npt.NDArray[np.uint8]:
    """Draw points as an image: in the colour of most points of a place, the more opaque the more there are.

    Parameters
    ----------
    x, y : (n,) array
        Finite.
    group : (n,) array of int
        Of each point, from 0.
    colours : (G, 3) array
        Of the groups, sRGB, 0 to 1.
    extent : (float, float, float, float)
        Left, bottom, right, top of the image.
    shape : (int, int)
        Rows and columns.

    Returns
    -------
    (rows, columns, 4) array of uint8
        sRGB and opacity, the lowest row first. Opacity is that of the logarithm of the number of points.
    """
    rows, columns = shape
    left, bottom, right, top = extent
    image = np.zeros((rows * columns, 4), dtype=np.uint8)
    column = np.floor((x - left) * (columns / (right - left))).astype(np.int64)
    row = np.floor((y - bottom) * (rows / (top - bottom))).astype(np.int64)
    seen = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    n_groups = len(colours)
    key = (row[seen] * columns + column[seen]) * n_groups + group[seen]
    if len(key) == 0:
        return image.reshape(rows, columns, 4)
    key.sort()
    starts = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    number = np.diff(np.append(starts, len(key)))
    place, of_place = np.divmod(key[starts], n_groups)
    first = np.flatnonzero(np.concatenate([[True], place[1:] != place[:-1]]))
    total = np.add.reduceat(number, first)
    # The largest group of each place: of equal ones the first.
    index = np.arange(len(number))
    is_most = number == np.repeat(np.maximum.reduceat(number, first), np.diff(np.append(first, len(number))))
    most = np.minimum.reduceat(np.where(is_most, index, len(number)), first)
    opacity = _FAINTEST + (1 - _FAINTEST) * np.log1p(total - 1) / max(np.log1p(total.max() - 1), 1e-12)
    image[place[first], :3] = np.rint(255 * np.clip(colours[of_place[most]], 0, 1))
    image[place[first], 3] = np.rint(255 * np.minimum(opacity, 1.0))
    return image.reshape(rows, columns, 4)
