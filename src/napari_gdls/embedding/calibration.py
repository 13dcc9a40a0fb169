"""From distances between embedded spectra to delta_z and D, which mean the same at any number of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

from napari_gdls.errors import EmbeddingError

REFERENCE_COUNTS = 1000.0
"""Counts of the spectra that the scale of an embedding is stated for; of each of the two."""

MEAN_SQUARE_NOISE = 0.27
"""Mean square of the distance of two equal materials over that of its 95th percentile, c, averaged over materials: both
are of the same spectra, so the square-root law of `Calibration` holds for both. 0.18 to 0.40, from 300 counts up."""


# The next two serve arrays and, compiled into kernels, single numbers.
@register_jitable
def counting_noise(counts_1: Any, counts_2: Any) -> Any:
    """Variance by counting of the distance of two spectra, in units of that at 1,000 counts each over 2.

    Numbers of counts below 1 are taken as 1.
    """
    return REFERENCE_COUNTS / np.maximum(counts_1, 1.0) + REFERENCE_COUNTS / np.maximum(counts_2, 1.0)


@register_jitable
def squared_beyond_noise(squared: Any, counts_1: Any, counts_2: Any, c: float, f: float) -> Any:
    """What a squared distance of two spectra has left when the expected noise is taken away, 0 or more."""
    noise = counting_noise(counts_1, counts_2) + 2 * f
    return np.maximum(squared - MEAN_SQUARE_NOISE * c**2 * noise, 0.0)


@dataclass(frozen=True)
class Calibration:
    r"""Scale of the distances of an embedding.

    Counting noise shrinks with the square root of the counts, so two spectra of one material with :math:`N_1` and
    :math:`N_2` counts lie apart by about :math:`\sqrt{1000/N_1 + 1000/N_2}` times a constant of the embedding:

    .. math:: \delta_z = \frac{\lVert z_1 - z_2 \rVert}{c \sqrt{1000/N_1 + 1000/N_2 + 2 f}}

    With `c` the 95th percentile for one material at 1,000 counts, :math:`\delta_z > 1` happens to 5 % of the pairs that
    are the same, whatever their counts.

    Parameters
    ----------
    c : float
        Distance, in units of the square root above, that 5 % of equal pairs exceed.
    f : float
        Scatter inside a material that counting does not explain (topography, charging, drift), as a fraction of the
        counting variance at 1,000 counts.

    Raises
    ------
    EmbeddingError
        If `c` is not positive, `f` is negative, or either is not finite.
    """

    c: float
    f: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.c) and self.c > 0 and math.isfinite(self.f) and self.f >= 0):
            raise EmbeddingError(f"calibration c = {self.c}, f = {self.f}: c must be positive and f 0 or more.")

    def delta_z(
        self, distance: npt.ArrayLike, counts_1: npt.ArrayLike, counts_2: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Calibrated distances.

        Parameters
        ----------
        distance : (E,) array
            Euclidean distances of embedded spectra (paper, eq. 2).
        counts_1, counts_2 : (E,) array
            Counts of the spectra. Without counts there is no evidence of a difference, and delta_z tends to 0; numbers
            below 1 are taken as 1.

        Returns
        -------
        (E,) array of float64
        """
        noise = counting_noise(counts_1, counts_2)
        return np.asarray(np.asarray(distance) / (self.c * np.sqrt(noise + 2 * self.f)), dtype=np.float64)

    def difference(
        self, distance: npt.ArrayLike, counts_1: npt.ArrayLike, counts_2: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        r"""Noise-free difference D of two materials from the distance of their embedded spectra.

        .. math:: D = \frac{\sqrt{\max(0, d^2 - \kappa c^2 (1000/N_1 + 1000/N_2 + 2 f))}}{c \sqrt{2 + 2 f}}

        with :math:`\kappa` of `MEAN_SQUARE_NOISE`. So D agrees with delta_z where two spectra have 1,000 counts and
        differ much more than their noise does, and does not depend on counts.

        Parameters
        ----------
        distance : array
            Euclidean distances of embedded spectra, of sums over many measurements for instance.
        counts_1, counts_2 : array
            Counts of the spectra; inf for a spectrum without noise.

        Returns
        -------
        array of float64
        """
        squared = np.asarray(distance, dtype=np.float64) ** 2
        beyond = squared_beyond_noise(squared, counts_1, counts_2, self.c, self.f)
        return np.asarray(np.sqrt(beyond) / (self.c * np.sqrt(2 + 2 * self.f)))
