"""Fields and segmentations in a viewer, for scripts and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gdls.field import Field
from napari_gdls.plugin.layers.fields import field_layers
from napari_gdls.plugin.layers.metadata import layer_role
from napari_gdls.plugin.layers.placing import in_order
from napari_gdls.plugin.layers.segments import segmentation_layers
from napari_gdls.plugin.qt_messages import take_back_message_handler_at_exit
from napari_gdls.segmentation.result import Segmentation

if TYPE_CHECKING:
    import napari


def show(segmentation_or_field: Segmentation | Field, viewer: napari.Viewer | None = None) -> napari.Viewer:
    """Show a field or a segmentation in napari: the same layers as the dock adds.

    Parameters
    ----------
    segmentation_or_field : Segmentation or Field
    viewer : napari.Viewer, optional
        None: a new one.

    Returns
    -------
    napari.Viewer
        In a script, ``napari.run()`` keeps its window open.

    Raises
    ------
    TypeError
        If given anything else.

    Examples
    --------
    >>> import napari, napari_gdls as gdls
    >>> gdls.show(gdls.segment(gdls.sample_field("dacite")))  # doctest: +SKIP
    >>> napari.run()  # doctest: +SKIP
    """
    import napari

    if isinstance(segmentation_or_field, Field):
        field = segmentation_or_field
        layers = field_layers(field)
    elif isinstance(segmentation_or_field, Segmentation):
        field = segmentation_or_field.field
        layers = in_order([*field_layers(field), *segmentation_layers(segmentation_or_field)])
        for layer in layers:
            if layer_role(layer) == "measurements":
                layer.visible = False
    else:
        raise TypeError(f"show() takes a Segmentation or a Field, not a {type(segmentation_or_field).__name__}")
    shown_in = napari.Viewer() if viewer is None else viewer
    if isinstance(shown_in, napari.Viewer):
        take_back_message_handler_at_exit()
    for layer in layers:
        shown_in.add_layer(layer)
    if field.pixel_size is not None:
        shown_in.canvas.overlays.scale_bar.visible = True
    return shown_in
