"""Counts in numbers that the machine works with; in floating point, what was not measured may be NaN."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.counts_source import CountsSource


class FiniteCounts:
    """A `CountsSource` whose spectra of NaN alone are empty, and remembered: a program has shifted the map, or cut it.

    Counts in another byte order are turned, and floating-point numbers of 16 bits widened: scipy and numba need it.

    Parameters
    ----------
    source : CountsSource
    path : Path
        For messages.

    Attributes
    ----------
    missing : (H, W) array of bool
        Pixels whose spectrum is NaN, among those that `blocks` has come by.
    """

    def __init__(self, source: CountsSource, path: Path) -> None:
        self._source = source
        self._path = path
        self.missing = np.zeros(source.shape[:2], dtype=bool)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts in the blocks."""
        dtype = self._source.dtype.newbyteorder("=")
        return np.dtype(np.float32) if dtype == np.float16 else dtype

    @property
    def all_at_once(self) -> bool:
        """Whether the counts are unpacked as a whole, however few of them are asked for."""
        return self._source.all_at_once

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order.

        Raises
        ------
        FieldReadError
            If counts are infinite, or NaN in some channels of a spectrum only.
        """
        first = 0
        for stored in self._source.blocks():
            block = stored.astype(self.dtype, copy=False)
            yield self._cleaned(block, first) if block.dtype.kind == "f" else block
            first += len(block)

    def _cleaned(self, block: npt.NDArray[Any], first: int) -> npt.NDArray[Any]:
        wrong = ~np.isfinite(block)
        if not wrong.any():
            return block
        empty = np.isnan(block).all(axis=1)
        odd = wrong.any(axis=1) & ~empty
        if odd.any():
            spectrum = int(np.argmax(odd))
            row, column = divmod(first + spectrum, self.shape[1])
            channel = int(np.argmax(wrong[spectrum]))
            raise FieldReadError(
                self._path,
                f"its counts are {block[spectrum, channel]} at row {row}, column {column}, channel {channel}",
                remedy="Save the map with counts in all channels; pixels that were not measured may be NaN throughout.",
            )
        self.missing.reshape(-1)[first : first + len(block)] = empty
        return np.where(empty[:, None], block.dtype.type(0), block)
