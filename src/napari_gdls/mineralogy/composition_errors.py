"""Errors of compositions: counting, and what is not known of the physics."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from napari_gdls.materials.composition import N_ELEMENTS

FloatArray = npt.NDArray[np.float64]

LIGHT, MIDDLE, HEAVY = 0.10, 0.07, 0.09
"""Relative errors (one standard error) of masses by the physics alone: up to F, Na to Zn, heavier elements. Chosen with
an earlier fit, and not again since: they hold more than 90 % of the true errors of the NIST standards from 10,000
counts on, where 68 % would be right, and half to two thirds on simulated spectra with wrong physics."""

_FLUORINE, _ZINC = 9, 30  # atomic numbers: where the classes end

_STEP = 1e-3
"""Relative step of the derivatives."""


def physics_errors() -> FloatArray:
    """(94,) relative standard errors without standards."""
    z = np.arange(1, N_ELEMENTS + 1)
    return np.where(z <= _FLUORINE, LIGHT, np.where(z <= _ZINC, MIDDLE, HEAVY))


def propagated(function: Callable[[FloatArray], FloatArray], masses: FloatArray, covariance: FloatArray) -> FloatArray:
    """Standard errors of a function of masses.

    Parameters
    ----------
    function : callable
        From (94,) masses to (n,) values.
    masses : (94,) array
    covariance : (94, 94) array
        Of the masses.
    """
    centre = function(masses)
    present = np.flatnonzero(masses > 0)
    slopes = np.zeros((centre.size, present.size))
    for column, k in enumerate(present):
        step = _STEP * masses[k]
        moved = masses.copy()
        moved[k] += step
        slopes[:, column] = (function(moved) - centre) / step
    variance = ((slopes @ covariance[np.ix_(present, present)]) * slopes).sum(axis=1)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))
