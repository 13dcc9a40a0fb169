"""Corrections and names by hand in words, as they were meant when they were made."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.edit_history import Edit, Naming
from napari_gdls.plugin.gestures.stroke_meaning import parted_labels
from napari_gdls.plugin.gestures.strokes import crossed_labels
from napari_gdls.plugin.layers.picking import nearest_measurement
from napari_gdls.recipe import Assign, Cut, Join, MergePhases, Paint, Place, Split

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.session import Session
    from napari_gdls.segmentation.result import Segmentation

_MOST_NAMED = 3
"""Grains or phases of an edit that are named one by one, chosen: a line of the list holds no more."""
_MARGIN = 0.3
"""Of the larger side of what an edit is about: kept free around it when it is zoomed to; chosen by eye."""
_LEAST = 20
"""Pixels that are shown at least when an edit is zoomed to, chosen: a single measurement is seen with its neighbours.
"""


class EditWords:
    """Words of the edits of every field, written down when an edit is made and what it changes is still in sight.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self._words: weakref.WeakKeyDictionary[FieldState, dict[tuple[Edit, ...], str]] = weakref.WeakKeyDictionary()
        session.edits_changed.connect(self._on_edits)

    def note(self, state: FieldState, edits: tuple[Edit, ...], words: str) -> None:
        """Say what edits are that are done together next."""
        self._words.setdefault(state, {})[edits] = words

    def of(self, state: FieldState) -> tuple[str, ...]:
        """Words of `state.history.gestures`.

        Those of edits that were made elsewhere (a recipe that was loaded, a field that was opened again) say what they
        are about in what is shown now.
        """
        self._on_edits(state)
        known = self._words.get(state, {})
        return tuple(known[edits] for edits in _gestures(state))

    def _on_edits(self, state: FieldState) -> None:
        known = self._words.setdefault(state, {})
        shown = None if state.shown is None else state.shown.segmentation
        for edits in _gestures(state):
            if edits not in known:
                more = f" and {len(edits) - 1} more" if len(edits) > 1 else ""
                known[edits] = words_of(edits[0], shown) + more


def _gestures(state: FieldState) -> list[tuple[Edit, ...]]:
    edits = state.history.edits
    return [tuple(edits[index] for index in indices) for indices in state.history.gestures]


def words_of(edit: Edit, segmentation: Segmentation | None) -> str:
    """One edit in words.

    Parameters
    ----------
    edit : Edit
    segmentation : Segmentation or None
        What is shown before it is done. None: nothing is.
    """
    if isinstance(edit, Naming):
        phase = "a phase" if segmentation is None else _phases_in(segmentation, [(edit.row, edit.column)])
        return f"named {phase} {edit.name}" if edit.name else f"took the name of {phase} back"
    if isinstance(edit, Split):
        return f"split {grains_in_words(_crossed(segmentation, edit), segmentation)}"
    if isinstance(edit, Cut):
        apart = [place for pair in edit.pairs for place in pair]
        edges = f" at {_counted(len(edit.pairs), 'edge')}"
        return f"cut {grains_in_words(_labels_at(segmentation, apart), segmentation)}{edges}"
    if isinstance(edit, Join):
        return f"joined {grains_in_words(_labels_at(segmentation, edit.places), segmentation)}"
    if isinstance(edit, Paint):
        painted = _counted(len(edit.places), "measurement")
        if edit.into is None:
            return f"painted {painted} as a new grain"
        return f"painted {painted} into {grains_in_words(_labels_at(segmentation, [edit.into]), segmentation)}"
    if isinstance(edit, Assign):
        what = _counted(len(edit.places), "measurement")
        if segmentation is not None and (labels := _whole(segmentation, edit.places)):
            what = grains_in_words(labels, segmentation)
        if edit.phase is None:
            return f"{what} → new phase"
        return f"{what} → {'a phase' if segmentation is None else _phases_in(segmentation, [edit.phase])}"
    assert isinstance(edit, MergePhases)
    if segmentation is None:
        return f"merged {_counted(len(edit.places), 'phase')}"
    return f"merged {_phases_in(segmentation, edit.places)}"


def extent_of(edits: Iterable[Edit], segmentation: Segmentation) -> tuple[float, float, float, float]:
    """Part of the field that edits are about, with a margin: row, column, height and width in pixels."""
    points = np.concatenate([_points_of(edit, segmentation) for edit in edits])
    first, last = points.min(axis=0), points.max(axis=0)
    size = last - first + 1
    wanted = np.maximum(size + 2 * _MARGIN * size.max(), _LEAST)
    row, column = (first + last + 1 - wanted) / 2
    return float(row), float(column), float(wanted[0]), float(wanted[1])


def _points_of(edit: Edit, segmentation: Segmentation) -> npt.NDArray[np.float64]:
    """Places of an edit, and corners of the grains that it means, (P, 2)."""
    labels: list[int] = []
    if isinstance(edit, Split):
        points = np.asarray(edit.stroke, dtype=np.float64)
    else:
        points = np.asarray(places_of(edit), dtype=np.float64)
        if isinstance(edit, Join | Naming | MergePhases):  # these name one measurement of each grain that they mean
            labels = _labels_at(segmentation, places_of(edit))
    inside = np.isin(segmentation.labels, labels)
    if labels and inside.any():
        sides = [np.flatnonzero(inside.any(axis=axis)) for axis in (1, 0)]
        points = np.concatenate([points, np.array([[side[0] for side in sides], [side[-1] for side in sides]])])
    return points


def places_of(edit: Edit) -> tuple[Place, ...]:
    """Pixels of the measurements that an edit names, the one it sends others to among them."""
    if isinstance(edit, Naming):
        return ((edit.row, edit.column),)
    if isinstance(edit, Join | MergePhases):
        return edit.places
    if isinstance(edit, Paint):
        return edit.places if edit.into is None else (*edit.places, edit.into)
    if isinstance(edit, Assign):
        return edit.places
    if isinstance(edit, Cut):
        return tuple(place for pair in edit.pairs for place in pair)
    return ()


def grain_words(segmentation: Segmentation, label: int) -> str:
    """What a segment is called: "plagioclase 1 #50", "phase 3 #50", "grain #50" where there are no phases."""
    if not segmentation.has_phases:
        return f"grain #{label}"
    return f"{segmentation.phase_titles[segmentation.phases[label - 1]]} #{label}"


def grains_in_words(labels: Sequence[int], segmentation: Segmentation | None) -> str:
    """What segments are called, one by one where they are few: "quartz #3 and biotite #7", "12 grains"."""
    if segmentation is None or not labels:
        return "grains"
    if len(labels) > _MOST_NAMED:
        return f"{len(labels)} grains"
    named = [grain_words(segmentation, label) for label in labels]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _crossed(segmentation: Segmentation | None, edit: Split) -> tuple[int, ...]:
    """Segments that a stroke parts: those that it crosses an edge of."""
    if segmentation is None:
        return ()
    return parted_labels(segmentation, edit.stroke) or crossed_labels(segmentation.labels, edit.stroke)


def _labels_at(segmentation: Segmentation | None, places: Sequence[Place]) -> list[int]:
    """Labels of the segments of measurements, each once."""
    if segmentation is None:
        return []
    found = (_label_at(segmentation, *place) for place in places)
    return list(dict.fromkeys(label for label in found if label))


def _label_at(segmentation: Segmentation, row: int, column: int) -> int:
    """Label of the segment at a pixel, or of the measurement nearest to it; 0 where none is near."""
    height, width = segmentation.labels.shape
    if row < height and column < width and (label := int(segmentation.labels[row, column])) > 0:
        return label
    measurement = nearest_measurement(segmentation.field, row, column)
    return 0 if measurement is None else int(segmentation.measurement_labels[measurement]) + 1


def _whole(segmentation: Segmentation, places: Sequence[Place]) -> list[int]:
    """Labels of segments that measurements make up whole; none if they are part of one."""
    height, width = segmentation.labels.shape
    chosen = np.zeros((height, width), dtype=bool)
    inside = np.asarray([place for place in places if place[0] < height and place[1] < width], dtype=np.int64)
    chosen[tuple(inside.reshape(-1, 2).T)] = True
    taken = chosen[tuple(segmentation.field.locations.T)]
    segments = segmentation.measurement_labels
    n_taken = np.bincount(segments[taken], minlength=segmentation.n_segments)
    touched = np.flatnonzero(n_taken)
    n_all = np.bincount(segments, minlength=segmentation.n_segments)
    return (touched + 1).tolist() if (n_taken == n_all)[touched].all() else []


def _phases_in(segmentation: Segmentation, places: Sequence[Place]) -> str:
    if not segmentation.has_phases:
        return _counted(len(places), "phase")
    labels = _labels_at(segmentation, places)
    numbers = list(dict.fromkeys(int(segmentation.phases[label - 1]) for label in labels))
    if not 0 < len(numbers) <= _MOST_NAMED:
        return _counted(len(numbers), "phase")
    named = [segmentation.phase_titles[number] for number in numbers]
    return named[0] if len(named) == 1 else f"{', '.join(named[:-1])} and {named[-1]}"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
