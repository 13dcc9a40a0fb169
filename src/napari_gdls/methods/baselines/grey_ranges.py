"""Segments from ranges of the BSE image, named by their spectra, as in Mineralogic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, checked_whole_number
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.labelling import connected_regions
from napari_gdls.methods.baselines.flooding import measured_pixels, smoothed_bse, tensor_gradient, with_measurements
from napari_gdls.methods.baselines.pixel_classes import references_for
from napari_gdls.progress import Progress, silent
from napari_gdls.spectra.reference_spectra import DEFAULT_SEPARATION, References, most_likely_reference

_SPECTRA = ("raster", "centre")
_MOST_RANGES = 5  # that are found from the histogram: one more multiplies the time by the number of bins
_HISTOGRAM_BINS = 128  # multi-Otsu tries all combinations of limits: 256 bins would take 8 s for five ranges


def bse_ranges(
    field: Field,
    *,
    ranges: int | Sequence[tuple[float, float]] = 5,
    smoothing: float = 0.6,
    spectra: str = "raster",
    references: References | None = None,
    separation: float = DEFAULT_SEPARATION,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Segment by ranges of the BSE value, name the regions by their spectra, and join touching ones of one name.

    As ZEISS Mineralogic does it (Keulen et al. 2020; paper, section 2.1): thresholds of the BSE image give the regions;
    each is named by one spectrum from its centre, or by those of a raster over it.

    Parameters
    ----------
    field : Field
    ranges : int, or sequence of (float, float)
        Ranges of BSE values, each with its lower limit inside and its upper limit outside, in the units of the image;
        pixels in none of them get 0. Or how many, 2 to 5, with limits that part the histogram best (multi-Otsu).
    smoothing : float
        Standard deviation of the Gaussian that smooths the BSE image, in pixels.
    spectra : {"raster", "centre"}
        What names a region: the sum of its measurements, or the measurement closest to its centroid.
    references, separation
        The minerals; see `pixelwise`.
    reach, progress
        See `watershed`.

    Returns
    -------
    (H, W) array of int32
        Segments from 1; 0 where a pixel is invalid, beyond reach or outside the ranges.

    Raises
    ------
    RecipeError
        If a parameter is out of range, ranges overlap, or a reference is impossible.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    N. Keulen, S. N. Malkki, S. Graham, Automated quantitative mineralogy applied to metamorphic rocks, Minerals 10
    (2020) 47.
    P.-S. Liao, T.-S. Chen, P.-C. Chung, A fast algorithm for multilevel thresholding, Journal of Information Science
    and Engineering 17 (2001) 713-727.
    """
    if spectra not in _SPECTRA:
        raise RecipeError(f"spectra is {spectra!r}; choose one of {', '.join(_SPECTRA)}.")
    sigma = checked_number("smoothing", smoothing, "in pixels")
    limit = checked_number("separation", separation, "N (1 - BC)")
    within = measured_pixels(field, checked_number("reach", reach, "in sampling distances", positive=True))
    report = progress or silent
    report("bse ranges", 0.0)
    bse = smoothed_bse(field, sigma)
    windows = _windows(bse, within, ranges, field.bse_full_scale)
    within &= windows > 0
    relief = tensor_gradient([bse])
    regions = with_measurements(field, connected_regions(np.where(within, windows, 0)), within, relief)
    report("references", 0.3)
    known = references_for(field, references, limit)
    report("classification", 0.5)
    at_measurements = regions[field.locations[:, 0], field.locations[:, 1]].astype(np.int64) - 1
    if spectra == "raster":
        counts = field.summed_spectra(at_measurements)
    else:
        counts = field.spectra[_central_measurements(field, regions, at_measurements)]
    names = np.append(most_likely_reference(counts, known, field.energy) + 1, 0)  # the last one for label 0
    labels = connected_regions(names[regions - 1])
    labels = with_measurements(field, labels, within & (labels > 0), relief)
    report("classification", 1.0)
    return labels


def _windows(
    bse: npt.NDArray[np.float32],
    within: npt.NDArray[np.bool_],
    ranges: int | Sequence[tuple[float, float]],
    full_scale: float,
) -> npt.NDArray[np.int64]:
    """Range of each pixel from 1, (H, W); 0 in none."""
    if isinstance(ranges, int | np.integer):
        number = checked_whole_number("ranges, unless they are given as (low, high) pairs,", ranges, 2, _MOST_RANGES)
        return 1 + np.digitize(bse, _otsu_limits(bse[within], number))
    try:
        limits = np.array([(float(low), float(high)) for low, high in ranges])
    except (TypeError, ValueError):
        raise RecipeError(f"ranges are {ranges!r}; (low, high) pairs of BSE values are needed.") from None
    if not len(limits) or not (np.isfinite(limits).all() and (limits[:, 0] < limits[:, 1]).all()):
        raise RecipeError(f"ranges are {ranges!r}; at least one (low, high) pair with low below high is needed.")
    order = np.argsort(limits[:, 0], kind="stable")
    if (limits[order][1:, 0] < limits[order][:-1, 1]).any():
        raise RecipeError(f"ranges {ranges!r} overlap; a BSE value may lie in one of them only.")
    windows = np.zeros(bse.shape, dtype=np.int64)
    for number, (low, high) in enumerate(limits, start=1):
        windows[(bse >= low / full_scale) & (bse < high / full_scale)] = number
    return windows


def _otsu_limits(values: npt.NDArray[np.float32], n_ranges: int) -> npt.NDArray[np.floating]:
    from skimage.filters import threshold_multiotsu

    try:
        return np.asarray(threshold_multiotsu(values, classes=n_ranges, nbins=_HISTOGRAM_BINS))
    except ValueError:
        raise RecipeError(
            f"the BSE image has too few different values for {n_ranges} ranges; ask for fewer, or give them as "
            "(low, high) pairs."
        ) from None


def _central_measurements(
    field: Field, regions: npt.NDArray[np.int32], at_measurements: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Measurement of each region that lies closest to its centroid, (K,); of equally close ones the first."""
    from scipy.ndimage import center_of_mass

    n_regions = int(regions.max())
    centroids = np.array(center_of_mass(np.ones(regions.shape), regions, np.arange(1, n_regions + 1))).reshape(-1, 2)
    member = np.flatnonzero(at_measurements >= 0)
    region = at_measurements[member]
    distance = np.linalg.norm(field.locations[member] - centroids[region], axis=1)
    order = np.lexsort((member, distance, region))
    first = np.searchsorted(region[order], np.arange(n_regions))
    return np.asarray(member[order][first])
