"""Phase of every measurement, as the search for phases finds it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.difference import Scale
from napari_gdls.phases.over_dispersion import Dispersion
from napari_gdls.phases.sums import Pool


@dataclass(frozen=True, eq=False)
class MeasurementPhases:
    """Phase of every measurement.

    Attributes
    ----------
    labels : (N,) array of int64
        Phase, 0..P-1.
    partner : (N,) array of int64
        Second phase of a mixed measurement, -1 for a pure one.
    fraction : (N,) array of float32
        Share of the counts that comes from the first phase; 1 for a pure measurement.
    confidence : (N,) array of float32
        Probability of the phase, 0 to 1.
    pool : Pool
        Sums of the interior measurements of each phase (of all, where it has no interior).
    intergrown : (P,) array of bool
        Whether a phase is a fine-grained mixture; see `napari_gdls.phases.intergrowth`.
    scale : Scale
        Units in which differences were judged, over-dispersion included.
    dispersion : Dispersion
        What was estimated of it.
    """

    labels: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int64]
    fraction: npt.NDArray[np.float32]
    confidence: npt.NDArray[np.float32]
    pool: Pool
    intergrown: npt.NDArray[np.bool_]
    scale: Scale
    dispersion: Dispersion

    @property
    def n_phases(self) -> int:
        """Number of phases, P."""
        return len(self.pool)

    def merged(self, group: npt.NDArray[np.int64]) -> MeasurementPhases:
        """With phases taken together; `group` gives the new one of each, from 0. Confidences stay as they are."""
        partner = np.where(self.partner >= 0, group[self.partner], -1)
        labels = group[self.labels]
        partner[partner == labels] = -1
        return dataclasses.replace(
            self,
            labels=labels,
            partner=partner,
            fraction=np.where(partner >= 0, self.fraction, np.float32(1)),
            pool=self.pool.regrouped(group),
            intergrown=np.bincount(group, weights=self.intergrown) > 0,
        )
