"""What images of every format are asked: whether they have the frame that is needed, and whether they are grey."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError

EXPORT_AGAIN = "Export or copy it again."
"""Remedy for damaged images."""

SAVE_AS_GREY = "Save it as greyscale, 8 or 16 bit."
"""Remedy for images that are not grey."""


def size_in_words(shape: tuple[int, ...]) -> str:
    """``24 x 32``: height and width, and so on."""
    return " x ".join(map(str, shape))


def require_frame(path: str | os.PathLike[str], found: tuple[int, int], expected: tuple[int, int] | None) -> None:
    """Refuse an image that has another size than the map of spectra; None expects none.

    Parameters
    ----------
    path : path-like
        Of the image, for the message.
    found, expected : (int, int)
        Height and width of the image and of the map, px.

    Raises
    ------
    FieldReadError
    """
    if expected is None or found == expected:
        return
    problem = f"has {size_in_words(found)} px; the map of spectra has {size_in_words(expected)}"
    remedy = "Crop or scale it to the map."
    if found[1] == expected[1] and found[0] > expected[0]:
        remedy = (
            f"It is {found[0] - expected[0]} rows higher: if these are the data bar of the microscope, crop them; else "
            "crop or scale it to the map."
        )
    elif found[0] * expected[1] == found[1] * expected[0]:
        remedy = f"If it shows the same area, scale it to {size_in_words(expected)} px; else crop it to the map first."
    elif found[::-1] == expected:
        remedy = "It may lie on its side: turn it to the map."
    raise FieldReadError(path, problem, remedy=remedy)


def grey_channel(path: str | os.PathLike[str], samples: npt.NDArray[Any], tolerance: int = 0) -> npt.NDArray[Any]:
    """The grey values of an image that is stored in colour.

    Parameters
    ----------
    path : path-like
        For the message.
    samples : (H, W, S) array
        Red, green and blue, or any other S channels that are equal in a grey image.
    tolerance : int
        Grey levels that the channels of a pixel may differ by.

    Returns
    -------
    (H, W) array
        The second channel: green, which lies nearest to the brightness.

    Raises
    ------
    FieldReadError
        If the channels differ.
    """
    first = samples[..., 0].astype(np.int64) if tolerance else samples[..., 0]
    for channel in range(1, samples.shape[-1]):
        other = samples[..., channel]
        differs = np.abs(other - first) > tolerance if tolerance else other != first
        if differs.any():
            row, column = np.argwhere(differs)[0]
            raise FieldReadError(
                path, "is a colour image, no image of grey values", where=f"row {row}, column {column}",
                remedy=SAVE_AS_GREY,
            )  # fmt: skip
    return np.ascontiguousarray(samples[..., min(1, samples.shape[-1] - 1)])


def require_finite(path: str | os.PathLike[str], pixels: npt.NDArray[Any], title: str = "") -> None:
    """Refuse an image with NaN or infinite values.

    Parameters
    ----------
    path : path-like
        The file that it stands in.
    pixels : (H, W) array
    title : str
        Of the image, where the file holds other things, too.

    Raises
    ------
    FieldReadError
    """
    if pixels.dtype.kind != "f":
        return
    wrong = ~np.isfinite(pixels)
    if not wrong.any():
        return
    row, column = np.argwhere(wrong)[0]
    whose = f"its image {title!r} has" if title else "has"
    raise FieldReadError(
        path,
        f"{whose} {int(wrong.sum()):,} pixels that are NaN or infinite, the first at row {row}, column {column}",
        remedy="Give them grey values (those of their neighbours, perhaps), or crop the image and the map.",
    )
