"""What the fit of element profiles to a spectrum says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.instrument import Instrument


@dataclass(frozen=True)
class Artefact:
    """A part of a spectrum that is not of the specimen.

    Parameters
    ----------
    kind : str
        "coating", "tape or resin", "stub", "internal fluorescence", "sum peak".
    elements : tuple of str
        Whose lines it shows.
    reason : str
        One sentence: what speaks for it, and what was done.
    """

    kind: str
    elements: tuple[str, ...]
    reason: str


@dataclass(frozen=True, eq=False)
class SpectrumFit:
    """Masses of elements in a spectrum, in two readings: only what is there beyond doubt, and nothing thresholded.

    Masses are relative: what sums to 1 is for `Composition` to say. All arrays of elements have 94 entries, H to Pu.

    Attributes
    ----------
    counts : (D,) float64
        The spectrum.
    instrument : Instrument
    masses, mass_errors : (94,) float64
        Of the elements found, 0 for others, with the standard error of counting and of overlapping lines.
    counting_errors : (94,) float64
        The part of the standard errors that counting makes.
    significance : (94,) float64
        Masses in standard errors.
    open_masses, open_errors : (94,) float64
        With all common elements kept and none thresholded; the error of one that was found at 0 is the mass that could
        hide. Elements that were not looked for: 0 and infinite.
    net_areas : (94,) float64
        Counts of all lines of each element found.
    model, background : (D,) float64
        Fitted counts in the channels used, 0 elsewhere; and its continuum.
    used : (D,) bool
        Channels that were fitted.
    misfit : float
        Mean squared residual in units of its expected variance (counting, and 3 % of the model): 1 for a perfect model.
    total_variation : float
        Half the sum of absolute residuals by the counts in the channels used.
    shift : (float, float, float)
        By how much the peaks lie above the axis (eV; eV more at Mn K-alpha), and how much wider they are than the
        detector's resolution says (eV2 of variance).
    artefacts : tuple of Artefact
    factors : mapping of str to float
        True by found mass of elements, by standards; masses have them in.
    detection_limits : (94,) float64
        Masses at three standard errors of a blank; infinite for elements without lines here.
    """

    counts: npt.NDArray[np.float64]
    instrument: Instrument
    masses: npt.NDArray[np.float64]
    mass_errors: npt.NDArray[np.float64]
    counting_errors: npt.NDArray[np.float64]
    significance: npt.NDArray[np.float64]
    open_masses: npt.NDArray[np.float64]
    open_errors: npt.NDArray[np.float64]
    net_areas: npt.NDArray[np.float64]
    model: npt.NDArray[np.float64]
    background: npt.NDArray[np.float64]
    used: npt.NDArray[np.bool_]
    misfit: float
    total_variation: float
    shift: tuple[float, float, float] = (0.0, 0.0, 0.0)
    artefacts: tuple[Artefact, ...] = ()
    factors: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    detection_limits: npt.NDArray[np.float64] = field(default_factory=lambda: np.full(len(SYMBOLS), np.inf))

    @property
    def elements(self) -> tuple[str, ...]:
        """Symbols of the elements found, by rising atomic number."""
        return tuple(SYMBOLS[k] for k in np.flatnonzero(self.masses > 0))
