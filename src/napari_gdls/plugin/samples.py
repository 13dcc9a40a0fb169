"""npe2 sample data: the fields that come with the package."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_gdls.plugin.layers.metadata import metadata_entry
from napari_gdls.plugin.readers import shown_errors


def dacite() -> list[Any]:
    """Layers of the real sample, with many counts."""
    return _sample("dacite")


def dacite_fast() -> list[Any]:
    """Layers of the same area, measured for a short time."""
    return _sample("dacite-fast")


def synthetic() -> list[Any]:
    """Layers of the simulated sample, and its truth as invisible Labels."""
    layers = _sample("synthetic")
    if len(layers[0]) == 1:  # the sample was not there, and that has been shown
        return layers
    bse = layers[0][1]
    truth = metadata_entry(bse["metadata"])["field"].metadata["truth"]
    placement = {name: bse[name] for name in ("scale", "units")}
    return [*layers, (truth, {"name": "synthetic: truth", "visible": False, **placement}, "labels")]


def overlapping() -> list[Any]:
    """Layers of the simulated film, and where each grain is as invisible Labels."""
    layers = _sample("overlapping")
    if len(layers[0]) == 1:  # the sample was not there, and that has been shown
        return layers
    image = layers[0][1]
    presence = metadata_entry(image["metadata"])["field"].metadata["truth"]["presence"]
    placement = {name: image[name] for name in ("scale", "units")}
    for number, (grain, mask) in enumerate(presence.items(), start=1):
        options = {"name": f"overlapping: truth, {grain}", "visible": False, **placement}
        layers.append((mask.astype(np.int32) * number, options, "labels"))
    return layers


def _sample(name: str) -> list[Any]:
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.samples import sample_field

    return shown_errors(lambda: field_layers(sample_field(name)))
