"""What a method that makes phases knows besides segments, as layers: phase map, confidence, mixed measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Points

from napari_gdls.plugin.layers.appearance import OPACITY, layer_name, scale_and_units
from napari_gdls.plugin.layers.label_layers import label_colormap, label_data
from napari_gdls.plugin.layers.looks import Look
from napari_gdls.plugin.layers.metadata import layer_metadata
from napari_gdls.plugin.layers.name_features import name_features
from napari_gdls.segmentation.tables import phase_table

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation

_DOT_SIZE = 0.5
"""Diameter of the dots at mixed measurements, in sampling distances; chosen by eye: larger than those of all others."""
_BORDER_WIDTH = 0.1
"""Of these dots, in their diameters; chosen by eye: their colour is seen on any ground."""


def phase_layer(segmentation: Segmentation) -> Labels | None:
    """Labels layer of the phases; see `phases_look`."""
    look = phases_look(segmentation)
    layer = None if look is None else look.layer()
    assert layer is None or isinstance(layer, Labels)
    return layer


def phases_look(
    segmentation: Segmentation,
    *,
    colours: npt.NDArray[np.float64] | None = None,
    table: Mapping[str, npt.NDArray[Any]] | None = None,
) -> Look | None:
    """Labels layer with the phase of every pixel, counted from 1, and one colour per phase.

    Invisible at first: segments have the colour of their phase.

    Parameters
    ----------
    segmentation : Segmentation
    colours : (P, 3) array, optional
        None: `Segmentation.phase_colours`.
    table : mapping, optional
        From `napari_gdls.segmentation.phase_table`; None: made here.

    Returns
    -------
    Look or None
        See `phase_features`. None if the method made no phases.
    """
    if not segmentation.has_phases:
        return None
    field = segmentation.field
    known = segmentation.phase_colours if colours is None else colours
    columns = phase_table(segmentation, of_phases=known) if table is None else table
    return Look(
        Labels,
        label_data(segmentation.phase_map()),
        {
            "name": layer_name(field, "phases"),
            "opacity": OPACITY,
            "visible": False,
            "colormap": label_colormap(known),
            "features": phase_features(segmentation, columns),
            "metadata": layer_metadata("phases", field, segmentation),
            **scale_and_units(field),
        },
    )


def phase_features(
    segmentation: Segmentation, table: Mapping[str, npt.NDArray[Any]] | None = None
) -> dict[str, npt.NDArray[Any]]:
    """Features of the layer of phases: the columns of their table, with the phase in "index" as napari wants it.

    Where phases are named, what they are in a line comes first (`napari_gdls.plugin.layers.name_features`).

    Parameters
    ----------
    segmentation : Segmentation
        With phases.
    table : mapping, optional
        From `napari_gdls.segmentation.phase_table`; None: made here.
    """
    columns = phase_table(segmentation) if table is None else table
    others = {name: column for name, column in columns.items() if name != "phase"}
    return {"index": columns["phase"], **name_features(segmentation, columns["phase"]), **others}


def confidence_look(segmentation: Segmentation) -> Look | None:
    """Image layer with the probability of the phase of every pixel, invisible at first; None if there is none."""
    if segmentation.confidence is None:
        return None
    field = segmentation.field
    return Look(
        Image,
        segmentation.confidence,
        {
            "name": layer_name(field, "confidence"),
            "colormap": "viridis",
            "contrast_limits": (0.0, 1.0),
            "visible": False,
            "metadata": layer_metadata("confidence", field, segmentation),
            **scale_and_units(field),
        },
    )


def mixed_look(segmentation: Segmentation, *, colours: npt.NDArray[np.float64] | None = None) -> Look | None:
    """Points layer of mixed measurements of a sparse field, in the colour of their second phase; invisible at first.

    Parameters
    ----------
    segmentation : Segmentation
    colours : (P, 3) array, optional
        None: `Segmentation.phase_colours`.

    Returns
    -------
    Look or None
        Its features are phase and second phase, counted from 1, the fraction of the counts that comes from the first,
        and the confidence. None if no measurement is mixed, and for a dense field, where dots would hide the image.
    """
    mixed = mixed_measurements(segmentation)
    phases = segmentation.measurement_phases
    if phases is None or len(mixed) == 0:
        return None
    field = segmentation.field
    partner = phases.partner[mixed]
    known = segmentation.phase_colours if colours is None else colours
    return Look(
        Points,
        field.locations[mixed].astype(np.float64),
        {
            "name": layer_name(field, "mixed measurements"),
            "size": _DOT_SIZE * field.sampling_distance,
            "face_color": np.hstack([known[partner], np.ones((len(mixed), 1))]),
            "border_color": "black",
            "border_width": _BORDER_WIDTH,
            "antialiasing": 0.5,  # px; the dots are smaller than napari's usual 1 px of smoothing
            "visible": False,
            "features": {
                "phase": phases.labels[mixed] + 1,
                "second phase": partner + 1,
                "fraction": phases.fraction[mixed],
                "confidence": phases.confidence[mixed],
            },
            "metadata": layer_metadata("mixed", field, segmentation),
            **scale_and_units(field),
        },
    )


def mixed_measurements(segmentation: Segmentation) -> npt.NDArray[np.intp]:
    """Measurements that a layer of mixed ones shows: none of a dense field."""
    phases = segmentation.measurement_phases
    if phases is None or segmentation.field.is_dense:
        return np.zeros(0, dtype=np.intp)
    return np.flatnonzero(phases.partner >= 0)
