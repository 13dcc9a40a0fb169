"""Corrections by hand as constraints of the next run."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from napari_gdls.phases.constraints import Constraints, Place

Pair = tuple[Place, Place]


@dataclass(frozen=True)
class Corrections:
    """Constraints of one field as they are collected, and those that `undone` goes back to.

    Nothing changes in place: every correction gives other corrections, or the same ones if it says nothing new. Of two
    corrections that contradict each other directly (a link and a cut of the same two measurements, a measurement
    painted twice) the later one holds.

    Parameters
    ----------
    states : tuple of Constraints
        As they were before and after each correction, the latest last.
    """

    states: tuple[Constraints, ...] = (Constraints(),)

    @property
    def constraints(self) -> Constraints:
        """What the next run has to keep."""
        return self.states[-1]

    @property
    def can_undo(self) -> bool:
        """Whether there is a correction to undo."""
        return len(self.states) > 1

    @property
    def text(self) -> str:
        """Counts: "3 links, 1 cut, 120 fixed"."""
        now = self.constraints
        links, cuts = len(now.links), len(now.cuts)
        return f"{links} link{'s' * (links != 1)}, {cuts} cut{'s' * (cuts != 1)}, {len(now.fixed)} fixed"

    def with_cuts(self, pairs: Iterable[Pair]) -> Corrections:
        """Require also that both measurements of each pair are of different segments."""
        now, given = self.constraints, _sorted_pairs(pairs)
        return self._followed_by(
            dataclasses.replace(
                now,
                cuts=tuple(dict.fromkeys((*now.cuts, *given))),
                links=tuple(pair for pair in now.links if pair not in given),
            )
        )

    def with_links(self, pairs: Iterable[Pair]) -> Corrections:
        """Require also that both measurements of each pair are of one segment."""
        now, given = self.constraints, _sorted_pairs(pairs)
        return self._followed_by(
            dataclasses.replace(
                now,
                links=tuple(dict.fromkeys((*now.links, *given))),
                cuts=tuple(pair for pair in now.cuts if pair not in given),
            )
        )

    def with_fixed(self, labels: Mapping[Place, int]) -> Corrections:
        """Require also that measurements are of the segments that labels say.

        Parameters
        ----------
        labels : mapping
            Label of measurements, as `napari_gdls.plugin.layers.edits.painted_labels` gives them.

        Notes
        -----
        Labels are those of one layer; the next run may number otherwise. So each label gets the number that most of its
        measurements were fixed to earlier, and one of its own where that is none, or is taken by a label that holds
        more of it. Corrections in several rounds add up in this way.
        """
        before = dict(self.constraints.fixed)
        shared = Counter((label, before[pixel]) for pixel, label in labels.items() if pixel in before)
        number_of: dict[int, int] = {}
        for (label, number), _ in sorted(shared.items(), key=lambda item: (-item[1], item[0])):
            if label not in number_of and number not in number_of.values():
                number_of[label] = number
        following = 1 + max(before.values(), default=0)
        for label in sorted(set(labels.values()) - set(number_of)):
            number_of[label] = following
            following += 1
        fixed = before | {pixel: number_of[label] for pixel, label in labels.items()}
        return self._followed_by(dataclasses.replace(self.constraints, fixed=tuple(sorted(fixed.items()))))

    def cleared(self) -> Corrections:
        """Require nothing any more; can be undone."""
        return self._followed_by(Constraints())

    def undone(self) -> Corrections:
        """As they were before the last correction."""
        return Corrections(self.states[:-1]) if self.can_undo else self

    def _followed_by(self, constraints: Constraints) -> Corrections:
        return self if constraints == self.constraints else Corrections((*self.states, constraints))


def _sorted_pairs(pairs: Iterable[Pair]) -> tuple[Pair, ...]:
    return tuple(dict.fromkeys((min(pair), max(pair)) for pair in pairs))
