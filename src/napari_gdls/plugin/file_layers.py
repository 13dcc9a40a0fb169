"""What a file holds, as layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Layer


def layers_in(path: Path, **options: Any) -> list[Layer]:
    """Layers of the field in a file or folder, of the phases in a MinDIF export, or of a mosaic.

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
    from napari_gdls.batch.mosaic_reading import is_mosaic
    from napari_gdls.io import read_field
    from napari_gdls.io.mindif import is_mindif
    from napari_gdls.io.store import is_store
    from napari_gdls.plugin.layers.fields import field_layers
    from napari_gdls.plugin.layers.mosaics import mosaic_layers
    from napari_gdls.plugin.openings import remember_opening
    from napari_gdls.plugin.stored_layers import with_stored_results
    from napari_gdls.segmentation.script import opening_of_file

    if is_mosaic(path):
        return mosaic_layers(path)
    if is_mindif(path):
        return _layers_of_export(path, options)
    field = read_field(path, **options)
    remember_opening(field, opening_of_file(path, options))
    layers = field_layers(field)
    return with_stored_results(layers, path, field) if is_store(path) else layers


def _layers_of_export(path: Path, options: dict[str, Any]) -> list[Layer]:
    from napari.utils.notifications import show_info

    from napari_gdls.io.mindif import open_mindif
    from napari_gdls.io.mindif_summary import NO_SPECTRA
    from napari_gdls.plugin.layers.exported_phases import exported_phase_layers

    export, name = open_mindif(path)
    if name is None:
        name = export.chosen(options.get("dataset"))
    layers = exported_phase_layers(export.field(name, options.get("memory_limit")))
    show_info(f"{name}: {NO_SPECTRA}.")
    return layers
