"""One list of phases for all fields: which phase of the section each part of a field is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.phases.sums import Pool


@dataclass(frozen=True, eq=False)
class SectionPhases:
    """The phases of a section.

    Attributes
    ----------
    pool : Pool
        Sums of the interior measurements of each phase over all fields, (G, ...); the phase that most measurements
        have is phase 0.
    spectra : (G, D) array of float64
        Summed counts of the same measurements, on `energy`.
    energy : EnergyAxis
    intergrown : (G,) array of bool
        Whether a phase is a fine-grained mixture.
    of_parts : mapping of str to (P,) array of int64
        By name of a field, the phase of each of its parts.
    """

    pool: Pool
    spectra: npt.NDArray[np.float64]
    energy: EnergyAxis
    intergrown: npt.NDArray[np.bool_]
    of_parts: Mapping[str, npt.NDArray[np.int64]]

    @property
    def n_phases(self) -> int:
        """Number of phases, G."""
        return len(self.pool)
