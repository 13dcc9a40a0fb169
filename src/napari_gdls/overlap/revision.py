"""Separations once more, of masks that have changed a little: quick enough to follow strokes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.overlap.channels import artefact_elements
from napari_gdls.overlap.layout import checked_layout
from napari_gdls.overlap.prepared import prepare_map
from napari_gdls.overlap.separation import Separation, separated
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread


@one_thread
def separated_again(
    field: Field,
    masks: Mapping[str, npt.NDArray[np.bool_]],
    *,
    matrix: str,
    before: Separation | None = None,
    ties: Mapping[str, str] | None = None,
    given: Mapping[str, float] | None = None,
    mask_errors: Mapping[str, float] | None = None,
    margin: int = 0,
    artefacts: Iterable[str] | None = None,
    progress: Progress = silent,
) -> Separation:
    """What `separate_phases` gives, without fitting the lines of a field again.

    Parameters
    ----------
    field : Field
    masks : mapping of str to (H, W) bool
    matrix : str
        See `separate_phases`.
    before : Separation, optional
        An earlier one of this field. Its lines are used if it had the same artefacts.
    ties, given : mapping, optional
        Tie elements and shares that the user chose, by grain.
    mask_errors, margin
        See `napari_gdls.overlap.separation.separated`; those of an automatic run give its results again.
    artefacts : iterable of str, optional
        None: those of the field.
    progress : Progress, optional

    Returns
    -------
    Separation

    Raises
    ------
    FieldError, RecipeError
        As `separate_phases`.
    """
    layout = checked_layout(tuple(masks), matrix)
    named = artefact_elements(field, artefacts)
    progress("lines", 0.0)
    if before is not None and before.field is field and before.artefacts == named:
        prepared = before.prepared
    else:
        prepared = prepare_map(field, named)
    progress("lines", 1.0)
    return separated(prepared, masks, layout, ties=ties, given=given, mask_errors=mask_errors, margin=margin)
