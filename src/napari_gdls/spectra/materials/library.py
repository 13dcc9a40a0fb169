"""The materials: everything whose spectrum the embedding learns and minerals are named by.

`load_materials` brings together the minerals of the table, glasses, alloys and other substances, the members of the
solid-solution series and those between the exchange pairs of the table; materials of equal composition become one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import overload

import numpy as np
import numpy.typing as npt

from napari_gdls.spectra.composition import N_ELEMENTS, SYMBOLS
from napari_gdls.spectra.materials.confusability import CONFUSABLE_BELOW, merge_confusable, separation
from napari_gdls.spectra.materials.exchange import exchange_pairs
from napari_gdls.spectra.materials.formula import Formula, mixture
from napari_gdls.spectra.materials.minerals import MaterialError, Mineral, load_minerals, plain_name, suggestion
from napari_gdls.spectra.materials.series import Series, load_series, mass_change
from napari_gdls.spectra.materials.substances import load_substances

UNSEEN = ("H", "He", "Li")
"""Elements without a line in an EDS spectrum: materials that differ by them alone are one."""

EQUAL_WITHIN = 1e-3
"""Largest difference of any mass fraction between compositions that count as equal."""

MEMBER = 5
"""Commonness of members of series that have no name of their own: after the rarest mineral."""


_TREE_ELEMENTS = 10

_EXCHANGE_STEP, _EXCHANGE_LONGEST = 0.05, 3
"""Mass change from member to member between an exchange pair, and most steps."""


@dataclass(frozen=True)
class Material:
    """A composition with a name.

    Parameters
    ----------
    name : str
    mass_fractions : mapping
        Element -> mass fraction; they sum to 1. Hydrogen, helium and lithium are in it.
    group : str
        Mineral group, or the kind of a substance.
    source : {"mineral", "series", "glass", "alloy", "other"}
    formula : str
        As the tables state it; for members of series, atoms per formula unit.
    density : float or None
        In g/cm3.
    commonness : int
        1 rock-forming to 4 rare; `MEMBER` for members of series.
    synonyms : tuple of str
        Other minerals and substances of the same composition: polymorphs, for one.
    """

    name: str
    mass_fractions: Mapping[str, float]
    group: str
    source: str
    formula: str
    density: float | None = None
    commonness: int = MEMBER
    synonyms: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """Members of a solid solution along one mixing line.

    Parameters
    ----------
    name : str
    members : tuple of int
        Indices into the materials, in order along the line; two or more, none twice.
    positions : tuple of float
        Where the members lie on the line, from 0 to 1.
    """

    name: str
    members: tuple[int, ...]
    positions: tuple[float, ...]


@dataclass(frozen=True)
class Confusable:
    """A material that a number of counts does not tell from another one.

    Parameters
    ----------
    index : int
    name : str
    separation : float
        N (1 - BC), see `confusability`; below `CONFUSABLE_BELOW`.
    synonyms : tuple of str
        Minerals of the same composition, which no number of counts tells apart.
    """

    index: int
    name: str
    separation: float
    synonyms: tuple[str, ...]


class Materials(Sequence[Material]):
    """The materials in a fixed order, as a sequence, and the families that they form.

    Parameters
    ----------
    materials : sequence of Material
        Their names differ.
    families : sequence of Family

    Raises
    ------
    MaterialError
        If two materials have one name.
    """

    def __init__(self, materials: Sequence[Material], families: Sequence[Family] = ()) -> None:
        self._materials = tuple(materials)
        self._families = tuple(families)
        self._index: dict[str, int] = {}
        for index, material in enumerate(self._materials):
            if self._index.setdefault(plain_name(material.name), index) != index:
                raise MaterialError(f"two materials have the name {material.name!r}.")
        for index, material in enumerate(self._materials):
            for synonym in material.synonyms:
                self._index.setdefault(plain_name(synonym), index)
        self._compositions = np.zeros((len(self), N_ELEMENTS))
        for row, material in zip(self._compositions, self._materials, strict=True):
            for element, fraction in material.mass_fractions.items():
                row[SYMBOLS.index(element)] = fraction
        self._compositions.flags.writeable = False

    def __len__(self) -> int:
        return len(self._materials)

    @overload
    def __getitem__(self, index: int) -> Material: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Material, ...]: ...
    def __getitem__(self, index: int | slice) -> Material | tuple[Material, ...]:
        return self._materials[index]

    def __repr__(self) -> str:
        return f"<Materials: {len(self)} in {len(self._families)} families, {self.hash[:12]}>"

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(material.name for material in self._materials)

    @property
    def compositions(self) -> npt.NDArray[np.float64]:
        """Mass fractions, shape (n, 94), columns H to Pu; read-only."""
        return self._compositions

    def families(self) -> tuple[Family, ...]:
        """Solid solutions as ordered lists of members along mixing lines."""
        return self._families

    @property
    def commonness_order(self) -> npt.NDArray[np.int64]:
        """Indices from the most common to the rarest, equal ones in order: how `merge_confusable` picks leaders."""
        return np.argsort([material.commonness for material in self._materials], kind="stable")

    @property
    def hash(self) -> str:
        """SHA-256 over names, compositions (to 1e-6) and families, in hexadecimal: tells lists of materials apart."""
        digest = hashlib.sha256()
        for material in self._materials:
            parts = (f"{element}{round(1e6 * x)}" for element, x in sorted(material.mass_fractions.items()))
            digest.update(f"{material.name}\t{' '.join(parts)}\n".encode())
        for family in self._families:
            digest.update(f"{family.name}\t{family.members}\n".encode())
        return digest.hexdigest()

    def index(self, name: str, start: int = 0, stop: int | None = None) -> int:  # type: ignore[override]
        """Index of the material of a name or synonym; case, accents, hyphens and blanks do not matter.

        Raises
        ------
        MaterialError
            If there is none; names that are close are suggested.
        """
        found = self._index.get(plain_name(name)) if isinstance(name, str) else None
        if found is None:
            known = [material.name for material in self._materials if material.source != "series"]
            raise MaterialError(f"no material {name!r}.{suggestion(str(name), known)}")
        return found

    def merge_confusable(self, spectra: npt.ArrayLike, counts: float) -> npt.NDArray[np.int64]:
        """Group the materials that cannot be told apart; the most common mineral leads each group.

        Parameters
        ----------
        spectra : (n, D) array
            Ideal spectra of the materials, in order.
        counts : float
            Counts per spectrum.

        Returns
        -------
        (n,) int64
            Index of the leader of each material, see `confusability.merge_confusable`.

        Raises
        ------
        MaterialError
            If spectra or counts are not as described.
        """
        self._check_rows(spectra)
        return merge_confusable(spectra, counts, order=self.commonness_order)

    def confusable_with(self, name: str, spectra: npt.ArrayLike, counts: float) -> list[Confusable]:
        """The materials that cannot be told from one at a number of counts.

        Parameters
        ----------
        name : str
            Name or synonym.
        spectra : (n, D) array
            Ideal spectra of the materials, in order.
        counts : float
            Counts per spectrum.

        Returns
        -------
        list of Confusable
            The most similar first; minerals and substances before members of series of equal separation.

        Raises
        ------
        MaterialError
            If there is no such material, or spectra or counts are not as described.
        """
        index = self.index(name)
        self._check_rows(spectra)
        values = separation(spectra, index, counts)
        found = [i for i in np.flatnonzero(values < CONFUSABLE_BELOW) if i != index]
        found.sort(key=lambda i: (values[i], self[i].commonness))
        return [Confusable(int(i), self[i].name, float(values[i]), self[i].synonyms) for i in found]

    def _check_rows(self, spectra: npt.ArrayLike) -> None:
        shape = np.shape(spectra)
        if len(shape) != 2 or shape[0] != len(self):
            raise MaterialError(f"spectra have the shape {shape}; one row for each of the {len(self)} materials is needed.")


def load_materials(*, seed: int = 0, exchange: bool = True) -> Materials:
    """All distinct materials: minerals, substances, members of series and of exchange pairs.

    Parameters
    ----------
    seed : int
        For the mixing lines that series draw.
    exchange : bool
        Whether members between the exchange pairs of the table are added.

    Returns
    -------
    Materials
        Equal arguments give equal materials, in equal order. Compositions that agree within `EQUAL_WITHIN` without H, He
        and Li are one material: the most common mineral keeps its name, the others are its synonyms.
    """
    return _load_materials(int(seed), bool(exchange))


@cache
def _load_materials(seed: int, exchange: bool) -> Materials:
    candidates = [_from_mineral(mineral) for mineral in load_minerals()]
    candidates += [
        Material(s.name, s.mass_fractions, s.kind, s.kind, s.composition, s.density, commonness=3) for s in load_substances()
    ]
    lines: list[tuple[str, list[int], list[float]]] = []
    for name, positions, members in _lines(seed, exchange):
        lines.append((name, list(range(len(candidates), len(candidates) + len(members))), positions))
        candidates += members
    kept, standing_for = _distinct(candidates)
    families: dict[tuple[int, ...], Family] = {}
    for name, indices, positions in lines:
        members: dict[int, float] = {}
        for index, position in zip(indices, positions, strict=True):
            members.setdefault(standing_for[index], position)
        if len(members) > 1:
            families.setdefault(tuple(members), Family(name, tuple(members), tuple(members.values())))
    return Materials(kept, list(families.values()))


def _from_mineral(mineral: Mineral) -> Material:
    return Material(
        mineral.name, mineral.formula.mass_fractions, mineral.group, "mineral", mineral.formula.text, mineral.density,
        mineral.commonness,
    )  # fmt: skip


def _lines(seed: int, exchange: bool) -> Iterator[tuple[str, list[float], list[Material]]]:
    """Name, positions and members of every mixing line: of the series, then of the exchange pairs."""
    for series in load_series():
        for line in series.lines(seed):
            ends = series.at(line.start), series.at(line.end)
            positions = _positions(*ends, series.step, line.longest)
            formulas = [series.at(line.at(position)) for position in positions]
            yield line.name, positions, [_member(formula, formula.text, series.group) for formula in formulas]
    if not exchange:
        return
    for pair in exchange_pairs(_representatives(load_minerals())):
        first, second = pair.first.formula, pair.second.formula
        name = f"{pair.first.name} to {pair.second.name}"
        positions = _positions(first, second, _EXCHANGE_STEP, _EXCHANGE_LONGEST)
        members = []
        for position in positions:
            formula = mixture(((first, 1 - position), (second, pair.scale * position)))
            percent = round(100 * (1 - position), 1)
            text = f"{pair.first.name} {percent:g} {pair.second.name} {100 - percent:g}"
            members.append(_member(formula, text, pair.first.group))
        yield name, positions, members


def _positions(first: Formula, second: Formula, step: float, longest: int) -> list[float]:
    steps = min(max(round(mass_change(first, second) / step), 2), longest)
    return [i / steps for i in range(steps + 1)]


def _member(formula: Formula, name: str, group: str) -> Material:
    text = " ".join(f"{element}{amount:.4g}" for element, amount in formula.atoms.items())
    return Material(name, formula.mass_fractions, group, "series", text)


def _representatives(minerals: Sequence[Mineral]) -> list[Mineral]:
    """One mineral of each composition, so that polymorphs make no pairs of their own."""
    kept, _ = _distinct([_from_mineral(mineral) for mineral in minerals])
    names = {material.name for material in kept}
    return [mineral for mineral in minerals if mineral.name in names]


def _blocks(pairs: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Both columns of pairs, in pieces that keep the memory of what is made of them small; one piece at least."""
    for first in range(0, max(len(pairs), 1), 20_000):
        piece = pairs[first : first + 20_000]
        yield piece[:, 0], piece[:, 1]


def _distinct(candidates: Sequence[Material]) -> tuple[list[Material], list[int]]:
    """The distinct materials in order, and for each candidate the index of the one that stands for it.

    Members of series follow the named materials and so never displace one. Among the named, the most common stands for the
    others.
    """
    from scipy.spatial import cKDTree

    seen = np.zeros((len(candidates), N_ELEMENTS))
    for row, material in zip(seen, candidates, strict=True):
        for element, fraction in material.mass_fractions.items():
            row[SYMBOLS.index(element)] = fraction
    seen[:, [SYMBOLS.index(element) for element in UNSEEN]] = 0.0
    seen /= seen.sum(axis=1, keepdims=True)
    # Candidates for equality from the elements that vary most; a tree in all dimensions would be slow.
    varied = np.argsort(seen.var(axis=0))[-_TREE_ELEMENTS:]
    pairs = cKDTree(seen[:, varied]).query_pairs(EQUAL_WITHIN, p=np.inf, output_type="ndarray")
    equal = np.concatenate([np.abs(seen[a] - seen[b]).max(axis=1) <= EQUAL_WITHIN for a, b in _blocks(pairs)])
    close: dict[int, list[int]] = {}
    for a, b in pairs[equal]:
        close.setdefault(int(a), []).append(int(b))
        close.setdefault(int(b), []).append(int(a))
    leader = np.full(len(candidates), -1)
    for index in np.argsort([material.commonness for material in candidates], kind="stable"):
        leaders = [other for other in close.get(int(index), ()) if leader[other] == other]
        leader[index] = min(leaders, key=lambda other: np.abs(seen[other] - seen[index]).max()) if leaders else index
    synonyms: dict[int, list[str]] = {}
    for index, leading in enumerate(leader):
        if index != leading and candidates[index].source != "series":
            synonyms.setdefault(int(leading), []).append(candidates[index].name)
    position: dict[int, int] = {}
    kept: list[Material] = []
    for index, material in enumerate(candidates):
        if leader[index] != index:
            continue
        position[index] = len(kept)
        kept.append(
            Material(
                material.name, MappingProxyType(dict(material.mass_fractions)), material.group, material.source, material.formula,
                material.density, material.commonness, tuple(synonyms.get(index, ())),
            )
        )  # fmt: skip
    return kept, [position[int(leading)] for leading in leader]
