"""Scatter of equal materials that counting does not explain: drift, topography, charging, gradual zoning."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding.calibration import MEAN_SQUARE_NOISE, counting_noise
from napari_gdls.phases.difference import Scale
from napari_gdls.phases.sums import Pool

_LEAST_SEGMENTS = 20
"""Segments without which nothing is estimated: the standard error of a median of 20 is a quarter of the scatter."""
_LEAST_PER_PHASE = 3
"""Segments that a phase must have for them to tell of their scatter; a choice."""
_LARGEST_SHARE = 0.7
"""Of the counts of its phase: larger segments are compared with little but themselves; a choice."""


@dataclass(frozen=True)
class Dispersion:
    """Over-dispersion of the segments of a field about their phases.

    Attributes
    ----------
    counts : float
        Of counts in energy windows: for n counts the variance is 1 + counts * n times that of counting.
    embedded : float
        Of embedded spectra, as `f` of `napari_gdls.embedding.Calibration`: as a fraction of the counting variance at
        1,000 counts.
    n_segments : int
        Segments that it was estimated from: the half with the most counts of those that share their phase with others.
        With fewer than 20 of these nothing is estimated, and all three numbers are 0.
    """

    counts: float = 0.0
    embedded: float = 0.0
    n_segments: int = 0

    def widened(self, scale: Scale) -> Scale:
        """A scale on which a difference must be larger by this much."""
        calibration = replace(scale.calibration, f=scale.calibration.f + self.embedded)
        return replace(scale, calibration=calibration, dispersion=scale.dispersion + self.counts)


def estimate_dispersion(segments: Pool, group: npt.NDArray[np.int64], scale: Scale) -> Dispersion:
    """Over-dispersion of segments that were found to be of one material.

    Pearson's chi-squared of a segment of n counts against its phase exceeds its expectation, the degrees of freedom, by
    a factor of 1 + dispersion * n; the squared distance of its embedded spectrum from that of the phase exceeds the
    counting noise alike. Both are read from the half of the segments that have the most counts, by the median, which
    the few that are in a wrong phase do not move.

    Parameters
    ----------
    segments : Pool
        Sums of the interiors of segments.
    group : (K,) array of int64
        Phase of each.
    scale : Scale
        Of the embedding.

    Returns
    -------
    Dispersion
    """
    phases = segments.regrouped(group)
    total = segments.total.astype(np.float64)
    share = total / np.maximum(phases.total[group], 1)
    used = (np.bincount(group)[group] >= _LEAST_PER_PHASE) & (share < _LARGEST_SHARE) & (total > 0)
    if np.count_nonzero(used) < _LEAST_SEGMENTS:
        return Dispersion()
    used &= total >= np.median(total[used])
    # A segment is a part of its phase, so it lies nearer to it than to an independent sum.
    rest, n = 1 - share[used], total[used]
    expected = n[:, None] * phases.probabilities()[group[used]]
    pearson = ((segments.counts[used] - expected) ** 2 / expected).sum(axis=1) / (expected.shape[1] - 1) / rest
    squared = ((segments.z[used] - phases.z[group[used]]) ** 2).sum(axis=1) / rest
    unit = MEAN_SQUARE_NOISE * scale.calibration.c**2
    return Dispersion(
        counts=max(float(np.median((pearson - 1) / n)), 0.0),
        embedded=max(float(np.median(squared / unit - counting_noise(n, np.inf))), 0.0),
        n_segments=int(np.count_nonzero(used)),
    )
