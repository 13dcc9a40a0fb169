"""Phases that another program assigned, as layers: a field of a MinDIF export."""

from __future__ import annotations

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import DirectLabelColormap

from napari_gdls.io import MindifField
from napari_gdls.plugin.layers.appearance import OPACITY
from napari_gdls.plugin.layers.fields import contrast_of

_UNKNOWN = "#ffffff"  # colour of phases that are not in the table, as of labels that are added by hand


def exported_phase_layers(field: MindifField) -> list[Layer]:
    """The BSE image, and the phases as Labels with the names and colours of the export, bottom first.

    Parameters
    ----------
    field : MindifField

    Returns
    -------
    list of Layer
        In um. Pixels that were not measured have label 0; the features of the labels are name, colour and area.
    """
    known = {phase.number: phase for phase in field.phase_table}
    labels = np.where(field.mask, field.phases, 0)
    numbers, areas = np.unique(labels, return_counts=True)
    names = [known[n].name if n in known else f"phase {n}" for n in numbers.tolist()]
    colours = [known[n].colour if n in known else _UNKNOWN for n in numbers.tolist()]
    by_label = dict(zip(numbers.tolist(), colours, strict=True))
    scale = {"scale": (field.pixel_size, field.pixel_size), "units": ("um", "um")}
    return [
        Image(
            field.bse,
            name=f"{field.name}: BSE",
            colormap="gray",
            contrast_limits=contrast_of(field.bse[field.mask]),
            **scale,
        ),
        Labels(
            labels,
            name=f"{field.name}: phases",
            opacity=OPACITY,
            colormap=DirectLabelColormap(color_dict={None: _UNKNOWN, **by_label, 0: "transparent"}),
            features={"index": numbers, "name": names, "colour": colours, "area [px]": areas},
            **scale,
        ),
    ]
