"""Which materials make a training family: members of a solid solution, materials that share elements, any two."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SERIES_SHARE = 0.6
"""Share of the mixing lines of series among the lines that are drawn; the others are exchanges between two minerals. A
choice."""

GROUP_WEIGHTS = {
    **dict.fromkeys(("olivine", "pyroxene", "amphibole", "mica", "chlorite", "feldspar", "epidote"), 3.0),
    **dict.fromkeys(("spinel", "ilmenite", "hematite", "columbite", "apatite", "calcite", "dolomite", "monazite"), 3.0),
    "garnet": 8.0,
}
"""How much more often the series of a group are drawn: those that most fields hold, and garnets, on which the authors'
network was better than the first ones trained here. Choices."""

_VISIBLE = 0.005  # mass fraction from which on two materials can share an element: near the limit of detection
_CANDIDATES = 40  # materials drawn at random, of which the one that shares most elements is taken: a choice


@dataclass(frozen=True)
class FamilySource:
    """Draws the two end members of families.

    Parameters
    ----------
    compositions : (n, 94) array
        Mass fractions.
    lines : tuple of (k,) int64
        Materials along mixing lines, in order, two or more each.
    weights : (number of lines,) float64
        How often to draw each line, in proportion.
    related, any_pair : float
        Shares of the families whose ends share most of their elements, and whose ends are any two materials; the others
        are parts of `lines`.
    inner : float
        Share of the lines of which two members are taken by chance as the ends; of the others, the whole line is.
    """

    compositions: npt.NDArray[np.floating]
    lines: tuple[npt.NDArray[np.int64], ...]
    weights: npt.NDArray[np.float64]
    related: float = 0.2
    any_pair: float = 0.15
    inner: float = 0.5

    def draw(self, rng: np.random.Generator, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """First and second ends, (number,) rows each."""
        n = len(self.compositions)
        first, second = rng.integers(n, size=(2, number))
        kind = rng.random(number)
        cumulative = np.cumsum(self.weights)
        for family in range(number):
            if kind[family] < self.related:
                second[family] = self._relative(rng, int(first[family]))
            elif kind[family] >= self.related + self.any_pair and self.lines:
                line = self.lines[np.searchsorted(cumulative, rng.random() * cumulative[-1], side="right")]
                ends = line[[0, -1]]
                if rng.random() < self.inner:
                    ends = line[np.sort(rng.choice(len(line), 2, replace=False))]
                first[family], second[family] = ends if rng.random() < 0.5 else ends[::-1]
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
        """Two sources with different lines: one to train, one with a share `held_out` of the lines to validate.

        The second draws whole lines only, each as often. The materials stay known to both, since a mineral is on many
        lines: what is held out is which of them mix.
        """
        order = np.random.default_rng(seed).permutation(len(self.lines))
        cut = max(1, round(held_out * len(order)))
        test, train = np.sort(order[:cut]), np.sort(order[cut:])
        seen, unseen = (tuple(self.lines[i] for i in part) for part in (train, test))
        return (
            FamilySource(self.compositions, seen, self.weights[train], self.related, self.any_pair, self.inner),
            FamilySource(self.compositions, unseen, np.ones(len(test)), 0.0, 0.0, 0.0),
        )


@dataclass(frozen=True)
class TrainingMaterials:
    """Materials to train on.

    Parameters
    ----------
    compositions : (n, 94) float64
        Mass fractions.
    lines : tuple of (k,) int64
        Materials along mixing lines, in order, two or more each.
    weights : (number of lines,) float64
        How often each line is drawn, in proportion.
    """

    compositions: npt.NDArray[np.float64]
    lines: tuple[npt.NDArray[np.int64], ...]
    weights: npt.NDArray[np.float64]

    @property
    def digest(self) -> str:
        """SHA-256 of mass fractions (to a millionth), lines and weights."""
        digest = hashlib.sha256(np.round(self.compositions * 1e6).astype("<i4").tobytes())
        for line in self.lines:
            digest.update(len(line).to_bytes(4, "little") + line.astype("<i8").tobytes())
        digest.update(np.round(self.weights * 1e9).astype("<i8").tobytes())
        return digest.hexdigest()

    def source(self) -> FamilySource:
        """Families of these materials."""
        return FamilySource(self.compositions, self.lines, self.weights)

    @classmethod
    def of_library(cls) -> TrainingMaterials:
        """All materials of the package and the mixing lines between them.

        The lines of series make `SERIES_SHARE` of those drawn. A group of minerals is drawn in proportion to the square
        root of the number of its lines, so that none is lost and none rules, and to `GROUP_WEIGHTS`.
        """
        from napari_gdls.materials import load_materials

        materials = load_materials()
        families = materials.families()
        series = {family.name for family in load_materials(exchange=False).families()}
        of_series = np.array([family.name in series for family in families])
        groups = [materials[family.members[0]].group for family in families]
        size = Counter(group for group, counted in zip(groups, of_series, strict=True) if counted)
        weights = np.ones(len(families))
        for index in np.flatnonzero(of_series):
            weights[index] = GROUP_WEIGHTS.get(groups[index], 1.0) / np.sqrt(size[groups[index]])
        weights[of_series] *= SERIES_SHARE / weights[of_series].sum()
        if not of_series.all():
            weights[~of_series] *= (1 - SERIES_SHARE) / weights[~of_series].sum()
        lines = tuple(np.array(family.members, dtype=np.int64) for family in families)
        return cls(np.array(materials.compositions), lines, weights)
