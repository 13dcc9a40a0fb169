"""What a spectrum can be: names with probabilities."""

from __future__ import annotations

from dataclasses import dataclass, field

from napari_gdls.mineralogy.composition import Composition
from napari_gdls.segmentation.names import UNKNOWN as UNKNOWN


@dataclass(frozen=True)
class Candidate:
    """One answer: a species with all that EDS cannot tell from it, or "unknown".

    Attributes
    ----------
    name : str
        The most probable of what cannot be told apart, mostly the most common: "quartz".
    probability : float
        0 to 1; those of all candidates sum to 1.
    group : str
        Mineral group; "" for "unknown".
    formula : str
        As the library states it.
    cannot_be_told_from : tuple of str
        Everything else that this answer stands for: polymorphs, hydrates, what differs in H, Li, Be or B alone. The
        most common first.
    density : float or None
        g/cm3.
    composition : dict of str to float
        Mass fractions of the material that fits best, of those that count for `name`: a member of its solid solution.
    misfit : dict of str to float
        By element: measured less expected mass in standard errors (counting and physics); what speaks against it.
    """

    name: str
    probability: float
    group: str = ""
    formula: str = ""
    cannot_be_told_from: tuple[str, ...] = ()
    density: float | None = None
    composition: dict[str, float] = field(default_factory=dict)
    misfit: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Coordinate:
    """Where a material lies in a solid solution.

    Attributes
    ----------
    name : str
        "An", "Fo", "En", "Wo", "Mg#", "Alm", ...
    value, error : float
        Share in moles, 0 to 1, and its standard error.
    low, high : float
        Interval that holds 95 %.
    """

    name: str
    value: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Identification:
    """Names that a spectrum can have, most probable first.

    Attributes
    ----------
    candidates : tuple of Candidate
        "unknown" is always one of them.
    composition : Composition
    coordinates : tuple of Coordinate
        In the solid solution of the first candidate's group; empty where it has none.
    """

    candidates: tuple[Candidate, ...]
    composition: Composition
    coordinates: tuple[Coordinate, ...] = ()

    @property
    def best(self) -> Candidate:
        """The most probable candidate."""
        return self.candidates[0]

    @property
    def name(self) -> str:
        """Name of the most probable candidate."""
        return self.best.name

    @property
    def probability(self) -> float:
        """Its probability."""
        return self.best.probability
