"""Summed spectra of a result as files: a spectrum a phase as EMSA/MAS, or all in one signal of HyperSpy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.io.atomic import atomic_folder
from napari_gdls.io.file_names import file_stems
from napari_gdls.io.hyperspy_signals import is_transmission
from napari_gdls.io.msa import write_msa
from napari_gdls.io.summed_spectra import write_hspy
from napari_gdls.segmentation.places import place_of_phase

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def sums_of_phases(segmentation: Segmentation) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    """Spectra summed over the measurements of each phase: those that are no mixture of two, if it has any.

    Returns
    -------
    spectra : (P, D) array of float64
        Counts.
    measurements : (P,) array of int64
        How many were summed.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    found = segmentation.grouped
    pure = found.partner < 0
    has_pure = np.bincount(found.labels[pure], minlength=found.n_phases) > 0
    group = np.where(pure | ~has_pure[found.labels], found.labels, -1)
    spectra = segmentation.field.summed_spectra(group, found.n_phases)
    return spectra, np.bincount(group[group >= 0], minlength=found.n_phases)


def write_phase_spectra(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write a folder with the summed spectrum of each phase as EMSA/MAS, atomically.

    Each is called after its phase, ``02_plagioclase.msa``, and says in its comments how many measurements it is the sum
    of and at which pixel the phase is found: row and column, from 0, of a measurement deep inside its largest grain.

    Raises
    ------
    RecipeError
        If the method made no phases.
    OutputError
        If the system refuses; what stood at the target is untouched.
    """
    field = segmentation.field
    titles = segmentation.phase_titles
    spectra, measurements = sums_of_phases(segmentation)
    digits = len(str(len(titles)))
    stems = file_stems(f"{phase:0{digits}d} {title}" for phase, title in enumerate(titles, start=1))
    with atomic_folder(path, overwrite=overwrite) as folder:
        for phase, stem in enumerate(stems.values()):
            comments = [f"Phase {phase + 1}, the sum of {measurements[phase]} measurements."]
            if measurements[phase]:
                row, column = place_of_phase(segmentation, phase)
                comments.append(f"It is found at row {row}, column {column} (px from 0, of the whole field).")
            write_msa(
                folder / f"{stem}.msa",
                spectra[phase],
                field.energy,
                title=titles[phase],
                beam_energy=field.beam_energy,
                comments=comments,
            )


def write_summed_hspy(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write the summed spectra of the phases as one signal of HyperSpy; those of the segments where there are none.

    Raises
    ------
    OutputError
        As `napari_gdls.io.write_hspy`.
    """
    field = segmentation.field
    if segmentation.has_phases:
        what, names, spectra = "phase", list(segmentation.phase_titles), sums_of_phases(segmentation)[0]
    else:
        what, spectra = "segment", segmentation.spectra()
        names = [f"segment {k}" for k in range(1, len(spectra) + 1)]
    write_hspy(
        path,
        spectra,
        field.energy,
        title=field.name,
        names=names,
        what=what,
        beam_energy=field.beam_energy,
        transmission=is_transmission(field),
        overwrite=overwrite,
    )
