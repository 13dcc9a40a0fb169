"""Results of fields that are made from label images, without a segmentation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_gdls.batch.field_parts import Parts
from napari_gdls.batch.field_results import FieldResult, write_field_result
from napari_gdls.batch.section_phases import SectionPhases
from napari_gdls.energy import EnergyAxis
from napari_gdls.phases.sums import Pool

AXIS = EnergyAxis(0.0, 10.0, 4)


def regions_of(phases: np.ndarray) -> np.ndarray:
    """Connected regions of one phase, from 1, by an independent program; 0 where the phase is 0."""
    out, n = np.zeros(phases.shape, dtype=np.int32), 0
    for phase in np.unique(phases[phases > 0]):
        found, number = ndimage.label(phases == phase)
        out[found > 0] = found[found > 0] + n
        n += number
    return out


def made_parts(n: int, **given) -> Parts:
    """Parts with sums that say nothing."""
    pool = Pool(np.ones((n, 3), dtype=np.int64), np.eye(n, 2), np.full(n, 5), np.linspace(0.1, 0.9, n))
    values = {
        "pool": pool,
        "spectra": np.ones((n, AXIS.size)),
        "inside": np.ones(n, dtype=bool),
        "intergrown": np.zeros(n, dtype=bool),
        "phase": np.arange(n),
        "points": np.ones(n),
        "doubt": np.zeros(n),
        "mixtures": np.empty((0, 2), dtype=np.int64),
        "mixed": np.empty(0, dtype=np.int64),
        "borders": np.zeros((n, n), dtype=np.int64),
    }
    return Parts(**{**values, **given})


def made_result(name: str, labels: np.ndarray, part_of_segment: np.ndarray, n_parts: int, **given) -> FieldResult:
    """The result of a field with these labels."""
    k = int(labels.max())
    values = {
        "parts": made_parts(n_parts),
        "bse": (labels % 250).astype(np.uint8),
        "segments": {"label": np.arange(1, k + 1), "measurements": np.ones(k, dtype=int), "counts": np.full(k, 10.0)},
        "confidence": np.full(labels.shape, 255, dtype=np.uint8),
    }
    return FieldResult(
        name=name,
        key="0" * 64,
        energy=AXIS,
        total_spectrum=np.zeros(AXIS.size),
        n_measurements=9,
        shape=labels.shape,
        bse_full_scale=255.0,
        pixel_size=2.0,
        beam_energy=20.0,
        sampling_distance=1.0,
        scale={"c": 0.1, "f": 0.0, "dispersion": 0.0, "height": 100.0, "tau_z": 0.3},
        part_of_segment=np.asarray(part_of_segment, dtype=np.int64),
        labels=labels.astype(np.int32),
        valid=np.ones(labels.shape, dtype=bool),
        **{**values, **given},
    )


def written(folder: Path, *results: FieldResult) -> dict[str, Path]:
    """The files of results, by name."""
    files = {}
    for result in results:
        files[result.name] = folder / f"{result.name}.gdls-field"
        write_field_result(files[result.name], result)
    return files


def made_phases(n: int, of_parts: dict[str, np.ndarray]) -> SectionPhases:
    """Phases of a section with sums that say nothing."""
    parts = made_parts(n)
    return SectionPhases(
        pool=parts.pool,
        spectra=parts.spectra,
        energy=AXIS,
        inside=parts.inside,
        intergrown=parts.intergrown,
        borders=parts.borders,
        points=parts.points,
        of_parts={name: np.asarray(each, dtype=np.int64) for name, each in of_parts.items()},
    )
