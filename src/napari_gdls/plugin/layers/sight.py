"""Layers that are out of sight because their field is, and come back with it as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gdls.plugin.layers.metadata import METADATA_KEY, metadata_entry

if TYPE_CHECKING:
    from napari.layers import Layer

_COMES_BACK = "comes back"
"""Key beside the role of a layer that was visible when its field went out of sight."""


def put_out_of_sight(layer: Layer) -> None:
    """Hide a layer of this plugin until `bring_into_sight`."""
    if layer.visible:
        layer.metadata[METADATA_KEY][_COMES_BACK] = True
        layer.visible = False


def bring_into_sight(layer: Layer) -> None:
    """Show a layer of this plugin that was visible before it was put out of sight."""
    if layer.metadata[METADATA_KEY].pop(_COMES_BACK, False):
        layer.visible = True


def is_wanted(layer: Layer) -> bool:
    """Whether a layer is visible, or is so when its field is in sight."""
    return bool(layer.visible or metadata_entry(layer.metadata).get(_COMES_BACK, False))


def hide(layer: Layer) -> None:
    """Hide a layer of this plugin whether its field is in sight or not."""
    layer.metadata[METADATA_KEY].pop(_COMES_BACK, None)
    layer.visible = False
