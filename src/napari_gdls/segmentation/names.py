"""Names of phases, as those who name them hand them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

BY_HAND, BY_MEASUREMENT, BY_SCHEME = "hand", "measured", "scheme"
"""Where a name comes from."""


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
    """

    name: str = ""
    probability: float | None = None
    source: str = ""
    cannot_be_told_from: tuple[str, ...] = ()
    group: str = ""
    formula: str = ""
    details: str = ""
    quantities: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
