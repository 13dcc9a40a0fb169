"""How common materials are, before a spectrum is seen, and which species a member of a solid solution counts for."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.materials import Materials

LOG_PRIORS = {1: 0.0, 2: -1.2, 3: -2.4, 4: -3.2}
"""Logarithm of how common a material of a commonness is, against a rock-forming mineral: so that a rock-forming one is
3 times as likely as an accessory one, 11 times as an uncommon and 25 times as a rare one. By judgement."""

PURE_ELEMENT = -1.2
"""The same of pure elements: metals, of which holders, tools and standards are made, rare as they are as minerals."""

MEMBER_OF_SERIES = -0.8
"""What all unnamed members of solid solutions that count for a species add up to, against the species: almost
half as likely. By judgement."""

NARROWED = -3.2
"""What is not in a narrowed library, against what it would be: as rare as the rarest is."""

_SEEN_FROM = 5
"""Column of carbon, the first that is compared."""


def seen_fractions(materials: Materials) -> npt.NDArray[np.float64]:
    """Mass fractions without the elements that EDS does not see, H to B, (n, 94): they are not made to sum to 1."""
    fractions = materials.compositions.copy()
    fractions[:, :_SEEN_FROM] = 0
    return fractions


def species_of(materials: Materials) -> npt.NDArray[np.int64]:
    """Index of the named material that each material counts for, (n,).

    A member of a solid solution counts for the named one of its group that is nearest in composition; where its group
    has none, for the nearest mineral of all.
    """
    fractions = seen_fractions(materials)
    groups: dict[str, list[int]] = {}
    for index, material in enumerate(materials):
        groups.setdefault(material.group, []).append(index)
    named = np.array([index for index, material in enumerate(materials) if material.source != "series"], dtype=np.int64)
    result = np.arange(len(materials))
    for members in groups.values():
        series = [index for index in members if materials[index].source == "series"]
        pool = np.array([index for index in members if materials[index].source != "series"], dtype=np.int64)
        pool = pool if pool.size else named
        if pool.size:
            candidates = fractions[pool]
            for index in series:
                result[index] = pool[np.abs(candidates - fractions[index]).sum(axis=1).argmin()]
    return result


def log_priors(materials: Materials, species: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Logarithm of how common each material is, (n,)."""
    own = np.array([LOG_PRIORS.get(material.commonness, LOG_PRIORS[4]) for material in materials])
    pure = np.array([len(material.mass_fractions) == 1 for material in materials])
    own[pure] = np.maximum(own[pure], PURE_ELEMENT)
    result = own[species]
    series = np.array([material.source == "series" for material in materials])
    number = np.bincount(species[series], minlength=len(materials))[species]
    result[series] += MEMBER_OF_SERIES - np.log(number[series])
    return np.asarray(result)
