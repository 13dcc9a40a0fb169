"""Which image of a file is the BSE image."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, ReadChoiceError
from napari_gdls.io.image_frames import require_finite, size_in_words
from napari_gdls.io.images import read_image
from napari_gdls.io.jpeg_images import is_jpeg
from napari_gdls.io.limits import existing_path

COUNTS = "counts"
"""Choice of the map of total counts as a stand-in for the BSE image."""

COUNTS_NOTE = "the map of total counts stands in for the BSE image: another contrast, and the noise of the counts"
"""What the user should know of that."""

NAMED_OR_COUNTS = "named or counts"
"""Choice of the image that the file calls by a name of the detector, and of `COUNTS` where there is none: for what does
not need the image."""

# Names that detectors for backscattered electrons go by, and their like in transmission (HAADF), whose contrast also
# rises with the atomic number. Compared without case, spaces and punctuation.
_BACKSCATTER = (
    "bse", "bseimage", "bsed", "bsd", "bei", "asb", "ntsbsd", "qbsd", "hdbsd", "cbs", "dbs", "abs", "compo", "bedc"
)  # fmt: skip
_TRANSMISSION = ("haadf", "haadf1", "haadfdetector", "stemhaadf", "adf", "df", "df4")
# Other images of transmission microscopes, which stand in with a word on their contrast: that of dark-field images at
# smaller angles is also one of diffraction, that of bright-field images is inverted, with heavy materials dark.
_DARK_FIELD = ("df3", "df2", "df1", "dfs", "dfi", "dfo", "laadf", "maadf", "stemdf")
_BRIGHT_FIELD = ("bf", "bfs", "bfi", "bfo", "abf", "stembf")
# What an image is called when the file does not say which electrons it shows. They stand in with a warning.
_UNSPECIFIC = ("electronimage", "sem", "semimage", "sei", "se", "sed", "se1", "se2", "etd", "inlens", "tld")
_NAMES = (
    (_BACKSCATTER, ""),
    (_TRANSMISSION, ""),
    (_DARK_FIELD, "the dark-field image {title} stands in for the BSE image: orientations of crystals show in it, too"),
    (
        _BRIGHT_FIELD,
        "the bright-field image {title} stands in for the BSE image: what is heavy or thick is dark in it",
    ),
    (_UNSPECIFIC, "the image {title} is taken for the BSE image; its detector is not named"),
)
"""Names in the order in which they are preferred, and what the user should know."""


@dataclass(frozen=True)
class BseImage:
    """The chosen image.

    Attributes
    ----------
    pixels : (H, W) array
    full_scale : float or None
        See `napari_gdls.Field`; None where the dtype says it.
    title : str
    note : str
        What the user should know about the choice; may be empty.
    """

    pixels: npt.NDArray[Any]
    full_scale: float | None
    title: str
    note: str = ""


def choose_bse(
    path: Path,
    choice: str | int | os.PathLike[str] | None,
    images: Sequence[tuple[str, npt.NDArray[Any]]],
    shape: tuple[int, int],
    limit: int,
) -> BseImage | None:
    """The BSE image of a field.

    Parameters
    ----------
    path : Path
        The file, for messages.
    choice : str, int, path-like or None
        Title or index of an image of the file, path of an image file, "counts", `NAMED_OR_COUNTS`, or None for the
        image that the file calls by a name of the BSE detector.
    images : sequence of (title, array)
        All images of the file.
    shape : (int, int)
        Height and width of the map of spectra.
    limit : int
        Most bytes that an image file may take.

    Returns
    -------
    BseImage or None
        None for the map of total counts; see `bse_from_counts`.

    Raises
    ------
    FieldReadError
        If the choice does not exist or fit, or there is none and the names in the file do not tell.
    """
    if choice is None:
        return _named_bse(path, images, shape)
    if isinstance(choice, int):
        if not 0 <= choice < len(images):
            raise _undecided(path, f"has no image {choice}", images, shape)
        return _fitting(path, *images[choice], shape)
    titled = [(title, pixels) for title, pixels in images if title == choice]
    if titled:
        # Several images may share a title; the one in the frame of the map is meant.
        best = next((image for image in titled if image[1].shape == shape), titled[0])
        return _fitting(path, *best, shape)
    if choice == COUNTS:
        return None
    if choice == NAMED_OR_COUNTS:
        try:
            return _named_bse(path, images, shape)
        except FieldReadError:
            return None
    if isinstance(choice, str | os.PathLike) and Path(choice).is_file():
        return bse_of_file(existing_path(choice), limit, shape)
    raise _undecided(path, f"has no image {os.fspath(choice)!r}, nor is there such a file", images, shape)


def bse_of_file(file: Path, limit: int, expected: tuple[int, int] | None = None) -> BseImage:
    """The BSE image in an image file.

    Parameters
    ----------
    file : Path
    limit : int
        Most bytes that it may take.
    expected : (int, int), optional
        Height and width of the map of spectra; None: any.

    Raises
    ------
    FieldReadError
        If it is no image of finite grey values, or of another size.
    """
    pixels = read_image(file, limit, expected=expected)
    require_finite(file, pixels)
    note = f"{file.name} is a JPEG image: its compression has changed the grey values" if is_jpeg(file) else ""
    return BseImage(pixels.astype(np.uint8) if pixels.dtype == bool else pixels, _full_scale(pixels), file.name, note)


def bse_from_counts(totals: npt.NDArray[Any]) -> BseImage:
    """Map of total counts, (H, W), as a stand-in for the BSE image."""
    return BseImage(totals.astype(np.float32), max(float(totals.max(initial=0)), 1.0), COUNTS, COUNTS_NOTE)


def _named_bse(path: Path, images: Sequence[tuple[str, npt.NDArray[Any]]], shape: tuple[int, int]) -> BseImage:
    fitting = [(title, pixels) for title, pixels in images if pixels.shape == shape]
    for names, note in _NAMES:
        for name in names:
            for title, pixels in fitting:
                if "".join(letter for letter in title.partition(",")[0].lower() if letter.isalnum()) == name:
                    image = _fitting(path, title, pixels, shape)
                    return BseImage(image.pixels, image.full_scale, image.title, note.format(title=repr(title)))
    raise _undecided(path, "does not say which image is the BSE image", images, shape)


def _fitting(path: Path, title: str, pixels: npt.NDArray[Any], shape: tuple[int, int]) -> BseImage:
    if pixels.shape != shape:
        raise ReadChoiceError(
            path,
            f"its image {title!r} has {size_in_words(pixels.shape)} px, the map of spectra {size_in_words(shape)}",
            option="bse",
            remedy="Choose an image in the frame of the map, or give a cropped image file.",
        )  # fmt: skip
    require_finite(path, pixels, title)
    return BseImage(pixels, _full_scale(pixels), title)


def _full_scale(pixels: npt.NDArray[Any]) -> float | None:
    """Full scale of dtypes that have no natural one: the range of the values."""
    if pixels.dtype in (np.uint8, np.uint16) or pixels.dtype == bool or not pixels.size:
        return None
    span = float(pixels.max()) - float(pixels.min())
    return span if np.isfinite(span) and span > 0 else 1.0


def _undecided(
    path: Path, problem: str, images: Sequence[tuple[str, npt.NDArray[Any]]], shape: tuple[int, int]
) -> ReadChoiceError:
    held = (
        "; ".join(f"{i}: {title!r} ({size_in_words(pixels.shape)})" for i, (title, pixels) in enumerate(images))
        or "none"
    )
    remedy = (
        f"Choose with `bse=`: an image of the file by name or index, an image file of {size_in_words(shape)} px, or "
        f"`bse='counts'`, the map of total counts. Images in the file: {held}."
    )
    return ReadChoiceError(path, problem, option="bse", remedy=remedy)
