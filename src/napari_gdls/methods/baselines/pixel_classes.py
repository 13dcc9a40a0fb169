"""Segments from measurements classified one by one, as in QEMSCAN."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.field import Field
from napari_gdls.graph.construction import nearest_measurement
from napari_gdls.labelling import connected_regions
from napari_gdls.methods.baselines.flooding import measured_pixels, with_measurements
from napari_gdls.progress import Progress, silent
from napari_gdls.spectra.reference_spectra import (
    DEFAULT_SEPARATION,
    References,
    most_likely_reference,
    reference_spectra,
)


def pixelwise(
    field: Field,
    *,
    references: References | None = None,
    separation: float = DEFAULT_SEPARATION,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Name every measurement by itself, and join neighbours of one name to grains.

    As QEMSCAN does it (Gottlieb et al. 2000; paper, section 2.1): each spectrum is compared with those of known
    minerals, pixels take the mineral of their nearest measurement, line segments of one mineral are joined with those
    on the next line that they touch (Grant and Reid 1981), which gives the 4-connected regions. QEMSCAN's rules are
    lists made for an ore; here the mineral is the one of the largest likelihood. The BSE image plays no part.

    Parameters
    ----------
    field : Field
    references : sequence of str, mapping, or (M, D) array, optional
        The minerals, see `napari_gdls.spectra.reference_spectra.References`; spectra on the energy axis of the field.
        None: the rock-forming and common ore minerals of the package's table. A mineral that is not among them gets the
        name of the most similar one.
    separation : float
        References that the counts of the field cannot tell apart, N (1 - BC) below this, are one class. Larger: fewer
        classes. 0 keeps all.
    reach, progress
        See `watershed`.

    Returns
    -------
    (H, W) array of int32
        Segments from 1; 0 where a pixel is invalid or beyond reach.

    Raises
    ------
    RecipeError
        If a parameter is out of range or a reference impossible.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    P. Gottlieb et al., Using quantitative electron microscopy for process mineralogy applications, JOM 52 (2000) 24-25.
    G. Grant, A. F. Reid, An efficient algorithm for boundary tracing and feature extraction, Computer Graphics and
    Image Processing 17 (1981) 225-237.
    """
    limit = checked_number("separation", separation, "N (1 - BC)")
    within = measured_pixels(field, checked_number("reach", reach, "in sampling distances", positive=True))
    report = progress or silent
    report("references", 0.0)
    spectra = references_for(field, references, limit)
    report("classification", 0.0)
    classes = most_likely_reference(field.spectra, spectra, field.energy)
    report("classification", 0.8)
    nearest, _ = nearest_measurement(field)
    labels = connected_regions(np.where(within, classes[nearest] + 1, 0))
    labels = with_measurements(field, labels, within, np.zeros(field.shape, dtype=np.float32))
    report("classification", 1.0)
    return labels


def references_for(field: Field, references: References | None, separation: float) -> npt.NDArray[np.float64]:
    """Reference spectra, (M, D), that the median spectrum of the field has counts enough to tell apart."""
    return reference_spectra(
        references,
        energy=field.energy,
        beam_energy=field.assumed_beam_energy,
        counts=float(np.median(field.total_counts)),
        separation=separation,
    )
