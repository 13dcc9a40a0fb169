"""Names of phases, as those who name them hand them on."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

BY_HAND, BY_MEASUREMENT, BY_SCHEME = "hand", "measured", "scheme"
"""Where a name comes from."""

UNKNOWN = "unknown"
"""Name of what is none of the materials that are known."""

LEAST_PROBABILITY = 0.5
"""Names less probable than this are shown with a question mark: something else is likelier."""


@dataclass(frozen=True)
class PhaseName:
    """The name of a phase and what is known of it.

    Attributes
    ----------
    name : str
        "plagioclase", "unknown", "mixture of plagioclase and quartz"; "" for a phase that nobody has named.
    probability : float or None
        0 to 1; None for names given by hand or by a scheme.
    source : str
        `BY_HAND`, `BY_MEASUREMENT` or `BY_SCHEME`; "" where there is no name.
    cannot_be_told_from : tuple of str
        What the name stands for as well.
    group, formula : str
        Mineral group, and structural formula in text, "" where there are none.
    details : str
        Lines for a tooltip: composition, coordinates, other candidates.
    quantities : mapping of str to float
        Numbers for tables, by the name of their column with its unit: ``"Si [wt%]"``, ``"Si error [wt%]"``, ``"An"``.
    measured : PhaseName or None
        The name that one by hand stands in the place of, which comes back when that is taken away.
    """

    name: str = ""
    probability: float | None = None
    source: str = ""
    cannot_be_told_from: tuple[str, ...] = ()
    group: str = ""
    formula: str = ""
    details: str = ""
    quantities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    measured: PhaseName | None = None

    @property
    def is_by_hand(self) -> bool:
        """Whether a user has given the name."""
        return self.source == BY_HAND

    @property
    def doubt(self) -> str:
        """A question mark where something else is likelier (`LEAST_PROBABILITY`), else ""."""
        return "?" if self.probability is not None and self.probability < LEAST_PROBABILITY else ""

    def called(self, name: str) -> PhaseName:
        """Replace the name by one given by hand, or by "" bring the measured one back.

        What was measured stays: composition, details and numbers. Group, formula and what it cannot be told from are
        those of the measured name, and stay where the name is the same.
        """
        before = self.measured if self.is_by_hand else self
        if not name:
            return before or PhaseName()
        if before is None or before == PhaseName():
            return PhaseName(name, source=BY_HAND)
        if before.name.casefold() == name.casefold():
            return dataclasses.replace(before, name=name, probability=None, source=BY_HAND, measured=before)
        return PhaseName(name, source=BY_HAND, details=before.details, quantities=before.quantities, measured=before)


UNNAMED = PhaseName()
"""The name of a phase that nobody has named."""


def with_those_by_hand(names: Sequence[PhaseName], before: Sequence[PhaseName]) -> tuple[PhaseName, ...]:
    """New names of phases, but for those that a user has given before: they stay, and what is new joins them.

    Parameters
    ----------
    names : sequence of P PhaseName, or of none
        None: all but those by hand go.
    before : sequence of P PhaseName, or of none
    """
    if not any(name.is_by_hand for name in before):
        return tuple(names)
    new = names or [UNNAMED] * len(before)
    return tuple(
        name.called(old.name) if old.is_by_hand and not name.is_by_hand else name
        for name, old in zip(new, before, strict=True)
    )


def merged_names(
    names: Sequence[PhaseName], group: npt.NDArray[np.int64], size: npt.NDArray[np.int64]
) -> tuple[PhaseName, ...]:
    """Names of phases that are taken together.

    Those of one name keep it, with the least of their probabilities; of different names, the name by hand, of two by
    hand that of the larger phase; else there is none. The composition of several is that of none of them: formula,
    details and numbers go.

    Parameters
    ----------
    names : sequence of P PhaseName, or of none
    group : (P,) array of int
        New phase of each, 0..M - 1.
    size : (P,) array of int
        Measurements of each.

    Returns
    -------
    tuple of M PhaseName, or of none
    """
    if not names:
        return ()
    parts: list[list[int]] = [[] for _ in range(int(group.max()) + 1)]
    for k in np.lexsort((np.arange(len(names)), -size)).tolist():
        parts[group[k]].append(k)
    return tuple(_name_of_all([names[k] for k in part]) for part in parts)


def _name_of_all(names: Sequence[PhaseName]) -> PhaseName:
    """The name of phases taken together, the largest first."""
    if len(names) == 1:
        return names[0]
    by_hand = [name for name in names if name.is_by_hand]
    if by_hand:
        return PhaseName(by_hand[0].name, source=BY_HAND)
    if len({name.name for name in names}) > 1:
        return UNNAMED
    largest = names[0]
    probabilities = [name.probability for name in names if name.probability is not None]
    return PhaseName(
        largest.name,
        min(probabilities, default=None),
        largest.source,
        tuple(dict.fromkeys(other for name in names for other in name.cannot_be_told_from)),
        largest.group if len({name.group for name in names}) == 1 else "",
    )


def titles_of(names: Sequence[PhaseName]) -> tuple[str, ...]:
    """What phases are called where each needs a text of its own: "quartz", "plagioclase 2", "phase 5".

    The name where no other phase has it, the name and a number where several do, "phase" and its number, counted from
    1, where it has none.
    """
    own = [name.name or f"phase {k + 1}" for k, name in enumerate(names)]
    times, numbers = Counter(own), Counter[str]()
    taken = {title for title, number in times.items() if number == 1}
    titles = []
    for title in own:
        if times[title] == 1:
            titles.append(title)
            continue
        numbers[title] += 1
        while f"{title} {numbers[title]}" in taken:
            numbers[title] += 1
        titles.append(f"{title} {numbers[title]}")
    return tuple(titles)
