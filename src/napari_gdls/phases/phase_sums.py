"""Sums of fine segments and of phases: what the search for phases compares."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.sums import Embedder, Evidence, Pool

LEAST_INTERIOR = 3
"""Measurements without a border beside them that a segment needs to found a phase on its own, and a phase to be summed
over them alone: fewer may all be mixtures that a wide beam makes. Chosen on the benchmark fields."""

MOST_SUMS = 1000
"""Sums that are compared with each other at most, the largest or the least explained: memory and time grow with the
square (8 MB, half a second)."""


class PhaseSums(NamedTuple):
    """P phases as their measurements are.

    Attributes
    ----------
    pool : Pool
        Sums of the interior of each, of all measurements where it has none.
    labels : (N,) array of int64
    founded : (P,) array of bool
        Whether it goes back to the interior of a segment.
    spectra : (P, D) array of float64
        On the energy axis of the field, each adding up to 1 in the windows.
    """

    pool: Pool
    labels: npt.NDArray[np.int64]
    founded: npt.NDArray[np.bool_]
    spectra: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SegmentedField:
    """The measurements of a field and their fine segments.

    Attributes
    ----------
    evidence : Evidence
    near : Neighbourhood
    segments : (N,) array of int64
        Fine segments, each of one material.
    summed_spectra : callable
        From labels (N,), -1 for none, and their number to summed spectra on the energy axis of the field.
    embed : callable
        From such spectra to unit vectors.
    """

    evidence: Evidence
    near: Neighbourhood
    segments: npt.NDArray[np.int64]
    summed_spectra: Callable[[npt.NDArray[np.int64], int], npt.NDArray[np.float64]]
    embed: Embedder

    @cached_property
    def n_segments(self) -> int:
        """Number of fine segments, S."""
        return int(self.segments.max()) + 1

    @cached_property
    def sums(self) -> Pool:
        """Sums of the fine segments."""
        return self.evidence.pooled(self.segments, self.n_segments)

    @cached_property
    def interior_sums(self) -> Pool:
        """Sums of the interior measurements of each fine segment."""
        return self.evidence.pooled(self.segments, self.n_segments, self.near.interior(self.segments))

    def embedded(self, segments: npt.NDArray[np.int64]) -> Pool:
        """Sums of some segments, with the direction of the summed spectrum."""
        number = np.full(self.n_segments, -1)
        number[segments] = np.arange(len(segments))
        z = self.embed(self.summed_spectra(number[self.segments], len(segments)))
        return dataclasses.replace(self.sums[segments], z=z.astype(np.float64))

    def phases(
        self,
        labels: npt.NDArray[np.int64],
        founded: npt.NDArray[np.bool_],
        *,
        keep_empty: bool = False,
        poll: Callable[[], None] = lambda: None,
    ) -> PhaseSums:
        """Sum the measurements of each phase.

        Parameters
        ----------
        labels : (N,) array of int64
            0..P - 1.
        founded : (P,) array of bool
        keep_empty : bool
            Whether phases without a measurement keep their numbers; otherwise they are left out.
        poll : callable
            Called between the sums; may raise.
        """
        n = len(founded)
        interior = self.near.interior(labels)
        everything = self.evidence.pooled(labels, n)
        poll()
        inside = self.evidence.pooled(labels, n, interior)
        poll()
        enough = inside.size >= LEAST_INTERIOR
        pool = everything.joined(inside)[np.where(enough, np.arange(n) + n, np.arange(n))]
        kept = np.ones(n, dtype=np.bool_) if keep_empty else everything.size > 0
        number = np.cumsum(kept) - 1
        pool, summed = pool[kept], np.where(interior | ~enough[labels], number[labels], -1)
        spectra = self.summed_spectra(summed, len(pool)) / np.maximum(pool.total, 1)[:, None]
        poll()
        # The direction of a sum of mixtures is not the mean of their directions.
        pool = dataclasses.replace(pool, z=self.embed(spectra).astype(np.float64))
        return PhaseSums(pool, number[labels], founded[kept], spectra)
