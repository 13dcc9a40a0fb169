"""Spectra in files of Oxford Instruments: a table with a row for each pixel, which is unpacked in whole chunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.counts_source import BLOCK_BYTES

if TYPE_CHECKING:
    import h5py

_MOST_BAND_BYTES = 8 * BLOCK_BYTES
"""Largest row of chunks that is unpacked at a time; where one is larger, all is unpacked at once, which the memory
limit then has to allow."""


@dataclass(frozen=True, eq=False)
class SpectrumRows:
    """Counts of a map, of one detector or the sum of several.

    Attributes
    ----------
    path : Path
        The file, for messages.
    tables : tuple of h5py.Dataset
        Of whole numbers, (H * W, D) each, in raster order from the top left.
    height, width : int
    """

    path: Path
    tables: tuple[h5py.Dataset, ...]
    height: int
    width: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        return self.height, self.width, int(self.tables[0].shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts in the blocks: that of the file, or 64 bits for a sum."""
        dtype: np.dtype[Any] = self.tables[0].dtype.newbyteorder("=")
        return dtype if len(self.tables) == 1 else np.dtype(np.int64)

    @property
    def all_at_once(self) -> bool:
        """Whether the counts are unpacked as a whole, however few of them are asked for."""
        n_spectra = self.height * self.width
        return self._chunk < n_spectra and self._chunk * self._bytes_of_one > _MOST_BAND_BYTES

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order.

        Raises
        ------
        FieldReadError
            If there are negative counts.
        """
        n_spectra, most = self.height * self.width, max(BLOCK_BYTES // self._bytes_of_one, 1)
        band = n_spectra if self.all_at_once else max(most // self._chunk, 1) * self._chunk
        for first in range(0, n_spectra, band):
            spectra = self._read(self.tables[0], first, min(first + band, n_spectra))
            for table in self.tables[1:]:
                spectra += self._read(table, first, min(first + band, n_spectra))
            for start in range(0, len(spectra), most):
                yield spectra[start : start + most]

    @property
    def _bytes_of_one(self) -> int:
        return self.shape[2] * self.dtype.itemsize

    @property
    def _chunk(self) -> int:
        """Spectra in the largest chunk."""
        return max(1 if table.chunks is None else int(table.chunks[0]) for table in self.tables)

    def _read(self, table: h5py.Dataset, first: int, end: int) -> npt.NDArray[Any]:
        counts: npt.NDArray[Any] = np.asarray(table[first:end]).astype(self.dtype, copy=False)
        if counts.min(initial=0) < 0:
            spectrum, channel = (int(place[0]) for place in np.nonzero(counts < 0))
            row, column = divmod(first + spectrum, self.width)
            raise FieldReadError(
                self.path,
                f"holds negative counts, {counts[spectrum, channel]} at row {row}, column {column}, channel {channel}",
                where=str(table.name),
                remedy="Export it again from AZtec.",
            )
        return counts
