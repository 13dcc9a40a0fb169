"""Solid-solution series: end members, sites and the compositions between them.

A `Series` is a formula with named sites, each of which its occupants share: ``X3M2Si3O12`` with X = Mg, Fe, Mn, Ca
and M = Al, Fe3+, Cr for garnet. Occupants of one site carry the same charge, so every mixture is neutral. A coupled
substitution is one occupant: ``NaSi`` and ``CaAl`` (both 5+) share the site T of plagioclase, ``TAlSi2O8``. A series
whose occupants are whole minerals has one site that is the whole formula.

The series of the project stand in `series.toml` beside this file.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from types import MappingProxyType
from typing import Any

import numpy as np

from napari_gdls.materials.formula import USUAL_CHARGES, Formula, mixture, parse_formula, parse_template
from napari_gdls.materials.minerals import MaterialError, find_mineral, suggestion

_DRAWN_LONGEST = 2
"""Most steps of a line between two drawn compositions: a choice, as there are many such lines."""

_SAID_FROM = 5e-4
"""Share of an occupant from which on a name says it: half of the last digit, 0.1 %."""

_CHARGES_DIFFER = 0.02
"""Difference of charge between the occupants of a site that is more than rounding of their formulas."""

_EVEN_DRAW, _WEIGHTED_DRAW = 0.3, 1.2
"""Parameters of the Dirichlet distributions that compositions are drawn from: that of an occupant of weight 0, and what
the largest weight adds. Below 1 shares near 0 and 1 are likely, as in nature. Choices."""

_NO_ROOM = 1e-9
"""Room on a site that is none but for rounding."""

Fractions = Mapping[str, float]
"""Share of each occupant on its site, from 0 to 1."""


@dataclass(frozen=True)
class MixingLine:
    """A straight line between two compositions of a series.

    Parameters
    ----------
    name : str
        Of the line, unique within its series.
    start, end : mapping
        Complete fractions, as `Series.complete` gives them.
    longest : int
        Most steps in which it is worth walking.
    drawn : bool
        Whether its ends were drawn, rather than being occupants.
    """

    name: str
    start: Fractions
    end: Fractions
    longest: int
    drawn: bool = False

    def at(self, position: float) -> Fractions:
        """Fractions at `position`, from 0 (start) to 1 (end)."""
        return {name: (1 - position) * self.start[name] + position * self.end[name] for name in self.start}


@dataclass(frozen=True)
class Series:
    """A solid-solution series.

    Parameters
    ----------
    name : str
    group : str
        Mineral group.
    template : str
        Formula with sites, as in ``M2SiO4``.
    sites : mapping
        Site -> occupant -> what it puts on the site. Names of occupants are unique within the series.
    most : mapping
        Occupant -> largest share in nature, where it is below 1.
    pairs : sequence of (str, str)
        Occupants between which the series mixes; empty: all pairs of a site.
    bases : int
        In how many states (the first occupants) the other sites are while the occupants of one site are varied.
    random_lines : int
        Further mixing lines, between compositions drawn from all sites at once.
    weights : mapping
        Occupant -> weight in drawn compositions; 1 where nothing is said, 0 leaves the occupant out.
    step : float
        Change of mass (half the sum of the absolute changes of all mass fractions) from one member of a line to the
        next.
    longest : int
        Most steps of a line between two occupants; lines between drawn compositions have 2.
    charge_balanced : bool
        False for metals and covalent sulfides, where formal charges say nothing.

    Raises
    ------
    MaterialError
        If sites and template do not fit, names repeat or the occupants of a site differ in charge.
    """

    name: str
    group: str
    template: str
    sites: Mapping[str, Mapping[str, Formula]]
    most: Fractions = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()
    bases: int = 1
    random_lines: int = 0
    weights: Mapping[str, float] = field(default_factory=dict)
    step: float = 0.03
    longest: int = 3
    charge_balanced: bool = True

    def __post_init__(self) -> None:
        names = [occupant for occupants in self.sites.values() for occupant in occupants]
        if len(set(names)) != len(names):
            raise self._error("two occupants have the same name")
        for site, count in self._frame[1].items():
            if count <= 0:
                raise self._error(f"the template {self.template!r} has no site {site}")
            if not self.sites[site]:
                raise self._error(f"the site {site} has no occupants")
            if sum(self.most.get(occupant, 1.0) for occupant in self.sites[site]) < 1:
                raise self._error(f"the largest shares on site {site} do not fill it")
        for kind, mentioned in (
            ("most", self.most),
            ("weights", self.weights),
            ("pairs", itertools.chain(*self.pairs)),
        ):
            for name in mentioned:
                if name not in names:
                    raise self._error(f"{kind} names {name!r}.{suggestion(name, names)} Its occupants are {names}")
        for first, second in self.pairs:
            if self.site_of(first) != self.site_of(second) or first == second:
                raise self._error(f"{first} and {second} do not share a site")
            if self._room(first, second) < _NO_ROOM:
                raise self._error(f"{first} and {second} cannot fill their site together")
        if self.charge_balanced:
            for site, occupants in self.sites.items():
                charges = {occupant: formula.charge(USUAL_CHARGES) for occupant, formula in occupants.items()}
                if max(charges.values()) - min(charges.values()) > _CHARGES_DIFFER:
                    raise self._error(f"the occupants of {site} differ in charge: {charges}")

    def _error(self, problem: str) -> MaterialError:
        return MaterialError(f"series {self.name}: {problem}.")

    @cached_property
    def _frame(self) -> tuple[Formula, dict[str, float]]:
        return parse_template(self.template, self.sites)

    @property
    def occupants(self) -> tuple[str, ...]:
        """Names of all occupants, site by site."""
        return tuple(occupant for occupants in self.sites.values() for occupant in occupants)

    def site_of(self, occupant: str) -> str:
        """The site that an occupant shares.

        Raises
        ------
        MaterialError
            If the series has no such occupant.
        """
        for site, occupants in self.sites.items():
            if occupant in occupants:
                return site
        raise self._error(
            f"no occupant {occupant!r}.{suggestion(occupant, list(self.occupants))} It has {self.occupants}"
        )

    def complete(self, fractions: Fractions) -> dict[str, float]:
        """Fractions of all occupants: a site that `fractions` leaves out holds its first occupant.

        Raises
        ------
        MaterialError
            If an occupant is unknown, or the shares of a site are negative or do not sum to 1.
        """
        given: dict[str, dict[str, float]] = {}
        for occupant, share in fractions.items():
            given.setdefault(self.site_of(occupant), {})[occupant] = float(share)
        result: dict[str, float] = {}
        for site, occupants in self.sites.items():
            shares = given.get(site, {next(iter(occupants)): 1.0})
            if not math.isclose(sum(shares.values()), 1.0, abs_tol=1e-6) or min(shares.values()) < -1e-9:
                raise self._error(f"the shares on site {site} are {shares}; they must be positive and sum to 1")
            result |= {occupant: max(shares.get(occupant, 0.0), 0.0) for occupant in occupants}
        return result

    def at(self, fractions: Fractions) -> Formula:
        """The member of a composition.

        Parameters
        ----------
        fractions : mapping
            Occupant -> share on its site, as in ``{"albite": 0.7, "anorthite": 0.3}``; see `complete`.

        Raises
        ------
        MaterialError
            As `complete`.
        """
        full = self.complete(fractions)
        rest, counts = self._frame
        parts = [(rest, 1.0)]
        for site, occupants in self.sites.items():
            parts += [(formula, full[occupant] * counts[site]) for occupant, formula in occupants.items()]
        return mixture(parts, text=self.describe(full))

    def describe(self, fractions: Fractions) -> str:
        """A name for a composition, as in ``olivine forsterite 75 fayalite 25``: percentages on the sites.

        Sites that hold nothing but their first occupant go unsaid, as long as another one is said.
        """
        full = self.complete(fractions)
        said = []
        for occupants in self.sites.values():
            held = {occupant: round(100 * full[occupant], 1) for occupant in occupants if full[occupant] > _SAID_FROM}
            usual = list(held) == [next(iter(occupants))]
            said.append((usual, [f"{occupant} {percent:g}" for occupant, percent in held.items()]))
        if all(usual for usual, _ in said):
            said[0] = (False, said[0][1])
        return " ".join([self.name, *(word for usual, words in said if not usual for word in words)])

    def sample(self, n: int, seed: int) -> list[dict[str, float]]:
        """Draw compositions, each site by its own Dirichlet distribution; whole percents, within `most` save rounding.

        Parameters
        ----------
        n : int
            How many.
        seed : int
            Equal seeds give equal compositions.

        Returns
        -------
        list of n dict
            Complete fractions.
        """
        generator = np.random.default_rng([seed, *self.name.encode()])
        return [self._draw(generator) for _ in range(n)]

    def _draw(self, generator: np.random.Generator) -> dict[str, float]:
        result: dict[str, float] = {}
        for occupants in self.sites.values():
            names = [occupant for occupant in occupants if self.weights.get(occupant, 1.0) > 0]
            limits = np.array([self.most.get(occupant, 1.0) for occupant in names])
            weights = np.array([self.weights.get(occupant, 1.0) for occupant in names]) * limits
            shares = generator.dirichlet(_EVEN_DRAW + _WEIGHTED_DRAW * weights / weights.max())
            # What lies above a limit goes to the occupants that still have room; whole percents keep results portable.
            excess = np.maximum(shares - limits, 0.0)
            room = np.maximum(limits - shares, 0.0)
            shares = np.minimum(shares, limits) + excess.sum() * room / max(room.sum(), 1e-12)
            shares = np.round(shares, 2)
            shares[np.argmax(shares)] += 1.0 - shares.sum()
            result |= dict.fromkeys(occupants, 0.0)
            result |= {name: round(float(share), 2) for name, share in zip(names, shares, strict=True)}
        return result

    def lines(self, seed: int = 0) -> Iterator[MixingLine]:
        """The mixing lines of the series: between pairs of occupants, then between drawn compositions.

        Parameters
        ----------
        seed : int
            For the drawn compositions.

        Yields
        ------
        MixingLine
            A line ends where an occupant reaches its largest share.
        """
        for site, occupants in self.sites.items():
            others = [list(self.sites[other])[: self.bases] for other in self.sites if other != site]
            for first, second in itertools.combinations(occupants, 2):
                if self.pairs and (first, second) not in self.pairs and (second, first) not in self.pairs:
                    continue
                if self._room(first, second) < _NO_ROOM:
                    continue
                for base in itertools.product(*others):
                    yield self._line(first, second, base)
        ends = self.sample(2 * self.random_lines, seed)
        for number, (start, end) in enumerate(zip(ends[::2], ends[1::2], strict=True), 1):
            yield MixingLine(f"{self.name}, line {number}", start, end, _DRAWN_LONGEST, drawn=True)

    def _room(self, first: str, second: str) -> float:
        """How much of a line between two occupants their largest shares leave; none where they cannot fill the site."""
        return self.most.get(first, 1.0) + self.most.get(second, 1.0) - 1.0

    def _nearly_pure(self, occupant: str) -> dict[str, float]:
        """A site full of one occupant, or of as much of it as there can be and the first other that has room."""
        share = self.most.get(occupant, 1.0)
        for other in self.sites[self.site_of(occupant)]:
            if share < 1 and other != occupant and self.most.get(other, 1.0) >= 1 - share:
                return {occupant: share, other: 1 - share}
        return {occupant: 1.0}

    def _line(self, first: str, second: str, base: tuple[str, ...]) -> MixingLine:
        fixed = {name: share for occupant in base for name, share in self._nearly_pure(occupant).items()}
        start, end = self.most.get(first, 1.0), 1 - self.most.get(second, 1.0)
        sites = [site for site in self.sites if site != self.site_of(first)]
        usual = all(name == next(iter(self.sites[site])) for name, site in zip(base, sites, strict=True))
        return MixingLine(
            f"{self.name}, {first} to {second}" + ("" if usual else f" ({', '.join(base)})"),
            self.complete({first: start, second: 1 - start} | fixed),
            self.complete({first: end, second: 1 - end} | fixed),
            self.longest,
        )


def mass_change(first: Formula, second: Formula) -> float:
    """Half the sum of the absolute differences of two formulas' mass fractions: 0 for equal, 1 for disjoint ones."""
    a, b = first.mass_fractions, second.mass_fractions
    return sum(abs(a.get(element, 0.0) - b.get(element, 0.0)) for element in a.keys() | b.keys()) / 2


@cache
def load_series() -> tuple[Series, ...]:
    """The series of `series.toml`, in its order.

    Raises
    ------
    MaterialError, FormulaError
        If a definition does not hold together.
    """
    text = resources.files(__package__).joinpath("series.toml").read_text(encoding="utf-8")
    return read_series(text)


def read_series(text: str) -> tuple[Series, ...]:
    """Series from TOML text; how it is written stands at the top of `series.toml`.

    Raises
    ------
    MaterialError
        If a key is unknown or a definition does not hold together.
    FormulaError
        If a formula cannot be read.
    """
    document = tomllib.loads(text)
    vectors = {name: parse_formula(formula) for name, formula in document.get("vectors", {}).items()}
    result = [_series(entry, vectors) for entry in document.get("series", [])]
    names = [series.name for series in result]
    if len(set(names)) != len(names):
        raise MaterialError(f"series: {max(names, key=names.count)} is defined twice.")
    return tuple(result)


_KEYS = {
    "name",
    "group",
    "template",
    "sites",
    "members",
    "most",
    "pairs",
    "bases",
    "random_lines",
    "weights",
    "step",
    "longest",
}


def _series(entry: dict[str, Any], vectors: Mapping[str, Formula]) -> Series:
    name = entry.get("name", "?")
    unknown = sorted(set(entry) - _KEYS - {"charge_balanced"})
    if unknown:
        raise MaterialError(f"series {name}: no key {unknown[0]!r}.{suggestion(unknown[0], sorted(_KEYS))}")
    if ("members" in entry) == ("template" in entry):
        raise MaterialError(f"series {name}: it needs either `members` or `template` with `sites`.")
    if "members" in entry:
        entry = entry | {"template": "T", "sites": {"T": entry["members"]}}
    sites = {
        site: MappingProxyType({name: _occupant(name, text, vectors) for name, text in _named(occupants).items()})
        for site, occupants in entry["sites"].items()
    }
    options = {
        key: entry[key]
        for key in ("most", "bases", "random_lines", "weights", "step", "longest", "charge_balanced")
        if key in entry
    }
    pairs = [(str(first), str(second)) for first, second in entry.get("pairs", [])]
    return Series(name, entry.get("group", name), entry["template"], MappingProxyType(sites), pairs=pairs, **options)


def _named(occupants: list[str] | dict[str, str]) -> dict[str, str]:
    """Occupants by name; in a list each one is its own name."""
    return occupants if isinstance(occupants, dict) else {name: name for name in occupants}


def _occupant(name: str, text: str, vectors: Mapping[str, Formula]) -> Formula:
    """What an occupant is: a mineral of the table (lower case) or a formula."""
    if text[:1].islower():
        return find_mineral(text).formula
    return parse_formula(text, symbols=dict(vectors))
