"""What a layer brings from a file of its field: all that was known when it was saved, until the session takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gdls.plugin.layers.metadata import METADATA_KEY

if TYPE_CHECKING:
    from napari.layers import Layer

    from napari_gdls.plugin.layers.contents import LayerContents
    from napari_gdls.plugin.saved_session import SavedSession


def set_saved(layer: Layer, saved: SavedSession, contents: LayerContents) -> None:
    """Let a layer bring what was known of its field when it was saved, and what its layers showed."""
    layer.metadata[METADATA_KEY] |= {"saved": (saved, contents)}


def take_saved(layer: Layer) -> tuple[SavedSession, LayerContents] | None:
    """What `set_saved` has given to a layer; None the next time."""
    entry = layer.metadata.get(METADATA_KEY)
    return entry.pop("saved", None) if isinstance(entry, dict) else None
