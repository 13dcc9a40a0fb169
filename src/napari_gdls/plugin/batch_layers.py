"""A finished field of a batch as layers: the field as its file has it, and its phases as the section has them."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_gdls.batch.field_results import FieldResult, read_field_result
from napari_gdls.batch.journal import FieldState
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.looking import BatchLook
from napari_gdls.batch.section_phases import read_section_phases
from napari_gdls.errors import FieldReadError
from napari_gdls.plugin.file_layers import layers_in
from napari_gdls.plugin.layers.appearance import OPACITY
from napari_gdls.plugin.layers.label_layers import label_colormap, label_data
from napari_gdls.segmentation.colours import colours_apart

if TYPE_CHECKING:
    from napari.layers import Layer


def layers_of_field(look: BatchLook, state: FieldState) -> list[Layer]:
    """Layers of a field of a batch, with its phases on top where it is done.

    Parameters
    ----------
    look : BatchLook
    state : FieldState
        Of the field.

    Raises
    ------
    FieldReadError
        If its file, or its result, cannot be read.
    """
    path = next(each.path for each in look.plan.inputs if each.name == state.name)
    layers = layers_in(path, **look.plan.reading)
    if state.state != "done":
        return layers
    result = read_field_result(look.layout.field(state.name, state.key), images=("labels",))
    scale = {"scale": layers[0].scale, "units": layers[0].units}
    return [*layers, _phases(look.layout, result, scale)]


def _phases(layout: Layout, result: FieldResult, scale: dict[str, Any]) -> Labels:
    assert result.labels is not None  # asked for
    of_parts, names, colours = _of_section(layout, result)
    phase = np.concatenate([[0], of_parts[result.part_of_segment] + 1])[result.labels]
    numbers = np.arange(len(colours) + 1)
    return Labels(
        label_data(phase),
        name=f"{result.name}: phases",
        opacity=OPACITY,
        colormap=label_colormap(colours),
        features={"index": numbers, "name": ["", *names]},
        **scale,
    )


def _of_section(
    layout: Layout, result: FieldResult
) -> tuple[npt.NDArray[np.int64], list[str], npt.NDArray[np.float64]]:
    """Phase of each part of a field, names and colours of the phases; those of the field alone before there is more."""
    try:
        of_parts = read_section_phases(layout.phases).of_parts[result.name]
        with (layout.section / "phases.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        colours = np.array([[int(row["colour"][k : k + 2], 16) / 255 for k in (1, 3, 5)] for row in rows])
        return np.asarray(of_parts), [row.get("name", "") for row in rows], colours
    except (FieldReadError, OSError, KeyError, ValueError):
        parts = result.parts
        colours = colours_apart(parts.spectra, result.energy, parts.points / max(float(parts.points.sum()), 1.0))
        return parts.phase, [""] * len(parts), colours
