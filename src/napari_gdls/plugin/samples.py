"""npe2 sample data: the fields that come with the package; napari waits for samples, and takes no later layers."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Labels, Layer

from napari_gdls.plugin.layers.metadata import layer_field, layer_metadata
from napari_gdls.plugin.readers import shown_errors


def dacite() -> list[Any]:
    """Layers of the real sample, with many counts."""
    return shown_errors(lambda: _sample("dacite"))


def dacite_fast() -> list[Any]:
    """Layers of the same area, measured for a short time."""
    return shown_errors(lambda: _sample("dacite-fast"))


def synthetic() -> list[Any]:
    """Layers of the simulated sample, and its truth as invisible Labels."""
    return shown_errors(_synthetic)


def overlapping() -> list[Any]:
    """Layers of the simulated film, and where each grain is as invisible Labels."""
    return shown_errors(_overlapping)


def _synthetic() -> list[Layer]:
    layers = _sample("synthetic")
    return [*layers, _truth_layer(layers[0], "synthetic: truth", _truth_of(layers[0]))]


def _overlapping() -> list[Layer]:
    layers = _sample("overlapping")
    for number, (grain, mask) in enumerate(_truth_of(layers[0])["presence"].items(), start=1):
        layers.append(_truth_layer(layers[0], f"overlapping: truth, {grain}", mask.astype(np.int32) * number))
    return layers


def _truth_of(layer: Layer) -> Any:
    field = layer_field(layer)
    assert field is not None  # it is a layer of a sample
    return field.metadata["truth"]


def _truth_layer(of: Layer, name: str, labels: Any) -> Labels:
    field = layer_field(of)
    assert field is not None
    return Labels(
        labels, name=name, visible=False, scale=of.scale, units=of.units, metadata=layer_metadata("truth", field)
    )


def _sample(name: str) -> list[Layer]:
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.plugin.openings import remember_opening
    from napari_gdls.samples import sample_field
    from napari_gdls.segmentation.script import opening_of_sample

    field = sample_field(name)
    remember_opening(field, opening_of_sample(name))
    return field_layers(field)
