"""Fields and segmentations as napari layers: the same ones for the dock, for scripts and for notebooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_gdls.colours import composition_colours
from napari_gdls.field import Field
from napari_gdls.graph.components import DEFAULT_TAU_B, DEFAULT_TAU_Z
from napari_gdls.plugin.graph_layer import graph_layers, measurement_points
from napari_gdls.plugin.metadata import layer_metadata
from napari_gdls.plugin.qt_messages import take_back_message_handler_at_exit
from napari_gdls.segments import segment_table

if TYPE_CHECKING:
    import napari

    from napari_gdls.pipeline import Segmentation
    from napari_gdls.recipe import Recipe

OPACITY = 0.65
"""Of segments: their colours tell, and the BSE image below still shows."""
MOST_VISIBLE_EDGES = 20_000
"""Larger graphs come invisible: seen as a whole they hide the segments."""


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
    title = _title(field)
    low, high = np.percentile(field.bse[field.valid], (0.2, 99.8))
    layers: list[Layer] = [
        Image(
            field.bse,
            name=f"{title}: BSE",
            colormap="gray",
            contrast_limits=(float(low), float(high)) if low < high else None,
            metadata=layer_metadata("bse", field),
            **_placement(field),
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
                **_placement(field),
            )
        )
    points = measurement_points(
        field, name=f"{title}: measurements", metadata=layer_metadata("measurements", field), **_placement(field)
    )
    return layers if points is None else [*layers, points]


def segmentation_layers(segmentation: Segmentation, field: Field | None = None) -> list[Layer]:
    """Layers that show a segmentation, bottom first: the segments as Labels, the measurement graph as Shapes.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.

    Returns
    -------
    list of Layer
    """
    return [segment_layer(segmentation, field), *edge_layers(segmentation, field)]


def segment_layer(
    segmentation: Segmentation,
    field: Field | None = None,
    *,
    features: Mapping[str, npt.NDArray[Any]] | None = None,
    colormap: DirectLabelColormap | None = None,
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

    Returns
    -------
    Labels
        Of a copy of the labels, so that painting leaves the segmentation as it was found.
    """
    shown = segmentation.field if field is None else field
    return Labels(
        segmentation.labels.copy(),
        name=f"{_title(shown)}: {segments_name(segmentation.recipe)}",
        opacity=OPACITY,
        colormap=segment_colormap(segmentation) if colormap is None else colormap,
        features=dict(segment_features(segmentation) if features is None else features),
        metadata=layer_metadata("segments", shown, segmentation),
        **_placement(shown),
    )


def edge_layers(segmentation: Segmentation, field: Field | None = None) -> list[Layer]:
    """Layers of the measurement graph of a segmentation; see `graph_layers`. Large graphs are invisible at first."""
    shown = segmentation.field if field is None else field
    return graph_layers(
        segmentation.graph,
        tau_z=segmentation.recipe.tau_z,
        measurement_labels=segmentation.measurement_labels,
        name=f"{_title(shown)}: graph",
        visible=segmentation.graph.n_edges <= MOST_VISIBLE_EDGES,
        metadata=layer_metadata("graph", shown, segmentation),
        **_placement(shown),
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
        name=f"{_title(field)}: {'segments' if recipe is None else segments_name(recipe)}",
        opacity=OPACITY,
        colormap=_composition_colormap(field, at_measurements - 1),
        features={"index": table.pop("label"), **table},
        metadata=layer_metadata("segments", field, recipe=recipe),
        **_placement(field),
    )


def segment_features(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Features of a Labels layer: the columns of `segment_table`, with the label in "index", where napari looks."""
    table = segment_table(segmentation.labels, segmentation.field, segmentation.measurement_labels)
    return {"index": table.pop("label"), **table}


def segment_colormap(segmentation: Segmentation) -> DirectLabelColormap:
    """Colours in which similar spectra look alike; see `composition_colours`. Labels painted anew are white."""
    return _composition_colormap(segmentation.field, segmentation.measurement_labels)


def _composition_colormap(field: Field, measurement_labels: npt.NDArray[np.int64]) -> DirectLabelColormap:
    colours = composition_colours(field.summed_spectra(measurement_labels), field.energy)
    opaque = np.hstack([colours, np.ones((len(colours), 1))])
    by_label: dict[int | None, npt.NDArray[np.float64]] = {None: np.ones(4), 0: np.zeros(4)}
    by_label.update(enumerate(opaque, start=1))
    return DirectLabelColormap(color_dict=by_label, name="composition")


def segments_name(recipe: Recipe) -> str:
    """Name of a result that tells how it came about, with tau_b and tau_z: "segments (threshold 0.05, 1)"."""
    tau_b = DEFAULT_TAU_B if recipe.tau_b is None else recipe.tau_b
    tau_z = DEFAULT_TAU_Z if recipe.tau_z is None else recipe.tau_z
    return f"segments ({recipe.method} {tau_b:g}, {tau_z:g})"


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

    from napari_gdls.pipeline import Segmentation

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


def _title(field: Field) -> str:
    return field.name or "field"


def _placement(field: Field) -> dict[str, Any]:
    if field.pixel_size is None:
        return {}
    return {"scale": (field.pixel_size, field.pixel_size), "units": ("um", "um")}
