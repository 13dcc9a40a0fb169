"""Counts beside the sum spectrum that a file states of them: a map that was damaged has other sums."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError
from napari_gdls.io.counts_source import CountsSource

_COMPLETE = 0.01
"""Share of the stated counts that a map may lack without a word: in real maps of Bruker it is up to 0.0007."""


class SummedCounts:
    """A `CountsSource` whose sums are compared with those that the file states, while it is read.

    Parameters
    ----------
    source : CountsSource
    stated : (D,) array of int64
        Counts of each channel, over all pixels.
    path : Path
        For messages.

    Attributes
    ----------
    note : str
        What the user should know once all blocks were read; "" if the sums agree.
    """

    def __init__(self, source: CountsSource, stated: npt.NDArray[np.int64], path: Path) -> None:
        self._source = source
        self._stated = stated
        self._path = path
        self.note = ""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        return self._source.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts as they are stored."""
        return self._source.dtype

    @property
    def all_at_once(self) -> bool:
        """Whether the counts are unpacked as a whole, however few of them are asked for."""
        return self._source.all_at_once

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order.

        Raises
        ------
        FieldReadError
            After the last one, if a channel holds more counts than the file states for it.
        """
        sums = np.zeros(self.shape[2], np.int64)
        for block in self._source.blocks():
            sums += block.sum(axis=0, dtype=np.int64)
            yield block
        if len(sums) != len(self._stated):
            return
        more = np.flatnonzero(sums > self._stated)
        if more.size:
            raise FieldReadError(
                self._path,
                f"is damaged: channel {more[0]} of its map holds {sums[more[0]]:,} counts, and its sum spectrum "
                f"{self._stated[more[0]]:,}",
                remedy="Copy it again from its source.",
            )
        there, stated = int(sums.sum()), int(self._stated.sum())
        if there < (1 - _COMPLETE) * stated:
            held = f"{there:,} of the {stated:,} counts of the sum spectrum in the file"
            self.note = f"the map holds {held}; it may be incomplete"
