"""Which materials are one answer, because the spectrum does not tell them apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.composition_likelihood import FIRST_SEEN
from napari_gdls.mineralogy.naming_libraries import NamingLibrary

FloatArray = npt.NDArray[np.float64]

EQUAL_WITHIN = 0.02
"""Summed difference of mass fractions, of the elements from fluorine up, that no spectrum vouches for."""

_ONLY_LIGHT = 0.02
"""Mass fraction of these elements below which a material shows but carbon, nitrogen and oxygen."""

NOT_EXCLUDED = 6.5
"""Nats of evidence by which what differs in oxygen, water or carbon may be worse than the best and still belongs to its
answer: as much as one weak element can be off by."""

FEWEST_SHOWN = 1e-4
"""Probability of an answer that is shown."""


@dataclass(frozen=True)
class Answer:
    """Species that a spectrum does not tell apart.

    Attributes
    ----------
    species : tuple of int
        Indices into the materials, the most probable first.
    best_member : int
        The material that explains the spectrum best, of those that count for the first species.
    probability : float
        Of all.
    """

    species: tuple[int, ...]
    best_member: int
    probability: float


def answers(library: NamingLibrary, evidence: FloatArray, probability: FloatArray, counts: float) -> list[Answer]:
    """Species by falling probability, those that cannot be told apart together.

    Parameters
    ----------
    library : NamingLibrary
    evidence : (n,) float64
        Logarithm of the likelihood of each material.
    probability : (n,) float64
        Of each material.
    counts : float
        Of the spectrum.
    """
    n = len(library.materials)
    total = np.bincount(library.species, probability, minlength=n)
    allowed = np.isfinite(library.log_prior)
    best_evidence = np.full(n, -np.inf)
    np.maximum.at(best_evidence, library.species[allowed], evidence[allowed])
    heavy = library.fractions[:, FIRST_SEEN:]
    share = heavy.sum(axis=1)
    part = heavy / np.maximum(share, _ONLY_LIGHT)[:, None]
    within = math.hypot(EQUAL_WITHIN, 1 / math.sqrt(max(counts, 1.0)))

    result = []
    free = np.isfinite(best_evidence) & np.isin(np.arange(n), library.species)
    for leader in np.argsort(-total, kind="stable").tolist():
        if total[leader] < FEWEST_SHOWN / 10:
            break
        if not free[leader]:
            continue
        same = np.abs(part - part[leader]).sum(axis=1) <= within
        same &= (share >= _ONLY_LIGHT) == (share[leader] >= _ONLY_LIGHT)
        same &= free & (best_evidence >= best_evidence[leader] - NOT_EXCLUDED)
        same[leader] = True
        members = np.flatnonzero(same)
        free[members] = False
        order = members[np.argsort(-total[members], kind="stable")]
        own = np.flatnonzero((library.species == leader) & allowed)
        best = int(own[np.argmax(probability[own])])
        result.append(Answer(tuple(order.tolist()), best, float(total[members].sum())))
    return result
