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
    from napari_gdls.io import read_field
    from napari_gdls.io.store import is_store
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.plugin.openings import remember_opening
    from napari_gdls.plugin.stored_layers import with_stored_results
    from napari_gdls.segmentation.script import opening_of_file

    field = read_field(path, **options)
    remember_opening(field, opening_of_file(path, options))
    layers = field_layers(field)
    return with_stored_results(layers, path, field) if is_store(path) else layers
