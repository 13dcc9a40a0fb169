"""From the fit of a spectrum to a composition with errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice, checked_kind
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy import oxygen as rules
from napari_gdls.mineralogy.artefacts import left_out
from napari_gdls.mineralogy.calibration import calibrate_spectrum
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.composition_errors import physics_errors, propagated
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.spectrum_checks import SpectrumError
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.mineralogy.standards import BEAM_TOLERANCE, Factors, Standard, standard_factors
from napari_gdls.spectra import Detector
from napari_gdls.spectra.atomic import atomic_weights
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

OXYGEN_CHOICES = ("auto", rules.MEASURED, rules.STOICHIOMETRIC)
"""How oxygen is quantified."""

_CARBON, _OXYGEN = SYMBOLS.index("C"), SYMBOLS.index("O")

_FEW_COUNTS = 5000
"""Counts below which a composition comes with a warning: of the elements of standards that have 4 to 50 % of the mass,
18 % are not found at 1,000 counts, and none is missed at 10,000."""


@one_thread
def composition_of_fit(
    fit: SpectrumFit,
    *,
    oxygen: str = "auto",
    standards: Factors | Sequence[Standard] | Standard | None = None,
) -> Composition:
    """Composition of the material whose spectrum was fitted.

    Parameters
    ----------
    fit : SpectrumFit
    oxygen : {"auto", "measured", "stoichiometric"}
        "stoichiometric": as the charges of the other elements ask for. "auto": that where the measured oxygen agrees,
        see `oxygen.oxygen_rule`.
    standards : Factors or sequence of Standard, optional
        Replace the factors of their elements; the spectrum is then fitted again with the same elements.

    Returns
    -------
    Composition

    Raises
    ------
    SpectrumError
        If the fit found no element, or a standard was measured under other conditions.
    """
    checked_kind("fit", fit, SpectrumFit)
    checked_choice("oxygen", oxygen, OXYGEN_CHOICES)
    factors = _factors(standards, fit.instrument)
    if factors is not None and dict(fit.factors) != factors.values:
        fit = fit_spectrum(fit.counts, fit.instrument, elements=fit.elements, factors=factors.values)
    if not fit.elements:
        raise SpectrumError("no element was found in the spectrum; it has too few counts, or its axis is wrong.")
    specimen = _specimen(fit)
    rule = rules.oxygen_rule(specimen, fit.mass_errors)
    if oxygen != "auto":
        source = oxygen if fit.masses[_OXYGEN] > 0 or oxygen == rules.STOICHIOMETRIC else rules.NO_OXYGEN
        rule = rules.OxygenRule(source, rule.excess, rule.remark)
    if rule.source != rules.CARBONATE and "C" in left_out(fit.artefacts):
        specimen[_CARBON] = 0.0
    if specimen.sum() <= 0:
        raise SpectrumError(
            f"nothing is left of the spectrum beside {', '.join(left_out(fit.artefacts))}, which is taken for no part "
            "of the specimen."
        )
    return _composition(fit, specimen, rule, factors)


def _specimen(fit: SpectrumFit) -> FloatArray:
    """Masses without artefacts, but with carbon, which the oxygen's rule asks for."""
    result = fit.masses.copy()
    for symbol in left_out(fit.artefacts):
        if symbol != "C":
            result[SYMBOLS.index(symbol)] = 0.0
    return result


def _composition(
    fit: SpectrumFit, specimen: FloatArray, rule: rules.OxygenRule, factors: Factors | None
) -> Composition:
    def percent(masses: FloatArray) -> FloatArray:
        return 100 * rules.with_oxygen(masses, rule.source)

    values = percent(specimen)
    relative = np.diag(physics_errors() ** 2) if factors is None else factors.covariance
    counting = propagated(percent, specimen, np.diag(fit.counting_errors**2))
    overlapping = np.diag(fit.mass_errors**2)
    error = propagated(percent, specimen, overlapping + relative * np.outer(specimen, specimen))
    moles = values / atomic_weights()
    stoichiometric = rule.source in (rules.STOICHIOMETRIC, rules.CARBONATE)
    found = _specimen(fit)
    found[_CARBON] = 0.0

    def of_present(numbers: FloatArray) -> dict[str, float]:
        return {SYMBOLS[k]: float(numbers[k]) for k in np.flatnonzero(values > 0)}

    mass_percent = of_present(values)
    return Composition(
        mass_percent=mass_percent,
        error=of_present(error),
        counting_error=of_present(counting),
        atomic_percent=of_present(100 * moles / moles.sum()),
        oxide_percent=rules.oxide_percent(mass_percent) if stoichiometric else {},
        detection_limit=_detection_limits(fit, values, _total_mass(specimen, rule)),
        oxygen=rules.STOICHIOMETRIC if stoichiometric else rule.source,
        measured_oxygen=float(100 * found[_OXYGEN] / found.sum()) if found.sum() > 0 else 0.0,
        net_areas=of_present(fit.net_areas),
        standards={s: name for s, name in factors.names.items() if s in mass_percent} if factors is not None else {},
        misfit=fit.misfit,
        artefacts=fit.artefacts,
        fit=fit,
        remarks=tuple(filter(None, (rule.remark, _remark_of_counts(fit)))),
    )


def _total_mass(specimen: FloatArray, rule: rules.OxygenRule) -> float:
    """Mass that is 100 percent, in the unit of the fit."""
    share = rules.with_oxygen(specimen, rule.source)
    k = int(np.argmax(np.where(np.arange(N_ELEMENTS) == _OXYGEN, 0.0, specimen)))
    return float(specimen[k] / share[k]) if share[k] > 0 else float(specimen.sum())


def _remark_of_counts(fit: SpectrumFit) -> str:
    counts = float(fit.counts[fit.used].sum())
    if counts >= _FEW_COUNTS:
        return ""
    return f"only {counts:,.0f} counts: elements of ten percent and more can be missing, and the others too high"


def _detection_limits(fit: SpectrumFit, values: FloatArray, total: float) -> dict[str, float]:
    return {
        SYMBOLS[k]: float(100 * fit.detection_limits[k] / total)
        for k in np.flatnonzero(np.isfinite(fit.detection_limits))
        if values[k] > 0 or np.isfinite(fit.open_errors[k])
    }


def _factors(standards: Any, instrument: Instrument) -> Factors | None:
    if standards is None:
        return None
    if isinstance(standards, Factors):
        if abs(standards.beam_energy - instrument.beam_energy) >= BEAM_TOLERANCE:
            raise SpectrumError(
                f"the factors are of standards at {standards.beam_energy:g} keV and the spectrum was measured at "
                f"{instrument.beam_energy:g} keV; measure the standards under the same conditions."
            )
        return standards
    return standard_factors(standards, instrument)


def quantify_spectrum(
    counts: npt.ArrayLike,
    energy: EnergyAxis,
    *,
    beam_energy: float,
    take_off_angle: float | None = None,
    oxygen: str = "auto",
    elements: Iterable[str] | None = None,
    detector: Detector | None = None,
    standards: Factors | Sequence[Standard] | Standard | None = None,
    instrument: Instrument | None = None,
) -> Composition:
    """Composition of a flat, thick material from its EDS spectrum, with errors and without standards or with them.

    Parameters
    ----------
    counts : (D,) array
        Counts, background included.
    energy : EnergyAxis
        Calibration of the channels; it is corrected by the peaks, see `calibrate_spectrum`.
    beam_energy : float
        keV.
    take_off_angle : float, optional
        Between surface and detector, degrees. None: 35.
    oxygen : {"auto", "measured", "stoichiometric"}
        Oxygen by its own line, or as the charges of the other elements ask for. "auto": the latter where both agree.
    elements : iterable of str, optional
        Only these, all of them. None: they are searched.
    detector : Detector, optional
        What is known of it; its resolution is corrected by the peaks.
    standards : Factors or sequence of Standard, optional
        Spectra of known composition, measured under the same conditions.
    instrument : Instrument, optional
        A calibration that is known, as `calibrate_field` finds it on the sum of all spectra; nothing is calibrated
        then. It must be of the same axis length and conditions.

    Returns
    -------
    Composition

    Raises
    ------
    SpectrumError, RecipeError, CompositionError
        If the spectrum, the conditions, the elements or the standards are impossible.

    Examples
    --------
    >>> from napari_gdls.spectra import simulate_spectra
    >>> axis = EnergyAxis(0.0, 10.0, 2048)
    >>> counts = simulate_spectra({"Si": 0.467, "O": 0.533}, beam_energy=20, energy=axis, counts=1e5, seed=0)[0]
    >>> found = quantify_spectrum(counts, axis, beam_energy=20)
    >>> {symbol: round(percent) for symbol, percent in found.mass_percent.items()}
    {'O': 53, 'Si': 47}
    """
    if instrument is None:
        instrument = calibrate_spectrum(
            counts, energy, beam_energy=beam_energy, take_off_angle=take_off_angle, detector=detector
        )
    factors = _factors(standards, instrument)
    fit = fit_spectrum(counts, instrument, elements=elements, factors=None if factors is None else factors.values)
    return composition_of_fit(fit, oxygen=oxygen, standards=factors)
