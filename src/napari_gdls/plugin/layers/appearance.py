"""How the layers of this plugin look: names, place in the world, colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from napari.utils.colormaps import DirectLabelColormap

from napari_gdls.plugin.widgets.method_choices import choice_of
from napari_gdls.segmentation.colours import composition_colours

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation

OPACITY = 0.65
"""Of segments: their colours tell, and the BSE image below still shows."""


def layer_title(field: Field) -> str:
    """First part of the names of the layers of a field."""
    return field.name or "field"


def placement(field: Field) -> dict[str, Any]:
    """Scale and units of the layers of a field; none where the pixel size is not known."""
    if field.pixel_size is None:
        return {}
    return {"scale": (field.pixel_size, field.pixel_size), "units": ("um", "um")}


def how(recipe: Recipe) -> str:
    """Method and thresholds in short: "merge 0.3", "threshold 0.05, 1" with tau_b and tau_z, "watershed"."""
    choice = choice_of(recipe)
    thresholds = [
        f"{limits.default if (value := getattr(recipe, name)) is None else value:g}"
        for name, limits in choice.thresholds.items()
        if not limits.advanced
    ]
    return " ".join(part for part in (choice.method, ", ".join(thresholds)) if part)


def phase_colours(segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Colour of each phase, (P, 3), in which similar spectra look alike; see `composition_colours`."""
    assert segmentation.measurement_phases is not None
    field = segmentation.field
    return composition_colours(field.summed_spectra(segmentation.measurement_phases.labels), field.energy)


def segment_colours(
    segmentation: Segmentation, of_phases: npt.NDArray[np.float64] | None = None
) -> npt.NDArray[np.float64]:
    """Colour of each segment, (K, 3): that of its phase, or by its own composition if the method made no phases.

    Parameters
    ----------
    segmentation : Segmentation
    of_phases : (P, 3) array, optional
        From `phase_colours`; None: made here.
    """
    if segmentation.measurement_phases is None:
        return composition_colours(segmentation.spectra(), segmentation.field.energy)
    return (phase_colours(segmentation) if of_phases is None else of_phases)[segmentation.phases]


def label_colormap(colours: npt.NDArray[np.float64]) -> DirectLabelColormap:
    """Colormap for labels from 1 with one colour each, (K, 3); 0 is transparent, and labels painted anew are white."""
    opaque = np.hstack([colours, np.ones((len(colours), 1))])
    by_label: dict[int | None, npt.NDArray[np.float64]] = {None: np.ones(4), 0: np.zeros(4)}
    by_label.update(enumerate(opaque, start=1))
    return DirectLabelColormap(color_dict=by_label, name="composition")
