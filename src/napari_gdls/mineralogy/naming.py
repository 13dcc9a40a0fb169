"""What a spectrum can be: names with probabilities, "unknown" among them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_kind
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import MaterialError
from napari_gdls.mineralogy.calibration import calibrate_spectrum
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.composition_likelihood import CARBON, FIRST_SEEN, MassLikelihood, mass_likelihood
from napari_gdls.mineralogy.identification import Candidate, Identification
from napari_gdls.mineralogy.indistinguishable import FEWEST_SHOWN, Answer, answers
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.naming_libraries import LibrarySpec, NamingLibrary, naming_library
from napari_gdls.mineralogy.quantification import composition_of_fit
from napari_gdls.mineralogy.solid_solutions import coordinates_of
from napari_gdls.mineralogy.spectral_shape import log_coefficients, shape_evidence
from napari_gdls.mineralogy.spectrum_checks import SpectrumError
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.mineralogy.unknown import UnknownEvidence
from napari_gdls.segmentation.names import UNKNOWN
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

_SHOWN_MISFIT = 0.005
"""Part of all masses from which an element stands in the misfit of a candidate."""


def identify_spectrum(
    counts: npt.ArrayLike,
    energy: EnergyAxis,
    *,
    beam_energy: float,
    take_off_angle: float | None = None,
    library: LibrarySpec = None,
    instrument: Instrument | None = None,
    elements: Iterable[str] | None = None,
) -> Identification:
    """Name the material of an EDS spectrum, with probabilities.

    Parameters
    ----------
    counts : (D,) array
        Counts, background included.
    energy : EnergyAxis
        Calibration of the channels; it is corrected by the peaks.
    beam_energy : float
        keV.
    take_off_angle : float, optional
        Between surface and detector, degrees. None: 35.
    library : optional
        See `naming_library`: None for all materials, the name of a rock type, names of minerals, or a CSV file.
    instrument : Instrument, optional
        A calibration that is known, see `calibrate_field`; nothing is calibrated then.
    elements : iterable of str, optional
        Only these are fitted. None: they are searched.

    Returns
    -------
    Identification

    Raises
    ------
    SpectrumError, RecipeError, CompositionError
        If the spectrum, the conditions or the elements are impossible.
    MaterialError
        If the library cannot be read.

    Examples
    --------
    >>> from napari_gdls.spectra import simulate_spectra
    >>> axis = EnergyAxis(0.0, 10.0, 2048)
    >>> counts = simulate_spectra({"Si": 0.467, "O": 0.533}, beam_energy=20, energy=axis, counts=1e5, seed=0)[0]
    >>> identify_spectrum(counts, axis, beam_energy=20).name
    'quartz'
    """
    chosen = naming_library(library)
    if instrument is None:
        instrument = calibrate_spectrum(counts, energy, beam_energy=beam_energy, take_off_angle=take_off_angle)
    return identify_fit(composition_to_name(fit_spectrum(counts, instrument, elements=elements)), chosen)


def composition_to_name(fit: SpectrumFit) -> Composition:
    """The composition of a fit; one without any element where none is found beyond doubt.

    Such a spectrum can be named all the same, since names weigh what is not beyond doubt, too.
    """
    try:
        return composition_of_fit(fit)
    except SpectrumError as error:
        return Composition(
            mass_percent={}, error={}, counting_error={}, atomic_percent={}, oxide_percent={}, detection_limit={},
            oxygen="none", measured_oxygen=0.0, net_areas={}, standards={}, misfit=fit.misfit, artefacts=fit.artefacts,
            fit=fit, remarks=(str(error),),
        )  # fmt: skip


def identify_fit(composition: Composition, library: LibrarySpec = None) -> Identification:
    """Name the material of a spectrum that is quantified.

    Parameters
    ----------
    composition : Composition
    library : optional
        See `naming_library`.

    Returns
    -------
    Identification

    Raises
    ------
    MaterialError
        If the library cannot be read, or rules out everything.
    """
    fit = checked_kind("composition", composition, Composition).fit
    chosen = naming_library(library)
    if not np.isfinite(chosen.log_prior).any():
        raise MaterialError(f"the library {chosen.title} rules out every material.")
    weighed = weigh(fit, chosen)
    unknown = weighed.evidence_of_unknown().probability
    named = [_candidate(answer, weighed, fit, 1 - unknown) for answer in weighed.answers]
    shown = [each for each in named if each.probability >= FEWEST_SHOWN]
    candidates = _summing_to_one([*shown, Candidate(UNKNOWN, unknown)])
    return Identification(candidates, composition, coordinates_of(fit, candidates[0].group, candidates[0].name))


@dataclass(frozen=True, eq=False)
class Weighed:
    """A library, weighed by a spectrum.

    Attributes
    ----------
    library : NamingLibrary
    masses : MassLikelihood
    log_coefficient : (n,) float64
        Logarithm of the Bhattacharyya coefficients of shapes.
    probability : (n,) float64
        Of each material, if the library holds the right one.
    answers : tuple of Answer
        By falling probability.
    measured : (94,) float64
        Open masses of the fit.
    counts : float
    """

    library: NamingLibrary
    masses: MassLikelihood
    log_coefficient: FloatArray
    probability: FloatArray
    answers: tuple[Answer, ...]
    measured: FloatArray
    counts: float

    def evidence_of_unknown(self) -> UnknownEvidence:
        """What speaks for a material that the library lacks."""
        best = int(np.argmax(self.probability))
        misfit, elements = self.masses.misfit_of(best, self.library.fractions[best], self.measured)
        return UnknownEvidence(
            misfit=misfit,
            elements=elements,
            counts=self.counts,
            unlikeness=-float(self.log_coefficient[best]),
            log_prior=float(self.library.log_prior[best]),
            concentration=self.answers[0].probability,
            foreign_carbon=self._foreign_carbon(best),
        )

    def _foreign_carbon(self, best: int) -> float:
        own = self.masses.scale[best] * self.library.fractions[best, CARBON]
        return float(max(self.measured[CARBON] - own, 0.0) / max(self.measured.sum(), 1e-12))


@one_thread
def weigh(fit: SpectrumFit, library: NamingLibrary) -> Weighed:
    """How probable each material of a library is, and which are one answer, if the library holds the right one."""
    masses = mass_likelihood(fit, library.fractions, library.hydrous)
    shape = log_coefficients(fit.counts, fit.instrument, library.materials)
    counts = float(fit.counts.sum())
    evidence = masses.evidence(counts) + shape_evidence(fit.counts, fit.instrument, library.materials)
    posterior = evidence + library.log_prior
    weights = np.exp(posterior - posterior.max())
    probability = weights / weights.sum()
    found = tuple(answers(library, evidence, probability, counts))
    return Weighed(library, masses, shape, probability, found, fit.open_masses, counts)


def _candidate(answer: Answer, weighed: Weighed, fit: SpectrumFit, share: float) -> Candidate:
    library = weighed.library
    leader, *others = (library.materials[index] for index in answer.species)
    named: dict[str, int] = dict.fromkeys(leader.synonyms, leader.commonness)
    for other in others:
        named |= dict.fromkeys((other.name, *other.synonyms), other.commonness)
    member = library.materials[answer.best_member]
    return Candidate(
        name=leader.name,
        probability=share * answer.probability,
        group=leader.group,
        formula=leader.formula,
        cannot_be_told_from=tuple(sorted(named, key=lambda name: named[name])),
        density=leader.density,
        composition=dict(member.mass_fractions),
        misfit=_misfit(answer.best_member, library, weighed.masses, fit),
    )


def _misfit(index: int, library: NamingLibrary, masses: MassLikelihood, fit: SpectrumFit) -> dict[str, float]:
    expected = masses.scale[index] * library.fractions[index]
    largest = np.maximum(expected, fit.open_masses)
    total = max(float(largest[FIRST_SEEN:].sum()), 1e-12)
    return {
        SYMBOLS[column]: float(masses.residual[index, position])
        for position, column in sorted(enumerate(masses.columns.tolist()), key=lambda each: each[1])
        if largest[column] > _SHOWN_MISFIT * total
    }


def _summing_to_one(candidates: list[Candidate]) -> tuple[Candidate, ...]:
    total = sum(candidate.probability for candidate in candidates)
    scaled = [replace(candidate, probability=candidate.probability / total) for candidate in candidates]
    return tuple(sorted(scaled, key=lambda candidate: -candidate.probability))
