"""From labels of measurements to labels of pixels, as the recipe says, and back."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.labelling import label_pixels
from napari_gdls.labelling.local_walker import PixelTask, labelled_with_task
from napari_gdls.methods.contract import Found, Prepared


def labels_of_pixels(
    prepared: Prepared, measurement_labels: npt.NDArray[np.int64], purity: npt.NDArray[np.float32] | None = None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32] | None, PixelTask | None]:
    """Label of every pixel, (H, W), from 1; its probability and what it was judged by, where the labelling tells.

    Parameters
    ----------
    prepared : Prepared
    measurement_labels : (N,) array of int64
    purity : (N,) array of float32, optional
        See `napari_gdls.labelling.label_with_confidence`.
    """
    field, recipe, progress = prepared.field, prepared.recipe, prepared.progress
    if not recipe.gives_confidence:
        return (
            label_pixels(field, measurement_labels, beta=recipe.beta, reach=recipe.reach, progress=progress),
            None,
            None,
        )
    return labelled_with_task(
        field, measurement_labels, purity=purity, beta=recipe.beta, reach=recipe.reach, progress=progress
    )


def at_measurements(field: Field, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Segment of every measurement, (N,), from 0, by the label at its pixel; -1 where that is 0."""
    rows, columns = field.locations.T
    return np.asarray(labels[rows, columns].astype(np.int64) - 1)


def found_from_pixels(field: Field, labels: npt.NDArray[np.int32]) -> Found:
    """Result of a method that labels pixels alone: segments without a measurement are nothing."""
    at = at_measurements(field, labels)
    present = np.unique(at[at >= 0])
    number = np.zeros(int(labels.max()) + 1, dtype=np.int32)
    number[present + 1] = np.arange(1, len(present) + 1)
    numbered = number[labels]
    return Found(labels=numbered, measurement_labels=at_measurements(field, numbered), phases=np.arange(len(present)))
