"""Fields and segmentations as napari layers: the same ones for the dock, for scripts and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_gdls.field import Field
from napari_gdls.plugin.layers.appearance import (
    OPACITY,
    how,
    label_colormap,
    layer_title,
    phase_colours,
    placement,
    segment_colours,
)
from napari_gdls.plugin.layers.graph import decisive_tau_z, graph_layers, measurement_points, merge_heights
from napari_gdls.plugin.layers.metadata import layer_metadata
from napari_gdls.plugin.layers.phases import confidence_layer, mixed_layer, phase_layer
from napari_gdls.plugin.qt_messages import take_back_message_handler_at_exit
from napari_gdls.segmentation.colours import composition_colours
from napari_gdls.segmentation.tables import segment_table

if TYPE_CHECKING:
    import napari

    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

MOST_VISIBLE_EDGES = 20_000
"""Larger graphs come invisible, and those of dense fields: seen as a whole they hide the segments."""


def field_layers(field: Field) -> list[Layer]:
    """Layers that show a field, bottom first: BSE image, X-ray counts (dense) or dots at the measurements (sparse).

    Parameters
    ----------
    field : Field

    Returns
    -------
    list of Layer
        In um when the pixel size is known, else in pixels.
    """
    title = layer_title(field)
    low, high = np.percentile(field.bse[field.valid], (0.2, 99.8))
    layers: list[Layer] = [
        Image(
            field.bse,
            name=f"{title}: BSE",
            colormap="gray",
            contrast_limits=(float(low), float(high)) if low < high else None,
            metadata=layer_metadata("bse", field),
            **placement(field),
        )
    ]
    if field.is_dense:
        layers.append(
            Image(
                field.to_map(field.total_counts, fill=0.0),
                name=f"{title}: X-ray counts",
                colormap="viridis",
                visible=False,
                metadata=layer_metadata("counts", field),
                **placement(field),
            )
        )
    points = measurement_points(
        field, name=f"{title}: measurements", metadata=layer_metadata("measurements", field), **placement(field)
    )
    return layers if points is None else [*layers, points]


def segmentation_layers(segmentation: Segmentation, field: Field | None = None) -> list[Layer]:
    """Layers that show a segmentation, bottom first.

    Phases as Labels and their confidence as Image (both invisible at first; where the method tells), segments as
    Labels, the measurement graph as Shapes, mixed measurements as invisible Points.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.

    Returns
    -------
    list of Layer
    """
    colours = None if segmentation.measurement_phases is None else phase_colours(segmentation)
    layers: list[Layer | None] = [
        phase_layer(segmentation, field, colours=colours),
        confidence_layer(segmentation, field),
        segment_layer(segmentation, field, colormap=label_colormap(segment_colours(segmentation, colours))),
        *edge_layers(segmentation, field),
        mixed_layer(segmentation, field, colours=colours),
    ]
    return [layer for layer in layers if layer is not None]


def segment_layer(
    segmentation: Segmentation,
    field: Field | None = None,
    *,
    features: Mapping[str, npt.NDArray[Any]] | None = None,
    colormap: DirectLabelColormap | None = None,
    visible: bool = True,
) -> Labels:
    """Labels layer of the segments, half transparent, coloured by composition, with a row of features per segment.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.
    features : mapping, optional
        From `segment_features`; None: made here.
    colormap : DirectLabelColormap, optional
        From `segment_colormap`; None: made here.
    visible : bool

    Returns
    -------
    Labels
        Of a copy of the labels, so that painting leaves the segmentation as it was found.
    """
    shown = segmentation.field if field is None else field
    return Labels(
        segmentation.labels.copy(),
        name=f"{layer_title(shown)}: {segments_name(segmentation.recipe)}",
        opacity=OPACITY,
        visible=visible,
        colormap=segment_colormap(segmentation) if colormap is None else colormap,
        features=dict(segment_features(segmentation) if features is None else features),
        metadata=layer_metadata("segments", shown, segmentation),
        **placement(shown),
    )


def edge_layers(
    segmentation: Segmentation, field: Field | None = None, *, heights: npt.NDArray[np.float64] | None = None
) -> list[Layer]:
    """Layers of the measurement graph of a segmentation; see `graph_layers`. Invisible if it would hide the segments.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.
    heights : (E,) array, optional
        From `merge_heights`; None: made here.
    """
    shown = segmentation.field if field is None else field
    graph = segmentation.graph
    return graph_layers(
        graph,
        tau_z=decisive_tau_z(segmentation.recipe),
        measurement_labels=segmentation.measurement_labels,
        heights=merge_heights(segmentation, graph.edges) if heights is None else heights,
        name=f"{layer_title(shown)}: graph",
        visible=graph.n_edges <= MOST_VISIBLE_EDGES and not shown.is_dense,
        metadata=layer_metadata("graph", shown, segmentation),
        **placement(shown),
    )


def stored_segment_layer(labels: npt.NDArray[Any], field: Field, recipe: Recipe | None) -> Labels:
    """Labels layer of segments that come from a file; measurements belong to the label at their pixel.

    Parameters
    ----------
    labels : (H, W) array of int
    field : Field
    recipe : Recipe or None
        How they were made, as far as the file tells.
    """
    at_measurements = labels[field.locations[:, 0], field.locations[:, 1]].astype(np.int64)
    table = segment_table(labels, field)
    return Labels(
        labels,
        name=f"{layer_title(field)}: {'segments' if recipe is None else segments_name(recipe)}",
        opacity=OPACITY,
        colormap=label_colormap(composition_colours(field.summed_spectra(at_measurements - 1), field.energy)),
        features={"index": table.pop("label"), **table},
        metadata=layer_metadata("segments", field, recipe=recipe),
        **placement(field),
    )


def segment_features(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Features of a Labels layer: the columns of `segment_table`, with the label in "index", where napari looks.

    With the phase, counted from 1, if the method made phases.
    """
    table = segment_table(segmentation.labels, segmentation.field, segmentation.measurement_labels)
    index = table.pop("label")
    if segmentation.measurement_phases is None:
        return {"index": index, **table}
    return {"index": index, "phase": segmentation.phases[index - 1] + 1, **table}


def segment_colormap(segmentation: Segmentation) -> DirectLabelColormap:
    """Colours of the segments as a colormap of labels; see `segment_colours`. Labels painted anew are white."""
    return label_colormap(segment_colours(segmentation))


def segments_name(recipe: Recipe) -> str:
    """Name of a result that tells how it came about: "segments (merge 0.3)", "segments (threshold 0.05, 1)"."""
    return f"segments ({how(recipe)})"


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

    from napari_gdls.segmentation.result import Segmentation

    if isinstance(segmentation_or_field, Field):
        field = segmentation_or_field
        layers = field_layers(field)
    elif isinstance(segmentation_or_field, Segmentation):
        field = segmentation_or_field.field
        bse, *others = field_layers(field)
        layers = [bse, *segmentation_layers(segmentation_or_field), *others]
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
