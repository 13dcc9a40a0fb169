"""Standards: spectra of known composition, and what they say about the physics of each element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials.composition import mass_fractions
from napari_gdls.mineralogy.composition_errors import physics_errors
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import SOUGHT
from napari_gdls.mineralogy.spectrum_checks import SpectrumError, checked_axis, checked_counts
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.spectra.emission import checked_beam_energy, checked_take_off

FloatArray = npt.NDArray[np.float64]

BEAM_TOLERANCE, ANGLE_TOLERANCE = 0.2, 2.0
"""keV, degrees: a standard measured otherwise says nothing about this instrument's lines."""

LEAST_MASS = 0.01
"""Mass fraction below which an element of a standard gives no factor: too weak a peak on the continuum."""

STANDARD_ERROR = 0.02
"""Relative error of one element of a standard, its certified value and its homogeneity. An
assumption."""


@dataclass(frozen=True, eq=False)
class Standard:
    """A spectrum of a material whose composition is known.

    Parameters
    ----------
    name : str
    counts : (D,) array
    energy : EnergyAxis
    composition : mapping of str to float
        Mass fractions; normalised.
    beam_energy : float
        keV.
    take_off_angle : float
        Degrees.

    Raises
    ------
    SpectrumError, RecipeError, CompositionError
        If the spectrum, the conditions or the composition are impossible.
    """

    name: str
    counts: FloatArray
    energy: EnergyAxis
    composition: Mapping[str, float]
    beam_energy: float
    take_off_angle: float

    def __post_init__(self) -> None:
        beam_energy = checked_beam_energy(self.beam_energy)
        object.__setattr__(self, "beam_energy", beam_energy)
        object.__setattr__(self, "take_off_angle", checked_take_off(self.take_off_angle))
        checked_axis(self.energy, beam_energy)
        object.__setattr__(self, "counts", checked_counts(self.counts, self.energy))
        fractions = mass_fractions(dict(self.composition))[0]
        known = {SYMBOLS[k]: float(fractions[k]) for k in np.flatnonzero(fractions)}
        object.__setattr__(self, "composition", MappingProxyType(known))


@dataclass(frozen=True, eq=False)
class Factors:
    """Factors by which masses by the physics are to be multiplied.

    Attributes
    ----------
    values : dict of str to float
        True by found mass, by element.
    covariance : (94, 94) float64
        Of the logarithms of the factors of all elements: those without a standard have factor 1 and the error of the
        physics.
    names : dict of str to str
        Names of the standards that hold the element.
    beam_energy, take_off_angle : float
        keV and degrees, for which they hold.
    """

    values: dict[str, float]
    covariance: FloatArray
    names: dict[str, str]
    beam_energy: float
    take_off_angle: float

    @property
    def errors(self) -> dict[str, float]:
        """Relative standard errors of the factors, by element."""
        return {
            symbol: float(np.sqrt(self.covariance[k, k])) for symbol in self.values for k in [SYMBOLS.index(symbol)]
        }


def standard_factors(standards: Sequence[Standard], instrument: Instrument) -> Factors:
    """Factors of the elements that standards hold.

    Parameters
    ----------
    standards : sequence of Standard
        Of the instrument's beam energy and take-off angle.
    instrument : Instrument
        Its calibration serves spectra on its own axis; others are calibrated by themselves.

    Returns
    -------
    Factors

    Raises
    ------
    SpectrumError
        If there is none, one was measured at another beam energy or angle, or one's spectrum lacks an element that its
        composition names.

    Notes
    -----
    A spectrum tells the ratios of its elements' factors alone, since the dose is not known. All standards are
    adjusted together: ``ln(true / found) = f_e - d_s`` with a free d_s for each standard, a prior of the physics'
    error for each f_e, and `STANDARD_ERROR` beside counting for each equation. An element that stands alone in its
    standards keeps the physics' factor.
    """
    from napari_gdls.mineralogy.calibration import calibrate_spectrum

    known = [standards] if isinstance(standards, Standard) else list(standards)
    if not known:
        raise SpectrumError("no standard is given; leave `standards` out to quantify without.")
    rows: list[tuple[int, int, float, float]] = []  # standard, element, ln(true / found), error
    for s, standard in enumerate(known):
        _check_conditions(standard, instrument)
        own = (
            instrument
            if standard.energy == instrument.energy
            else calibrate_spectrum(
                standard.counts,
                standard.energy,
                beam_energy=standard.beam_energy,
                take_off_angle=standard.take_off_angle,
                detector=instrument.detector,
            )
        )
        rows += [(s, *row) for row in _ratios(standard, own)]
    return _adjusted(known, rows, instrument)


def _check_conditions(standard: Standard, instrument: Instrument) -> None:
    if abs(standard.beam_energy - instrument.beam_energy) > BEAM_TOLERANCE:
        raise SpectrumError(
            f"the standard {standard.name!r} was measured at {standard.beam_energy:g} keV and the spectrum at "
            f"{instrument.beam_energy:g} keV; measure it under the same conditions, or leave it out."
        )
    if abs(standard.take_off_angle - instrument.take_off_angle) > ANGLE_TOLERANCE:
        raise SpectrumError(
            f"the standard {standard.name!r} was measured at a take-off angle of {standard.take_off_angle:g} degrees "
            f"and the spectrum at {instrument.take_off_angle:g}; measure it under the same conditions, or leave it out."
        )


def _ratios(standard: Standard, instrument: Instrument) -> list[tuple[int, float, float]]:
    wanted = [symbol for symbol, share in standard.composition.items() if symbol in SOUGHT and share >= LEAST_MASS]
    minor = [symbol for symbol, share in standard.composition.items() if symbol in SOUGHT and share < LEAST_MASS]
    if not wanted:
        raise SpectrumError(f"the standard {standard.name!r} holds no element that has lines here.")
    # Carbon may coat it, whether its composition has it or not.
    fit = fit_spectrum(standard.counts, instrument, elements={*wanted, *minor, "C"})
    result = []
    for symbol in wanted:
        k = SYMBOLS.index(symbol)
        if symbol == "C":
            continue
        if fit.masses[k] <= 3 * fit.mass_errors[k]:
            raise SpectrumError(
                f"the standard {standard.name!r} is said to hold {100 * standard.composition[symbol]:.1f} wt% of "
                f"{symbol}, but its spectrum shows none: is it the right composition, the right file?"
            )
        ratio = float(np.log(standard.composition[symbol] / fit.masses[k]))
        result.append((k, ratio, float(fit.mass_errors[k] / fit.masses[k])))
    return result


def _adjusted(
    standards: Sequence[Standard], rows: list[tuple[int, int, float, float]], instrument: Instrument
) -> Factors:
    elements = sorted({row[1] for row in rows})
    physics = physics_errors()
    n, m = len(elements), len(standards)
    design, right = np.zeros((len(rows) + n, n + m)), np.zeros(len(rows) + n)
    for r, (s, k, ratio, error) in enumerate(rows):
        weight = 1 / np.hypot(error, STANDARD_ERROR)
        design[r, elements.index(k)], design[r, n + s] = weight, -weight
        right[r] = weight * ratio
    for e, k in enumerate(elements):
        design[len(rows) + e, e] = 1 / physics[k]
    covariance = np.linalg.inv(design.T @ design)
    solution = covariance @ (design.T @ right)
    values, names = {}, {}
    whole = np.diag(physics**2)
    useful = [e for e, k in enumerate(elements) if covariance[e, e] < (_USELESS * physics[k]) ** 2]
    for e in useful:
        k = elements[e]
        values[SYMBOLS[k]] = float(np.exp(solution[e]))
        names[SYMBOLS[k]] = ", ".join(dict.fromkeys(standards[s].name for s, element, *_ in rows if element == k))
    at = [elements[e] for e in useful]
    whole[np.ix_(at, at)] = covariance[np.ix_(useful, useful)]
    if not values:
        raise SpectrumError(
            f"{', '.join(standard.name for standard in standards)}: each holds one element alone, and a spectrum tells "
            "the ratios of elements; give standards of two elements or more (oxides, silicates, alloys)."
        )
    return Factors(values, whole, names, instrument.beam_energy, instrument.take_off_angle)


_USELESS = 0.98
"""Part of the physics' error above which a factor says nothing."""
