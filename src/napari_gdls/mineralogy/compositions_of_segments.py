"""What every segment, or every phase, of a segmentation consists of, for maps of percents."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy.calibration import calibrate_field
from napari_gdls.mineralogy.composition import Composition
from napari_gdls.mineralogy.element_profiles import ElementProfiles
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.phase_spectra import phase_spectra
from napari_gdls.mineralogy.phase_table import PhaseTable
from napari_gdls.mineralogy.quantification import composition_of_fit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum, fit_with
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation import Segmentation
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

LEAST_COUNTS = 3000.0
"""Counts of a segment from which it has a composition of its own; fewer have that of their phase. A choice:
tests hold silicates of 3,000 counts to 3 wt% of the truth."""


@dataclass(frozen=True, eq=False)
class SegmentCompositions:
    """Percents of the elements in each segment.

    Attributes
    ----------
    mass_percent, errors, atomic_percent : (K, 94) float64
        H to Pu; 0 for elements that were not found, NaN where nothing is known.
    own : (K,) bool
        Whether it is the segment's own spectrum that says so, not that of its phase.
    """

    mass_percent: FloatArray
    errors: FloatArray
    atomic_percent: FloatArray
    own: npt.NDArray[np.bool_]


def phase_compositions(
    segmentation: Segmentation,
    instrument: Instrument | None = None,
    *,
    minerals: PhaseTable | None = None,
    progress: Progress = silent,
) -> tuple[Composition | None, ...]:
    """Composition of each phase, by the measurements inside its grains; None where it cannot be quantified.

    Parameters
    ----------
    segmentation : Segmentation
    instrument : Instrument, optional
        None: calibrated on the total spectrum of the field.
    minerals : PhaseTable, optional
        What the phases were found to be: nothing is fitted again then.
    progress : Progress
    """
    if minerals is not None:
        return tuple(row.composition for row in minerals.rows)
    known = instrument or calibrate_field(segmentation.field)
    found: list[Composition | None] = []
    spectra = phase_spectra(segmentation).spectra
    for k, counts in enumerate(spectra):
        progress("compositions of phases", k / len(spectra))
        try:
            found.append(composition_of_fit(fit_spectrum(counts, known)))
        except GdlsError:  # too few counts, or nothing found: nothing is known of it
            found.append(None)
    return tuple(found)


@one_thread
def segment_compositions(
    segmentation: Segmentation,
    instrument: Instrument | None = None,
    *,
    minerals: PhaseTable | None = None,
    of_phases: bool = False,
    least_counts: float = LEAST_COUNTS,
    progress: Progress = silent,
) -> SegmentCompositions:
    """Composition of each segment, with the elements that its phase shows; that of its phase where it has few counts.

    Parameters
    ----------
    segmentation : Segmentation
    instrument : Instrument, optional
        None: that of `minerals`, or calibrated on the total spectrum of the field.
    minerals : PhaseTable, optional
        What the phases were found to be.
    of_phases : bool
        All segments have the composition of their phase.
    least_counts : float
        Segments with fewer counts have that of their phase.
    progress : Progress

    Returns
    -------
    SegmentCompositions

    Notes
    -----
    A segment of its own composition is fitted in some hundredths of a second.
    """
    least = checked_number("least counts", least_counts, "counts of a segment", positive=True)
    known = instrument or (minerals.instrument if minerals is not None else calibrate_field(segmentation.field))
    of_phase = phase_compositions(segmentation, known, minerals=minerals, progress=progress)
    k = segmentation.n_segments
    percent, errors, atomic = np.full((3, k, N_ELEMENTS), np.nan)
    result = SegmentCompositions(percent, errors, atomic, np.zeros(k, dtype=np.bool_))
    for segment, phase in enumerate(segmentation.phases.tolist()):
        _write(result, segment, of_phase[phase])
    if of_phases:
        return result
    spectra = segmentation.spectra()
    totals = spectra.sum(axis=1)
    fitted = np.flatnonzero(totals >= least)
    profiles: dict[tuple[str, ...], ElementProfiles] = {}
    for done, segment in enumerate(fitted.tolist()):
        progress("compositions of segments", done / len(fitted))
        phase = of_phase[int(segmentation.phases[segment])]
        if phase is None:
            continue
        elements = phase.fit.elements
        if elements not in profiles:
            profiles[elements] = ElementProfiles(known, elements)
        try:
            fit = fit_with(profiles[elements], spectra[segment], known, elements=elements)
            _write(result, segment, composition_of_fit(fit))
        except GdlsError:  # nothing is found in it: it keeps that of its phase
            continue
        result.own[segment] = True
    return result


def _write(result: SegmentCompositions, segment: int, composition: Composition | None) -> None:
    if composition is None:
        return
    for target, given in (
        (result.mass_percent, composition.mass_percent),
        (result.errors, composition.error),
        (result.atomic_percent, composition.atomic_percent),
    ):
        target[segment] = [given.get(symbol, 0.0) for symbol in SYMBOLS]
