"""What a store holds beside the field: labels, their recipe, what they are called, and all else of a result."""

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
from napari_gdls.io.file_sinks import FileSink
from napari_gdls.io.limits import require_memory
from napari_gdls.io.plain_values import from_plain, to_plain
from napari_gdls.io.zarr_arrays import StoreError, parsed_json, read_array, read_header, write_array, write_group
from napari_gdls.recipe import Recipe

LABELS = "results/labels"
"""Array with the segment of every pixel."""

PARTS = "results/parts"
"""Group with the arrays of `StoredResults.parts`."""

_PARTS_LEVEL = 1
"""Effort of compression of parts; measured: level 6 takes a third longer and saves 5 %, as they are floats mostly."""

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
    parts : dict of str to object
        All else that is kept of the result, as plain values and arrays, for those who know what they mean; see
        `napari_gdls.segmentation.stored_objects`.
    """

    labels: npt.NDArray[Any] | None
    recipe: Recipe | None
    names: dict[int, str] = field(default_factory=dict)
    parts: dict[str, Any] = field(default_factory=dict)


def write_results(
    files: FileSink,
    shape: tuple[int, int],
    labels: npt.ArrayLike | None,
    recipe: Recipe | None,
    names: Mapping[int, str] | None,
    parts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Add results to the files of a store, and return what belongs into its attributes.

    Parameters
    ----------
    files : FileSink
        Gets the array of labels.
    shape : (int, int)
        Of the image.
    labels : (H, W) array of int, optional
    recipe : Recipe, optional
    names : map of int to str, optional
    parts : map of str to object, optional
        What else is to be kept: see `StoredResults.parts`.

    Raises
    ------
    OutputError
        If the labels do not fit, or the parts hold what cannot be stored.
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
    if parts:
        stored: dict[int, tuple[str, npt.NDArray[Any]]] = {}  # with the arrays, so that no other gets their identity

        def store_array(array: npt.NDArray[Any]) -> str:
            if id(array) not in stored:
                stored[id(array)] = str(len(stored)), array
                write_array(files, f"{PARTS}/{len(stored) - 1}", array, level=_PARTS_LEVEL)
            return stored[id(array)][0]

        attributes["parts"] = to_plain(dict(parts), store_array, "results")
        write_group(files, PARTS)
    if labels is not None or parts:
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
        parts = _read_parts(path, files, attributes.get("parts", {}), memory_limit)
        names = attributes.get("label_names", {})
        if not isinstance(names, dict) or not all(
            _LABEL.fullmatch(label) and isinstance(name, str) for label, name in names.items()
        ):
            raise StoreError("label_names: a name for each of some labels is needed")
    except (StoreError, RecipeError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        detail = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise FieldReadError(path, f"holds results that cannot be read: {detail}") from error
    return StoredResults(labels, recipe, {int(label): name for label, name in names.items()}, parts)


def _read_parts(path: Path, files: Mapping[str, bytes], plain: Any, memory_limit: int) -> dict[str, Any]:
    names = [name.removesuffix("/zarr.json") for name in files if re.fullmatch(f"{PARTS}/[0-9]+/zarr.json", name)]
    needed = sum(2 * read_header(files, name).n_bytes for name in names)
    require_memory(path, needed, memory_limit, "the results")
    read: dict[str, npt.NDArray[Any]] = {}

    def load_array(name: str) -> npt.NDArray[Any]:
        if name not in read:
            read[name] = read_array(files, f"{PARTS}/{name}")
        return read[name]

    parts = from_plain(plain, load_array)
    if not isinstance(parts, dict):
        raise StoreError("parts: a map is needed")
    return parts
