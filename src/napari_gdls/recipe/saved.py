"""Recipes as JSON text: one way of reading them, and one wording for what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Collection
from typing import Any, TypeVar

from napari_gdls.errors import RecipeError

_Recipe = TypeVar("_Recipe")


def saved_values(text: str, version_key: str, readable: Collection[int]) -> tuple[int, dict[str, Any]]:
    """The version of a saved recipe, and its parameters.

    Parameters
    ----------
    text : str
        JSON object.
    version_key : str
        Name under which the version stands; it tells recipes of one kind from those of another.
    readable : collection of int
        Versions that can be read.

    Raises
    ------
    RecipeError
        If the text is no JSON object, or of another kind or version.
    """
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise RecipeError(f"recipe: not JSON ({error}).") from None
    if not isinstance(values, dict):
        raise RecipeError("recipe: not a JSON object.")
    version = values.pop(version_key, None)
    if isinstance(version, bool) or version not in readable:
        known = ", ".join(map(str, readable))
        others = [key for key in values if key.endswith("recipe_version")]
        if version is None and others:
            raise RecipeError(
                f"recipe: it is of another kind ({others[0]}, where {version_key} is needed); give the recipe of a run "
                "of this command."
            )
        raise RecipeError(f"recipe: version {version!r}; this napari-gdls reads versions {known}.")
    return int(version), values


def replaced(recipe: _Recipe, changes: dict[str, Any]) -> _Recipe:
    """A recipe, a dataclass, with some parameters changed.

    Raises
    ------
    RecipeError
        If a parameter does not exist or a value is out of range.
    """
    names = [field.name for field in dataclasses.fields(recipe)]  # type: ignore[arg-type]
    unknown = sorted(set(changes) - set(names))
    if unknown:
        raise RecipeError(f"recipe: no parameter {', '.join(map(repr, unknown))}; there are {', '.join(names)}.")
    return dataclasses.replace(recipe, **changes)  # type: ignore[type-var]
