"""Graph layers that wait until they are seen: without their edges, or with heights of the run before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Layer, Shapes, Vectors

from napari_gdls.plugin.layers.appearance import layer_name, scale_and_units
from napari_gdls.plugin.layers.graph import show_heights_of
from napari_gdls.plugin.layers.metadata import METADATA_KEY, layer_metadata, layer_segmentation, metadata_entry

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation

_UNBUILT = "unbuilt"
"""Key beside the role of a layer without the edges that it stands for."""
_OLD_HEIGHTS = "old heights"
"""Key beside the role of a layer whose heights and colours are of an earlier run."""


def unbuilt_graph(segmentation: Segmentation) -> Shapes:
    """An empty, invisible layer that stands for the graph of a segmentation until somebody looks at it."""
    metadata = layer_metadata("graph", segmentation.field, segmentation)
    metadata[METADATA_KEY][_UNBUILT] = True
    field = segmentation.field
    return Shapes(ndim=2, name=layer_name(field, "graph"), visible=False, metadata=metadata, **scale_and_units(field))


def is_unbuilt(layer: Layer) -> bool:
    """Whether a layer stands for a graph without holding its edges."""
    return bool(metadata_entry(layer.metadata).get(_UNBUILT, False))


def set_heights_old(layer: Shapes | Vectors) -> None:
    """Leave the heights and colours of a layer that nobody sees as they are, until `bring_heights_up_to_date`."""
    layer.metadata[METADATA_KEY][_OLD_HEIGHTS] = True


def heights_are_old(layer: Layer) -> bool:
    """Whether the heights and colours of a layer are those of an earlier run."""
    return bool(metadata_entry(layer.metadata).get(_OLD_HEIGHTS, False))


def bring_heights_up_to_date(layer: Shapes | Vectors) -> None:
    """Let heights and colours of a layer be those of the segmentation that it carries."""
    layer.metadata[METADATA_KEY].pop(_OLD_HEIGHTS, None)
    segmentation = layer_segmentation(layer)
    if segmentation is not None and not is_unbuilt(layer):
        show_heights_of(segmentation, layer)
