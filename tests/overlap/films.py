"""Simulated films that the tests of the protocol share."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls import EnergyAxis, Field
from napari_gdls.simulation import simulate_overlapping

AXIS = EnergyAxis(0.0, 10.0, 1000)
"""To 10 keV, which holds a line of every element of the films, and is quick."""


@cache
def film(system: str = "mantle", counts: float = 100.0, seed: int = 5, size: int = 64, **options: Any) -> Field:
    """A film with truth; options may be given once only per value, as they are kept."""
    options.setdefault("energy", AXIS)
    return simulate_overlapping((size, size), system=system, counts=counts, seed=seed, **options)


def angle(spectrum: npt.NDArray[np.float64], truth: npt.NDArray[np.float64], own: npt.NDArray[np.bool_]) -> float:
    """Spectral angle in degrees, in channels that hold no artefact."""
    a, b = spectrum[own], truth[own]
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


def true_share(field: Field, mask: npt.NDArray[np.bool_]) -> float:
    """Share of the expected counts in a mask that the matrix gives."""
    truth = field.metadata["truth"]
    everything = sum(truth["abundances"].values())
    return float(truth["abundances"][truth["matrix"]][mask].sum() / everything[mask].sum())


def overlap_of(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    """Intersection over union."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def matched(presence: dict[str, npt.NDArray[np.bool_]], field: Field) -> dict[str, str]:
    """Found grain by the name of each true one: that of the largest overlap."""
    true = field.metadata["truth"]["presence"]
    return {name: max(presence, key=lambda grain: overlap_of(presence[grain], mask)) for name, mask in true.items()}
