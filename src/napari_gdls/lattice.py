"""Neighbours on the lattice of pixels: pixels that share a side."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

_Value = TypeVar("_Value", bound=np.generic)
_Views = tuple[npt.NDArray[_Value], npt.NDArray[_Value]]


def neighbours(image: npt.NDArray[_Value]) -> tuple[_Views[_Value], _Views[_Value]]:
    """Every pair of pixels that share a side, once.

    Parameters
    ----------
    image : (H, W) array

    Returns
    -------
    across, down : pairs of arrays
        Views of the image, each pair of one shape: pixels and their right neighbours, (H, W - 1), and pixels and their
        lower neighbours, (H - 1, W).
    """
    return (image[:, :-1], image[:, 1:]), (image[:-1], image[1:])


def border_pixels(labels: npt.NDArray[np.generic], where: npt.NDArray[np.bool_] | None = None) -> npt.NDArray[np.bool_]:
    """Pixels beside one of another label, on both sides of a border.

    Parameters
    ----------
    labels : (H, W) array
    where : (H, W) array of bool, optional
        Pixels that count. None: all.

    Returns
    -------
    (H, W) array of bool
    """
    border = np.zeros(labels.shape, dtype=np.bool_)
    counts = np.ones(labels.shape, dtype=np.bool_) if where is None else where
    for (here, there), (valid, valid_there), (marked, marked_there) in zip(
        neighbours(labels), neighbours(counts), neighbours(border), strict=True
    ):
        differ = (here != there) & valid & valid_there
        marked |= differ
        marked_there |= differ
    return border
