"""Counts of a map in an HDF5 file, in bands of whole chunks, so that none is unpacked twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.counts_source import BLOCK_BYTES, rows_of_a_block
from napari_gdls.io.hdf5 import written_parts

if TYPE_CHECKING:
    import h5py

_MOST_BAND_BYTES = 8 * BLOCK_BYTES
"""Largest band of one row of chunks that is unpacked at a time; where a row of chunks is larger, all is unpacked at
once, which the memory limit then has to allow."""


@dataclass(frozen=True, eq=False)
class Hdf5Counts:
    """Counts of a data set of three axes, or of two axes of arrays of channels (an HDF5 array type).

    Attributes
    ----------
    data : h5py.Dataset
    spectral : int
        Axis of `data` along which the spectra lie; the other two are rows and columns, in this order.
    """

    data: h5py.Dataset
    spectral: int = 2

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        rows, columns = self._across
        whole = whole_shape(self.data)
        return whole[rows], whole[columns], whole[self.spectral]

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts in the blocks, in the machine's own byte order."""
        dtype: np.dtype[Any] = self.data.dtype.base.newbyteorder("=")
        return dtype

    @property
    def all_at_once(self) -> bool:
        """Whether the counts are unpacked as a whole, however few of them are asked for."""
        _, width, channels = self.shape
        rows = self._rows_of_a_chunk
        return rows > 1 and rows * width * channels * self.dtype.itemsize > _MOST_BAND_BYTES

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order; one with all of them if they are unpacked at once."""
        height, _, channels = self.shape
        if self.all_at_once:
            yield self._whole().reshape(-1, channels)
            return
        band, most = self._rows_of_a_band, rows_of_a_block(self.shape, self.dtype.itemsize)
        for first in range(0, height, band):
            cube = self._rows(first, min(first + band, height))
            for row in range(0, len(cube), most):
                yield cube[row : row + most].reshape(-1, channels)

    @property
    def _across(self) -> tuple[int, int]:
        rows, columns = (axis for axis in range(3) if axis != self.spectral)
        return rows, columns

    @property
    def _rows_of_a_chunk(self) -> int:
        return 1 if self.data.chunks is None else int(self.data.chunks[self._across[0]])

    @property
    def _rows_of_a_band(self) -> int:
        most, chunk = rows_of_a_block(self.shape, self.dtype.itemsize), self._rows_of_a_chunk
        return min(max(most // chunk, 1) * chunk, self.shape[0])

    def _rows(self, first: int, end: int) -> npt.NDArray[Any]:
        at = [slice(None)] * len(self.data.shape)
        at[self._across[0]] = slice(first, end)
        cube = np.moveaxis(self.data[tuple(at)], self.spectral, 2)
        return np.ascontiguousarray(cube, self.dtype)

    def _whole(self) -> npt.NDArray[Any]:
        """All spectra, (H, W, D), unpacked in slabs across the axis that has most chunks."""
        counts = np.empty(self.shape, self.dtype)
        target = np.moveaxis(counts, 2, self.spectral)  # in the order of the axes of the data
        n_chunks = [-(-size // chunk) for size, chunk in zip(self.data.shape, self.data.chunks, strict=True)]
        axis = int(np.argmax(n_chunks))
        step = max(BLOCK_BYTES * n_chunks[axis] // max(counts.nbytes, 1), 1) * self.data.chunks[axis]
        for first in range(0, self.data.shape[axis], step):
            at = (slice(None),) * axis + (slice(first, first + step),)
            target[at] = self.data[at]
        return counts


def whole_shape(data: h5py.Dataset) -> tuple[int, ...]:
    """Shape of a data set with the axes that its type has, if that is an array; () for one without values."""
    return tuple(int(n) for n in (*(data.shape or ()), *data.dtype.shape))


def unwritten(path: Path, data: h5py.Dataset) -> str:
    """What the user should know of parts of a data set that were never written; "" where all are there.

    Parameters
    ----------
    path : Path
        For messages.
    data : h5py.Dataset

    Raises
    ------
    FieldReadError
        If nothing was written at all, or what stands for the missing is not zero.
    """
    remedy = "Save it again, or copy it again from its source."
    there, parts = written_parts(data)
    if there >= parts:
        return ""
    if there == 0:
        raise FieldReadError(path, "holds no counts: the data set was made and never filled", where=str(data.name))
    if np.any(data.fillvalue):
        raise FieldReadError(
            path, f"holds {there:,} of the {parts:,} parts of a data set, and no zeros for the rest",
            where=str(data.name), remedy=remedy,
        )  # fmt: skip
    return f"{parts - there:,} of {parts:,} parts of {data.name} were never written; there is no count in them"
