"""What a spectrum of a field says: the fit of its elements, composition, candidates and formula. No widgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.field_calibration import calibration_of

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.mineralogy.composition import Composition
    from napari_gdls.mineralogy.identification import Identification
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.mineralogy.phase_table import PhaseRow
    from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
    from napari_gdls.mineralogy.structural_formulas import StructuralFormula
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.progress import Progress


@dataclass(frozen=True, eq=False)
class SpectrumAnswer:
    """What a spectrum says.

    Attributes
    ----------
    fit : SpectrumFit
    composition : Composition
    identification : Identification
    formula : StructuralFormula or None
    instrument : Instrument
        That the field was found to be measured with.
    """

    fit: SpectrumFit
    composition: Composition
    identification: Identification
    formula: StructuralFormula | None
    instrument: Instrument


def answer_of_row(row: PhaseRow) -> SpectrumAnswer:
    """What is known of a phase already: of the measurements inside its grains, which it was named by."""
    composition = row.composition
    return SpectrumAnswer(composition.fit, composition, row.identification, row.formula, composition.fit.instrument)


def answer_of_counts(
    counts: npt.NDArray[np.float64],
    field: Field,
    beam_energy: float,
    library: str,
    known: Instrument | None,
    progress: Progress,
) -> SpectrumAnswer:
    """Fit and name a spectrum of a field; takes up to seconds.

    Parameters
    ----------
    counts : (D,) array
    field : Field
    beam_energy : float
        keV.
    library : str
        See `napari_gdls.plugin.field_state.NamingSettings`.
    known : Instrument or None
        Calibration of the field, where it is known.
    progress : Progress

    Raises
    ------
    SpectrumError, MaterialError
        If the spectrum has too few counts to be fitted, or the library cannot be read.
    """
    progress("calibration", 0.0)
    from napari_gdls.mineralogy import fit_spectrum, identify_fit, structural_formula
    from napari_gdls.mineralogy.naming import composition_to_name
    from napari_gdls.segmentation.names import UNKNOWN

    instrument = known or calibration_of(field, beam_energy, progress)
    progress("composition", 0.0)
    fit = fit_spectrum(counts, instrument)
    progress("names", 0.0)
    composition = composition_to_name(fit)
    identification = identify_fit(composition, library or None)
    formula = None
    if identification.name != UNKNOWN and composition.mass_percent:
        formula = structural_formula(
            composition.mass_percent, composition.error, identification.best.group, name=identification.name
        )
    return SpectrumAnswer(fit, composition, identification, formula, instrument)


def known_instrument(state: FieldState) -> Instrument | None:
    """Calibration of a field as naming its phases has found it, at the beam energy of today; None where it has not."""
    for minerals in state.minerals.values():
        if minerals.instrument.beam_energy == state.beam_energy:
            return minerals.instrument
    return None


def residuals(fit: SpectrumFit) -> npt.NDArray[np.float64]:
    """Counts less the fitted ones, in standard deviations of counting, (D,); NaN in channels that were not fitted."""
    expected = np.maximum(fit.model, 1.0)
    return np.where(fit.used, (fit.counts - fit.model) / np.sqrt(expected), np.nan)
