"""What is named or quantified: one spectrum of a file, or the phases of a field."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import typer

from napari_gdls.cli.options import number, progress_bar, text_of
from napari_gdls.errors import GdlsError, GdlsWarning

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.io import Spectrum
    from napari_gdls.mineralogy import Instrument
    from napari_gdls.segmentation import Segmentation

# Limits of the options are those of the simulation (napari_gdls.spectra.emission), which says more where it refuses.
BeamEnergy = Annotated[
    float | None,
    typer.Option("--beam-energy", help="keV, where the file does not state it, or states it wrongly.", **number(2, 50)),
]
TakeOff = Annotated[
    float | None,
    typer.Option(
        "--take-off",
        help="Angle between surface and detector in degrees, likewise; 35 where nothing is known.",
        **number(5, 90),
    ),
]
LabelImage = Annotated[
    Path | None,
    typer.Option(
        "--labels",
        help="Label image of the field: that of an earlier run, whose phases are taken instead of those of a new one, "
        "or any other, each of whose labels is taken for one material.",
    ),
]


@dataclass(frozen=True)
class Subjects:
    """Spectra of one instrument.

    Attributes
    ----------
    titles : list of str
        "quartz_15kV", or "phase 1", "phase 2", ...
    spectra : (n, D) array of float64
        Counts.
    instrument : Instrument
    is_field : bool
        Whether they are parts of a field.
    segmentation : Segmentation or None
        Where they are its phases.
    """

    titles: list[str]
    spectra: npt.NDArray[np.float64]
    instrument: Instrument
    is_field: bool = False
    segmentation: Segmentation | None = None


def is_single_spectrum(path: Path) -> bool:
    """Whether a path is a file of one spectrum; the name of a sample is none."""
    from napari_gdls.io import is_spectrum_file
    from napari_gdls.samples import SAMPLES

    return not (str(path) in SAMPLES and not path.exists()) and is_spectrum_file(path)


def spectrum_of(path: Path, beam_energy: float | None, take_off: float | None) -> Subjects:
    """The spectrum of a file, with its calibration found on itself."""
    from napari_gdls.io import read_spectrum
    from napari_gdls.mineralogy import calibrate_spectrum

    spectrum = read_spectrum(path)
    instrument = calibrate_spectrum(
        spectrum.counts,
        spectrum.energy,
        beam_energy=beam_energy_of(path, spectrum, beam_energy),
        take_off_angle=take_off if take_off is not None else spectrum.take_off_angle,
    )
    return Subjects([path.stem], spectrum.counts[None], instrument)


def beam_energy_of(path: Path, spectrum: Spectrum, given: float | None) -> float:
    """The beam energy that is given, or that the file states, keV."""
    energy = spectrum.beam_energy if given is None else given
    if energy is None:
        raise GdlsError(f"{path}: does not state the beam energy; give it with --beam-energy (keV).")
    return energy


def instrument_of(field: Field, beam_energy: float | None, take_off: float | None) -> Instrument:
    """Calibration of a field, with the warning of an assumed beam energy in words of the command line."""
    from napari_gdls.mineralogy import calibrate_field

    if beam_energy is None and field.beam_energy is None:
        warnings.warn(
            f"the file does not state the beam energy: {field.assumed_beam_energy:g} keV are taken, and compositions "
            "and names are wrong if it was another. Give --beam-energy.",
            GdlsWarning,
            stacklevel=2,
        )
        beam_energy = field.assumed_beam_energy
    return calibrate_field(field, beam_energy=beam_energy, take_off_angle=take_off)


def segmented(field: Field) -> Segmentation:
    """The field segmented by the default recipe."""
    from napari_gdls.embedding import EmbeddingCache
    from napari_gdls.pipeline import segment

    with progress_bar() as progress:
        return segment(field, progress=progress, cache=EmbeddingCache())


def earlier_run(field: Field, labels: Path) -> Segmentation | None:
    """The result of the run that a label image or phase map is of, repeated by its recipe.

    None where the image has no manifest beside it, or is not what the recipe gives (it was corrected by hand, or is of
    another field): then it is a label image like any other.
    """
    from napari_gdls.embedding import EmbeddingCache
    from napari_gdls.io import faults_of_set, files_of_set, manifest_of, read_labels
    from napari_gdls.phases.constraints import Constraints
    from napari_gdls.pipeline import segment
    from napari_gdls.recipe import Recipe

    manifest = manifest_of(labels)
    files = {} if manifest is None or faults_of_set(manifest) else files_of_set(manifest)
    kind = next((what for what in ("labels", "phase map") if what in files and files[what].name == labels.name), None)
    if kind is None or "recipe" not in files:
        return None
    recipe = Recipe.from_json(text_of(files["recipe"]))
    kept = Constraints.from_json(text_of(files["constraints"])) if "constraints" in files else None
    with progress_bar() as progress:
        result = segment(field, recipe, constraints=kept, progress=progress, cache=EmbeddingCache())
    found = result.labels if kind == "labels" else result.phase_map()
    return result if np.array_equal(found, read_labels(labels)) else None


def phases_of(field: Field, labels: Path | None) -> Segmentation | None:
    """The phases to look at: of a new run, or of that which labels are of; None where they are of no run."""
    return segmented(field) if labels is None else earlier_run(field, labels)


def sums_by_label(field: Field, labels: Path, beam_energy: float | None, take_off: float | None) -> Subjects:
    """Sums of the spectra in each label of an image, but for label 0."""
    from napari_gdls.io import read_labels

    image = read_labels(labels)
    if image.shape != field.shape:
        raise GdlsError(
            f"{labels}: is {image.shape[0]} x {image.shape[1]} px and the field {field.shape[0]} x {field.shape[1]}; "
            "give a label image of this field."
        )
    present, group = np.unique(image[tuple(field.locations.T)], return_inverse=True)
    shown = np.flatnonzero(present > 0)
    if not len(shown):
        raise GdlsError(f"{labels}: no measurement of the field lies in a label.")
    sums = field.summed_spectra(group.reshape(-1), len(present))[shown]
    instrument = instrument_of(field, beam_energy, take_off)
    return Subjects([f"label {present[k]}" for k in shown], sums, instrument, is_field=True)


def conditions_line(instrument: Instrument) -> str:
    """How the spectra were measured, and what their peaks say of the detector."""
    energy = instrument.energy
    return (
        f"{instrument.beam_energy:g} kV, take-off {instrument.take_off_angle:g} degrees; by the peaks: resolution "
        f"{instrument.detector.fwhm:.0f} eV, channels of {energy.width:.4g} eV from {energy.offset:.4g} eV."
    )
