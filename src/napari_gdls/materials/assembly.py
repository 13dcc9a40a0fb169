"""All distinct materials: everything whose spectrum the embedding learns and minerals are named by.

`load_materials` brings together the minerals of the table, glasses, alloys and other substances, the members of the
solid-solution series and those between the exchange pairs of the table; materials of equal composition become one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.materials.exchange import exchange_pairs
from napari_gdls.materials.formula import Formula, mixture
from napari_gdls.materials.library import Family, Material, Materials
from napari_gdls.materials.minerals import Mineral, load_minerals
from napari_gdls.materials.series import load_series, mass_change
from napari_gdls.materials.substances import load_substances

UNSEEN = ("H", "He", "Li")
"""Elements without a line in an EDS spectrum: materials that differ by them alone are one."""

EQUAL_WITHIN = 1e-3
"""Largest difference of any mass fraction between compositions that count as equal: a tenth of a percent, less than any
EDS analysis resolves."""

_TREE_ELEMENTS = 10
"""Elements that pairs of nearly equal compositions are searched by; a matter of speed, not of what is found."""

_PAIRS_AT_A_TIME = 20_000
"""So that the compositions of a piece take 15 MB each."""

_EXCHANGE_STEP, _EXCHANGE_LONGEST = 0.05, 2
"""Mass change (see `series.mass_change`) from member to member between an exchange pair, and most steps. Choices."""

_SUBSTANCES = 3
"""Commonness of substances, on the scale of minerals (uncommon): a mineral of equal composition keeps its name."""


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
        Equal arguments give equal materials, in equal order. Compositions that agree within `EQUAL_WITHIN` without H,
        He and Li are one material: the most common mineral keeps its name, the others are its synonyms.
    """
    return _load_materials(int(seed), bool(exchange))


@cache
def _load_materials(seed: int, exchange: bool) -> Materials:
    candidates = [_from_mineral(mineral) for mineral in load_minerals()]
    candidates += [
        Material(s.name, s.mass_fractions, s.kind, s.kind, s.composition, s.density, commonness=_SUBSTANCES)
        for s in load_substances()
    ]
    lines: list[tuple[str, list[int], list[float]]] = []
    for name, positions, members in _lines(seed, exchange):
        lines.append((name, list(range(len(candidates), len(candidates) + len(members))), positions))
        candidates += members
    kept, standing_for = _distinct(candidates)
    families: dict[tuple[int, ...], Family] = {}
    for name, indices, positions in lines:
        distinct: dict[int, float] = {}
        for index, position in zip(indices, positions, strict=True):
            distinct.setdefault(standing_for[index], position)
        if len(distinct) > 1:
            families.setdefault(tuple(distinct), Family(name, tuple(distinct), tuple(distinct.values())))
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
            # The percentages of a drawn composition are too many for a name.
            names = [
                f"{line.name}, {100 * position:g} %" if line.drawn else formula.text
                for position, formula in zip(positions, formulas, strict=True)
            ]
            yield (
                line.name,
                positions,
                [_member(f, name, series.group) for f, name in zip(formulas, names, strict=True)],
            )
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
    """One species of each composition, so that polymorphs and intermediate members make no pairs of their own."""
    kept, _ = _distinct([_from_mineral(mineral) for mineral in minerals if mineral.is_species])
    names = {material.name for material in kept}
    return [mineral for mineral in minerals if mineral.name in names]


def _blocks(pairs: npt.NDArray[np.int64]) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Both columns of pairs, in pieces that keep the memory of what is made of them small; one piece at least."""
    for first in range(0, max(len(pairs), 1), _PAIRS_AT_A_TIME):
        piece = pairs[first : first + _PAIRS_AT_A_TIME]
        yield piece[:, 0], piece[:, 1]


def _distinct(candidates: Sequence[Material]) -> tuple[list[Material], list[int]]:
    """The distinct materials in order, and for each candidate the index of the one that stands for it.

    Members of series follow the named materials and so never displace one. Among the named, the most common stands for
    the others.
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
        kept.append(dataclasses.replace(material, synonyms=tuple(synonyms.get(index, ()))))
    return kept, [position[int(leading)] for leading in leader]
