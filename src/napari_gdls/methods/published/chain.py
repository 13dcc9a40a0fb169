"""The chain of the authors' program, step by step, on the embedded spectra of this package."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.methods.contract import Found, Prepared
from napari_gdls.methods.pixels import found_from_pixels
from napari_gdls.methods.published.measurements import label_measurements_as_published
from napari_gdls.methods.published.pixels import BETA, label_pixels_as_published


def label(prepared: Prepared) -> npt.NDArray[np.int64]:
    """Segment of every measurement, (N,), 0..K-1 by first appearance."""
    recipe = prepared.recipe
    assert recipe.tau_b is not None  # recipes of prepared fields have their defaults spelled out
    assert recipe.tau_z is not None
    return label_measurements_as_published(prepared.field, prepared.z, recipe.tau_b, recipe.tau_z)


def run(prepared: Prepared) -> Found:
    """Components of the measurements, then regions of the pixels."""
    field, beta = prepared.field, prepared.recipe.beta
    with prepared.stages.stage("segments"):
        component = label(prepared)
    with prepared.stages.stage("labelling"):
        labels = label_pixels_as_published(
            field, component, beta=BETA if beta is None else beta, progress=prepared.progress
        )
    return found_from_pixels(field, labels)
