"""Images of JEOL Analysis Station, .img and .map: electron images, and maps of elements, which are none."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import require_frame
from napari_gdls.io.jeol_tags import Tag, read_tags
from napari_gdls.io.limits import require_memory

JEOL_IMAGE_MAGIC = b"\x34\0\0\0JED-"
"""First bytes of .img and .map."""
_TREE = slice(44, 48)
"""Bytes with the place of the tree."""
_SKIPPED = 12
"""Bytes between that place and the tree."""
_ELEMENT = 2
"""What ``MapType`` is in the map of an element; it is 1 in an electron image that came with a map."""


@dataclass(frozen=True, eq=False)
class JeolImage:
    """An image.

    Attributes
    ----------
    title : str
    pixels : (H, W) array
    of_electrons : bool
        Whether it is no map of an element.
    """

    title: str
    pixels: npt.NDArray[Any]
    of_electrons: bool


def read_jeol_image(path: Path, limit: int, *, expected: tuple[int, int] | None = None) -> JeolImage:
    """The image in a .img or .map file.

    Parameters
    ----------
    path : Path
    limit : int
        Most bytes that the image may take.
    expected : (int, int), optional
        Height and width that it must have.

    Raises
    ------
    FieldReadError
        If it is none, damaged, or of another size.
    """
    require_memory(path, 2 * path.stat().st_size, limit, "the image")
    data = np.fromfile(path, np.uint8)
    if len(data) < _TREE.stop or bytes(data[: len(JEOL_IMAGE_MAGIC)]) != JEOL_IMAGE_MAGIC:
        raise FieldReadError(path, "is no image of JEOL Analysis Station")
    tree = read_tags(path, data, int(data[_TREE].view("<u4")[0]) + _SKIPPED)
    size, bits = tree.at("Image", "Size"), tree.at("Image", "Bits")
    if size is None or bits is None or not isinstance(bits.value, np.ndarray) or np.shape(size.value) != (2,):
        raise FieldReadError(path, "is damaged: it has no pixels", remedy="Copy it again from its source.")
    width, height = (int(n) for n in size.value)
    require_frame(path, (height, width), expected)
    if width < 1 or height < 1 or len(bits.value) != width * height:
        raise FieldReadError(
            path,
            f"declares {height} x {width} px, and holds {len(bits.value):,}",
            remedy="It is damaged, or of a kind that is not known: save the image as TIFF.",
        )
    pixels = bits.value.reshape(height, width)
    return JeolImage(tree.text("Image", "Title") or path.stem, pixels, _of_electrons(tree))


def electron_images_beside(path: Path, limit: int) -> list[tuple[str, npt.NDArray[Any]]]:
    """Title and pixels of the electron images beside a .pts file.

    Files of a view are numbered through: the images (.img) of the view, and the .map files that came with this .pts and
    so stand between it and the one before. Images that cannot be read are left out: it is the map that was asked for.
    """
    view, _, number = path.stem.rpartition("_")
    siblings = sorted(file for file in path.parent.iterdir() if file.stem.rpartition("_")[0] == view)
    before = max(
        (_number(file) for file in siblings if _is(file, ".pts") and _number(file) < _number(path)), default=-1
    )
    files = [
        file
        for file in siblings
        if number.isdigit() and (_is(file, ".img") or (_is(file, ".map") and before < _number(file) < _number(path)))
    ]
    found = []
    for file in files[:_MOST_IMAGES]:
        try:
            image = read_jeol_image(file, limit)
        except (FieldReadError, OSError):
            continue
        if image.of_electrons:
            found.append((f"{image.title}, {file.name}", image.pixels))
    return found


_MOST_IMAGES = 100
"""Files beside a map that are looked at: one for each element, and a few of electrons."""


def _number(file: Path) -> int:
    digits = file.stem.rpartition("_")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else -1


def _is(file: Path, ending: str) -> bool:
    return file.suffix.lower() == ending


def _of_electrons(tree: Tag) -> bool:
    return tree.number("Map", "MapType") != _ELEMENT
