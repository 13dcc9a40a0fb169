"""Working through spectra some thousand rows at a time, whether they lie in memory or on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field.spectra_on_disk import SpectraOnDisk, SpectraWriter
from napari_gdls.threads import in_blocks

ROWS_AT_A_TIME = 8192
"""Spectra in memory that are worked through at a time: few enough to be copied and widened without being noticed."""

ROWS_OF_A_THREAD = 1024
"""Spectra that a thread works through at a time: few enough to share out those of a small field, and for each to take
milliseconds."""

_FEW = 64
"""Spectra on disk are read one by one where no more than one of so many is wanted: reading one takes as long as reading
so many in a row."""


def row_blocks(counts: Any) -> Iterator[tuple[int, Any]]:
    """All spectra in order: number of the first of a block, and the block, an array or a csr_array.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
    """
    if isinstance(counts, SpectraOnDisk):
        yield from counts.blocks()
        return
    for first in range(0, counts.shape[0], ROWS_AT_A_TIME):
        last = min(first + ROWS_AT_A_TIME, counts.shape[0])
        if not sp.issparse(counts):
            yield first, counts[first:last]
            continue
        start, end = counts.indptr[first], counts.indptr[last]
        block = sp.csr_array((last - first, counts.shape[1]), dtype=counts.dtype)
        # Views, where slices of scipy would be copies.
        block.data, block.indices = counts.data[start:end], counts.indices[start:end]
        block.indptr = counts.indptr[first : last + 1] - start
        yield first, block


def blocks_in_memory(counts: Any) -> Iterator[tuple[int, Any]]:
    """Spectra as they lie: all at once where they are in memory, those on disk in blocks; see `row_blocks`."""
    if isinstance(counts, SpectraOnDisk):
        yield from counts.blocks()
    else:
        yield 0, counts


def blocks_with(counts: Any, wanted: npt.NDArray[np.bool_]) -> Iterator[tuple[Any, Any]]:
    """Blocks that hold all wanted spectra, in order, and no more others than cost nothing: their rows, and the block.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
    wanted : (N,) array of bool

    Yields
    ------
    rows : slice or (n,) array of int64
    block : (n, D) array or csr_array
    """
    if not isinstance(counts, SpectraOnDisk):
        yield slice(None), counts
        return
    members = np.flatnonzero(wanted)
    if len(members) * _FEW < counts.shape[0]:
        for first in range(0, len(members), ROWS_AT_A_TIME):
            rows = members[first : first + ROWS_AT_A_TIME]
            yield rows, counts[rows]
        return
    for first, block in counts.blocks():
        yield slice(first, first + block.shape[0]), block


def rows_are_sparse(counts: Any) -> bool:
    """Whether rows of the spectra come as csr_array."""
    return sp.issparse(counts) or isinstance(counts, SpectraOnDisk)


def taken(counts: Any, rows: npt.NDArray[Any]) -> Any:
    """The spectra of these rows, numbers or a mask, where the others lie: in memory or on disk."""
    if not isinstance(counts, SpectraOnDisk):
        return counts[rows]
    places = np.flatnonzero(rows) if rows.dtype == bool else rows
    writer = SpectraWriter(counts.shape[1], counts.dtype, counts.folder)
    for first in range(0, len(places), ROWS_AT_A_TIME):
        writer.append(counts[places[first : first + ROWS_AT_A_TIME]])
    return writer.finish()


def mapped(
    counts: Any,
    function: Callable[[int, Any], Any],
    dtype: npt.DTypeLike,
    n_channels: int | None = None,
) -> Any:
    """Spectra that are made of others row by row, where the others lie.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
    function : callable
        From the number of the first row of a block and the block to as many other rows.
    dtype : dtype
        Of the result.
    n_channels : int, optional
        Of the result. None: D.

    Returns
    -------
    (N, n_channels) array, csr_array or SpectraOnDisk
    """
    width = counts.shape[1] if n_channels is None else n_channels
    if isinstance(counts, SpectraOnDisk):
        writer = SpectraWriter(width, np.dtype(dtype), counts.folder)
        for first, block in row_blocks(counts):
            writer.append(function(first, block).astype(dtype, copy=False))
        return writer.finish()
    parts = [function(first, block).astype(dtype, copy=False) for first, block in row_blocks(counts)]
    if not parts:
        return np.zeros((0, width), dtype)
    return sp.csr_array(sp.vstack(parts, format="csr")) if sp.issparse(parts[0]) else np.concatenate(parts)


def window_sums(counts: Any, channels: slice) -> npt.NDArray[np.float64]:
    """Sum of the counts in some channels, (N,)."""
    total = np.zeros(counts.shape[0])
    group = np.full(counts.shape[1], -1)
    group[channels] = 0
    for start, spectra in blocks_in_memory(counts):

        def add(first: int, last: int, start: int = start, spectra: Any = spectra) -> None:
            rows = slice(start + first, start + last)
            if sp.issparse(spectra):
                from napari_gdls.summing import add_channels  # here, since numba takes long to load

                add_channels(spectra, first, last, group, total[rows, None])
                return
            with np.errstate(over="ignore"):  # `Field` refuses such counts afterwards
                total[rows] = spectra[first:last, channels].sum(axis=1, dtype=np.float64)

        in_blocks(spectra.shape[0], add, size=ROWS_OF_A_THREAD)
    return total


def lowest_and_highest(counts: Any) -> tuple[float, float]:
    """Smallest of 0 and the counts, and the largest; NaN where one is NaN."""
    if isinstance(counts, SpectraOnDisk):
        return counts.lowest, counts.highest
    values = counts.data if sp.issparse(counts) else counts
    return float(values.min(initial=0)), float(values.max(initial=0))


def bytes_in_memory(counts: Any) -> int:
    """Bytes of memory that spectra take: all of them, or of those on disk what leads to their rows."""
    if isinstance(counts, SpectraOnDisk):
        return int(counts.indptr.nbytes)
    if sp.issparse(counts):
        return int(counts.data.nbytes + counts.indices.nbytes + counts.indptr.nbytes)
    return int(counts.nbytes)
