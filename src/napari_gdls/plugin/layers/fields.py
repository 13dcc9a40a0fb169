"""A field as layers: its BSE image, and where it was measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Layer, Points

from napari_gdls.field import Field
from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.metadata import layer_metadata

_CONTRAST_PERCENTILES = (0.2, 99.8)
"""Percentiles of the BSE image that become black and white; chosen by eye: single hot or dead pixels do not count."""
_DOT_SIZE = 0.25
"""Diameter of the dots at measurements, in sampling distances; chosen by eye: they stay apart, and do not hide grains.
"""


def field_layers(field: Field) -> list[Layer]:
    """Layers that show a field, bottom first: BSE image, X-ray counts (dense) or dots at the measurements (sparse).

    Parameters
    ----------
    field : Field

    Returns
    -------
    list of Layer
        In um when the pixel size is known, else in pixels.
    """
    layers: list[Layer] = [
        Image(
            field.bse,
            name=layer_name(field, "BSE"),
            colormap="gray",
            contrast_limits=contrast_of(field.bse[field.valid]),
            metadata=layer_metadata("bse", field),
            **scale_and_units(field),
        )
    ]
    if field.is_dense:
        layers.append(
            Image(
                field.to_map(field.total_counts, fill=0.0),
                name=layer_name(field, "X-ray counts"),
                colormap="viridis",
                visible=False,
                metadata=layer_metadata("counts", field),
                **scale_and_units(field),
            )
        )
    points = measurement_points(
        field,
        name=layer_name(field, "measurements"),
        metadata=layer_metadata("measurements", field),
        **scale_and_units(field),
    )
    return layers if points is None else [*layers, points]


def contrast_of(values: npt.NDArray[Any]) -> tuple[float, float] | None:
    """Values of a BSE image that are shown as black and white; None where all are alike, or there are none."""
    if not values.size:
        return None
    low, high = np.percentile(values, _CONTRAST_PERCENTILES)
    return (float(low), float(high)) if low < high else None


def measurement_points(field: Field, **options: Any) -> Points | None:
    """Points layer with a dot at every measurement of a sparse field.

    Parameters
    ----------
    field : Field
    **options
        Other arguments of `napari.layers.Points`.

    Returns
    -------
    Points or None
        Its feature is total_counts. None for a dense field: there, dots would only hide the image.
    """
    if field.is_dense:
        return None
    return Points(
        field.locations.astype(np.float64),
        **{
            "name": "measurements",
            "size": _DOT_SIZE * field.sampling_distance,
            "face_color": "#f2f2f2",
            "border_width": 0,
            "antialiasing": 0.5,  # px; the dots are smaller than napari's usual 1 px of smoothing
            "features": {"total_counts": field.total_counts},
            **options,
        },
    )
