"""Exchange pairs: minerals of the table that differ by one exchange of elements.

Two minerals of one group and class, written on the same number of anions, are an exchange pair when one turns into
the other by swapping equal amounts of two elements that replace each other in nature (forsterite and fayalite: Mg for
Fe; fluorapatite and hydroxylapatite: F for OH), or of two such pairs whose charges need each other (albite and
anorthite: NaSi for CaAl). As both minerals are neutral, so is every mixture.

Which elements replace each other follows Goldschmidt (1926): in oxysalts and halides ions whose radii differ by less
than 30 % and whose charges differ by at most 1; in metals and sulfides elements of one kind (metal, semimetal,
chalcogen) whose covalent radii differ by less than 20 %. Tetrahedral Si and Al, and P, As, V and S replace each other
beyond that rule.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from napari_gdls.materials.formula import USUAL_CHARGES, Formula
from napari_gdls.materials.minerals import Mineral

# Radii of ions in sixfold coordination (larger alkalis: eightfold) in pm: Shannon (1976), Acta Cryst. A32:751.
_IONIC_RADII: Mapping[tuple[str, int], float] = {
    ("Li", 1): 76, ("Na", 1): 102, ("K", 1): 138, ("Rb", 1): 152, ("Cs", 1): 167, ("Ag", 1): 115, ("Tl", 1): 150,
    ("Cu", 1): 77, ("Hg", 1): 119, ("Be", 2): 45, ("Mg", 2): 72, ("Ca", 2): 100, ("Sr", 2): 118, ("Ba", 2): 135,
    ("Mn", 2): 83, ("Fe", 2): 78, ("Co", 2): 74.5, ("Ni", 2): 69, ("Cu", 2): 73, ("Zn", 2): 74, ("Cd", 2): 95,
    ("Hg", 2): 102, ("Pb", 2): 119, ("Sn", 2): 118, ("B", 3): 27, ("Al", 3): 53.5, ("Sc", 3): 74.5, ("Ti", 3): 67,
    ("V", 3): 64, ("Cr", 3): 61.5, ("Mn", 3): 64.5, ("Fe", 3): 64.5, ("Co", 3): 61, ("Ga", 3): 62, ("In", 3): 80,
    ("As", 3): 58, ("Sb", 3): 76, ("Bi", 3): 103, ("Y", 3): 90, ("La", 3): 103.2, ("Ce", 3): 101, ("Pr", 3): 99,
    ("Nd", 3): 98.3, ("Sm", 3): 95.8, ("Gd", 3): 93.8, ("Dy", 3): 91.2, ("Er", 3): 89, ("Yb", 3): 86.8,
    ("C", 4): 16, ("Si", 4): 40, ("Ti", 4): 60.5, ("V", 4): 58, ("Mn", 4): 53, ("Ge", 4): 53, ("Zr", 4): 72,
    ("Hf", 4): 71, ("Sn", 4): 69, ("Ce", 4): 87, ("Th", 4): 94, ("U", 4): 89, ("Pb", 4): 77.5, ("Te", 4): 97,
    ("Se", 4): 50, ("P", 5): 38, ("As", 5): 46, ("V", 5): 54, ("Nb", 5): 64, ("Ta", 5): 64, ("Sb", 5): 60,
    ("S", 6): 29, ("Cr", 6): 44, ("Mo", 6): 59, ("W", 6): 60, ("U", 6): 73,
    ("F", -1): 133, ("OH", -1): 137, ("Cl", -1): 181, ("Br", -1): 196, ("I", -1): 220,
}  # fmt: skip

# Covalent radii in pm: Cordero et al. (2008), Dalton Trans. 2832; Mn, Fe and Co in their low-spin states.
_COVALENT_RADII: Mapping[str, Mapping[str, float]] = {
    "chalcogen": {"S": 105, "Se": 120, "Te": 138},
    "semimetal": {"As": 119, "Sb": 139, "Bi": 148, "P": 107},
    "metal": {
        "Mg": 141, "Ca": 176, "V": 153, "Cr": 139, "Mn": 139, "Fe": 132, "Co": 126, "Ni": 124, "Cu": 132, "Zn": 122,
        "Ga": 122, "Ge": 120, "Mo": 154, "Ru": 146, "Rh": 142, "Pd": 139, "Ag": 145, "Cd": 144, "In": 142, "Sn": 139,
        "W": 162, "Re": 151, "Os": 144, "Ir": 141, "Pt": 136, "Au": 136, "Hg": 132, "Tl": 145, "Pb": 146,
    },
}  # fmt: skip

_COVALENT_CLASSES = ("native", "sulfide", "sulfosalt")
_IONIC_LIMIT, _COVALENT_LIMIT = 1.30, 1.20  # ratio of radii; see the top of this module
_ALWAYS = tuple(
    map(frozenset, ({("Si", 4), ("Al", 3)}, {("P", 5), ("As", 5)}, {("P", 5), ("V", 5)}, {("S", 6), ("P", 5)}))
)
_ANIONS = frozenset(("O", "F", "Cl", "Br", "I", "S", "Se", "Te"))
_EQUAL = 0.02  # atoms per formula unit that count as none, and part of an amount: rounding of formulas

Species = tuple[str, int]
"""An element (or OH) and its charge; charge 0 in metals and sulfides."""


@dataclass(frozen=True)
class ExchangePair:
    """Two minerals that an exchange of elements turns into each other.

    Parameters
    ----------
    first, second : Mineral
    scale : float
        Formula units of `second` that hold as many anions as one of `first`.
    exchange : str
        What is exchanged, as in "Mg = Fe" or "NaSi = CaAl".
    """

    first: Mineral
    second: Mineral
    scale: float
    exchange: str


def exchange_pairs(minerals: Sequence[Mineral]) -> Iterator[ExchangePair]:
    """All exchange pairs among minerals; the rule stands at the top of this module.

    Parameters
    ----------
    minerals : sequence of Mineral

    Yields
    ------
    ExchangePair
        In the order of the minerals. Minerals of equal composition make no pair.
    """
    by_group: dict[tuple[str, str], list[Mineral]] = {}
    for mineral in minerals:
        by_group.setdefault((mineral.chemical_class, mineral.group), []).append(mineral)
    for (chemical_class, _), members in by_group.items():
        covalent = chemical_class in _COVALENT_CLASSES
        species = {mineral.name: _species(mineral.formula, covalent) for mineral in members}
        for first, second in itertools.combinations(members, 2):
            scale = _scale(species[first.name], species[second.name])
            difference = _difference(species[first.name], species[second.name], scale)
            if exchange := _exchange(difference, covalent):
                yield ExchangePair(first, second, scale, exchange)


def _species(formula: Formula, covalent: bool) -> dict[Species, float]:
    """Atoms by element and charge."""
    counts: dict[Species, float] = {}
    for (element, charge), amount in formula.ions.items():
        key = (element, 0 if covalent else USUAL_CHARGES[element] if charge is None else charge)
        counts[key] = counts.get(key, 0.0) + amount
    return counts


def _anions(species: Mapping[Species, float]) -> float:
    """Anions, or all atoms where there are none; an OH counts once, through its oxygen, as F does."""
    anions = sum(amount for (element, charge), amount in species.items() if element in _ANIONS and charge <= 0)
    return anions or sum(species.values())


def _scale(first: Mapping[Species, float], second: Mapping[Species, float]) -> float:
    return _anions(first) / _anions(second)


def _difference(first: Mapping[Species, float], second: Mapping[Species, float], scale: float) -> dict[Species, float]:
    """Species that `second` has more (positive) or less of; hydrogen with its oxygen counted as OH."""
    difference = {key: scale * second.get(key, 0.0) - first.get(key, 0.0) for key in first.keys() | second.keys()}
    for hydrogen in (("H", 1), ("H", 0)):
        amount = difference.pop(hydrogen, 0.0)
        if abs(amount) > _EQUAL:
            oxygen = ("O", -2) if hydrogen[1] else ("O", 0)
            difference[oxygen] = difference.get(oxygen, 0.0) - amount
            difference["OH", -1] = amount
    return {key: amount for key, amount in difference.items() if abs(amount) > _EQUAL}


def _exchange(difference: Mapping[Species, float], covalent: bool) -> str:
    """What is exchanged, or nothing if the difference is no single or coupled exchange that occurs in nature."""
    lost = sorted(key for key, amount in difference.items() if amount < 0)
    gained = sorted(key for key, amount in difference.items() if amount > 0)
    if not lost or len(lost) != len(gained) or len(lost) > (1 if covalent else 2):
        return ""
    for order in itertools.permutations(gained):
        if len(lost) == 2 and any(a[1] == b[1] for a, b in zip(lost, order, strict=True)):
            continue  # two exchanges that do not need each other
        if all(
            abs(difference[a] + difference[b]) <= max(_EQUAL, _EQUAL * difference[b])
            and replace_each_other(a, b, covalent)
            for a, b in zip(lost, order, strict=True)
        ):
            return f"{''.join(a for a, _ in lost)} = {''.join(b for b, _ in order)}"
    return ""


def replace_each_other(first: Species, second: Species, covalent: bool) -> bool:
    """Whether two ions (or, `covalent`, two elements) take each other's place in nature.

    Parameters
    ----------
    first, second : (str, int)
        Element, or OH, and charge.
    covalent : bool
        In metals and sulfides, where charges do not count.
    """
    if covalent:
        return any(
            first[0] in radii
            and second[0] in radii
            and max(radii[first[0]], radii[second[0]]) < _COVALENT_LIMIT * min(radii[first[0]], radii[second[0]])
            for radii in _COVALENT_RADII.values()
        )
    if frozenset((first, second)) in _ALWAYS:
        return True
    radii = _IONIC_RADII.get(first), _IONIC_RADII.get(second)
    if radii[0] is None or radii[1] is None or first[1] * second[1] < 0 or abs(first[1] - second[1]) > 1:
        return False
    return max(radii[0], radii[1]) < _IONIC_LIMIT * min(radii[0], radii[1])
