"""What a method that makes phases knows besides segments, as layers: phase map, confidence, mixed measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Image, Labels, Points

from napari_gdls.plugin.layers.appearance import OPACITY, how, label_colormap, layer_title, phase_colours, placement
from napari_gdls.plugin.layers.metadata import layer_metadata
from napari_gdls.segmentation import tables as phase_tables

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation


def phase_layer(
    segmentation: Segmentation, field: Field | None = None, *, colours: npt.NDArray[np.float64] | None = None
) -> Labels | None:
    """Labels layer with the phase of every pixel, counted from 1, and one colour per phase.

    Invisible at first: segments have the colour of their phase.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.
    colours : (P, 3) array, optional
        From `napari_gdls.plugin.layers.appearance.phase_colours`; None: made here.

    Returns
    -------
    Labels or None
        Its features are the columns of the phase list: modal percent, its error, number of segments, mean BSE, whether
        it is a fine-grained mixture. None if the method made no phases.
    """
    if segmentation.measurement_phases is None:
        return None
    shown = segmentation.field if field is None else field
    return Labels(
        segmentation.phase_map(),
        name=f"{layer_title(shown)}: phases ({how(segmentation.recipe)})",
        opacity=OPACITY,
        visible=False,
        colormap=label_colormap(phase_colours(segmentation) if colours is None else colours),
        features=phase_table(segmentation),
        metadata=layer_metadata("phases", shown, segmentation),
        **placement(shown),
    )


def phase_table(segmentation: Segmentation) -> dict[str, npt.NDArray[np.generic]]:
    """One row per phase: "index" from 1, "area [%]", "error [%]", "segments", "mean BSE", "fine-grained mixture".

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that makes phases.
    """
    table = phase_tables.phase_table(segmentation)
    shown = {name: table[name] for name in ("area [%]", "error [%]", "segments", "mean BSE")}
    return {"index": table["phase"], **shown, "fine-grained mixture": table["fine-grained"]}


def confidence_layer(segmentation: Segmentation, field: Field | None = None) -> Image | None:
    """Image layer with the probability of the phase of every pixel, invisible at first; None if there is none."""
    if segmentation.confidence is None:
        return None
    shown = segmentation.field if field is None else field
    return Image(
        segmentation.confidence,
        name=f"{layer_title(shown)}: confidence ({how(segmentation.recipe)})",
        colormap="viridis",
        contrast_limits=(0.0, 1.0),
        visible=False,
        metadata=layer_metadata("confidence", shown, segmentation),
        **placement(shown),
    )


def mixed_layer(
    segmentation: Segmentation, field: Field | None = None, *, colours: npt.NDArray[np.float64] | None = None
) -> Points | None:
    """Points layer of mixed measurements of a sparse field, in the colour of their second phase; invisible at first.

    Parameters
    ----------
    segmentation : Segmentation
    field : Field, optional
        None: that of the segmentation.
    colours : (P, 3) array, optional
        From `napari_gdls.plugin.layers.appearance.phase_colours`; None: made here.

    Returns
    -------
    Points or None
        Its features are phase and second phase, counted from 1, the fraction of the counts that comes from the first,
        and the confidence. None if no measurement is mixed, and for a dense field, where dots would hide the image.
    """
    phases = segmentation.measurement_phases
    shown = segmentation.field if field is None else field
    if phases is None or shown.is_dense:
        return None
    mixed = np.flatnonzero(phases.partner >= 0)
    if len(mixed) == 0:
        return None
    partner = phases.partner[mixed]
    known = phase_colours(segmentation) if colours is None else colours
    return Points(
        shown.locations[mixed].astype(np.float64),
        name=f"{layer_title(shown)}: mixed measurements ({how(segmentation.recipe)})",
        size=0.5 * shown.sampling_distance,
        face_color=np.hstack([known[partner], np.ones((len(mixed), 1))]),
        border_color="black",
        border_width=0.1,
        antialiasing=0.5,
        visible=False,
        features={
            "phase": phases.labels[mixed] + 1,
            "second phase": partner + 1,
            "fraction": phases.fraction[mixed],
            "confidence": phases.confidence[mixed],
        },
        metadata=layer_metadata("mixed", shown, segmentation),
        **placement(shown),
    )
