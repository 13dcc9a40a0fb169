"""Corrections by hand as constraints of the next run: cuts and links in the graph, paint on labels."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np
from napari.layers import Labels, Shapes

from napari_gdls.phases.constraints import Constraints, Place
from napari_gdls.plugin.layers.metadata import layer_segmentation

Pair = tuple[Place, Place]


class Corrections:
    """Constraints of one field as they are collected, with undo.

    Of two corrections that contradict each other directly (a link and a cut of the same two measurements, a measurement
    painted twice) the later one holds.
    """

    def __init__(self) -> None:
        self._states: list[Constraints] = [Constraints()]

    @property
    def constraints(self) -> Constraints:
        """What the next run has to keep."""
        return self._states[-1]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to take back."""
        return len(self._states) > 1

    @property
    def text(self) -> str:
        """Counts: "3 links, 1 cut, 120 fixed"."""
        now = self.constraints
        links, cuts = len(now.links), len(now.cuts)
        return f"{links} link{'s' * (links != 1)}, {cuts} cut{'s' * (cuts != 1)}, {len(now.fixed)} fixed"

    def cut(self, pairs: Iterable[Pair]) -> bool:
        """Require that both measurements of each pair are of different segments; False if nothing is new."""
        now, given = self.constraints, _sorted_pairs(pairs)
        return self._become(
            dataclasses.replace(
                now,
                cuts=tuple(dict.fromkeys((*now.cuts, *given))),
                links=tuple(pair for pair in now.links if pair not in given),
            )
        )

    def link(self, pairs: Iterable[Pair]) -> bool:
        """Require that both measurements of each pair are of one segment; False if nothing is new."""
        now, given = self.constraints, _sorted_pairs(pairs)
        return self._become(
            dataclasses.replace(
                now,
                links=tuple(dict.fromkeys((*now.links, *given))),
                cuts=tuple(pair for pair in now.cuts if pair not in given),
            )
        )

    def fix(self, labels: Mapping[Place, int]) -> bool:
        """Require that measurements are of the segments that labels say; False if nothing is new.

        Parameters
        ----------
        labels : mapping
            Label of measurements, as `painted_labels` gives them.

        Notes
        -----
        Labels are those of one layer; the next run may number otherwise. So each label gets the number that most of its
        measurements were fixed to earlier, and one of its own where that is none, or is taken by a label that holds
        more of it. Corrections in several rounds add up in this way.
        """
        before = dict(self.constraints.fixed)
        shared = Counter((label, before[place]) for place, label in labels.items() if place in before)
        number_of: dict[int, int] = {}
        for (label, number), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
            if label not in number_of and number not in number_of.values():
                number_of[label] = number
        following = 1 + max(before.values(), default=0)
        for label in sorted(set(labels.values()) - set(number_of)):
            number_of[label] = following
            following += 1
        fixed = before | {place: number_of[label] for place, label in labels.items()}
        return self._become(dataclasses.replace(self.constraints, fixed=tuple(sorted(fixed.items()))))

    def clear(self) -> bool:
        """Require nothing any more; False if nothing was required."""
        return self._become(Constraints())

    def undo(self) -> None:
        """Take back the last of `cut`, `link`, `fix` and `clear`."""
        if self.can_undo:
            self._states.pop()

    def _become(self, constraints: Constraints) -> bool:
        if constraints == self.constraints:
            return False
        self._states.append(constraints)
        return True


def selected_pairs(layer: Shapes) -> list[Pair]:
    """Measurements at both ends of the selected lines of a graph layer; lines that begin and end at one are left out.

    Parameters
    ----------
    layer : Shapes
        From `napari_gdls.plugin.layers.graph.graph_shapes`, that carries its segmentation.
    """
    segmentation = layer_segmentation(layer)
    chosen = sorted(layer.selected_data)
    if segmentation is None or not chosen:
        return []
    ends = layer.features[["u", "v"]].to_numpy(dtype=np.int64)[chosen]
    ends = ends[(ends >= 0).all(axis=1) & (ends[:, 0] != ends[:, 1])]
    places = segmentation.field.locations[ends].tolist()
    return [((a[0], a[1]), (b[0], b[1])) for a, b in places]


def painted_labels(layer: Labels, constraints: Constraints) -> dict[Place, int]:
    """Labels that say what the user has painted on segments; empty if no measurement was painted.

    Parameters
    ----------
    layer : Labels
        From `napari_gdls.plugin.layers.segments.segment_layer`, that carries its segmentation.
    constraints : Constraints
        What was fixed earlier.

    Returns
    -------
    dict
        Label at the pixel of measurements: those that were painted with another label than the segmentation has there;
        their neighbours in the graph, so that what was painted ends where the user ended it; one measurement of each
        painted label outside the paint, so that it joins the segment of this label; and those fixed earlier. Erased
        ones (label 0) are left out.
    """
    segmentation = layer_segmentation(layer)
    if segmentation is None:
        return {}
    field, edges = segmentation.field, segmentation.graph.edges
    place = tuple(field.locations.T)
    now, found = np.asarray(layer.data)[place], segmentation.labels[place]
    painted = (now != found) & (now > 0)
    if not painted.any():
        return {}
    taken = painted.copy()
    taken[edges[painted[edges].any(axis=1)]] = True
    unpainted = np.flatnonzero(~painted)
    present, first = np.unique(now[unpainted], return_index=True)
    taken[unpainted[first[np.isin(present, now[painted])]]] = True
    fixed = {place for place, _ in constraints.fixed}
    return {
        (row, column): label
        for (row, column), label, chosen in zip(field.locations.tolist(), now.tolist(), taken.tolist(), strict=True)
        if label > 0 and (chosen or (row, column) in fixed)
    }


def _sorted_pairs(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
