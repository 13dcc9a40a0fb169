"""The spectra of a map in a file: looked at once, and kept only when they are asked for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import ZERO_PEAK_END, EnergyAxis
from napari_gdls.errors import FieldReadError
from napari_gdls.field import Counts
from napari_gdls.field.gain import GLANCE, are_counts, spread_over
from napari_gdls.io.counts_scan import scanned, some_spectra, with_these_sums
from napari_gdls.io.counts_source import CountsSource
from napari_gdls.io.finite_counts import FiniteCounts
from napari_gdls.io.sparse_spectra import held_if_all_at_once, require_memory_to_read, spectra_from


class MapSpectra:
    """The spectra of a map.

    Parameters
    ----------
    path : Path
        For messages.
    counts : CountsSource
    energy : EnergyAxis
    valid : (H, W) array of bool or None
        Pixels that were measured, where the file says it.
    limit : int
        Most bytes of memory that reading may take.
    taken : int
        Bytes of memory that are in use for the file already.

    Attributes
    ----------
    valid : (H, W) array of bool or None
        Pixels that were measured; None: all.
    notes : tuple of str
        What the user should know.
    locations : (N, 2) array of int64
        Of the spectra, in raster order.

    Raises
    ------
    FieldReadError
        If there is no spectrum, or reading needs more memory than `limit`: said before anything is read.
    """

    def __init__(
        self,
        path: Path,
        counts: CountsSource,
        energy: EnergyAxis,
        valid: npt.NDArray[np.bool_] | None,
        limit: int,
        taken: int,
    ) -> None:
        self._path, self._limit = path, limit
        require_memory_to_read(path, counts, limit, taken)
        finite = FiniteCounts(counts, path)
        self._source, self._taken = held_if_all_at_once(finite, path, limit, taken)
        self._first_channel = energy.window(ZERO_PEAK_END, math.inf).start
        self._scan = scanned(self._source, first_channel=self._first_channel, kept=valid, n_glance=GLANCE)
        self.notes: tuple[str, ...] = ()
        self.valid = valid
        if finite.missing.any():
            there = ~finite.missing
            self._scan = self._scan.of(there.ravel() if valid is None else there[valid])
            self.valid = there if valid is None else valid & there
            self.notes = (f"the counts of {int(finite.missing.sum()):,} pixels are NaN: taken as not measured",)
        self._shape = counts.shape
        self.locations = np.argwhere(np.ones(counts.shape[:2], np.bool_) if self.valid is None else self.valid)
        if not len(self.locations):
            raise FieldReadError(path, "holds no spectrum that was measured", remedy="Export the map again.")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of `spectra`."""
        return self._scan.smallest_dtype

    def spectra(self) -> Counts:
        """All of them: (N, D) array, csr_array or SpectraOnDisk; the errors of `spectra_from`."""
        return spectra_from(self._source, self._path, self._limit, scan=self._scan, kept=self.valid, taken=self._taken)

    def total_counts_map(self) -> npt.NDArray[np.float64]:
        """Counts of every pixel above the zero peak, (H, W); 0 where nothing was measured."""
        totals = np.zeros(self._shape[:2])
        totals[self.locations[:, 0], self.locations[:, 1]] = self._scan.inner_totals
        return totals

    def stand_in(self) -> sp.csr_array | None:
        """Spectra with the same sums, (N, D), for a summary; None where these are no whole numbers."""
        if self._scan.dtype.kind not in "ui" or self._scan.smallest < 0:
            return None
        return with_these_sums(self._scan.totals, self._scan.inner_totals, self._shape[2], self._first_channel)

    def are_counts(self, rows: npt.NDArray[np.int64]) -> bool:
        """Whether spectra show at once that they are counts and no scaled numbers; `rows` are those in the field."""
        if len(rows) == len(self.locations):
            return are_counts(self._scan.glance)
        return are_counts(some_spectra(self._source, self.valid, rows[spread_over(len(rows), GLANCE)]))
