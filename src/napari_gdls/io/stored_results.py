"""What a store holds beside the field: labels, the recipe that made them, and what the labels are called."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError, OutputError, RecipeError
from napari_gdls.io.limits import require_memory
from napari_gdls.io.zarr_arrays import StoreError, parsed_json, read_array, read_header, write_array, write_group
from napari_gdls.recipe import Recipe

LABELS = "results/labels"
"""Array with the segment of every pixel."""

_LABEL = re.compile("[0-9]{1,18}")


@dataclass(frozen=True)
class StoredResults:
    """What a store holds beside the field.

    Attributes
    ----------
    labels : (H, W) array of int, or None
        Segment of every pixel, 0 = none.
    recipe : Recipe or None
        How the labels were made.
    names : dict of int to str
        Name of the mineral of labels, where it is known.
    """

    labels: npt.NDArray[Any] | None
    recipe: Recipe | None
    names: dict[int, str] = field(default_factory=dict)


def write_results(
    files: dict[str, bytes],
    shape: tuple[int, int],
    labels: npt.ArrayLike | None,
    recipe: Recipe | None,
    names: Mapping[int, str] | None,
) -> dict[str, Any]:
    """Add results to the files of a store, and return what belongs into its attributes.

    Parameters
    ----------
    files : dict of str to bytes
        Gets the array of labels.
    shape : (int, int)
        Of the image.
    labels : (H, W) array of int, optional
    recipe : Recipe, optional
    names : map of int to str, optional

    Raises
    ------
    OutputError
        If the labels do not fit.
    """
    attributes: dict[str, Any] = {}
    if labels is not None:
        segments = np.asarray(labels)
        if segments.shape != shape or segments.dtype.kind not in "ui":
            raise OutputError(
                f"labels are {segments.dtype} of shape {segments.shape}; integers of the shape of the image, "
                f"{shape}, are needed."
            )
        write_array(files, LABELS, segments, dimensions=("row", "column"))
        write_group(files, "results")
    if recipe is not None:
        attributes["recipe"] = parsed_json(recipe.to_json().encode())
    if names:
        attributes["label_names"] = {str(int(label)): str(name) for label, name in names.items()}
    return attributes


def read_stored(
    path: Path, files: Mapping[str, bytes], attributes: Mapping[str, Any], memory_limit: int
) -> StoredResults:
    """The results in the files of a store.

    Raises
    ------
    FieldReadError
        If they are no results, or need more memory.
    """
    try:
        labels = None
        if f"{LABELS}/zarr.json" in files:
            require_memory(path, 2 * read_header(files, LABELS).n_bytes, memory_limit, "the labels")
            labels = read_array(files, LABELS)
            if labels.dtype.kind not in "ui" or labels.shape != read_header(files, "bse").shape:
                raise StoreError(f"{LABELS}: integers of the shape of the image are needed")
        recipe = Recipe.from_json(json.dumps(attributes["recipe"])) if "recipe" in attributes else None
        names = attributes.get("label_names", {})
        if not isinstance(names, dict) or not all(
            _LABEL.fullmatch(label) and isinstance(name, str) for label, name in names.items()
        ):
            raise StoreError("label_names: a name for each of some labels is needed")
    except (StoreError, RecipeError) as error:
        raise FieldReadError(path, f"holds results that cannot be read: {error}") from error
    return StoredResults(labels, recipe, {int(label): name for label, name in names.items()})
