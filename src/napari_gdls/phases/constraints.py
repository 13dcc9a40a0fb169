"""What the user knows better: measurements that belong together, that do not, and those whose segment is given."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.components import connected_components
from napari_gdls.graph.measurement_graph import MeasurementGraph

Place = tuple[int, int]


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
    """

    links: tuple[tuple[Place, Place], ...] = ()
    cuts: tuple[tuple[Place, Place], ...] = ()
    fixed: tuple[tuple[Place, int], ...] = ()

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
            return cls(
                links=tuple((_place(a), _place(b)) for a, b in values.get("links", ())),
                cuts=tuple((_place(a), _place(b)) for a, b in values.get("cuts", ())),
                fixed=tuple((_place(a), int(number)) for a, number in values.get("fixed", ())),
            )
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

    A segment that holds measurements which must be apart is shared out among them, each of its measurements going to
    the one that it can be reached from most easily: along the edges of the graph, by the sum of their delta_z and
    delta_b in units of their medians. Segments that must be one get one label, and the phase that most of their
    measurements have.

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
    index = field.to_map(np.arange(field.n_measurements), fill=-1)
    links = [(_measurement(index, a), _measurement(index, b)) for a, b in constraints.links]
    cuts = [(_measurement(index, a), _measurement(index, b)) for a, b in constraints.cuts]
    fixed = [(_measurement(index, a), number) for a, number in constraints.fixed]
    seeds = _seeds(links, cuts, fixed)
    inside = phases[graph.edges[:, 0]] == phases[graph.edges[:, 1]]
    segment = connected_components(graph.edges[inside], len(phases))
    segment = _shared_out(graph, inside, segment, seeds)
    joined = _joined(segment, links, seeds)
    _check_cuts(joined, cuts)
    touched = np.unique(joined[sorted({i for pair in (*links, *cuts) for i in pair} | set(seeds))])
    labels, phase, single = phases.copy(), list(range(n_phases)), [False] * n_phases
    for each in touched:
        members = joined == each
        labels[members] = len(phase)
        phase.append(int(np.bincount(phases[members]).argmax()))
        single.append(True)
    return ConstrainedLabels(labels, np.array(phase), np.array(single))


def _place(value: Iterable[int]) -> Place:
    row, column = value
    return int(row), int(column)


def _measurement(index: npt.NDArray[Any], place: Place) -> int:
    row, column = place
    inside = 0 <= row < index.shape[0] and 0 <= column < index.shape[1]
    if not inside or index[row, column] < 0:
        raise RecipeError(f"constraints: no measurement at row {row}, column {column}; choose one of the field's.")
    return int(index[row, column])


def _seeds(links: list[tuple[int, int]], cuts: list[tuple[int, int]], fixed: list[tuple[int, int]]) -> dict[int, int]:
    """Group of each measurement that a segment may have to be shared out to; links make groups one."""
    group: dict[int, int] = {}
    of_number: dict[int, int] = {}
    for i, number in fixed:
        wanted = of_number.setdefault(number, len(of_number))
        if group.setdefault(i, wanted) != wanted:
            raise RecipeError("constraints: a measurement is fixed to two segments; keep one of them.")
    following = len(of_number)
    for i in (i for pair in cuts for i in pair):
        if i not in group:
            group[i] = following
            following += 1
    changed = True
    while changed:
        changed = False
        for a, b in links:
            if a in group and b in group and group[a] != group[b]:
                if {group[a], group[b]} <= set(of_number.values()):
                    raise RecipeError("constraints: a link joins measurements fixed to different segments; drop one.")
                old, new = max(group[a], group[b]), min(group[a], group[b])
                group = {i: new if g == old else g for i, g in group.items()}
                changed = True
            elif (a in group) != (b in group):
                group[a] = group[b] = group.get(a, group.get(b, -1))
                changed = True
    return group


def _shared_out(
    graph: MeasurementGraph,
    inside: npt.NDArray[np.bool_],
    segment: npt.NDArray[np.int64],
    seeds: dict[int, int],
) -> npt.NDArray[np.int64]:
    """Segments anew, where one holds seeds of several groups."""
    import scipy.sparse as sp
    from scipy.sparse.csgraph import dijkstra

    places = np.array(sorted(seeds), dtype=np.int64)
    groups = np.array([seeds[i] for i in places.tolist()], dtype=np.int64)
    out, following = segment.copy(), int(segment.max()) + 1
    effort = 1e-6 + graph.delta_z / max(float(np.median(graph.delta_z)), 1e-9)
    effort += graph.delta_b / max(float(np.median(graph.delta_b)), 1e-9)
    for each in np.unique(segment[places]) if len(places) else ():
        here = segment[places] == each
        if len(np.unique(groups[here])) < 2:
            continue
        members = np.flatnonzero(segment == each)
        number = np.full(len(segment), -1)
        number[members] = np.arange(len(members))
        own = inside & (segment[graph.edges[:, 0]] == each)
        ends = number[graph.edges[own]]
        roads = sp.csr_array((effort[own], (ends[:, 0], ends[:, 1])), shape=(len(members),) * 2)
        _, _, source = dijkstra(
            roads, directed=False, indices=number[places[here]], min_only=True, return_predecessors=True
        )
        group_of = np.full(len(members), -1)
        group_of[number[places[here]]] = groups[here]
        for rank, group in enumerate(np.unique(groups[here])):
            out[members[group_of[source] == group]] = each if rank == 0 else following
            following += rank > 0
    return out


def _joined(
    segment: npt.NDArray[np.int64], links: list[tuple[int, int]], seeds: dict[int, int]
) -> npt.NDArray[np.int64]:
    """Segments that links or equal groups make one."""
    first: dict[int, int] = {}
    pairs = [(a, b) for a, b in links] + [(first.setdefault(group, i), i) for i, group in sorted(seeds.items())]
    ends = segment[np.array(pairs, dtype=np.int64).reshape(-1, 2)]
    return connected_components(ends, int(segment.max()) + 1)[segment]


def _check_cuts(segment: npt.NDArray[np.int64], cuts: list[tuple[int, int]]) -> None:
    broken = [pair for pair in cuts if segment[pair[0]] == segment[pair[1]]]
    if broken:
        raise RecipeError(
            f"constraints: {len(broken)} cuts part measurements that links or fixed segments join; drop one of both."
        )
