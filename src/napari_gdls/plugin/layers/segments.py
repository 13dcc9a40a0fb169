"""Segments as layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer

from napari_gdls.plugin.layers.appearance import OPACITY, layer_name, scale_and_units
from napari_gdls.plugin.layers.graph import graph_layers_of
from napari_gdls.plugin.layers.label_layers import label_colormap, label_data
from napari_gdls.plugin.layers.looks import Look
from napari_gdls.plugin.layers.metadata import layer_metadata
from napari_gdls.plugin.layers.name_features import MINERAL, name_features
from napari_gdls.plugin.layers.phases import confidence_look, mixed_look, phases_look
from napari_gdls.segmentation.colours import composition_colours, segment_colours
from napari_gdls.segmentation.tables import segment_table

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation


def segmentation_layers(segmentation: Segmentation) -> list[Layer]:
    """Layers that show a segmentation, bottom first.

    Phases as Labels and their confidence as Image (both invisible at first; where the method makes them), segments as
    Labels, mixed measurements as invisible Points, the measurement graph as Shapes.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    list of Layer
    """
    colours = segmentation.phase_colours if segmentation.has_phases else None
    looks = [
        phases_look(segmentation, colours=colours),
        confidence_look(segmentation),
        segments_look(segmentation, colours=segment_colours(segmentation, colours)),
        mixed_look(segmentation, colours=colours),
    ]
    return [*(look.layer() for look in looks if look is not None), *graph_layers_of(segmentation)]


def segment_layer(segmentation: Segmentation) -> Labels:
    """Labels layer of the segments; see `segments_look`."""
    layer = segments_look(segmentation).layer()
    assert isinstance(layer, Labels)
    return layer


def segments_look(segmentation: Segmentation, *, colours: npt.NDArray[np.float64] | None = None) -> Look:
    """Labels layer of the segments, half transparent, coloured by composition, with a row of features per segment.

    Parameters
    ----------
    segmentation : Segmentation
    colours : (S, 3) array, optional
        Of the segments; None: `napari_gdls.segmentation.colours.segment_colours`.

    Returns
    -------
    Look
        Labels added by hand are white.
    """
    field = segmentation.field
    known = segment_colours(segmentation) if colours is None else colours
    return Look(
        Labels,
        label_data(segmentation.labels),
        {
            "name": layer_name(field, "segments"),
            "opacity": OPACITY,
            "colormap": label_colormap(known),
            "features": segment_features(segmentation),
            "metadata": layer_metadata("segments", field, segmentation),
            **scale_and_units(field),
        },
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
        label_data(labels),
        name=layer_name(field, "segments"),
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


def _by_index(table: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    return {"index" if name == "label" else name: column for name, column in table.items()}
