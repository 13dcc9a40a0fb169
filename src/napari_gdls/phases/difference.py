"""How different two sums of spectra are: how surely, by the statistic G, and by how much, by the difference D."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba.extending import register_jitable

from napari_gdls.embedding.calibration import Calibration
from napari_gdls.graph.merging import significance_of_height


# Serves arrays and, compiled into kernels, single numbers.
@register_jitable
def over_limit(g: Any, counts: Any, dispersion: float, limit: float) -> Any:
    """Statistic G, over-dispersion of this many counts accounted for, as a multiple of the largest one by chance."""
    return g / (1.0 + dispersion * counts) / limit


class ScaleNumbers(NamedTuple):
    """A `Scale` for compiled code: plain numbers, with the BSE difference that parts two phases (inf: none does)."""

    height: float
    dispersion: float
    tau_z: float
    c: float
    f: float
    tau_b: float


@dataclass(frozen=True)
class Scale:
    """Units in which differences of sums are judged.

    Attributes
    ----------
    calibration : Calibration
        Of the embedding; `f` widens tau_z.
    dispersion : float
        Widens the significance: of n counts the variance is 1 + dispersion * n times that of counting.
    height : float
        Statistic G above which a difference is significant.
    tau_z : float
        Difference D from which on two materials are two phases.
    """

    calibration: Calibration
    dispersion: float
    height: float
    tau_z: float

    def difference(
        self, distance: npt.ArrayLike, counts_1: npt.ArrayLike, counts_2: npt.ArrayLike
    ) -> npt.NDArray[np.float64]:
        """Difference D from distances of embedded sums; see `Calibration.difference`."""
        return self.calibration.difference(distance, counts_1, counts_2)

    def over_limit(self, g: npt.ArrayLike, counts: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Statistic G of sums of this many counts as a multiple of `height`; above 1 it is significant."""
        return np.asarray(over_limit(g, counts, self.dispersion, self.height))

    def significance(self, times_the_limit: float, degrees_of_freedom: int) -> float:
        """The significance x, as of `Recipe.significance`, of a statistic given as a multiple of `height`."""
        return significance_of_height(degrees_of_freedom, times_the_limit * self.height)

    def numbers(self, tau_b: float) -> ScaleNumbers:
        """The same for compiled code."""
        return ScaleNumbers(
            float(self.height),
            float(self.dispersion),
            float(self.tau_z),
            float(self.calibration.c),
            float(self.calibration.f),
            float(tau_b),
        )
