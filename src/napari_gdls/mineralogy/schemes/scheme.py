"""A scheme of classes, and how one is found for a material."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.schemes.quantities import Quantity, SchemeQuantities

UNCLASSIFIED = "unclassified"
"""Name of what no class holds."""

FORMAT, VERSION = "napari-gdls scheme", 1
"""What a file says that it is; the number of this form of it."""

FIRST, BEST = "first", "best"
"""The first class that holds, by priority and order; or the one whose ranges it lies nearest the middle of."""

MODES = (FIRST, BEST)
"""How one of several classes is chosen."""

_NEAREST = 3
"""Classes that an answer of none names with what speaks against them: a choice."""


@dataclass(frozen=True)
class Condition:
    """A range of a quantity; its limits belong to it.

    Attributes
    ----------
    quantity : Quantity
    low, high : float or None
        In the unit of the quantity; None for no limit.
    """

    quantity: Quantity
    low: float | None = None
    high: float | None = None

    def holds(self, value: Any) -> Any:
        """Whether values lie in the range; NaN does not."""
        value = np.asarray(value, dtype=np.float64)
        inside = ~np.isnan(value)
        if self.low is not None:
            inside &= value >= self.low
        if self.high is not None:
            inside &= value <= self.high
        return inside

    def off_middle(self, value: Any) -> Any:
        """Distance from the middle by half of the width, 0 to 1 inside; 1 where one end is open."""
        value = np.asarray(value, dtype=np.float64)
        if self.low is None or self.high is None:
            return np.ones(value.shape)
        half = (self.high - self.low) / 2
        return np.abs(value - (self.low + self.high) / 2) / half if half > 0 else np.zeros(value.shape)

    def in_words(self, value: float) -> str:
        """Such as "Si [wt%] is 46.2, from 40 to 50"."""
        if np.isnan(value):
            return f"{self.quantity.text} is not defined here"
        if self.low is None:
            wanted = f"at most {self.high:g}"
        elif self.high is None:
            wanted = f"at least {self.low:g}"
        else:
            wanted = f"from {self.low:g} to {self.high:g}"
        return f"{self.quantity.text} is {value:.3g}, {wanted} {'holds' if self.holds(value) else 'is needed'}"


@dataclass(frozen=True)
class SchemeClass:
    """A class of a scheme: all of its rules must hold.

    Attributes
    ----------
    name, group : str
    colour : str
        "#rrggbb", or "".
    density : float or None
        g/cm3.
    priority : int
        Lower ones are asked first.
    conditions : tuple of Condition
    required, forbidden : tuple of str
        Elements that must be found beyond doubt, and that must not.
    """

    name: str
    group: str = ""
    colour: str = ""
    density: float | None = None
    priority: int = 0
    conditions: tuple[Condition, ...] = ()
    required: tuple[str, ...] = ()
    forbidden: tuple[str, ...] = ()

    def holds(self, quantities: SchemeQuantities) -> npt.NDArray[np.bool_]:
        """Whether all rules hold, () or (N,) bool."""
        inside = np.asarray(True)
        for symbol in self.required:
            inside = inside & np.asarray(quantities.found.get(symbol, False))
        for symbol in self.forbidden:
            inside = inside & ~np.asarray(quantities.found.get(symbol, False))
        for condition in self.conditions:
            inside = inside & condition.holds(condition.quantity.of(quantities))
        return np.asarray(inside, dtype=np.bool_)

    def off_middle(self, quantities: SchemeQuantities) -> npt.NDArray[np.float64]:
        """Mean of its conditions' distances from the middle of their ranges, () or (N,); 1 without conditions."""
        if not self.conditions:
            return np.asarray(1.0)
        off = [condition.off_middle(condition.quantity.of(quantities)) for condition in self.conditions]
        return np.asarray(sum(off[1:], start=off[0]) / len(off), dtype=np.float64)

    def reasons(self, quantities: SchemeQuantities) -> tuple[list[str], list[str]]:
        """What speaks for it, and what against it, of one material."""
        rules = [(bool(quantities.found.get(s, False)), s, "is found", "is not found") for s in self.required]
        rules += [(not quantities.found.get(s, False), s, "is not found", "is found") for s in self.forbidden]
        told = [(holds, f"{symbol} {yes if holds else no}") for holds, symbol, yes, no in rules]
        for condition in self.conditions:
            value = float(condition.quantity.of(quantities))
            told.append((bool(condition.holds(value)), condition.in_words(value)))
        return [text for holds, text in told if holds], [text for holds, text in told if not holds]


@dataclass(frozen=True)
class RuleMatch:
    """The class of a material.

    Attributes
    ----------
    name : str
        `UNCLASSIFIED` where no class holds.
    group, colour, density
        See `SchemeClass`.
    reasons : tuple of str
        The rules of the class with what was measured; without a class, what speaks against those that come nearest.
    others : tuple of str
        Further classes whose rules hold too.
    """

    name: str
    group: str = ""
    colour: str = ""
    density: float | None = None
    reasons: tuple[str, ...] = ()
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Scheme:
    """Classes of minerals by ranges of what was measured.

    Attributes
    ----------
    name, description : str
    mode : str
        `FIRST` or `BEST`.
    classes : tuple of SchemeClass
        In the order of the file.
    """

    name: str
    description: str
    mode: str
    classes: tuple[SchemeClass, ...]

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        """All quantities that the rules ask for, each once."""
        return tuple(dict.fromkeys(rule.quantity for kind in self.classes for rule in kind.conditions))

    @property
    def elements(self) -> tuple[str, ...]:
        """All elements that the rules name."""
        named = [symbol for quantity in self.quantities for symbol in quantity.elements]
        named += [symbol for kind in self.classes for symbol in kind.required + kind.forbidden]
        return tuple(dict.fromkeys(named))

    def classify(self, quantities: SchemeQuantities) -> RuleMatch:
        """Find the class of one material.

        Parameters
        ----------
        quantities : SchemeQuantities
            See `scheme_quantities`.

        Raises
        ------
        SchemeError
            If a rule asks for what was not measured: BSE, or a kind of quantity.
        """
        index = int(self.indices(quantities))
        if index < 0:
            return RuleMatch(UNCLASSIFIED, reasons=self._against(quantities))
        kind = self.classes[index]
        reasons, _ = kind.reasons(quantities)
        others = tuple(other.name for other in self.classes if other is not kind and bool(other.holds(quantities)))
        return RuleMatch(kind.name, kind.group, kind.colour, kind.density, tuple(reasons), others)

    def indices(self, quantities: SchemeQuantities) -> npt.NDArray[np.int64]:
        """Class of one material or of many, () or (N,) int64: index into `classes`, -1 for none."""
        order = sorted(range(len(self.classes)), key=lambda k: self.classes[k].priority)
        best: Any = np.asarray(-1, dtype=np.int64)
        least: Any = np.asarray(np.inf)
        for k in order:
            kind = self.classes[k]
            holds = kind.holds(quantities)
            rank = kind.off_middle(quantities) if self.mode == BEST else np.asarray(0.0)
            better = holds & (rank < least)
            best, least = np.where(better, k, best), np.where(better, rank, least)
        return np.asarray(best, dtype=np.int64)

    def _against(self, quantities: SchemeQuantities) -> tuple[str, ...]:
        """What speaks against the classes with the fewest rules that do not hold."""
        told = [(kind.name, kind.reasons(quantities)) for kind in self.classes]
        told.sort(key=lambda pair: len(pair[1][1]) / max(len(pair[1][0]) + len(pair[1][1]), 1))
        return tuple(f"not {name}: {'; '.join(against)}" for name, (_, against) in told[:_NEAREST])

    def to_json(self) -> str:
        """The scheme as the text of a file that `read_scheme` reads, one rule in a line."""
        head = {"format": FORMAT, "version": VERSION, "name": self.name, "description": self.description}
        lines = [f"  {_text(key)}: {_text(value)}," for key, value in {**head, "mode": self.mode}.items()]
        classes = ",\n".join(_class_text(kind) for kind in self.classes)
        return "\n".join(["{", *lines, '  "classes": [', classes, "  ]", "}", ""])


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _class_text(kind: SchemeClass) -> str:
    head: dict[str, object] = {"name": kind.name}
    optional: Sequence[tuple[str, object]] = (
        ("group", kind.group),
        ("colour", kind.colour),
        ("density", kind.density),
        ("priority", kind.priority),
        ("required", list(kind.required)),
        ("forbidden", list(kind.forbidden)),
    )
    head.update({key: value for key, value in optional if value})
    text = ", ".join(f"{_text(key)}: {_text(value)}" for key, value in head.items())
    if not kind.conditions:
        return f"    {{{text}}}"
    rules = ",\n".join(f"      {_condition_text(condition)}" for condition in kind.conditions)
    return f'    {{{text},\n     "conditions": [\n{rules}\n    ]}}'


def _condition_text(condition: Condition) -> str:
    rule: dict[str, object] = {"quantity": condition.quantity.text}
    rule.update({key: value for key, value in (("min", condition.low), ("max", condition.high)) if value is not None})
    return _text(rule)
