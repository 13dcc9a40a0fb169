"""JPEG images: grey, or stored in colour with grey values only."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import EXPORT_AGAIN, SAVE_AS_GREY, grey_channel, require_frame
from napari_gdls.io.limits import require_memory, require_packed_bytes

JPEG_MAGIC = b"\xff\xd8\xff"
"""First bytes of the format."""

JPEG_ROUNDING = 4
"""Grey levels by which channels of a grey pixel may differ: chroma that is off by one changes blue by 1.8 and red by
1.4 (ITU-T T.871), in opposite directions at worst, and each is rounded."""

_END = b"\xff\xd9"
_TAIL = 65_536  # bytes at the end in which the mark of the end is looked for; cameras write some behind it
_EXPANSION = 1024
"""Pixels that one byte can stand for at most: a block of 8 x 8 takes one bit at least, for its mean."""
_ORIENTATION, _UPRIGHT = 274, 1  # Exif: the tag, and its value for images that are not to be turned


def is_jpeg(path: Path) -> bool:
    """Whether a file begins as a JPEG image."""
    with path.open("rb") as file:
        return file.read(len(JPEG_MAGIC)) == JPEG_MAGIC


def read_jpeg(path: Path, limit: int, *, expected: tuple[int, int] | None) -> npt.NDArray[Any]:
    """The grey values of a JPEG image; see `napari_gdls.io.images.read_image`."""
    from PIL import Image

    size = path.stat().st_size
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images are judged here, by the caller's own limit
            with Image.open(path, formats=["JPEG"]) as image:
                width, height = image.size
                require_frame(path, (height, width), expected)
                require_packed_bytes(path, width * height, size, _EXPANSION, "JPEG image")
                require_memory(path, 6 * width * height, limit, "the image")
                _require_end(path, size)
                if image.mode not in ("L", "RGB"):
                    raise FieldReadError(path, f"is a colour image ({image.mode})", remedy=SAVE_AS_GREY)
                if image.getexif().get(_ORIENTATION, _UPRIGHT) != _UPRIGHT:
                    raise FieldReadError(
                        path, "is to be turned or mirrored before it is shown, by its tag Orientation",
                        remedy="Save it upright.",
                    )  # fmt: skip
                pixels = np.asarray(image)
    except FieldReadError:
        raise
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, struct.error and more
        raise FieldReadError(path, f"is a damaged JPEG image: {error}", remedy=EXPORT_AGAIN) from None
    return pixels if pixels.ndim == 2 else grey_channel(path, pixels, JPEG_ROUNDING)


def _require_end(path: Path, size: int) -> None:
    with path.open("rb") as file:
        file.seek(max(size - _TAIL, 0))
        if _END not in file.read(_TAIL):
            raise FieldReadError(path, "is a truncated JPEG image", remedy=EXPORT_AGAIN)
