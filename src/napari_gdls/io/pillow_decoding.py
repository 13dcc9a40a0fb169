"""Images that Pillow unpacks, with whatever it raises on damaged ones as one error."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.image_frames import EXPORT_AGAIN


def pillow_pixels(path: Path, source: str | os.PathLike[str] | IO[bytes], kind: str, *, raw: bool) -> npt.NDArray[Any]:
    """Samples of an image as Pillow decodes them, (H, W) or (H, W, S); palettes as red, green and blue unless `raw`.

    Parameters
    ----------
    path : Path
        For messages.
    source : path-like or file
    kind : str
        Name of the format at Pillow.
    raw : bool
        Whether the indices of a palette are wanted.

    Raises
    ------
    FieldReadError
        If the image is damaged.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # large images were judged before, by the caller's own limit
            with Image.open(source, formats=[kind]) as image:
                if image.mode in ("P", "PA") and not raw:
                    return np.asarray(image.convert("RGB"))
                return np.asarray(image)
    except Exception as error:  # Pillow raises OSError, SyntaxError, ValueError, zlib.error, struct.error and more
        raise FieldReadError(path, f"is a damaged {kind} image: {error}", remedy=EXPORT_AGAIN) from None
