"""Which materials make a training family: solid solutions, exchanges of one element, shared elements, and chance."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.spectra.atomic import atomic_weights
from napari_gdls.spectra.composition import LIGHTEST_WITH_LINES, mass_fractions

SERIES_SHARE = 0.6
"""Share of the mixing lines of series among the pairs that are drawn; the others are exchanges of one element."""

GROUP_WEIGHTS = {
    **dict.fromkeys(("olivine", "pyroxene", "amphibole", "mica", "chlorite", "feldspar", "epidote"), 3.0),
    **dict.fromkeys(("spinel", "ilmenite", "hematite", "columbite", "apatite", "calcite", "dolomite", "monazite"), 3.0),
    "garnet": 8.0,
}
"""How much more often the series of a group are drawn: those that most fields hold, and garnets, which are hard."""

N_GLASSES = 120
"""Silicate glasses of random composition (slags, tektites, matrix glass)."""

_RESIN = {"C": 0.75, "O": 0.22, "Cl": 0.03}  # epoxy, its hydrogen left out
_GLASS_OXIDES = ("Al2O3", "Na2O", "K2O", "CaO", "MgO", "FeO", "B2O3", "TiO2", "P2O5", "PbO", "ZnO", "MnO", "BaO")

_OXYGEN, _SULPHUR = 7, 15  # columns
_VISIBLE = 0.005  # mass fraction
_CANDIDATES = 40


def exchange_pairs(compositions: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Pairs of materials that differ by the exchange of one element for another (Fe for Mg, Nb for Ta).

    Parameters
    ----------
    compositions : (n, 94) array
        Mass fractions.

    Returns
    -------
    (p, 2) int64
        Rows in rising order, sorted, each pair once.

    Notes
    -----
    Atoms are counted per oxygen (without oxygen: per sulphur, else per atom); hydrogen is left out, since it has no
    line.
    """
    atoms = np.asarray(compositions, dtype=np.float64) / atomic_weights()
    atoms[:, 0] = 0.0
    anions = np.where(atoms[:, _OXYGEN] > 0, atoms[:, _OXYGEN], atoms[:, _SULPHUR])
    atoms /= np.where(anions > 0, anions, atoms.sum(axis=1))[:, None]
    rounded = np.round(atoms * 200).astype(np.int64)
    partners: dict[tuple[object, ...], list[tuple[int, int]]] = defaultdict(list)
    for row, amounts in enumerate(rounded):
        present = np.flatnonzero(amounts)
        for element in present:
            if element != _OXYGEN:
                rest = tuple((int(e), int(amounts[e])) for e in present if e != element)
                partners[(rest, int(amounts[element]))].append((row, int(element)))
    pairs = {
        (min(a, b), max(a, b))
        for group in partners.values()
        for a, element_a in group
        for b, element_b in group
        if a != b and element_a != element_b
    }
    return np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2)


@dataclass(frozen=True)
class FamilySource:
    """Draws the two end members of families.

    Parameters
    ----------
    compositions : (n, 94) array
        Mass fractions.
    pairs : (p, 2) int64
        Ends of solid solutions and exchanges.
    weights : (p,) float64
        How often to draw each, in proportion.
    related, any_pair : float
        Shares of the families whose ends share most of their elements, and whose ends are any two materials; the others
        are `pairs`.
    """

    compositions: npt.NDArray[np.floating]
    pairs: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    related: float = 0.25
    any_pair: float = 0.2

    def draw(self, rng: np.random.Generator, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First and second ends, (number,) rows each."""
        n = len(self.compositions)
        first, second = rng.integers(n, size=(2, number))
        kind = rng.random(number)
        solid = np.flatnonzero(kind >= self.related + self.any_pair) if len(self.pairs) else np.zeros(0, dtype=np.int64)
        if solid.size:
            cumulative = np.cumsum(self.weights)
            chosen = self.pairs[np.searchsorted(cumulative, rng.random(solid.size) * cumulative[-1], side="right")]
            flip = rng.random(solid.size) < 0.5
            first[solid] = np.where(flip, chosen[:, 0], chosen[:, 1])
            second[solid] = np.where(flip, chosen[:, 1], chosen[:, 0])
        for family in np.flatnonzero(kind < self.related):
            second[family] = self._relative(rng, int(first[family]))
        return first, second

    def _relative(self, rng: np.random.Generator, material: int) -> int:
        """Of some materials drawn at random, the one that shares most of its elements with `material`."""
        candidates = rng.integers(len(self.compositions), size=_CANDIDATES)
        own = self.compositions[material] > _VISIBLE
        theirs = self.compositions[candidates] > _VISIBLE
        shared = (own & theirs).sum(axis=1) / np.maximum((own | theirs).sum(axis=1), 1)
        shared[candidates == material] = -1.0
        return int(candidates[shared.argmax()])

    def split(self, held_out: float, seed: int) -> tuple[FamilySource, FamilySource]:
        """Two sources with different pairs: one to train, one with a share `held_out` of the pairs to validate.

        The second draws pairs only, nothing by chance. The materials stay known to both: what is held out are
        the mixtures in between.
        """
        order = np.random.default_rng(seed).permutation(len(self.pairs))
        cut = max(1, round(held_out * len(order)))
        test, train = np.sort(order[:cut]), np.sort(order[cut:])
        return (
            FamilySource(self.compositions, self.pairs[train], self.weights[train], self.related, self.any_pair),
            FamilySource(self.compositions, self.pairs[test], np.ones(len(test)), 0.0, 0.0),
        )


@dataclass(frozen=True)
class TrainingMaterials:
    """Materials to train on.

    Parameters
    ----------
    names : sequence of str
    compositions : (n, 94) float64
        Mass fractions.
    pairs : (p, 2) int64
        Ends of solid solutions and exchanges.
    weights : (p,) float64
        How often each is drawn, in proportion.
    """

    names: tuple[str, ...]
    compositions: npt.NDArray[np.float64]
    pairs: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]

    @property
    def digest(self) -> str:
        """SHA-256 of names, mass fractions (to a millionth), pairs and weights."""
        digest = hashlib.sha256("\n".join(self.names).encode())
        digest.update(np.round(self.compositions * 1e6).astype("<i4").tobytes())
        digest.update(self.pairs.astype("<i8").tobytes())
        digest.update(np.round(self.weights * 1e6).astype("<i8").tobytes())
        return digest.hexdigest()

    def source(self) -> FamilySource:
        """Families of these materials."""
        return FamilySource(self.compositions, self.pairs, self.weights)

    @classmethod
    def of_minerals(cls) -> TrainingMaterials:
        """The package's minerals, the ends of the mixing lines of its solid-solution series, glasses and resin.

        The mixing lines make `SERIES_SHARE` of the drawn pairs, every group of minerals about equally often
        (`GROUP_WEIGHTS`); exchanges of one element between minerals make the rest.
        """
        from napari_gdls.spectra.materials.minerals import load_minerals
        from napari_gdls.spectra.materials.series import load_series

        names: list[str] = []
        fractions: list[Mapping[str, float]] = []
        for mineral in load_minerals():
            names.append(mineral.name)
            fractions.append(mineral.formula.mass_fractions)
        lines: list[tuple[int, int]] = []
        groups: list[str] = []
        for series in load_series():
            for line in series.lines():
                for end in (line.start, line.end):
                    names.append(series.describe(end))
                    fractions.append(series.at(end).mass_fractions)
                lines.append((len(names) - 2, len(names) - 1))
                groups.append(series.group)
        glasses = _glasses(N_GLASSES)
        names += ["resin", *(f"glass {number}" for number in range(1, len(glasses) + 1))]
        fractions += [_RESIN, *glasses]
        compositions = mass_fractions(fractions)
        kept, place = distinct_materials(compositions)
        compositions = compositions[kept]
        seen = place[np.array(lines)]
        exchanges = exchange_pairs(compositions)
        size = Counter(groups)
        weights = np.array([GROUP_WEIGHTS.get(group, 1.0) * size[group] ** -0.5 for group in groups])
        different = (seen[:, 0] != seen[:, 1]) & (seen >= 0).all(axis=1)
        seen, weights = seen[different], weights[different]
        return cls(
            tuple(names[row] for row in kept),
            compositions,
            np.concatenate([seen, exchanges]),
            np.concatenate(
                [
                    SERIES_SHARE * weights / weights.sum(),
                    np.full(len(exchanges), (1 - SERIES_SHARE) / len(exchanges)),
                ]
            ),
        )


def _glasses(number: int) -> list[Mapping[str, float]]:
    """Mass fractions of random silicate glasses: silica and two to six other oxides."""
    from napari_gdls.spectra.materials.formula import parse_formula

    rng = np.random.default_rng(20_000)
    oxides = {oxide: parse_formula(oxide).mass_fractions for oxide in ("SiO2", *_GLASS_OXIDES)}
    glasses: list[Mapping[str, float]] = []
    for _ in range(number):
        others = rng.choice(len(_GLASS_OXIDES), rng.integers(2, 7), replace=False)
        shares = rng.dirichlet([6.0, *np.ones(len(others))])
        glass: dict[str, float] = defaultdict(float)
        for oxide, share in zip(("SiO2", *(_GLASS_OXIDES[i] for i in others)), shares, strict=True):
            for element, fraction in oxides[oxide].items():
                glass[element] += share * fraction
        glasses.append(glass)
    return glasses


def distinct_materials(compositions: npt.NDArray[np.floating]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which materials differ in more than hydrogen to beryllium, which no detector sees.

    Parameters
    ----------
    compositions : (n, 94) array
        Mass fractions.

    Returns
    -------
    kept : (k,) int64
        Rows to keep, in rising order: of equal materials the first.
    place : (n,) int64
        Where every row went among those kept; -1 for materials that have next to nothing to see.
    """
    visible = np.array(compositions, dtype=np.float64)
    visible[:, : LIGHTEST_WITH_LINES - 1] = 0.0
    rows = np.flatnonzero(visible.sum(axis=1) > 0.02)
    rounded = np.round(visible[rows] / visible[rows].sum(axis=1, keepdims=True), 4)
    _, first, inverse = np.unique(rounded, axis=0, return_index=True, return_inverse=True)
    order = np.argsort(first)
    rank = np.empty(len(first), dtype=np.int64)
    rank[order] = np.arange(len(first))
    place = np.full(len(visible), -1, dtype=np.int64)
    place[rows] = rank[inverse.ravel()]
    return rows[first[order]], place
