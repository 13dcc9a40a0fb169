"""Energy axis and resolution of a detector, from the peaks of a spectrum."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_kind
from napari_gdls.energy import EnergyAxis, rebin
from napari_gdls.errors import GdlsWarning
from napari_gdls.field import Field
from napari_gdls.mineralogy.element_profiles import ElementProfiles
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import COMMON, SOUGHT, USUAL
from napari_gdls.mineralogy.spectrum_checks import checked_axis, checked_counts
from napari_gdls.mineralogy.spectrum_columns import (
    SHIFT_ERROR,
    STRETCH_ERROR,
    WIDTH_ERROR,
    continuum_parts,
    expected_variance,
    smoothed,
)
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.spectrum_fitting import first_matrix, fit_with
from napari_gdls.mineralogy.weighted_fit import NormalEquations
from napari_gdls.spectra import Detector
from napari_gdls.spectra.detector import MANGANESE_K_ALPHA
from napari_gdls.spectra.emission import (
    DEFAULT_TAKE_OFF,
    HIGHEST_TAKE_OFF,
    LOWEST_TAKE_OFF,
    checked_beam_energy,
    checked_take_off,
)
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

_SHIFTS, _STRETCHES = (-14.0, -7.0, 0.0, 7.0, 14.0), (-24.0, -12.0, 0.0, 12.0, 24.0)
"""eV, and eV at Mn K-alpha (0.4 % of it): where the search starts from. A third of a peak's width apart."""

_STEPS = 5
"""Of Gauss and Newton, at most; two or three do."""

_LARGEST_STEP = np.array([15.0, 15.0, 1000.0])
"""eV of offset and at Mn K-alpha, eV2 of variance, in one step; beyond, the first derivative says nothing."""

_CONVERGED = np.array([0.2, 0.3, 15.0])
"""Likewise; a 200th of a peak's width."""

_NARROWEST, _WIDEST = 105.0, 185.0
"""eV: resolutions at Mn K-alpha of silicon detectors in use."""

_FWHM_SQUARED = 8 * math.log(2)
"""Square of the full width at half maximum by variance, of a normal distribution."""

_SEARCHED = tuple(symbol for symbol in SOUGHT if symbol in COMMON | USUAL)
"""Elements whose lines the first search tries."""


@dataclass(frozen=True)
class _Calibration:
    """Peaks lie `shift` + `stretch` E / E(Mn K-alpha) eV above where the axis of the file has them."""

    shift: float
    stretch: float
    variance: float  # eV2 more than the detector's

    def axis(self, energy: EnergyAxis) -> EnergyAxis:
        gain = 1 - self.stretch / MANGANESE_K_ALPHA
        return EnergyAxis(energy.offset * gain - self.shift, energy.width * gain, energy.size)

    def detector(self, detector: Detector) -> Detector:
        fwhm = math.sqrt(max(detector.fwhm**2 + _FWHM_SQUARED * self.variance, _NARROWEST**2))
        return replace(detector, fwhm=min(fwhm, _WIDEST))

    @property
    def numbers(self) -> tuple[float, float, float]:
        """Shift, stretch, variance."""
        return self.shift, self.stretch, self.variance

    @property
    def improbability(self) -> float:
        """Chi-squared of the prior."""
        return (
            (self.shift / SHIFT_ERROR) ** 2 + (self.stretch / STRETCH_ERROR) ** 2 + (self.variance / WIDTH_ERROR) ** 2
        )


@one_thread
def calibrate_spectrum(
    counts: npt.ArrayLike,
    energy: EnergyAxis,
    *,
    beam_energy: float,
    take_off_angle: float | None = None,
    detector: Detector | None = None,
) -> Instrument:
    """Find the energy axis and the resolution that a spectrum's own peaks show.

    Parameters
    ----------
    counts : (D,) array
        The more, the better: the sum of all spectra of a field. Where there are few the given axis holds.
    energy : EnergyAxis
        As the file states it.
    beam_energy : float
        keV.
    take_off_angle : float, optional
        Degrees. None: 35.
    detector : Detector, optional
        What is known of it. None: `Detector()`. Its resolution is where the search starts.

    Returns
    -------
    Instrument

    Raises
    ------
    SpectrumError, RecipeError
        If the spectrum or the conditions are impossible.

    Notes
    -----
    The counts are first moved along the axis, 15 eV and 0.4 % either way, and fitted with the profiles of usual
    elements. From the best place the fit itself leads on, with derivatives of the model by offset, gain and resolution.
    Prior standard errors of 4 eV, 6 eV at Mn K-alpha, and 400 eV2 of a peak's variance hold what few counts do not say.
    """
    beam_energy = checked_beam_energy(beam_energy)
    angle = checked_take_off(DEFAULT_TAKE_OFF if take_off_angle is None else take_off_angle)
    axis = checked_axis(energy, beam_energy)
    y = checked_counts(counts, axis)
    start = Instrument(beam_energy, angle, axis, checked_kind("detector", detector or Detector(), Detector))
    best = _refined(y, start, _coarse(y, start))
    return _calibrated(start, best)


def _calibrated(start: Instrument, calibration: _Calibration) -> Instrument:
    return replace(start, energy=calibration.axis(start.energy), detector=calibration.detector(start.detector))


def _coarse(y: FloatArray, start: Instrument) -> _Calibration:
    """Where on a grid of offsets and gains the profiles of usual elements fit best."""
    profiles = ElementProfiles(start, _SEARCHED)
    inside = profiles.in_matrix(first_matrix())
    energies = start.energy.centers[profiles.used]
    columns = np.concatenate([inside.whole, continuum_parts(energies, start) * inside.continuum])
    nothing = np.zeros(0)
    scored = []
    for shift in _SHIFTS:
        for stretch in _STRETCHES:
            trial = _Calibration(shift, stretch, 0.0)
            moved = rebin(y[None], trial.axis(start.energy), start.energy)[0, profiles.used].astype(np.float64)
            variance = expected_variance(smoothed(moved, start.energy.width))
            equations = NormalEquations(columns, columns[:0], nothing, nothing, moved, variance)
            scored.append((equations.fit(np.ones(len(columns), dtype=bool))[1], trial))
    unit = max(min(squares for squares, _ in scored) / energies.size, 1.0)
    return min(scored, key=lambda each: each[0] / unit + each[1].improbability)[1]


def _refined(y: FloatArray, start: Instrument, calibration: _Calibration) -> _Calibration:
    """The best of a few steps, each led by the fit at the one before."""
    elements: tuple[str, ...] = ()
    for _ in range(_SEARCHES):
        instrument = _calibrated(start, calibration)
        found = fit_with(ElementProfiles(instrument), y, instrument, applied=calibration.numbers).elements
        if not found or set(found) <= set(elements):
            break
        elements = tuple(symbol for symbol in SOUGHT if symbol in COMMON or symbol in found)
        calibration = _stepped(y, start, calibration, elements)
    return calibration


def _stepped(y: FloatArray, start: Instrument, first: _Calibration, elements: tuple[str, ...]) -> _Calibration:
    """Gauss-Newton steps with given elements; one that makes it worse is halved."""

    def fitted(calibration: _Calibration) -> tuple[SpectrumFit, float]:
        instrument = _calibrated(start, calibration)
        profiles = ElementProfiles(instrument, elements)
        fit = fit_with(profiles, y, instrument, elements=elements, applied=calibration.numbers)
        return fit, fit.misfit * float(fit.used.sum())

    best, (fit, squares) = first, fitted(first)
    unit = max(fit.misfit, 1.0)
    score = squares / unit + best.improbability
    step = np.array(fit.shift)
    for _ in range(_STEPS):
        if (np.abs(step) < _CONVERGED).all():
            break
        step = np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        trial = _Calibration(*(float(value) for value in np.array(best.numbers) + step))
        fit, squares = fitted(trial)
        if squares / unit + trial.improbability < score:
            best, score, step = trial, squares / unit + trial.improbability, np.array(fit.shift)
        else:
            step = step / 2
    return best


_SEARCHES = 2
"""Times that elements are searched: with a better axis some may be others."""


def calibrate_field(
    field: Field, *, beam_energy: float | None = None, take_off_angle: float | None = None
) -> Instrument:
    """Find energy axis and resolution on the sum of all spectra of a field.

    Parameters
    ----------
    field : Field
    beam_energy : float, optional
        keV. None: that of the field.
    take_off_angle : float, optional
        Degrees. None: that in the field's metadata, or 35.

    Returns
    -------
    Instrument

    Raises
    ------
    SpectrumError, RecipeError
        If the spectra or the conditions are impossible.

    Warns
    -----
    GdlsWarning
        Where the beam energy is not known, and 25 keV are taken.

    See Also
    --------
    calibrate_spectrum
    """
    checked_kind("field", field, Field)
    if beam_energy is None:
        beam_energy = field.assumed_beam_energy
        if field.beam_energy is None:
            warnings.warn(
                f"the beam energy of the field is not known: {beam_energy:g} keV are taken, and compositions are wrong "
                "if it was another. Give `beam_energy`.",
                GdlsWarning,
                stacklevel=2,
            )
    angle = take_off_of(field.metadata) if take_off_angle is None else take_off_angle
    return calibrate_spectrum(field.total_spectrum, field.energy, beam_energy=beam_energy, take_off_angle=angle)


def take_off_of(metadata: Mapping[str, Any]) -> float | None:
    """The elevation angle of the detector in the metadata of a field, in degrees; None where there is none.

    Parameters
    ----------
    metadata : mapping
        `Field.metadata`.
    """
    angles = [
        float(value)
        for key, value in _leaves(metadata)
        if key in _ANGLE_KEYS
        and isinstance(value, (int, float))
        and not isinstance(value, bool)
        and LOWEST_TAKE_OFF <= value <= HIGHEST_TAKE_OFF
    ]
    return angles[0] if angles else None


_ANGLE_KEYS = ("elevation_angle", "take_off_angle", "ElevationAngle", "TakeOffAngle")
"""Under which readers of vendors' files keep it."""


def _leaves(mapping: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        else:
            yield str(key), value
