"""Arguments of `separate_phases`, checked: masks of the field's shape, and what is given grain by grain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field

BoolArray = npt.NDArray[np.bool_]


def checked_masks(field: Field, masks: Mapping[str, npt.ArrayLike]) -> dict[str, BoolArray]:
    """The masks as arrays of bool, or a `RecipeError` where one does not fit the field."""
    if not isinstance(masks, Mapping) or not masks:
        raise RecipeError('masks are needed by the names of the grains, as in {"ferropericlase": mask}.')
    checked = {}
    for name, mask in masks.items():
        array = np.asarray(mask)
        if array.shape != field.shape or array.dtype != np.bool_:
            raise RecipeError(
                f"the mask of {name!r} is an array of {array.dtype} of shape {array.shape}; bool of the shape of the "
                f"field, {field.shape}, is needed."
            )
        checked[str(name)] = array
    return checked


def by_grain(what: str, given: object, grains: Sequence[str]) -> dict[str, Any]:
    """What is given, by grain: one thing for all, or a mapping; a `RecipeError` for names that are no grains."""
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        return dict.fromkeys(grains, given)
    for grain in given:
        if grain not in grains:
            raise RecipeError(f"{what} is given for {shown(grain)}, which is no grain; there are {', '.join(grains)}.")
    return {grain: value for grain, value in given.items() if value is not None}
