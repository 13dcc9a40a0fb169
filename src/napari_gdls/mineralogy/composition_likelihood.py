"""How well the masses of elements that a fit finds agree with the materials of a library.

Nothing is thresholded: an element that a material lacks counts by how much of it the fit would have missed, and one
that the fit finds at its error counts by little. That is what carries names down to a few hundred counts.

Masses are relative, so every material has a free scale. The likelihood of an element is Student's t, which forgives
one large error of the physics; its width adds the error of the fit, a part of all masses that nobody can vouch for, and
the error of the physics by the element. Oxygen and carbon are special: oxygen is weak, is added to by tape and skin and
lost with water; carbon is on everything, so only its lack counts. H, Li, Be and B are not seen at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit

FloatArray = npt.NDArray[np.float64]

CARBON, OXYGEN, FLUORINE, IRON = (SYMBOLS.index(symbol) for symbol in ("C", "O", "F", "Fe"))
"""Their columns."""

FIRST_SEEN = FLUORINE
"""Column of the first element that is compared by its mass; the lighter ones are not seen, or oxygen and carbon."""

FREEDOM = 3.0
"""Degrees of freedom of Student's t: chosen on simulated spectra with wrong physics, as all that follow."""

UNVOUCHED = 0.015
"""Part of all masses by which any element can be wrong."""

PHYSICS_ERRORS = ((9, 0.42), (12, 0.168), (30, 0.084), (94, 0.168))
"""Relative error of the physics and of rough surfaces, up to an atomic number."""

FLUORINE_PER_IRON, FLUORINE_PER_OXYGEN = 0.35, 0.04
"""Error of fluorine, whose only line lies between that of oxygen and the L lines of iron, in masses of these two."""

OXYGEN_ERROR, HYDROUS_OXYGEN_ERROR = 0.12, 0.18
"""Relative error of oxygen; of materials with hydrogen, which lose water under the beam."""

OXYGEN_PER_CARBON = 0.5
"""Oxygen of tape, resin and organic coatings, in masses of carbon."""

CARBON_ERROR, CARBON_UNVOUCHED = 0.4, 0.03
"""Relative error of carbon; and part of all masses by which it can be wrong."""

MOST_CARBON, CARBON_PENALTY = 0.8, 40.0
"""Part of all masses that carbon of tape and coating may have, and nats per part that lies above: a spectrum of almost
nothing but carbon is that of carbon."""

MASSES, LIGHT = 0.75, 1.0
"""Weights of the likelihoods of masses: from fluorine up, which say in part what the shape says, and of oxygen and
carbon, whose lines lie below the band of the shape. Chosen on simulated spectra with wrong physics, where 0.5 to 1
does as well."""

FEW_COUNTS = 1000.0
"""Counts with which the masses from fluorine up weigh half as much: their errors then are those of one another, and the
shape says the same with fewer numbers."""

LIMIT_IN_ERRORS = 1.5
"""A detection limit in standard errors of what can hide. It is three of a blank, but the search asks for more before it
believes a rare element."""

PRESENT = 0.01
"""Part of all masses from which an element counts as present, in the spectrum or in the material."""

_ROUNDS = 4  # of the scale of a material: reweighted least squares; more change no digit that is shown
_LEAST_SEEN = 0.02
"""Mass fraction of elements that are compared, below which a material takes its scale from all masses."""


@dataclass(frozen=True, eq=False)
class MassLikelihood:
    """Agreement of each material with the masses of a fit.

    Attributes
    ----------
    log_likelihood : (n,) float64
        Nats, of the elements from fluorine up; a density in masses as parts of all.
    light : (n,) float64
        Likewise of oxygen and carbon.
    residual : (n, k) float64
        Measured less expected mass in standard errors, of the elements in `columns`.
    columns : (k,) int64
        From fluorine up: elements that were looked for; then oxygen and carbon.
    scale : (n,) float64
        Masses of the fit per mass fraction.
    """

    log_likelihood: FloatArray
    light: FloatArray
    residual: FloatArray
    columns: npt.NDArray[np.int64]
    scale: FloatArray

    def evidence(self, counts: float) -> FloatArray:
        """What the masses of a spectrum of so many counts say beside its shape, in nats, (n,)."""
        return MASSES * counts / (counts + FEW_COUNTS) * self.log_likelihood + LIGHT * self.light

    def misfit_of(self, index: int, fractions: FloatArray, measured: FloatArray) -> tuple[float, int]:
        """Nats that a material falls short of a perfect one, and the number of its elements.

        Parameters
        ----------
        index : int
            Of the material.
        fractions, measured : (94,) float64
            Its mass fractions; the masses of the fit.
        """
        nats = -_log_t(self.residual[index])
        largest = np.maximum(self.scale[index] * fractions, measured)[self.columns[:-2]]
        total = max(float(measured[self.columns[:-2]].sum()), 1e-12)
        present = np.append(largest > PRESENT * total, [True, True])
        return float(nats[present].sum()), int(present.sum()) - 2


def physics_error() -> FloatArray:
    """Relative error of the physics by column, (94,)."""
    bounds, errors = np.array(PHYSICS_ERRORS).T
    return np.asarray(errors[np.searchsorted(bounds, np.arange(1, len(SYMBOLS) + 1))])


def mass_likelihood(fit: SpectrumFit, fractions: FloatArray, hydrous: npt.NDArray[np.bool_]) -> MassLikelihood:
    """Compare the masses of a fit with materials.

    Parameters
    ----------
    fit : SpectrumFit
        Its open masses and errors are used.
    fractions : (n, 94) float64
        Mass fractions of the materials, without the elements that are not seen.
    hydrous : (n,) bool
        Whether a material holds hydrogen.
    """
    masses = fit.open_masses
    errors = _errors_of_masses(fit)
    columns = np.flatnonzero(np.isfinite(errors) & (np.arange(len(SYMBOLS)) >= FIRST_SEEN))
    measured, error = masses[columns], errors[columns]
    everything = max(float(measured.sum() + masses[OXYGEN] + masses[CARBON]), 1e-12)
    total = max(float(measured.sum()), 0.02 * everything)
    expected_part = fractions[:, columns]
    physics = physics_error()[columns]
    floor = error**2 + (UNVOUCHED * total) ** 2

    share = expected_part.sum(axis=1)
    light = share < _LEAST_SEEN
    scale = total / np.maximum(share, _LEAST_SEEN)
    scale[light] = everything / np.maximum(fractions[light].sum(axis=1), 1e-9)
    for _ in range(_ROUNDS):
        expected = scale[:, None] * expected_part
        variance = floor + (physics * 0.5 * (expected + measured)) ** 2
        weight = 1 / (variance * (1 + (measured - expected) ** 2 / (FREEDOM * variance)))
        best = (weight * expected_part * measured).sum(axis=1) / np.maximum(
            (weight * expected_part**2).sum(axis=1), 1e-30
        )
        scale = np.where(light, scale, np.maximum(best, 1e-12))
    expected = scale[:, None] * expected_part
    variance = floor + (physics * 0.5 * (expected + measured)) ** 2
    residual = (measured - expected) / np.sqrt(variance)
    result = _log_t(residual).sum(axis=1) - 0.5 * np.log(variance / total**2).sum(axis=1)

    oxygen, oxygen_error = _oxygen(fit, errors, scale * fractions[:, OXYGEN], hydrous, total)
    carbon = _carbon(fit, errors, scale * fractions[:, CARBON], total)
    light_result = _log_t(oxygen) - np.log(oxygen_error / total) + _log_t(carbon)
    excess = (masses[CARBON] - scale * fractions[:, CARBON]) / everything
    light_result -= CARBON_PENALTY * np.maximum(excess - MOST_CARBON, 0)
    return MassLikelihood(
        result,
        light_result,
        np.concatenate([residual, oxygen[:, None], carbon[:, None]], axis=1),
        np.append(columns, [OXYGEN, CARBON]),
        scale,
    )


def _errors_of_masses(fit: SpectrumFit) -> FloatArray:
    """Standard errors of the open masses; of elements that the search rejected, of a blank; else infinite."""
    masses = fit.open_masses
    errors = np.where(np.isfinite(fit.open_errors), fit.open_errors, fit.detection_limits / LIMIT_IN_ERRORS)
    spill = np.hypot(FLUORINE_PER_IRON * masses[IRON], FLUORINE_PER_OXYGEN * masses[OXYGEN])
    errors[FLUORINE] = np.hypot(errors[FLUORINE], spill)
    return errors


def _oxygen(
    fit: SpectrumFit,
    errors: FloatArray,
    expected: FloatArray,
    hydrous: npt.NDArray[np.bool_],
    total: float,
) -> tuple[FloatArray, FloatArray]:
    """Residual of oxygen in standard errors, and these."""
    relative = np.where(hydrous, HYDROUS_OXYGEN_ERROR, OXYGEN_ERROR)
    own = errors[OXYGEN] if np.isfinite(errors[OXYGEN]) else total
    error = np.sqrt(own**2 + (relative * expected) ** 2 + (UNVOUCHED * total) ** 2)
    more = fit.open_masses[OXYGEN] - expected
    more = np.where(more > 0, np.maximum(more - OXYGEN_PER_CARBON * fit.open_masses[CARBON], 0), more)
    return more / error, error


def _carbon(fit: SpectrumFit, errors: FloatArray, expected: FloatArray, total: float) -> FloatArray:
    """Lack of carbon in standard errors; 0 where there is enough."""
    own = errors[CARBON] if np.isfinite(errors[CARBON]) else total
    error = np.sqrt(own**2 + (CARBON_ERROR * expected) ** 2 + (CARBON_UNVOUCHED * total) ** 2)
    return np.asarray(np.minimum(fit.open_masses[CARBON] - expected, 0) / error)


def _log_t(residual: FloatArray) -> FloatArray:
    """Logarithm of Student's t, less its constant."""
    return np.asarray(-(FREEDOM + 1) / 2 * np.log1p(residual**2 / FREEDOM))
