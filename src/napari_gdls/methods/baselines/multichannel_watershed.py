"""The multichannel watershed of TIMA (paper, section 2.2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import noise_of_step
from napari_gdls.checks import checked_number
from napari_gdls.field import Field
from napari_gdls.methods.baselines.element_maps import element_counts, pixel_maps
from napari_gdls.methods.baselines.flooding import (
    FloatImage,
    flood,
    measured_pixels,
    smoothed_bse,
    tensor_gradient,
    with_measurements,
)
from napari_gdls.progress import Progress, silent


def watershed(
    field: Field,
    *,
    h: float = 0.4,
    threshold: float = 0.0,
    elements: Sequence[str] | None = None,
    smoothing: float = 0.5,
    bse_weight: float = 1.0,
    bse_smoothing: float = 0.6,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> npt.NDArray[np.int32]:
    """Segment a field by the watershed of the gradient of its element maps and BSE image.

    As TIMA does it, as far as that is published (Motl and Filip 2013; Hrstka et al. 2018; paper, section 2.2): counts
    in the energy windows of elements are the channels of an image, with the BSE image as one more; their common
    gradient (Di Zenzo 1986; Drewniok 1994) is flooded from its minima. Channels are in units of their noise, so none
    needs a weight of its own. Segments without a measurement are dissolved.

    Parameters
    ----------
    field : Field
        With measurements at some pixels or at all.
    h : float
        Depth that a minimum of the gradient must have to start a segment, in units of the median gradient of the field.
        Larger: fewer segments. 0.2 over-segments, 0.8 merges what differs little.
    threshold : float
        The gradient counts as even below this, in the same units: no border weaker than it remains. Larger: fewer
        segments. 0 leaves the choice to `h`; with ``h=0`` it is the only parameter.
    elements : sequence of str, optional
        Symbols of the elements to map. None: those that vary over the field, see
        `napari_gdls.methods.baselines.element_maps.element_counts`.
    smoothing : float
        Standard deviation of the Gaussian that smooths the element maps, in sampling distances.
    bse_weight : float
        Weight of the BSE channel; 0 leaves it out.
    bse_smoothing : float
        Standard deviation of the Gaussian that smooths the BSE image, in pixels.
    reach : float
        Pixels further than this from every measurement get 0; in sampling distances.
    progress : Progress, optional

    Returns
    -------
    (H, W) array of int32
        Segments from 1; 0 where a pixel is invalid or beyond reach.

    Raises
    ------
    RecipeError
        If a parameter is out of range, or an element is unknown or not in the spectra.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    T. Hrstka, P. Gottlieb, R. Skála, K. Breiter, D. Motl, Automated mineralogy and petrology: applications of TESCAN
    Integrated Mineral Analyzer (TIMA), Journal of Geosciences 63 (2018) 47-63.
    M. Drewniok, Multi-spectral edge detection: some experiments on data from Landsat-TM, International Journal of
    Remote Sensing 15 (1994) 3743-3765.
    """
    depth = checked_number("h", h, "in units of the median gradient")
    floor = checked_number("threshold", threshold, "in units of the median gradient")
    sigma = checked_number("smoothing", smoothing, "in sampling distances")
    weight = checked_number("bse_weight", bse_weight)
    bse_sigma = checked_number("bse_smoothing", bse_smoothing, "in pixels")
    within = measured_pixels(field, checked_number("reach", reach, "in sampling distances", positive=True))
    report = progress or silent
    report("element maps", 0.0)
    windows, counts = element_counts(field, elements)

    def channels() -> Iterator[FloatImage]:
        noise = noise_of_step(field) / np.sqrt(2)
        yield smoothed_bse(field, bse_sigma) * np.float32(weight / noise)
        for done, image in enumerate(pixel_maps(field, counts, sigma)):
            report("element maps", done / len(windows))
            yield image

    gradient = tensor_gradient(channels())
    report("watershed", 0.0)
    changing = gradient[within & (gradient > 0)]
    relief = gradient / (np.median(changing) if len(changing) else np.float32(1))
    labels = flood(np.maximum(relief, np.float32(floor)), within, depth)
    report("watershed", 0.7)
    labels = with_measurements(field, labels, within, relief)
    report("watershed", 1.0)
    return labels
