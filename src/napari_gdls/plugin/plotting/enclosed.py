"""Which of many points a drawn outline encloses."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def enclosed(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], outline: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Points inside of a polygon, by the even-odd rule: what an outline goes round twice is out.

    Parameters
    ----------
    x, y : (n,) array
        NaN: inside of nothing.
    outline : (m, 2) array
        Vertices (x, y); the last is joined with the first. Fewer than three enclose nothing.

    Returns
    -------
    (n,) array of bool

    Notes
    -----
    Each edge is compared with the points of its own range of y only, which lie side by side in their order: 300,000
    points and an outline of hundreds of vertices take some hundredths of a second.
    """
    vertices = np.asarray(outline, dtype=np.float64).reshape(-1, 2)
    inside = np.zeros(len(x), dtype=bool)
    if len(vertices) < 3:
        return inside
    (left, bottom), (right, top) = vertices.min(axis=0), vertices.max(axis=0)
    near = np.flatnonzero((x >= left) & (x <= right) & (y >= bottom) & (y <= top))
    near = near[np.argsort(y[near], kind="stable")]
    px, py = x[near], y[near]
    odd = np.zeros(len(near), dtype=bool)
    for (x0, y0), (x1, y1) in zip(vertices, np.roll(vertices, -1, axis=0), strict=True):
        if y0 == y1:
            continue
        # Half open, so that a vertex between two edges is crossed once.
        start, stop = np.searchsorted(py, (min(y0, y1), max(y0, y1)), side="left")
        odd[start:stop] ^= px[start:stop] < x0 + (py[start:stop] - y0) * ((x1 - x0) / (y1 - y0))
    inside[near] = odd
    return inside
