"""What each field brings to a section: points of every phase, and how its instrument stood when it was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.batch.field_calibration import calibration_shifts
from napari_gdls.batch.field_parts import Parts
from napari_gdls.batch.field_results import read_field_result
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.energy import ZERO_PEAK_END, EnergyAxis, rebin
from napari_gdls.progress import Progress, silent
from napari_gdls.spectra.drift import line_shifts

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SectionFields:
    """Sums of the F fields of a section with G phases, in the order of their names.

    Attributes
    ----------
    names : tuple of str
    points : (F, G) array of float64
        Measurements that count for each phase, mixed ones by their share of counts.
    doubt : (F, G) array of float64
        Sum of q (1 - q) over the probabilities q of the phases of the measurements.
    segments : (F, G) array of int64
        Segments of each phase; those that borders of fields cut count in each.
    counts : (F, G) array of float64
        X-ray counts above 50 eV of these.
    measurements : (F,) array of int64
    counts_each : (F,) array of float64
        X-ray counts per measurement.
    count_level, bse_level : (F,) arrays of float64
        Counts per measurement, and BSE, over those that the same phases have in the whole section: 1 where the field is
        as all others; NaN where no phase tells.
    offset, gain : (F,) arrays of float64
        Shift of the energy calibration against the whole section, eV, and as a fraction; NaN where there are too few
        lines.
    over_dispersion : (F,) array of float64
        By which counts vary more than Poisson's law has it, as the field was judged.
    full_scale : (F,) array of float64
        Of the BSE.
    total_spectrum : (D,) array of float64
        Sum of all spectra of all fields, on the energy axis of the phases.
    beam_energy, take_off_angle : float or None
        keV and degrees, of the first field that knows it.
    shapes : (F, 2) array of int64
        Height and width in pixels.
    """

    names: tuple[str, ...]
    points: FloatArray
    doubt: FloatArray
    segments: npt.NDArray[np.int64]
    counts: FloatArray
    measurements: npt.NDArray[np.int64]
    counts_each: FloatArray
    count_level: FloatArray
    bse_level: FloatArray
    offset: FloatArray
    gain: FloatArray
    over_dispersion: FloatArray
    full_scale: FloatArray
    total_spectrum: FloatArray
    beam_energy: float | None
    take_off_angle: float | None
    shapes: npt.NDArray[np.int64]


def section_fields(
    phases: SectionPhases, results: Mapping[str, Path], *, progress: Progress | None = None
) -> SectionFields:
    """Sum what the fields of a section bring; results are read one at a time, without their images.

    Parameters
    ----------
    phases : SectionPhases
    results : mapping of str to Path
        Results of the fields, by name.
    progress : Progress, optional
        Receives "tables"; may cancel.

    Raises
    ------
    FieldReadError
        If a result is damaged.
    """
    report = progress or silent
    n, n_phases = len(results), phases.n_phases
    points, doubt, counts = (np.zeros((n, n_phases)) for _ in range(3))
    segments = np.zeros((n, n_phases), dtype=np.int64)
    measurements, shapes = np.zeros(n, dtype=np.int64), np.zeros((n, 2), dtype=np.int64)
    counts_each, count_level, bse_level, over, full_scale = (np.full(n, np.nan) for _ in range(5))
    spectra = np.zeros((n, phases.energy.size), dtype=np.float32)
    total = np.zeros(phases.energy.size)
    beam: float | None = None
    angle: float | None = None
    for k, (name, path) in enumerate(results.items()):
        report("tables", k / n)
        found = read_field_result(path, images=False, whole=False)
        of, parts = phases.of_parts[name], found.parts
        np.add.at(points[k], of, parts.points)
        np.add.at(doubt[k], of, parts.doubt)
        phase_of_segment = of[found.part_of_segment]
        segments[k] = np.bincount(phase_of_segment, minlength=n_phases)
        counts[k] = np.bincount(phase_of_segment, weights=found.segments["counts"], minlength=n_phases)
        measurements[k], shapes[k] = found.n_measurements, found.shape
        above = found.total_spectrum[max(found.energy.index(ZERO_PEAK_END), 0) :]
        counts_each[k] = above.sum() / max(found.n_measurements, 1)
        count_level[k], bse_level[k] = _levels(parts, of, phases)
        over[k], full_scale[k] = found.scale["dispersion"], found.bse_full_scale
        beam = found.beam_energy if beam is None else beam
        angle = found.facts.get("take_off_angle") if angle is None else angle
        on_axis = _on_axis(found.total_spectrum, found.energy, phases.energy)
        spectra[k] = on_axis
        total += on_axis
    offset, gain = calibration_shifts(*line_shifts(spectra.astype(np.float64), phases.energy))
    report("tables", 1.0)
    return SectionFields(
        names=tuple(results), points=points, doubt=doubt, segments=segments, counts=counts, measurements=measurements,
        counts_each=counts_each, count_level=count_level, bse_level=bse_level, offset=offset, gain=gain,
        over_dispersion=over, full_scale=full_scale, total_spectrum=total, beam_energy=beam,
        take_off_angle=angle, shapes=shapes,
    )  # fmt: skip


def _on_axis(spectrum: FloatArray, energy: EnergyAxis, wanted: EnergyAxis) -> FloatArray:
    return spectrum if energy == wanted else rebin(spectrum[None], energy, wanted)[0].astype(np.float64)


def _levels(parts: Parts, of: npt.NDArray[np.int64], phases: SectionPhases) -> tuple[float, float]:
    """Counts and BSE of the parts of a field over what the same phases have in the section."""
    size = parts.pool.size.astype(np.float64)
    each = phases.pool.total / np.maximum(phases.pool.size, 1)
    counts, bse = float((size * each[of]).sum()), float((size * phases.pool.bse[of]).sum())
    return (
        float(parts.pool.total.sum()) / counts if counts > 0 else np.nan,
        float((size * parts.pool.bse).sum()) / bse if bse > 0 else np.nan,
    )
