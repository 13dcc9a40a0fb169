"""Images of all that an expression of maps can name: net counts, percents of segments, BSE, all counts."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.mineralogy.compositions_of_segments import SegmentCompositions, segment_compositions
from napari_gdls.mineralogy.element_counting import element_counts
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.measurement_maps import FILLS, filled_map
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation import Segmentation


def quantity_images(
    field: Field,
    names: Iterable[str],
    instrument: Instrument | None = None,
    *,
    fill: str = "nearest",
    segmentation: Segmentation | None = None,
    compositions: SegmentCompositions | None = None,
    progress: Progress = silent,
) -> dict[str, npt.NDArray[np.float32]]:
    """Images of quantities.

    Parameters
    ----------
    field : Field
    names : iterable of str
        As `Expression.names` has them: "Fe" (net counts), "wt(Fe)", "at(Fe)" (percents of segments), "BSE", "counts".
    instrument : Instrument, optional
        None: calibrated on the total spectrum of the field.
    fill : {"nearest", "segments", "dots"}
        See `napari_gdls.mineralogy.measurement_maps.filled_map`.
    segmentation : Segmentation, optional
        For percents, and for the fill by segments.
    compositions : SegmentCompositions, optional
        Of its segments; None: they are measured where a name needs them.
    progress : Progress

    Returns
    -------
    dict of str to (H, W) float32
        NaN where nothing is known.

    Raises
    ------
    RecipeError
        If a name needs segments and there are none.
    GdlsError
        If an element cannot be fitted.
    """
    wanted = tuple(dict.fromkeys(names))
    checked_choice("fill", fill, FILLS)
    labels = None if segmentation is None else segmentation.labels
    elements = [name for name in wanted if name in SYMBOLS]
    percents = [name for name in wanted if name[:3] in ("wt(", "at(")]
    if percents and segmentation is None:
        raise RecipeError(f"there are no segments yet that {percents[0]} could be known of; segment the field first.")
    if fill == "segments" and labels is None:
        raise RecipeError("there are no segments yet to take means over; segment the field, or choose 'nearest'.")
    images: dict[str, npt.NDArray[np.float32]] = {}
    if elements:
        found = element_counts(field, elements, instrument, progress=progress)
        for column, name in enumerate(found.elements):
            images[name] = filled_map(field, found.counts[:, column], fill, labels)
    if percents and segmentation is not None:
        known = compositions or segment_compositions(segmentation, instrument, progress=progress)
        for name in percents:
            images[name] = _percents(field, segmentation, known, name, fill)
    if "counts" in wanted:
        images["counts"] = filled_map(field, field.total_counts, fill, labels)
    if "BSE" in wanted and fill == "nearest":
        images["BSE"] = np.where(field.valid, field.bse, np.nan).astype(np.float32)
    elif "BSE" in wanted:
        images["BSE"] = filled_map(field, field.bse_at_measurements, fill, labels)
    return images


def _percents(
    field: Field, segmentation: Segmentation, compositions: SegmentCompositions, name: str, fill: str
) -> npt.NDArray[np.float32]:
    table = compositions.mass_percent if name.startswith("wt") else compositions.atomic_percent
    of_segments = table[:, SYMBOLS.index(name[3:-1])]
    if fill == "dots":
        return filled_map(field, of_segments[segmentation.measurement_labels], fill)
    return np.concatenate([[np.nan], of_segments])[segmentation.labels].astype(np.float32)
