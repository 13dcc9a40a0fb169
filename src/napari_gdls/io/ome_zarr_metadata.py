"""What OME-Zarr 0.5 says of an image and of the labels in it, and how the levels of its pyramid are made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls._version import __version__
from napari_gdls.io.described_labels import DescribedLabels

VERSION = "0.5"
"""Of the specification: https://ngff.openmicroscopy.org/0.5/."""

_PROGRAM = "napari-gdls"

_SHOWN = (0.5, 99.5)
"""Percentiles of the image that viewers show as black and as white."""


def multiscales(name: str, n_levels: int, pixel_size: float | None) -> dict[str, Any]:
    """Attributes of a pyramid; coordinates are those of pixel centres.

    Parameters
    ----------
    name : str
    n_levels : int
        Each half as large as the one before; their arrays are called 0, 1, ...
    pixel_size : float or None
        In um. None: the axes have no unit, and a pixel is 1.
    """
    unit = {} if pixel_size is None else {"unit": "micrometer"}
    size = 1.0 if pixel_size is None else float(pixel_size)
    datasets = []
    for k in range(n_levels):
        moved = size * (2**k - 1) / 2
        changes: list[dict[str, Any]] = [{"type": "scale", "scale": [size * 2**k] * 2}]
        changes += [{"type": "translation", "translation": [moved] * 2}] if k else []
        datasets.append({"path": str(k), "coordinateTransformations": changes})
    multiscale = {
        "name": name,
        "axes": [{"name": axis, "type": "space", **unit} for axis in ("y", "x")],
        "datasets": datasets,
        "metadata": {"written_by": f"{_PROGRAM} {__version__}"},
    }
    return {"multiscales": [multiscale]}


def shown_in_grey(channel: str, image: npt.NDArray[Any], valid: npt.NDArray[np.bool_] | None) -> dict[str, Any]:
    """How viewers are to show the image: in grey, from what is nearly its darkest to nearly its brightest."""
    values = image[valid] if valid is not None and valid.any() else image
    values = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
    low, high = np.percentile(values, _SHOWN).tolist() if values.size else (0.0, 1.0)
    least, most = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    window = {"min": least, "max": most, "start": low, "end": high if high > low else low + 1.0}
    return {"label": channel, "color": "FFFFFF", "active": True, "window": window}


def image_label(described: DescribedLabels) -> dict[str, Any]:
    """Colours of labels, and the rows of their table as properties."""
    rows = described.rows()
    colours = described.colours_8bit()
    properties = []
    for k, row in enumerate(rows):
        known = {heading: value for heading, value in row.items() if heading != "label"}
        if described.classes is not None and described.classes[k]:
            known["class"] = described.classes[k]
        properties.append({"label-value": row["label"], **known})
    found: dict[str, Any] = {"properties": properties} if properties else {}
    if colours:
        found["colors"] = [
            {"label-value": row["label"], "rgba": [*colour, 255]} for row, colour in zip(rows, colours, strict=True)
        ]
    return found


def halved(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Means of 2 x 2 pixels, of fewer at the end of odd rows and columns; rounded where it is of integers."""
    height, width = image.shape
    padded = np.pad(image, ((0, height % 2), (0, width % 2)), mode="edge")
    mean = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).mean(axis=(1, 3), dtype=np.float64)
    return np.asarray(np.rint(mean) if image.dtype.kind in "ui" else mean, dtype=image.dtype)


def commonest(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The label that most of 2 x 2 pixels have; of equally frequent ones the first in raster order."""
    height, width = labels.shape
    padded = np.pad(labels, ((0, height % 2), (0, width % 2)), mode="edge")
    four = np.stack([padded[::2, ::2], padded[::2, 1::2], padded[1::2, ::2], padded[1::2, 1::2]])
    number = np.stack([(four == each).sum(axis=0) for each in four])
    return np.asarray(np.take_along_axis(four, number.argmax(axis=0)[None], axis=0)[0])
