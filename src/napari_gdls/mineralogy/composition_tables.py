"""Compositions as tables and as plain values, for files and printing."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.oxygen import REPLACED_OXYGEN, oxide_formula

BY_PHYSICS = "physics"
"""In the column of factors: no standard, but what is known of lines, absorption and detector."""


def composition_table(composition: Composition) -> dict[str, npt.NDArray[Any]]:
    """Table of a composition.

    Parameters
    ----------
    composition : Composition

    Returns
    -------
    dict of str to (n,) array
        One row per element by rising atomic number, those found and those that were looked for: ``element``;
        ``mass [wt%]``, ``error [wt%]`` (one standard error), ``counting error [wt%]`` (the part of it that more counts
        would take away), ``atomic [at%]``; ``oxide`` and ``oxide [wt%]``, where oxygen is that of oxides; ``detection
        limit [wt%]``; ``net counts``; ``factor``, "physics" or the standard that it comes from. Numbers that there are
        not, those of elements that were not found among them, are NaN.
    """
    rows = sorted({*composition.mass_percent, *composition.detection_limit}, key=SYMBOLS.index)
    oxides = [_oxide_of(symbol, composition) for symbol in rows]

    def column(values: dict[str, float], keys: list[str]) -> npt.NDArray[np.float64]:
        return np.array([values.get(key, math.nan) for key in keys], dtype=np.float64)

    return {
        "element": np.array(rows, dtype=np.str_),
        "mass [wt%]": column(composition.mass_percent, rows),
        "error [wt%]": column(composition.error, rows),
        "counting error [wt%]": column(composition.counting_error, rows),
        "atomic [at%]": column(composition.atomic_percent, rows),
        "oxide": np.array(oxides, dtype=np.str_),
        "oxide [wt%]": column(composition.oxide_percent, oxides),
        "detection limit [wt%]": column(composition.detection_limit, rows),
        "net counts": column(composition.net_areas, rows),
        "factor": np.array([_factor_of(symbol, composition) for symbol in rows], dtype=np.str_),
    }


def plain_composition(composition: Composition) -> dict[str, Any]:
    """A composition as plain values for JSON, by element in the order of the atomic numbers."""
    return {
        "mass_percent": composition.mass_percent,
        "error": composition.error,
        "counting_error": composition.counting_error,
        "atomic_percent": composition.atomic_percent,
        "oxide_percent": composition.oxide_percent,
        "detection_limit": composition.detection_limit,
        "net_counts": composition.net_areas,
        "oxygen": composition.oxygen,
        "measured_oxygen": composition.measured_oxygen,
        "standards": composition.standards,
        "misfit": composition.misfit,
        "artefacts": [
            {"kind": each.kind, "elements": list(each.elements), "reason": each.reason}
            for each in composition.artefacts
        ],
        "remarks": list(composition.remarks),
    }


def _oxide_of(symbol: str, composition: Composition) -> str:
    """The oxide that an element stands in, "" where the composition has none of it."""
    name = REPLACED_OXYGEN if symbol == "O" else oxide_formula(symbol)
    return name if name in composition.oxide_percent else ""


def _factor_of(symbol: str, composition: Composition) -> str:
    if symbol not in composition.mass_percent:
        return ""
    if symbol == "O" and composition.oxygen == "stoichiometric":
        return "stoichiometry"
    return composition.standards.get(symbol, BY_PHYSICS)
