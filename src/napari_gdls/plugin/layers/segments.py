"""Segments as layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_gdls.plugin.layers.appearance import (
    OPACITY,
    label_colormap,
    layer_title,
    method_and_thresholds,
    scale_and_units,
)
from napari_gdls.plugin.layers.graph import graph_layers_of
from napari_gdls.plugin.layers.metadata import layer_metadata
from napari_gdls.plugin.layers.name_features import MINERAL, name_features
from napari_gdls.plugin.layers.phases import confidence_layer, mixed_layer, phase_layer
from napari_gdls.segmentation.colours import composition_colours, segment_colours
from napari_gdls.segmentation.tables import segment_table

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation


def segmentation_layers(segmentation: Segmentation) -> list[Layer]:
    """Layers that show a segmentation, bottom first.

    Phases as Labels and their confidence as Image (both invisible at first; where the method makes them), segments as
    Labels, the measurement graph as Shapes, mixed measurements as invisible Points.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    list of Layer
    """
    colours = segmentation.phase_colours if segmentation.has_phases else None
    layers: list[Layer | None] = [
        phase_layer(segmentation, colours=colours),
        confidence_layer(segmentation),
        segment_layer(segmentation, colormap=label_colormap(segment_colours(segmentation, colours))),
        *graph_layers_of(segmentation),
        mixed_layer(segmentation, colours=colours),
    ]
    return [layer for layer in layers if layer is not None]


def segment_layer(
    segmentation: Segmentation,
    *,
    features: Mapping[str, npt.NDArray[Any]] | None = None,
    colormap: DirectLabelColormap | None = None,
    visible: bool = True,
) -> Labels:
    """Labels layer of the segments, half transparent, coloured by composition, with a row of features per segment.

    Parameters
    ----------
    segmentation : Segmentation
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
    field = segmentation.field
    return Labels(
        segmentation.labels.copy(),
        name=f"{layer_title(field)}: {segments_name(segmentation.recipe)}",
        opacity=OPACITY,
        visible=visible,
        colormap=segment_colormap(segmentation) if colormap is None else colormap,
        features=dict(segment_features(segmentation) if features is None else features),
        metadata=layer_metadata("segments", field, segmentation),
        **scale_and_units(field),
    )


def stored_segment_layer(
    labels: npt.NDArray[Any], field: Field, recipe: Recipe | None, names: Mapping[int, str] | None = None
) -> Labels:
    """Labels layer of segments that come from a file; measurements belong to the label at their pixel.

    Parameters
    ----------
    labels : (H, W) array of int
    field : Field
    recipe : Recipe or None
        How they were made, as far as the file says.
    names : mapping of int to str, optional
        What labels are, likewise.
    """
    features = _by_index(segment_table(labels, field))
    if names:
        known = np.array([names.get(label, "") for label in features["index"].tolist()], dtype=np.str_)
        features = {"index": features.pop("index"), MINERAL: known, **features}
    at_measurements = labels[field.locations[:, 0], field.locations[:, 1]].astype(np.int64)
    return Labels(
        labels,
        name=f"{layer_title(field)}: {'segments' if recipe is None else segments_name(recipe)}",
        opacity=OPACITY,
        colormap=label_colormap(composition_colours(field.summed_spectra(at_measurements - 1), field.energy)),
        features=features,
        metadata=layer_metadata("segments", field, recipe=recipe, names=names),
        **scale_and_units(field),
    )


def segment_features(segmentation: Segmentation) -> dict[str, npt.NDArray[Any]]:
    """Features of a Labels layer: the columns of the table of segments, with the label in "index" as napari wants it.

    Phase, counted from 1, its name, and mean confidence are among them where they are known; what a named phase is in a
    line comes first.
    """
    table = segmentation.segment_table()
    features = _by_index(table)
    if "phase" not in table:
        return features
    return {"index": features.pop("index"), **name_features(segmentation, table["phase"]), **features}


def segment_colormap(segmentation: Segmentation) -> DirectLabelColormap:
    """Colours of the segments as a colormap of labels; see `segment_colours`. Labels added by hand are white."""
    return label_colormap(segment_colours(segmentation))


def segments_name(recipe: Recipe) -> str:
    """Name of a result that says how it was made: "segments (merge 0.3)", "segments (threshold 0.05, 1)"."""
    return f"segments ({method_and_thresholds(recipe)})"


def _by_index(table: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {"index" if name == "label" else name: column for name, column in table.items()}
