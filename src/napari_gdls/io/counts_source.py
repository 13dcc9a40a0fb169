"""Where the counts of a map come from: rows of spectra, block by block, as often as they are asked for."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 64 * 1024**2
"""Raw size of the blocks that a map is worked through in."""


class CountsSource(Protocol):
    """Counts of a map that need not be in memory."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts as they are stored."""

    @property
    def all_at_once(self) -> bool:
        """Whether the counts are unpacked as a whole, however few of them are asked for."""

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order, none much larger than `BLOCK_BYTES`; each call begins anew."""


def rows_of_a_block(shape: tuple[int, int, int], itemsize: int) -> int:
    """Rows of pixels that are worked through at a time, one at least."""
    return max(BLOCK_BYTES // max(shape[1] * shape[2] * itemsize, 1), 1)


@dataclass(frozen=True, eq=False)
class ArrayCounts:
    """Counts of an array that is sliced row by row: in memory, memory-mapped, or a data set of an HDF5 file.

    Attributes
    ----------
    cube : (H, W, D) array-like
    """

    cube: Any
    all_at_once: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        height, width, channels = self.cube.shape
        return int(height), int(width), int(channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts as they are stored."""
        dtype: np.dtype[Any] = self.cube.dtype
        return dtype

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order."""
        step = rows_of_a_block(self.shape, self.dtype.itemsize)
        for first in range(0, self.shape[0], step):
            yield np.asarray(self.cube[first : first + step]).reshape(-1, self.shape[2])
            _let_go(self.cube)


def _let_go(cube: Any) -> None:
    """Give back the memory that a file mapped for reading has taken: the system would keep as much as there is."""
    if isinstance(cube, np.memmap) and cube.mode == "r" and hasattr(mmap, "MADV_DONTNEED"):
        cube._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


@dataclass(frozen=True, eq=False)
class DaskCounts:
    """Counts of a lazy array of dask.

    Attributes
    ----------
    cube : (H, W, D) dask array
    sparse : bool
        Whether its data are sparse inside, so that parts of a chunk come cheap.
    """

    cube: Any
    sparse: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        height, width, channels = self.cube.shape
        return int(height), int(width), int(channels)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts as they are stored."""
        dtype: np.dtype[Any] = self.cube.dtype
        return dtype

    @property
    def all_at_once(self) -> bool:
        """Whether one chunk holds all rows, and is unpacked as a whole."""
        return len(self.cube.chunks[0]) == 1 and not self.sparse

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order, cut at the borders of chunks and where these are large."""
        if self.all_at_once:  # any part of it would unpack it all, again and again
            yield from ArrayCounts(np.asarray(self.cube.compute(scheduler="synchronous"))).blocks()
            return
        most = rows_of_a_block(self.shape, self.dtype.itemsize)
        first = 0
        for n_rows in self.cube.chunks[0]:
            for row in range(first, first + n_rows, most):
                block = self.cube[row : min(row + most, first + n_rows)].compute(scheduler="synchronous")
                yield np.asarray(block).reshape(-1, self.shape[2])
            first += n_rows
