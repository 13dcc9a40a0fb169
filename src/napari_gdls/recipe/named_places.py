"""Names that a user gives to phases, kept in the recipe by places, which outlast the numbers of phases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Integral
from typing import Any, NamedTuple

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError

LONGEST_NAME = 100
"""Characters of a name by hand: more fits into no list, legend or table."""

_MOST_PIXELS = 2**31 - 1  # rows or columns of a field; what labels and their files can count


class NamedPlace(NamedTuple):
    """A name given by hand: after a run it is that of the phase at this place.

    Attributes
    ----------
    row, column : int
        Pixel, from 0.
    name : str
        1 to `LONGEST_NAME` printable characters.
    """

    row: int
    column: int
    name: str


def checked_places(places: object) -> tuple[NamedPlace, ...]:
    """Places as a recipe holds them.

    Parameters
    ----------
    places : iterable
        Of (row, column, name), or of mappings with these keys, as they stand in saved recipes.

    Raises
    ------
    RecipeError
        If one of them is none.
    """
    if isinstance(places, str | bytes | Mapping) or not isinstance(places, Iterable):
        raise RecipeError(f"recipe: names is {shown(places)}; a list of places (row, column, name) is needed.")
    return tuple(_checked(place) for place in places)


def checked_name(name: object) -> str:
    """A name by hand, without blanks around it.

    Raises
    ------
    RecipeError
        If it is no text, empty, too long or holds what cannot be printed.
    """
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise RecipeError(
            f"recipe: names has the name {shown(name)}; 1 to {LONGEST_NAME} printable characters are needed."
        )
    return text


def saved_places(places: tuple[NamedPlace, ...]) -> list[dict[str, Any]]:
    """Places as plain values for JSON."""
    return [place._asdict() for place in places]


def _checked(place: object) -> NamedPlace:
    values: list[Any] = []
    if isinstance(place, Mapping) and set(place) == set(NamedPlace._fields):
        values = [place[key] for key in NamedPlace._fields]
    elif isinstance(place, list | tuple):
        values = list(place)
    if len(values) != len(NamedPlace._fields) or not all(_is_pixel(value) for value in values[:2]):
        raise RecipeError(
            f"recipe: names has the entry {shown(place)}; a row and a column from 0 and a name are needed."
        )
    return NamedPlace(int(values[0]), int(values[1]), checked_name(values[2]))


def _is_pixel(value: object) -> bool:
    return not isinstance(value, bool) and isinstance(value, Integral) and 0 <= int(value) <= _MOST_PIXELS
