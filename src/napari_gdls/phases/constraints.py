"""What the user knows better: measurements that belong together, that do not, and those whose segment is given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields
from itertools import combinations
from operator import index
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.components import components_kept_apart, connected_components
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.phases.parting import Efforts, Piece, nearest_group

Place = tuple[int, int]
"""Pixel of a measurement: row, column."""


@dataclass(frozen=True)
class Constraints:
    """Corrections that every segmentation of a field shall keep.

    Measurements are named by their pixel, (row, column), so that constraints outlive a change of order.

    Parameters
    ----------
    links : tuple of pairs of (int, int)
        Measurements that are of one segment, wherever they lie.
    cuts : tuple of pairs of (int, int)
        Measurements that are of different segments.
    fixed : tuple of ((int, int), int)
        Measurements and the number of the segment they shall be in: those with one number are of one segment, those
        with different numbers of different ones. The numbers themselves mean nothing else.

    Raises
    ------
    RecipeError
        If they are something else, or hold other than whole numbers.
    """

    links: tuple[tuple[Place, Place], ...] = ()
    cuts: tuple[tuple[Place, Place], ...] = ()
    fixed: tuple[tuple[Place, int], ...] = ()

    def __post_init__(self) -> None:
        try:
            for name in ("links", "cuts"):
                pairs: Iterable[tuple[Place, Place]] = getattr(self, name)
                object.__setattr__(self, name, tuple((_place(a), _place(b)) for a, b in pairs))
            object.__setattr__(self, "fixed", tuple((_place(a), index(number)) for a, number in self.fixed))
        except (TypeError, ValueError):
            raise RecipeError(
                "constraints: links and cuts are pairs of pixels (row, column), fixed ones of a pixel and a number; "
                "all are whole numbers."
            ) from None

    def __bool__(self) -> bool:
        return bool(self.links or self.cuts or self.fixed)

    def segments_apart(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Pairs of segments (P, 2), from 0, that cuts or given segments keep apart in an image of segments from 1."""
        heads: dict[int, Place] = {}
        for place, number in self.fixed:
            heads.setdefault(number, place)
        pairs = [*self.cuts, *combinations(heads.values(), 2)]
        return np.array([(labels[a] - 1, labels[b] - 1) for a, b in pairs], dtype=np.int64).reshape(-1, 2)

    def to_json(self) -> str:
        """As JSON text."""
        return json.dumps({"links": self.links, "cuts": self.cuts, "fixed": self.fixed})

    @classmethod
    def from_json(cls, text: str) -> Constraints:
        """The constraints written by `to_json`.

        Raises
        ------
        RecipeError
            If the text is something else.
        """
        try:
            values: Any = json.loads(text)
            return cls(*(values.get(each.name, ()) for each in fields(cls)))
        except RecipeError:
            raise
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise RecipeError(f"constraints: not what Constraints.to_json writes ({error}).") from None


@dataclass(frozen=True, eq=False)
class ConstrainedLabels:
    """Labels that keep the constraints.

    Attributes
    ----------
    labels : (N,) array of int64
        Phase of every measurement, or from `n_phases` on a number of its own where constraints had a say.
    phase : (L,) array of int64
        Phase of every label.
    single : (L,) array of bool
        Whether a label is one segment, in one piece or not.
    """

    labels: npt.NDArray[np.int64]
    phase: npt.NDArray[np.int64]
    single: npt.NDArray[np.bool_]


def constrained(
    field: Field, graph: MeasurementGraph, phases: npt.NDArray[np.int64], constraints: Constraints
) -> ConstrainedLabels:
    """Split and join segments until they keep the constraints.

    Segments that must be one get one label, and the phase that most of their measurements have. A segment that holds
    measurements which must be apart, or is joined with others so that these come together, is shared out among them:
    ends of cuts that are neighbours in the graph and not kept apart are on one side of a line, and each of its
    measurements going to the one that it can be reached from most easily: along the edges of the graph, by
    the sum of their delta_z and delta_b in units of their medians.

    Parameters
    ----------
    field : Field
    graph : MeasurementGraph
    phases : (N,) array of int64
    constraints : Constraints

    Returns
    -------
    ConstrainedLabels

    Raises
    ------
    RecipeError
        If a constraint names a pixel without a measurement, or constraints contradict each other.
    """
    n_phases = int(phases.max()) + 1
    if not constraints:
        return ConstrainedLabels(phases, np.arange(n_phases), np.zeros(n_phases, dtype=np.bool_))
    at = field.to_map(np.arange(field.n_measurements), fill=-1)
    links = [(_measurement(at, a), _measurement(at, b)) for a, b in constraints.links]
    cuts = [(_measurement(at, a), _measurement(at, b)) for a, b in constraints.cuts]
    fixed = [(_measurement(at, a), number) for a, number in constraints.fixed]
    group = _groups(links, cuts, fixed)
    places = np.array(sorted(group), dtype=np.int64)
    of_place = np.array([group[i] for i in places.tolist()], dtype=np.int64)
    apart = _apart(group, cuts, fixed)
    inside = phases[graph.edges[:, 0]] == phases[graph.edges[:, 1]]
    of_place, apart = _sides(graph.edges[inside], places, of_place, apart, cuts)
    parts = connected_components(graph.edges[inside], len(phases))
    efforts = Efforts.of(graph)
    seeding: set[int] = set()
    while True:
        seeds = np.isin(of_place, sorted(seeding))
        shared = _shared_out(efforts, parts, places[seeds], of_place[seeds])
        joined = _joined(shared, places, of_place)
        # Where links bring together what must be apart, more and more of what they join is shared out. This ends at the
        # latest with all constrained measurements seeding: then every part holds those of one group only.
        class_of = dict(zip(of_place.tolist(), joined[places].tolist(), strict=True))
        broken = {pair for pair in apart if class_of[pair[0]] == class_of[pair[1]]}
        if not broken:
            break
        classes = {class_of[one] for one, _ in broken}
        involved = {one for pair in broken for one in pair}
        seeding |= involved if involved - seeding else {one for one in class_of if class_of[one] in classes}
    touched = np.unique(joined[places])
    labels, phase, single = phases.copy(), list(range(n_phases)), [False] * n_phases
    for each in touched:
        members = joined == each
        labels[members] = len(phase)
        phase.append(int(np.bincount(phases[members]).argmax()))
        single.append(True)
    return ConstrainedLabels(labels, np.array(phase), np.array(single))


def constrained_measurements(field: Field, constraints: Constraints) -> npt.NDArray[np.int64]:
    """Measurements that cuts and given segments keep apart from others."""
    if not constraints.cuts and not constraints.fixed:
        return np.empty(0, dtype=np.int64)
    at = field.to_map(np.arange(field.n_measurements), fill=-1)
    places = [*(place for pair in constraints.cuts for place in pair), *(place for place, _ in constraints.fixed)]
    return np.array([_measurement(at, place) for place in places], dtype=np.int64)


def _place(value: Iterable[SupportsIndex]) -> Place:
    row, column = value
    return index(row), index(column)


def _measurement(at: npt.NDArray[Any], place: Place) -> int:
    row, column = place
    inside = 0 <= row < at.shape[0] and 0 <= column < at.shape[1]
    if not inside or at[row, column] < 0:
        raise RecipeError(f"constraints: no measurement at row {row}, column {column}; choose one of the field's.")
    return int(at[row, column])


def _groups(links: list[tuple[int, int]], cuts: list[tuple[int, int]], fixed: list[tuple[int, int]]) -> dict[int, int]:
    """Group of each measurement that has a constraint; those of one group must be of one segment."""
    number_of: dict[int, int] = {}
    for i, number in fixed:
        if number_of.setdefault(i, number) != number:
            raise RecipeError("constraints: a measurement is fixed to two segments; keep one of them.")
    places = sorted({i for pair in (*links, *cuts) for i in pair} | set(number_of))
    rank = {i: k for k, i in enumerate(places)}
    first: dict[int, int] = {}
    same = [*links, *((first.setdefault(number, i), i) for i, number in number_of.items())]
    ends = np.array([(rank[a], rank[b]) for a, b in same], dtype=np.int64).reshape(-1, 2)
    return dict(zip(places, connected_components(ends, len(places)).tolist(), strict=True))


def _apart(group: dict[int, int], cuts: list[tuple[int, int]], fixed: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Pairs of groups that must be of different segments."""
    numbers = {number: group[i] for i, number in fixed}
    if len(set(numbers.values())) < len(numbers):
        raise RecipeError("constraints: a link joins measurements fixed to different segments; drop one.")
    pairs = {(group[a], group[b]) for a, b in cuts}
    broken = sum(group[a] == group[b] for a, b in cuts)
    if broken:
        raise RecipeError(
            f"constraints: {broken} cuts part measurements that links or fixed segments join; drop one of both."
        )
    return pairs | set(combinations(numbers.values(), 2))


def _sides(
    edges: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
    apart: set[tuple[int, int]],
    cuts: list[tuple[int, int]],
) -> tuple[npt.NDArray[np.int64], set[tuple[int, int]]]:
    """Groups, with the ends of cuts on one side of a line as one: neighbours that nothing keeps apart.

    Parameters
    ----------
    edges : (E, 2) array of int64
        Inside of segments.
    places, groups : (P,) arrays of int64
        Measurements that have a constraint, rising, and their groups.
    apart : set of pairs of groups
    cuts : list of pairs of measurements

    Returns
    -------
    groups : (P,) array of int64
    apart : set of pairs of these
    """
    if not cuts:
        return groups, apart
    ends = np.isin(edges, np.unique(np.array(cuts))).all(axis=1)
    beside = groups[np.searchsorted(places, edges[ends])]
    number = components_kept_apart(beside, np.array(sorted(apart), dtype=np.int64), int(groups.max()) + 1)
    return number[groups], {(int(number[a]), int(number[b])) for a, b in apart}


def _shared_out(
    efforts: Efforts,
    segment: npt.NDArray[np.int64],
    places: npt.NDArray[np.int64],
    groups: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Segments, those that hold places of several groups divided among these."""
    out, following = segment.copy(), int(segment.max()) + 1
    for each in np.unique(segment[places]).tolist():
        here = segment[places] == each
        numbers, number = np.unique(groups[here], return_inverse=True)
        if len(numbers) < 2:
            continue
        piece = Piece.of(efforts, np.flatnonzero(segment == each))
        seeds = np.searchsorted(piece.members, places[here])
        part = nearest_group(piece, np.ones(len(piece.ends), dtype=np.bool_), seeds, number)
        for k in range(len(numbers)):
            out[piece.members[part == k]] = each if k == 0 else following
            following += k > 0
    return out


def _joined(
    segment: npt.NDArray[np.int64], places: npt.NDArray[np.int64], groups: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Segments that the places of one group make one."""
    _, first, inverse = np.unique(groups, return_index=True, return_inverse=True)
    ends = np.stack([segment[places[first[inverse]]], segment[places]], axis=1)
    return connected_components(ends, int(segment.max()) + 1)[segment]
