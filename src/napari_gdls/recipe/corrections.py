"""What a hand corrects in a segmentation, as plain data that a recipe holds and every run replays in order.

Measurements are named by their pixel, (row, column), so that corrections outlive another run, another `tau_z` and a
change of order. A correction says what a gesture meant: it is applied to the segments that its places lie in then.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral
from typing import Any, ClassVar

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError

Place = tuple[int, int]
"""Pixel of a measurement: row, column."""

_MOST_PIXELS = 2**31 - 1  # rows or columns of a field; what labels and their files can count


@dataclass(frozen=True)
class Correction:
    """One thing that a hand has done to the segments of a field; see its subclasses.

    Attributes
    ----------
    kind : str
        Name of the kind in saved recipes.
    """

    kind: ClassVar[str] = ""

    def to_plain(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"kind": self.kind, **dataclasses.asdict(self)}


@dataclass(frozen=True)
class Join(Correction):
    """Segments that these measurements lie in are one segment, touching or not, of the phase most of them have.

    Parameters
    ----------
    places : tuple of (int, int)
        Two or more.
    """

    kind: ClassVar[str] = "join"
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places(self.places, "join", at_least=2))


@dataclass(frozen=True)
class Split(Correction):
    """Segments that a stroke crosses are parted along it.

    Parameters
    ----------
    stroke : tuple of (float, float)
        Two or more vertices of a line, rows and columns in pixels.
    """

    kind: ClassVar[str] = "split"
    stroke: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "stroke", _vertices(self.stroke))


@dataclass(frozen=True)
class Cut(Correction):
    """Both measurements of each pair are of different segments.

    Parameters
    ----------
    pairs : tuple of ((int, int), (int, int))
    """

    kind: ClassVar[str] = "cut"
    pairs: tuple[tuple[Place, Place], ...]

    def __post_init__(self) -> None:
        pairs = tuple(_pair(each) for each in _listed(self.pairs, "cut"))
        if not pairs:
            raise RecipeError("recipe: corrections has a cut without pairs of places; one or more are needed.")
        object.__setattr__(self, "pairs", pairs)


@dataclass(frozen=True)
class Paint(Correction):
    """These measurements go to another segment; what they leave behind stays as it is.

    Parameters
    ----------
    places : tuple of (int, int)
        One or more.
    into : (int, int), optional
        Measurement of the segment that they go to. None: they become a new segment, of the phase most of them had.
    """

    kind: ClassVar[str] = "paint"
    places: tuple[Place, ...]
    into: Place | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places(self.places, "paint", at_least=1))
        if self.into is not None:
            object.__setattr__(self, "into", _place(self.into, "paint"))


@dataclass(frozen=True)
class Assign(Correction):
    """These measurements are of another phase.

    Parameters
    ----------
    places : tuple of (int, int)
        One or more.
    phase : (int, int), optional
        Measurement of the phase that they get. None: they make a new phase.
    """

    kind: ClassVar[str] = "assign"
    places: tuple[Place, ...]
    phase: Place | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places(self.places, "assign", at_least=1))
        if self.phase is not None:
            object.__setattr__(self, "phase", _place(self.phase, "assign"))


@dataclass(frozen=True)
class MergePhases(Correction):
    """The phases of these measurements are one phase.

    Parameters
    ----------
    places : tuple of (int, int)
        Two or more.
    """

    kind: ClassVar[str] = "merge phases"
    places: tuple[Place, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", _places(self.places, "merge phases", at_least=2))


KINDS: Mapping[str, type[Correction]] = {each.kind: each for each in (Join, Split, Cut, Paint, Assign, MergePhases)}
"""Kinds of corrections, by their name in saved recipes."""


def checked_corrections(corrections: object) -> tuple[Correction, ...]:
    """Corrections as a recipe holds them.

    Parameters
    ----------
    corrections : iterable
        Of corrections, or of mappings as `Correction.to_plain` makes them.

    Raises
    ------
    RecipeError
        If one of them is none.
    """
    return tuple(_correction(each) for each in _listed(corrections, ""))


def saved_corrections(corrections: Iterable[Correction]) -> list[dict[str, Any]]:
    """Corrections as plain values for JSON."""
    return [each.to_plain() for each in corrections]


def _correction(given: object) -> Correction:
    if isinstance(given, Correction) and type(given) in KINDS.values():
        return given
    if isinstance(given, Mapping):
        values = dict(given)
        kind = KINDS.get(str(values.pop("kind", "")))
        if kind is not None and set(values) <= {each.name for each in dataclasses.fields(kind)}:
            try:
                return kind(**values)
            except TypeError:  # a value that is needed is missing
                pass
    raise RecipeError(
        f"recipe: corrections has the entry {shown(given)}; a kind ({', '.join(KINDS)}) and its places are needed."
    )


def _listed(values: object, kind: str) -> tuple[Any, ...]:
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        of = f" of the kind {kind!r}" if kind else ""
        raise RecipeError(f"recipe: corrections{of} holds {shown(values)} where a list is needed.")
    return tuple(values)


def _places(values: object, kind: str, *, at_least: int) -> tuple[Place, ...]:
    places = tuple(dict.fromkeys(_place(each, kind) for each in _listed(values, kind)))
    if len(places) < at_least:
        raise RecipeError(
            f"recipe: corrections has one of the kind {kind!r} with {len(places)} places; {at_least} or more are "
            "needed."
        )
    return places


def _place(value: object, kind: str) -> Place:
    if isinstance(value, list | tuple) and len(value) == 2 and all(map(_is_pixel, value)):
        return int(value[0]), int(value[1])
    raise RecipeError(
        f"recipe: corrections has one of the kind {kind!r} with the place {shown(value)}; a row and a column, whole "
        "numbers from 0, are needed."
    )


def _is_pixel(value: object) -> bool:
    # `type` first: a lasso gives a hundred thousand places, and abstract classes take long.
    whole = type(value) is int or (isinstance(value, Integral) and not isinstance(value, bool))
    return whole and 0 <= int(value) <= _MOST_PIXELS  # type: ignore[call-overload]


def _pair(value: object) -> tuple[Place, Place]:
    both = _listed(value, "cut")
    if len(both) != 2:
        raise RecipeError(f"recipe: corrections has a cut of {shown(value)}; pairs of two places are needed.")
    return _place(both[0], "cut"), _place(both[1], "cut")


def _vertices(values: object) -> tuple[tuple[float, float], ...]:
    vertices = tuple(_vertex(each) for each in _listed(values, "split"))
    if len(vertices) < 2:
        raise RecipeError(
            f"recipe: corrections has a split with {len(vertices)} vertices; 2 or more are needed for a line."
        )
    return vertices


def _vertex(value: object) -> tuple[float, float]:
    if isinstance(value, list | tuple) and len(value) == 2 and not any(isinstance(each, bool | str) for each in value):
        try:
            row, column = float(value[0]), float(value[1])
        except (TypeError, ValueError, OverflowError):
            row = column = math.inf
        if max(abs(row), abs(column)) <= _MOST_PIXELS:  # neither infinite nor NaN
            return row, column
    raise RecipeError(
        f"recipe: corrections has a split with the vertex {shown(value)}; a row and a column, in pixels, are needed."
    )
