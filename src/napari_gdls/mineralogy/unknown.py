"""Whether a spectrum is of a material that the library lacks.

The best answer of a library always looks good beside the others. Whether it is good by itself is another question: how
far are the masses off, against what the physics, the surface and the counts can do, and how rare is what would have to
be there? A logistic model of these answers it. Its coefficients were fitted on simulated spectra with wrong physics,
half of them of materials that the library held, half of materials that had been taken out with all their neighbours;
the prior then makes strangers as rare as they are in rocks.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.composition_likelihood import FREEDOM

PRIOR_ODDS = 0.5
"""Of a material that the library lacks, against one that it holds."""

INTERCEPT = -0.658
ROOT_MISFIT, MISFIT = 3.891, -0.511
ROOT_MISFIT_FEW_COUNTS, FEW_COUNTS = 0.24, -1.963
UNLIKENESS, UNLIKENESS_FEW_COUNTS = 0.349, -0.412
ELEMENTS, RARITY = -0.409, -0.226
"""Coefficients, in nats: of the misfit of the masses (see `misfit_of`) and of its root; of the logarithm of the counts
below 10,000; of the logarithm of the unlikeness of shapes; of the number of elements; of the logarithm of how common
the best answer is."""

_PRESENT = 0.01
"""Part of all masses from which an element counts as present, in the spectrum or in the answer."""

_ENOUGH = 1e4
"""Counts from which on more of them change nothing here: the physics limits."""

_SHAPE_NOISE = 60 / 8
"""Unlikeness of two equal shapes times the counts: one eighth of the bins that are not empty, about 60."""

_LEAST_UNLIKENESS = 3e-4
"""Of shapes: less is not resolved."""


def misfit_of(
    residual: npt.NDArray[np.float64], measured: npt.NDArray[np.float64], expected: npt.NDArray[np.float64]
) -> tuple[float, int]:
    """Misfit of the elements that are present, in nats, and their number.

    Parameters
    ----------
    residual, measured, expected : (k,) float64
        Of the elements from fluorine up: standard errors, and masses as parts of all.
    """
    present = np.maximum(measured, expected) > _PRESENT
    nats = (FREEDOM + 1) / 2 * np.log1p(residual[present] ** 2 / FREEDOM)
    return float(nats.sum()), int(present.sum())


def log_odds_of_unknown(misfit: float, elements: int, counts: float, log_coefficient: float, log_prior: float) -> float:
    """Logarithm of the odds that the library lacks the material, given its best answer.

    Parameters
    ----------
    misfit, elements : float, int
        See `misfit_of`.
    counts : float
        In the band that shapes are compared in.
    log_coefficient : float
        Logarithm of the Bhattacharyya coefficient with the best answer.
    log_prior : float
        Of the best answer.
    """
    few = min(math.log(max(counts, 1.0) / _ENOUGH), 0.0)
    unlike = math.log(max(-log_coefficient - _SHAPE_NOISE / max(counts, 1.0), 0.0) + _LEAST_UNLIKENESS)
    return (
        INTERCEPT
        + (ROOT_MISFIT + ROOT_MISFIT_FEW_COUNTS * few) * math.sqrt(misfit)
        + MISFIT * misfit
        + FEW_COUNTS * few
        + (UNLIKENESS + UNLIKENESS_FEW_COUNTS * few) * unlike
        + ELEMENTS * elements
        + RARITY * log_prior
        + math.log(PRIOR_ODDS)
    )
