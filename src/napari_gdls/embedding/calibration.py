"""From distances between embedded spectra to delta_z, the distance that means the same at any number of counts."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import EmbeddingError

REFERENCE_COUNTS = 1000.0


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
        noise = REFERENCE_COUNTS / np.maximum(counts_1, 1.0) + REFERENCE_COUNTS / np.maximum(counts_2, 1.0)
        return np.asarray(np.asarray(distance) / (self.c * np.sqrt(noise + 2 * self.f)), dtype=np.float64)
