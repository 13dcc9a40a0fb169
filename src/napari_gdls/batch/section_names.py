"""Names and colours of the phases of a section, by the code that names and colours those of a field."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.section_choices import SectionChoices
from napari_gdls.batch.section_fields import SectionFields
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.energy import DEFAULT_BEAM_ENERGY
from napari_gdls.errors import GdlsWarning
from napari_gdls.mineralogy.calibration import calibrate_spectrum
from napari_gdls.mineralogy.phase_spectra import PhaseSpectra
from napari_gdls.mineralogy.phase_table import PhaseRow, phase_rows
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation.colours import colours_apart
from napari_gdls.segmentation.names import UNNAMED, PhaseName, titles_of


@dataclass(frozen=True, eq=False)
class SectionNames:
    """What the phases of a section are.

    Attributes
    ----------
    names : tuple of G PhaseName
    rows : tuple of PhaseRow
        Composition, candidates and formula of each; empty where phases are not named.
    colours : (G, 3) array of float64
        sRGB, 0 to 1.
    """

    names: tuple[PhaseName, ...]
    rows: tuple[PhaseRow, ...]
    colours: npt.NDArray[np.float64]

    @property
    def titles(self) -> tuple[str, ...]:
        """What each phase is called, all different."""
        return titles_of(self.names)


def named_phases(
    phases: SectionPhases,
    fields: SectionFields,
    choices: SectionChoices,
    *,
    progress: Progress | None = None,
) -> SectionNames:
    """Name the phases of a section, if that is chosen, and give them colours.

    Parameters
    ----------
    phases : SectionPhases
    fields : SectionFields
        The calibration is found on the sum of all spectra.
    choices : SectionChoices
    progress : Progress, optional

    Returns
    -------
    SectionNames

    Raises
    ------
    GdlsError
        If the spectra cannot be quantified, or the library or the scheme cannot be read.

    Warns
    -----
    GdlsWarning
        Where the beam energy is not known.
    """
    share = phases.points / max(float(phases.points.sum()), 1.0)
    colours = colours_apart(phases.spectra, phases.energy, share)
    if not choices.names:
        return SectionNames((UNNAMED,) * phases.n_phases, (), colours)
    beam = fields.beam_energy
    angle = fields.take_off_angle if choices.take_off_angle is None else choices.take_off_angle
    if beam is None:
        beam = DEFAULT_BEAM_ENERGY
        warnings.warn(
            f"the beam energy of the fields is not known: {beam:g} keV are taken, and compositions are wrong if it was "
            "another. Give `beam_energy`.",
            GdlsWarning,
            stacklevel=2,
        )
    instrument = calibrate_spectrum(fields.total_spectrum, phases.energy, beam_energy=beam, take_off_angle=angle)
    sums = PhaseSpectra(phases.spectra, phases.pool.size, phases.inside, phases.intergrown, phases.borders)
    rows = phase_rows(
        sums,
        instrument,
        library=choices.library,
        scheme=choices.scheme,
        bse=phases.pool.bse,
        progress=progress or silent,
    )
    return SectionNames(tuple(row.name for row in rows), rows, colours)
