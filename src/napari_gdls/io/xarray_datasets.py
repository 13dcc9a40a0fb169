"""Fields as datasets of xarray: `napari_gdls.Field.to_xarray`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldError
from napari_gdls.io.hyperspy_signals import cube_of_field

if TYPE_CHECKING:
    from napari_gdls.field import Field


def dataset_of_field(field: Field, *, lazy: bool | None = None) -> Any:
    """A dataset of xarray with what a field holds; see `napari_gdls.Field.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise FieldError('xarray is not installed: pip install "napari-gdls[hyperspy]"') from None
    size = field.pixel_size
    step, unit = (size, "um") if size else (1.0, "px")
    places = {
        name: (name, step * np.arange(n), {"units": unit, "long_name": f"centre of the {long}"})
        for name, long, n in zip("yx", ("row", "column"), field.shape, strict=True)
    }
    coordinates: dict[str, Any] = {
        **places,
        "energy": ("energy", field.energy.centers, {"units": "eV", "long_name": "centre of the channel"}),
    }
    counts = cube_of_field(field, lazy=lazy)
    dimensions: tuple[str, ...] = ("y", "x", "energy")
    if counts.ndim == 2:
        dimensions = ("measurement", "energy")
        for axis, name in enumerate(("row", "column")):
            coordinates[name] = ("measurement", field.locations[:, axis], {"units": "px"})
    stated = {
        "name": field.name,
        "pixel_size": size,
        "beam_energy": field.beam_energy,
        "sampling_distance": field.sampling_distance,
        "bse_full_scale": field.bse_full_scale,
        "artefacts": list(field.artefacts),
    }
    return xarray.Dataset(
        {
            "counts": (dimensions, counts, {"units": "counts", "long_name": "X-ray counts"}),
            "bse": (("y", "x"), field.bse, {"long_name": "backscattered electrons"}),
            "valid": (("y", "x"), field.valid, {"long_name": "pixel was measured"}),
        },
        coordinates,
        {name: value for name, value in stated.items() if value not in (None, "", [])},
    )
