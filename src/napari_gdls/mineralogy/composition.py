"""The composition of a material as its spectrum says it."""

from __future__ import annotations

from dataclasses import dataclass

from napari_gdls.energy import EnergyAxis
from napari_gdls.mineralogy.spectrum_fit import Artefact, SpectrumFit


@dataclass(frozen=True, eq=False)
class Composition:
    """Composition of a material with errors; all dictionaries are by element symbol and hold the same elements.

    Attributes
    ----------
    mass_percent : dict of str to float
        They sum to 100. Carbon that can be coating, tape or resin is left out.
    error : dict of str to float
        One standard error in percent of mass, counting and physics together.
    counting_error : dict of str to float
        The part of it that more counts would take away.
    atomic_percent : dict of str to float
        They sum to 100.
    oxide_percent : dict of str to float
        By oxide ("SiO2"), percent of mass, summing to 100; empty where oxygen is not that of oxides.
    detection_limit : dict of str to float
        Percent of mass that would have been found (three standard errors of a blank); also of the common elements that
        were not.
    oxygen : str
        "measured", "stoichiometric" or "none".
    measured_oxygen : float
        Percent of mass by the lines of oxygen, whatever `oxygen` is.
    net_areas : dict of str to float
        Counts of all lines.
    standards : dict of str to str
        Name of the standard that gave the factor of an element; others are by the physics alone.
    misfit : float
        See `SpectrumFit.misfit`.
    artefacts : tuple of Artefact
        What was left out of the composition, and why.
    fit : SpectrumFit
        The fit that it comes from.
    remarks : tuple of str
        Sentences on what is strange: oxygen beyond that of oxides (hydrogen, carbon and light elements are not seen).
    """

    mass_percent: dict[str, float]
    error: dict[str, float]
    counting_error: dict[str, float]
    atomic_percent: dict[str, float]
    oxide_percent: dict[str, float]
    detection_limit: dict[str, float]
    oxygen: str
    measured_oxygen: float
    net_areas: dict[str, float]
    standards: dict[str, str]
    misfit: float
    artefacts: tuple[Artefact, ...]
    fit: SpectrumFit
    remarks: tuple[str, ...] = ()

    @property
    def energy(self) -> EnergyAxis:
        """The calibrated energy axis."""
        return self.fit.instrument.energy

    @property
    def resolution(self) -> float:
        """Full width at half maximum at Mn K-alpha, eV."""
        return self.fit.instrument.detector.fwhm
