"""What a file holds, as layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer


def layers_in(path: Path, **options: Any) -> list[Layer]:
    """Layers of the field in a file or folder.

    Parameters
    ----------
    path : Path
    **options
        Arguments of `napari_gdls.read_field`.

    Raises
    ------
    FieldReadError
        As `napari_gdls.read_field` does.
    """
    from napari_gdls.io import read_field, read_results
    from napari_gdls.io.store import is_store
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.plugin.layers.segments import stored_segment_layer

    field = read_field(path, **options)
    layers = field_layers(field)
    if is_store(path):
        stored = read_results(path)
        if stored.labels is not None:
            layers.insert(1, stored_segment_layer(stored.labels, field, stored.recipe, stored.names))
    return layers
