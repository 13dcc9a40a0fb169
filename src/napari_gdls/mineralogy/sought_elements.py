"""Which elements are looked for in a spectrum, and how much evidence each must bring."""

from __future__ import annotations

from types import MappingProxyType

import numpy as np

from napari_gdls.elements import SYMBOLS

NEVER_SOUGHT = frozenset(
    "H He Li Be B Ne Ar Kr Xe Rn Tc Pm Po At Fr Ra Ac Pa Np Pu".split()  # noqa: SIM905
)
"""H to Be have no line that a window lets through, that of B lies below `LOWEST_CHANNEL`; gases that no mineral holds;
elements without stable isotopes but Th and U."""

SOUGHT = tuple(symbol for symbol in SYMBOLS if symbol not in NEVER_SOUGHT)
"""Elements that are looked for, by atomic number."""

COLUMNS = np.array([SYMBOLS.index(symbol) for symbol in SOUGHT])
"""Their columns in arrays of all elements (atomic number - 1)."""

COMMON = frozenset("C O F Na Mg Al Si P S Cl K Ca Ti Cr Mn Fe".split())  # noqa: SIM905
"""Elements that rocks are made of: looked for from the start."""

USUAL = frozenset(
    "N V Ni Cu Zn As Sr Y Zr Nb Ba La Ce Nd Pb Ag Au Sn Sb W U Th Co Mo Bi Ge Pt".split()  # noqa: SIM905
)
"""Elements that minerals, alloys or coatings of their own hold; the rest are rarely more than traces."""

TIERS = np.array([0 if symbol in COMMON else 1 if symbol in USUAL else 2 for symbol in SOUGHT])
"""0 for common, 1 for usual, 2 for rare elements, in the order of `SOUGHT`."""

PRICES = MappingProxyType({0: 25.0, 1: 50.0, 2: 100.0})
"""By tier: what an element must take off the sum of squared residuals in units of their expected variance. 25 is five
standard errors; rarer elements are wrong more often, and more of them could be."""

LEAST_SIGNIFICANCE = MappingProxyType({0: 4.0, 1: 6.0, 2: 10.0})
"""By tier: standard errors below which an element is left out."""

LEAST_SHARE = MappingProxyType({0: 0.0015, 1: 0.006, 2: 0.015})
"""By tier: mass fractions below which an element is left out; what a wrong shape of a strong peak can feign."""

SOFT = frozenset({"C", "N", "F"})
"""Elements whose only line lies where the continuum, the window and the L lines of the first long period are least
known."""

LOWEST_CHANNEL = 250.0
"""eV; channels below are not used: noise, the windows' edges and tails of peaks rule there (C K is at 277)."""

HIGHEST_CHANNEL = 0.97
"""Parts of the beam energy up to which channels are used; the model of the continuum ends at the beam energy."""


def by_tier(values: MappingProxyType[int, float]) -> np.ndarray:
    """A value for each element of `SOUGHT`, float64."""
    return np.array([values[tier] for tier in TIERS])
