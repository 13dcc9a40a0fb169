"""Corrections by hand replayed on the measurements of a field: their segments and phases after each of them.

No measurement changes its segment or phase but by a correction that means it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsWarning
from napari_gdls.graph.components import connected_components
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.phases.parting import Efforts, Piece, crossed, parted_by_pairs, parted_by_stroke
from napari_gdls.recipe import Assign, Correction, Cut, Join, MergePhases, Paint, Place, Split

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Corrected:
    """Measurements after corrections.

    Attributes
    ----------
    segments : (N,) array of int64
        Segment of every measurement, 0..S - 1: those that nothing has touched keep their order, new ones come last.
    phase : (S,) array of int64
        Phase of every segment.
    origin : (S,) array of int64
        Number that every segment had before, -1 for new ones.
    held : (S,) array of bool
        Whether a hand had a say in a segment: it is one, in one piece or not.
    phases : (N,) array of int64
        Phase of every measurement, 0..P - 1: as far as possible the numbers from before, new ones last.
    decided : (N,) array of bool
        Whether a hand has said so.
    number : (Q,) array of int64
        What has become of each phase that there was before; -1 for those that no measurement has any more.
    n_phases : int
        P.
    """

    segments: _Ids
    phase: _Ids
    origin: _Ids
    held: npt.NDArray[np.bool_]
    phases: _Ids
    decided: npt.NDArray[np.bool_]
    number: _Ids
    n_phases: int


def replayed(
    graph: MeasurementGraph,
    segments: _Ids,
    phase: _Ids,
    phases: _Ids,
    corrections: Sequence[Correction],
    *,
    shape: tuple[int, int],
    alone: Iterable[int] = (),
    poll: Callable[[float], None] = lambda done: None,
) -> Corrected:
    """Do corrections one after the other.

    Parameters
    ----------
    graph : MeasurementGraph
    segments : (N,) array of int64
        Segment of every measurement, 0..S - 1.
    phase : (S,) array of int64
        Phase of every segment.
    phases : (N,) array of int64
        Phase of every measurement.
    corrections : sequence of Correction
    shape : (int, int)
        Of the field, in px.
    alone : iterable of int
        Segments that do not become one with others where phases become one: constraints keep them apart.
    poll : callable
        Called before each with the share that is done; may raise.

    Returns
    -------
    Corrected

    Warns
    -----
    GdlsWarning
        If there is no measurement at a place, or a stroke parts nothing: the correction does the rest of what it says,
        or nothing.
    """
    work = _Work(graph, segments, phase, phases, shape)
    work.alone |= set(alone)
    for k, each in enumerate(corrections):
        poll(k / len(corrections))
        work.do(each, f"correction {k + 1} ({each.kind})")
    return work.corrected()


class _Work:
    """Segments and phases while corrections are done to them."""

    def __init__(
        self, graph: MeasurementGraph, segments: _Ids, phase: _Ids, phases: _Ids, shape: tuple[int, int]
    ) -> None:
        self.graph = graph
        self.shape = shape
        self.segments = segments.astype(np.int64)
        self.phase = phase.tolist()
        self.n_segments_before = len(phase)
        self.phases = phases.astype(np.int64)
        self.n_before = max(int(phases.max(initial=-1)), int(phase.max(initial=-1))) + 1
        self.n_phases = self.n_before
        self.becomes = np.arange(self.n_before)
        self.decided = np.zeros(len(segments), dtype=np.bool_)
        self.held: set[int] = set()
        self.alone: set[int] = set()
        """Segments whose border a hand has drawn: they do not become one with others of their phase by themselves."""
        self._efforts: Efforts | None = None
        self._longest = float(graph.length.max(initial=0.0))
        self._keys = graph.locations[:, 0] * shape[1] + graph.locations[:, 1]

    def do(self, correction: Correction, title: str) -> None:
        """Do one of them."""
        match correction:
            case Join():
                self._join(self._found(correction.places, title, least=2))
            case Split():
                self._split(np.array(correction.stroke, dtype=np.float64), title)
            case Cut():
                self._cut(correction.pairs, title)
            case Paint():
                self._paint(correction, title)
            case Assign():
                self._assign(correction, title)
            case MergePhases():
                self._merge_phases(self._found(correction.places, title, least=2))

    def corrected(self) -> Corrected:
        """What has come of it, in numbers without gaps."""
        held = np.zeros(len(self.phase), dtype=np.bool_)
        held[list(self.held)] = True
        present, segments = np.unique(self.segments, return_inverse=True)
        phase = np.array(self.phase, dtype=np.int64)[present]
        used = np.zeros(self.n_phases, dtype=np.bool_)
        used[self.phases] = True
        for k in np.flatnonzero(~used[phase]).tolist():  # no measurement has the phase that its pixels got
            phase[k] = np.bincount(self.phases[segments == k]).argmax()
        number = np.where(used, np.cumsum(used) - 1, -1)
        return Corrected(
            segments,
            number[phase],
            np.where(present < self.n_segments_before, present, -1),
            held[present],
            number[self.phases],
            self.decided,
            number[self.becomes],
            int(np.count_nonzero(used)),
        )

    def _found(self, places: Sequence[Place], title: str, *, least: int = 1) -> _Ids:
        """Measurements at places; none of them where there are fewer than are needed."""
        at = self._at(places)
        there = at >= 0
        if not there.all():
            row, column = places[int(np.argmin(there))]
            enough = np.count_nonzero(there) >= least
            _warn(
                f"{title}: no measurement at row {row}, column {column}"
                + (f" and {np.count_nonzero(~there) - 1} more places" if np.count_nonzero(~there) > 1 else "")
                + (", which count for nothing here." if enough else "; it does nothing here.")
                + " Was it made for another field?"
            )
            if not enough:
                return np.empty(0, dtype=np.int64)
        return at[there]

    def _at(self, places: Sequence[Place]) -> _Ids:
        """Measurement at each place, -1 where there is none."""
        wanted = np.array(places, dtype=np.int64).reshape(-1, 2)
        keys = wanted[:, 0] * self.shape[1] + wanted[:, 1]
        at = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        return np.where((wanted < self.shape).all(axis=1) & (self._keys[at] == keys), at, -1)

    def _edges_near(self, top: float, bottom: float) -> _Ids:
        """Edges of the graph that reach into some rows of pixels, and some more."""
        rows = self.graph.locations[:, 0]
        nodes = np.searchsorted(rows, [top - self._longest - 1, bottom + self._longest + 1])
        first, last = np.searchsorted(self.graph.edges[:, 0], nodes)  # edges are sorted
        return self.graph.edges[first:last]

    def _edges_at(self, measurements: _Ids) -> _Ids:
        """Edges of the graph near some measurements: all that end at one of them are among them."""
        rows = self.graph.locations[measurements, 0]
        return self._edges_near(float(rows.min()), float(rows.max()))

    def _members(self, segment: int) -> _Ids:
        return np.flatnonzero(self.segments == segment)

    def _new_segment(self, phase: int) -> int:
        self.phase.append(phase)
        self.held.add(len(self.phase) - 1)
        return len(self.phase) - 1

    def _join(self, at: _Ids) -> None:
        chosen = np.unique(self.segments[at])
        if len(chosen) < 2:
            self.held |= set(chosen.tolist())
            return
        members = np.flatnonzero(np.isin(self.segments, chosen))
        phase = int(np.bincount(self.phases[members]).argmax())
        self._make_one(chosen, members, phase)

    def _make_one(self, chosen: _Ids, members: _Ids, phase: int) -> None:
        """Make some segments, with their measurements, one of a phase."""
        of_segment = np.array([self.phase[each] for each in chosen.tolist()])
        other = of_segment[np.searchsorted(chosen, self.segments[members])] != phase
        self._decide(members[other], phase)
        first, rest = int(chosen[0]), set(chosen[1:].tolist())
        self.segments[members] = first
        self.phase[first] = phase
        self.held = (self.held - rest) | {first}
        if self.alone & (rest | {first}):
            self.alone = (self.alone - rest) | {first}

    def _decide(self, measurements: _Ids, phase: int) -> None:
        self.phases[measurements] = phase
        self.decided[measurements] = True

    @property
    def efforts(self) -> Efforts:
        """Of the graph, once something needs them."""
        if self._efforts is None:
            self._efforts = Efforts.of(self.graph)
        return self._efforts

    def _split(self, stroke: npt.NDArray[np.float64], title: str) -> None:
        locations = self.graph.locations
        near = self._edges_near(float(stroke[:, 0].min()), float(stroke[:, 0].max()))
        near = near[self.segments[near[:, 0]] == self.segments[near[:, 1]]]
        odd, _ = crossed(stroke, locations[near[:, 0]].astype(np.float64), locations[near[:, 1]].astype(np.float64))
        done = False
        for segment in np.unique(self.segments[near[odd, 0]]).tolist():
            piece = Piece.of(self.efforts, self._members(segment))
            ends = locations[piece.members[piece.ends]].astype(np.float64)
            part = parted_by_stroke(piece, *crossed(stroke, ends[:, 0], ends[:, 1]))
            if part is not None:
                self._part(segment, piece.members, part)
                done = True
        if not done:
            _warn(f"{title}: the line parts no segment; it does nothing here. Draw it through a grain, rim to rim.")

    def _cut(self, pairs: Sequence[tuple[Place, Place]], title: str) -> None:
        ends = self._at([place for pair in pairs for place in pair]).reshape(-1, 2)
        there = (ends >= 0).all(axis=1)
        if not there.all():
            self._found([place for pair in pairs for place in pair], title)  # says so
        ends = ends[there]
        self.alone |= set(self.segments[ends].ravel().tolist())
        same = (self.segments[ends[:, 0]] == self.segments[ends[:, 1]]) & (ends[:, 0] != ends[:, 1])
        ends = ends[same]
        of_pair = self.segments[ends[:, 0]]
        for segment in np.unique(of_pair).tolist():
            piece = Piece.of(self.efforts, self._members(segment))
            inside = np.searchsorted(piece.members, ends[of_pair == segment])
            self._part(segment, piece.members, parted_by_pairs(piece, inside))

    def _part(self, segment: int, members: _Ids, part: _Ids) -> None:
        """Give the parts of a segment, but the largest, numbers of their own."""
        size = np.bincount(part)
        largest = int(np.argmax(size))
        self.held.add(segment)
        self.alone.add(segment)
        for each in np.flatnonzero(size).tolist():
            if each != largest:
                new = self._new_segment(self.phase[segment])
                self.alone.add(new)
                self.segments[members[part == each]] = new

    def _paint(self, correction: Paint, title: str) -> None:
        at = self._found(correction.places, title)
        if len(at) == 0:
            return
        if correction.into is None:
            had = np.array([self.phase[each] for each in self.segments[at].tolist()])
            into = self._new_segment(int(np.bincount(had).argmax()))
            self.alone.add(into)
        else:
            host = self._found([correction.into], title)
            if len(host) == 0:
                return
            into = int(self.segments[host[0]])
        moved = at[self.segments[at] != into]
        self.held |= {into, *np.unique(self.segments[moved]).tolist()}
        self.segments[moved] = into
        self._decide(moved, self.phase[into])

    def _assign(self, correction: Assign, title: str) -> None:
        at = self._found(correction.places, title)
        if len(at) == 0:
            return
        if correction.phase is None:
            phase = self.n_phases
            self.n_phases += 1
        else:
            example = self._found([correction.phase], title)
            if len(example) == 0:
                return
            phase = int(self.phases[example[0]])
        self._decide(at, phase)
        of_segment = np.array(self.phase, dtype=np.int64)
        moved = np.unique(at[of_segment[self.segments[at]] != phase])
        if len(moved) == 0:
            return
        # What is assigned of one segment, in one piece, leaves it, or takes its number along where nothing stays.
        chosen = np.zeros(len(self.segments), dtype=np.bool_)
        chosen[moved] = True
        a, b = self._edges_at(moved).T
        inner = np.flatnonzero(chosen[a] & chosen[b])
        a, b = a[inner], b[inner]
        inner = np.flatnonzero(self.segments[a] == self.segments[b])
        ends = np.searchsorted(moved, np.stack([a[inner], b[inner]], axis=1))
        piece = connected_components(ends, len(moved))
        old = self.segments[moved]
        size = np.bincount(self.segments, minlength=len(self.phase))
        whole = size == np.bincount(old, minlength=len(size))
        for segment in np.unique(old).tolist():
            own = old == segment
            self.held.add(segment)
            if whole[segment]:
                self.phase[segment] = phase
                continue
            for each in np.unique(piece[own]).tolist():
                self.segments[moved[piece == each]] = self._new_segment(phase)
        self._unite(phase, np.unique(self.segments[moved]))

    def _merge_phases(self, at: _Ids) -> None:
        chosen = np.unique(self.phases[at])
        if len(chosen) < 2:
            return
        phase = int(chosen[0])
        group = np.arange(self.n_phases)
        group[chosen] = phase
        self.phases = group[self.phases]
        self.phase = group[np.array(self.phase, dtype=np.int64)].tolist()
        self.becomes = group[self.becomes]
        self._unite(phase, None)

    def _unite(self, phase: int, some: _Ids | None) -> None:
        """Make segments of a phase that touch one; where `some` are given only those that touch these."""
        of_phase = np.array(self.phase, dtype=np.int64) == phase
        of_phase[list(self.alone)] = False
        edges = self.graph.edges
        if some is not None:
            wanted = np.zeros(len(self.phase), dtype=np.bool_)
            wanted[some] = True
            edges = self._edges_at(np.flatnonzero(wanted[self.segments]))
        a, b = self.segments[edges[:, 0]], self.segments[edges[:, 1]]
        touching = np.flatnonzero(a != b)
        a, b = a[touching], b[touching]
        touching = np.flatnonzero(of_phase[a] & of_phase[b] & (True if some is None else wanted[a] | wanted[b]))
        if len(touching) == 0:
            return
        numbers, ends = np.unique(np.stack([a[touching], b[touching]], axis=1), return_inverse=True)
        group = connected_components(ends.reshape(-1, 2), len(numbers))
        target = numbers[np.unique(group, return_index=True)[1]][group]  # the lowest number of each group
        lookup = np.arange(len(self.phase))
        lookup[numbers] = target
        self.segments = lookup[self.segments]
        self.held = (self.held - set(numbers.tolist())) | set(target.tolist())


def _warn(message: str) -> None:
    warnings.warn(message[0].upper() + message[1:], GdlsWarning, stacklevel=6)
