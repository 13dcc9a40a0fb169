"""Phases of a field that get one name: one mineral twice, two members of a solid solution, or a false border."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.identification import Coordinate, Identification
from napari_gdls.phases.merge_candidates import pairwise_differences
from napari_gdls.segmentation import Segmentation


@dataclass(frozen=True)
class SameName:
    """Two phases of one name, and what speaks against their being one.

    Attributes
    ----------
    name : str
    phases : (int, int)
        From 0.
    difference : float or None
        Noise-free difference of their spectra, on the scale of tau_z; None where the method made no phases.
    element : str
        In which their compositions differ most surely.
    percent : (float, float)
        Mass percent of it.
    significance : float
        That difference in standard errors of counting; errors of physics are the same in both.
    coordinates : tuple of (str, float, float)
        Coordinates in the solid solution, as in ``("An", 0.48, 0.38)``.
    """

    name: str
    phases: tuple[int, int]
    difference: float | None
    element: str
    percent: tuple[float, float]
    significance: float
    coordinates: tuple[tuple[str, float, float], ...] = ()

    @property
    def text(self) -> str:
        """One line: "andesine: phases 2 and 3 could be one; Ca 3.1 and 4.2 wt% (12 standard errors), An 0.31, 0.40"."""
        first, second = (phase + 1 for phase in self.phases)
        text = (
            f"{self.name}: phases {first} and {second} could be one; {self.element} {self.percent[0]:.2g} and "
            f"{self.percent[1]:.2g} wt% ({self.significance:.0f} standard errors of counting)"
        )
        for name, a, b in self.coordinates:
            text += f", {name} {a:.2f} and {b:.2f}"
        return text if self.difference is None else f"{text}; difference {self.difference:.2g}"


def phases_of_one_name(
    segmentation: Segmentation,
    names: Sequence[str],
    compositions: Sequence[Composition],
    identifications: Sequence[Identification],
) -> tuple[SameName, ...]:
    """Pairs of phases that got one name, those that differ least first.

    Parameters
    ----------
    segmentation : Segmentation
    names : sequence of str
        Of each of P phases; "" where it should not be compared, as names of mixtures and unknown ones.
    compositions : sequence of Composition
    identifications : sequence of Identification

    Returns
    -------
    tuple of SameName
        A phase is paired with the one of its name that it resembles most, so n phases of a name give n - 1 lines.
    """
    found = segmentation.measurement_phases
    apart = None if found is None else pairwise_differences(found.pool, found.scale)
    lines = []
    for name in sorted({name for name in names if name}):
        alike = [k for k, other in enumerate(names) if other == name]
        pairs = [
            _compared(name, a, b, compositions, identifications, None if apart is None else float(apart[a, b]))
            for a, b in itertools.combinations(alike, 2)
        ]
        pairs.sort(key=_closeness)
        lines += _spanning(pairs)
    return tuple(sorted(lines, key=_closeness))


def _closeness(line: SameName) -> tuple[float, float]:
    return (line.significance if line.difference is None else line.difference, line.significance)


def _spanning(pairs: list[SameName]) -> list[SameName]:
    """The first pairs that join all phases: a shortest spanning tree."""
    group = {phase: phase for pair in pairs for phase in pair.phases}
    kept = []
    for pair in pairs:
        a, b = (group[phase] for phase in pair.phases)
        if a != b:
            kept.append(pair)
            group = {phase: a if own == b else own for phase, own in group.items()}
    return kept


def _compared(
    name: str,
    a: int,
    b: int,
    compositions: Sequence[Composition],
    identifications: Sequence[Identification],
    difference: float | None,
) -> SameName:
    first, second = compositions[a], compositions[b]
    # Oxygen follows from the others where it is taken by stoichiometry.
    held = {*first.mass_percent, *second.mass_percent}
    symbols = [symbol for symbol in SYMBOLS if symbol in held and (symbol != "O" or len(held) == 1)]

    def amounts(composition: Composition) -> tuple[np.ndarray, np.ndarray]:
        percent = np.array([composition.mass_percent.get(symbol, 0.0) for symbol in symbols])
        error = [
            composition.counting_error.get(symbol, composition.detection_limit.get(symbol, np.inf))
            for symbol in symbols
        ]
        return percent, np.array(error)

    (percent_a, error_a), (percent_b, error_b) = amounts(first), amounts(second)
    both = np.hypot(error_a, error_b)
    sigma = np.abs(percent_a - percent_b) / np.where(both > 0, both, np.inf)
    most = int(sigma.argmax())
    return SameName(
        name,
        (a, b),
        difference,
        symbols[most],
        (float(percent_a[most]), float(percent_b[most])),
        float(sigma[most]),
        _both(identifications[a].coordinates, identifications[b].coordinates),
    )


def _both(first: tuple[Coordinate, ...], second: tuple[Coordinate, ...]) -> tuple[tuple[str, float, float], ...]:
    other = {coordinate.name: coordinate.value for coordinate in second}
    return tuple((c.name, c.value, other[c.name]) for c in first if c.name in other)
