"""What a layer shows, as plain data: made beside the window, and handed to a new layer or to one that is there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer, Points

from napari_gdls.plugin.layers.label_layers import show_labels
from napari_gdls.plugin.layers.metadata import METADATA_KEY


@dataclass(frozen=True, eq=False)
class Look:
    """What a layer shows.

    Parameters
    ----------
    kind : type of Layer
        Image, Labels or Points.
    data : array
        Copied for every layer, so that painting leaves it as it is.
    options : dict
        Other arguments of the layer; "metadata" is from `napari_gdls.plugin.layers.metadata.layer_metadata`.
    """

    kind: type[Layer]
    data: npt.NDArray[Any]
    options: dict[str, Any]

    def layer(self) -> Layer:
        """A new layer."""
        data = self.data.copy() if self.kind is Labels else self.data
        return self.kind(data, **{**self.options, "metadata": {METADATA_KEY: self._entry()}})

    def show_in(self, layer: Layer) -> None:
        """Let a layer of the same kind show this; its name, visibility and opacity stay as they are."""
        entry: dict[str, Any] = layer.metadata[METADATA_KEY]
        entry.pop("taken", None)
        entry |= self._entry()
        if isinstance(layer, Labels):
            show_labels(layer, self.data, features=self.options["features"], colormap=self.options["colormap"])
        elif isinstance(layer, Points):
            if not (np.shape(layer.data) == self.data.shape and np.array_equal(layer.data, self.data)):
                layer.data = self.data
            layer.features = self.options["features"]
            layer.face_color = self.options["face_color"]
        elif isinstance(layer, Image) and layer.data is not self.data:
            layer.data = self.data

    def _entry(self) -> dict[str, Any]:
        return dict(self.options["metadata"][METADATA_KEY])
