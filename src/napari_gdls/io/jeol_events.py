"""The events of a JEOL map: words of 16 bits, the upper four of which say what the lower twelve are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldReadError
from napari_gdls.io.counts_source import rows_of_a_block
from napari_gdls.io.limits import require_memory

_COLUMN, _ROW, _IMAGE, _XRAY = 8, 9, 10, 11
"""Kinds of words: the column and the row of what follows, a grey value there, the channel of an X-ray there."""

POSITIONS = 4096
"""Columns and rows are counted on a grid of so many, whatever the size of the map; channels are as many."""
_BITS, _VALUE = 12, 0xFFF  # bits of a word below its kind, and these bits
_BYTES_OF_XRAY = 24
"""Keys of 8 bytes, sorted in place, and a copy while they are put together and counted."""
_WORDS = 1 << 22  # that are worked on at a time: 8 MiB


@dataclass(frozen=True, eq=False)
class Events:
    """What a stream of events holds.

    Attributes
    ----------
    spectra : (H * W, 4096) csr_array
        Of the complete sweeps; of the one that there is, where it was not completed.
    image : (H, W) array of uint32, or None
        Sums of the grey values over the sweeps; None where there are none.
    n_sweeps : int
        Sweeps, with one that was not completed.
    stopped_at : int or None
        Row that the last sweep had reached when it stopped; None where it is complete.
    """

    spectra: sp.csr_array
    image: npt.NDArray[np.uint32] | None
    n_sweeps: int
    stopped_at: int | None


@dataclass(frozen=True, eq=False)
class EventCounts:
    """Counts of a map as a `napari_gdls.io.counts_source.CountsSource`.

    Attributes
    ----------
    spectra : (H * W, D) csr_array
    size : (int, int)
        Height and width in pixels.
    """

    spectra: sp.csr_array
    size: tuple[int, int]
    all_at_once: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height and width in pixels, and channels."""
        return (*self.size, self.spectra.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the counts."""
        dtype: np.dtype[Any] = np.dtype(self.spectra.dtype)
        return dtype

    def blocks(self) -> Iterator[npt.NDArray[Any]]:
        """Spectra as (n, D) arrays in raster order."""
        step = rows_of_a_block(self.shape, self.dtype.itemsize) * self.size[1]
        for first in range(0, self.spectra.shape[0], step):
            yield self.spectra[first : first + step].toarray()


def read_events(path: Path, words: npt.NDArray[np.uint16], size: tuple[int, int], limit: int) -> Events:
    """Counts and image out of a stream of events.

    Parameters
    ----------
    path : Path
        For messages.
    words : (N,) array of uint16
        May be a memory map.
    size : (int, int)
        Height and width of the map in pixels.
    limit : int
        Most bytes of memory that this may take.

    Raises
    ------
    FieldReadError
        If positions lie off the grid of the map, as those of damaged files do.
    """
    height, width = size
    if POSITIONS % height or POSITIONS % width:
        raise FieldReadError(
            path,
            f"is a map of {height} x {width} px, whose positions are not known to this reader",
            remedy="Please report it. Until then, export the map in another format, as .rpl.",
        )
    rows, at, n_xrays = _rows(words)
    _require_grid(path, rows, POSITIONS // height)
    if not len(rows) or at[0] > 1:
        raise FieldReadError(path, "holds no event", remedy="The map was stopped before its first line, or is damaged.")
    begins = np.flatnonzero(np.diff(rows) < 0) + 1
    last = int(rows[-1]) // (POSITIONS // height)
    stopped = last < height - 1
    end = int(at[begins[-1]]) if stopped and len(begins) else len(words)
    require_memory(path, most_of_events(n_xrays, size), limit, "the events of the map")
    keys, image = _keys(path, words[:end], size)
    return Events(_counted(keys, height * width), image, len(begins) + 1, last if stopped else None)


def has_image(words: npt.NDArray[np.uint16]) -> bool:
    """Whether there are grey values in a stream of events, (N,): its beginning tells, as every pixel has one."""
    return bool((np.asarray(words[:_WORDS]) >> _BITS == _IMAGE).any())


def most_of_events(n_words: int, size: tuple[int, int]) -> int:
    """Bytes of memory that `read_events` takes at most for a stream of `n_words` words and a map of (height, width)."""
    return _BYTES_OF_XRAY * n_words + 8 * size[0] * size[1]


def _rows(words: npt.NDArray[np.uint16]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Rows that the beam went to and where it did in the stream, and the number of X-rays."""
    rows, at, n_xrays = [], [], 0
    for first in range(0, len(words), _WORDS):
        part = np.asarray(words[first : first + _WORDS])
        kinds = part >> _BITS
        found = np.flatnonzero(kinds == _ROW)
        rows.append((part[found] & _VALUE).astype(np.int64))
        at.append(found + first)
        n_xrays += int(np.count_nonzero(kinds == _XRAY))
    empty = np.zeros(0, np.int64)
    return np.concatenate([empty, *rows]), np.concatenate([empty, *at]), n_xrays


def _keys(
    path: Path, words: npt.NDArray[np.uint16], size: tuple[int, int]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32] | None]:
    """Pixel and channel of each X-ray as one number, and the image."""
    height, width = size
    found, image, has_image = [], np.zeros(height * width), False
    row = column = 0
    for first in range(0, len(words), _WORDS):
        part = np.asarray(words[first : first + _WORDS])
        kinds, values = part >> _BITS, (part & _VALUE).astype(np.int64)
        _require_grid(path, values[kinds == _COLUMN], POSITIONS // width)
        rows = _carried(kinds == _ROW, values, row)
        columns = _carried(kinds == _COLUMN, values, column)
        row, column = int(rows[-1]), int(columns[-1])
        pixels = rows // (POSITIONS // height) * width + columns // (POSITIONS // width)
        xrays, grey = kinds == _XRAY, kinds == _IMAGE
        found.append(pixels[xrays] * POSITIONS + values[xrays])
        if grey.any():
            has_image = True
            image += np.bincount(pixels[grey], values[grey], height * width)
    keys = np.concatenate([np.zeros(0, np.int64), *found])
    return keys, image.astype(np.uint32).reshape(size) if has_image else None


def _carried(is_new: npt.NDArray[np.bool_], values: npt.NDArray[np.int64], before: int) -> npt.NDArray[np.int64]:
    """At every word, the value of the last one of a kind, that before the first word being `before`."""
    last = np.maximum.accumulate(np.where(is_new, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], before)


def _counted(keys: npt.NDArray[np.int64], n_pixels: int) -> sp.csr_array:
    keys.sort()
    new = np.ones(len(keys), np.bool_)
    new[1:] = keys[1:] != keys[:-1]
    first = np.flatnonzero(new)
    counts = np.diff(first, append=len(keys))
    distinct = keys[first]
    ends = np.concatenate([[0], np.cumsum(np.bincount(distinct // POSITIONS, minlength=n_pixels))])
    dtype = np.min_scalar_type(int(counts.max(initial=0)))
    index = np.int32 if len(counts) < 2**31 else np.int64
    channels = (distinct % POSITIONS).astype(index)
    return sp.csr_array((counts.astype(dtype), channels, ends.astype(index)), shape=(n_pixels, POSITIONS))


def _require_grid(path: Path, positions: npt.NDArray[np.int64], step: int) -> None:
    if (positions % step).any():
        raise FieldReadError(
            path,
            f"holds positions off the grid of its map (steps of {step})",
            remedy="It is damaged: copy it again from its source.",
        )
