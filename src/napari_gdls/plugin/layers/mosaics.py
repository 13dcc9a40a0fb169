"""The mosaic of a section as layers, of which only what is looked at is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels, Layer

from napari_gdls.batch.mosaic_reading import Mosaic, open_mosaic
from napari_gdls.plugin.layers.appearance import OPACITY
from napari_gdls.plugin.layers.label_layers import label_colormap

KEY = "napari-gdls mosaic"
"""Under this key the metadata of the layers hold the path of the mosaic."""


def mosaic_layers(path: Path) -> list[Layer]:
    """Layers of a mosaic, bottom first: BSE, confidence (hidden), segments (hidden), phases with names and colours.

    Parameters
    ----------
    path : Path
        ``mosaic.ome.zarr``.

    Raises
    ------
    FieldReadError
        If it is no mosaic, or damaged.
    """
    mosaic = open_mosaic(path)
    title = path.absolute().parent.name

    def common(name: str) -> dict[str, Any]:
        size = 1.0 if mosaic.pixel_size is None else mosaic.pixel_size
        return {
            "name": f"{title}: {name}",
            "multiscale": len(mosaic.levels["bse"]) > 1,
            "scale": (size, size),
            "units": ("pixel" if mosaic.pixel_size is None else "um",) * 2,
            "metadata": {KEY: str(path)},
        }

    layers: list[Layer] = [Image(_data(mosaic, "bse"), colormap="gray", contrast_limits=mosaic.window, **common("BSE"))]
    if "confidence" in mosaic.levels:
        layers.append(
            Image(
                _data(mosaic, "confidence"),
                colormap="viridis",
                contrast_limits=(0, 255),
                visible=False,
                **common("confidence"),
            )
        )
    layers.append(Labels(_data(mosaic, "segments"), visible=False, opacity=OPACITY, **common("segments")))
    numbers = np.arange(len(mosaic.colours) + 1)
    layers.append(
        Labels(
            _data(mosaic, "phases"),
            opacity=OPACITY,
            colormap=label_colormap(mosaic.colours),
            features={"index": numbers, "name": [mosaic.names.get(int(number), "") for number in numbers]},
            **common("phases"),
        )
    )
    for layer in layers:
        if isinstance(layer, Labels):
            layer.editable = False
    return layers


def _data(mosaic: Mosaic, name: str) -> Any:
    levels = mosaic.levels[name]
    return list(levels) if len(levels) > 1 else np.asarray(levels[0])
