"""Spectra that come in blocks, put together in whichever form is smaller, without a second copy of them in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field import Counts
from napari_gdls.io.counts_source import BLOCK_BYTES, CountsSource
from napari_gdls.io.limits import require_memory


def spectra_from(source: CountsSource, path: Path, limit: int) -> Counts:
    """Spectra of a map.

    Parameters
    ----------
    source : CountsSource
        Of (H, W, D) counts.
    path : Path
        For messages.
    limit : int
        Most bytes that the spectra may take.

    Returns
    -------
    (H * W, D) array or csr_array

    Raises
    ------
    FieldReadError
        If they need more than `limit`.
    """
    height, width, channels = source.shape
    if source.all_at_once:
        n_bytes = height * width * channels * source.dtype.itemsize
        require_memory(path, n_bytes + n_bytes // 2, limit, "the spectra")
        return spectra_of_cube(np.concatenate(list(source.blocks())))
    return collected_in_one_pass(source.blocks(), (height * width, channels), path, limit)


def spectra_of_cube(cube: npt.NDArray[Any]) -> Counts:
    """Spectra of a cube in memory.

    Parameters
    ----------
    cube : (H, W, D) array of counts

    Returns
    -------
    (H * W, D) array or csr_array
        `cube` itself, or CSR where that takes less memory, in the smallest unsigned dtype that holds the counts.
    """
    spectra = cube.reshape(-1, cube.shape[-1])
    step = max(BLOCK_BYTES // max(spectra.shape[1] * spectra.itemsize, 1), 1)
    blocks = [spectra[first : first + step] for first in range(0, len(spectra), step)]
    largest = max((block.max(initial=0) for block in blocks), default=0)
    smallest = min((block.min(initial=0) for block in blocks), default=0)
    dtype = _smallest_dtype(spectra.dtype, largest, smallest)
    n_stored = sum(int(np.count_nonzero(block)) for block in blocks)
    if _sparse_bytes(n_stored, len(spectra), dtype) >= spectra.size * dtype.itemsize:
        return spectra.astype(dtype, copy=False)
    return collected(blocks, n_stored, spectra.shape, dtype)


def stored_bytes(n_stored: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> int:
    """Bytes that spectra take in the smaller form.

    Parameters
    ----------
    n_stored : int
        Counts that are not zero.
    shape : (int, int)
        Spectra and channels.
    dtype : dtype
    """
    return min(_sparse_bytes(n_stored, shape[0], dtype), shape[0] * shape[1] * dtype.itemsize)


def collected(
    blocks: Iterable[npt.NDArray[Any]], n_stored: int, shape: tuple[int, int], dtype: np.dtype[Any]
) -> Counts:
    """Spectra out of blocks, when the number of their stored counts is known.

    Parameters
    ----------
    blocks : iterable of (n, D) arrays
        N spectra in all.
    n_stored : int
        Counts that are not zero.
    shape : (int, int)
        N and D.
    dtype : dtype
        Of the result; must hold all counts.

    Returns
    -------
    (N, D) array or csr_array
        The smaller one.
    """
    first = filled = 0
    if _sparse_bytes(n_stored, shape[0], dtype) >= shape[0] * shape[1] * dtype.itemsize:
        dense = np.empty(shape, dtype)
        for block in blocks:
            dense[first : first + len(block)] = block
            first += len(block)
        return dense
    counts, indices = np.empty(n_stored, dtype), np.empty(n_stored, np.int32)
    indptr = np.zeros(shape[0] + 1, _index_dtype(n_stored))
    for block in blocks:
        values, channels, ends = _compressed(block)
        counts[filled : filled + len(values)] = values
        indices[filled : filled + len(values)] = channels
        indptr[first + 1 : first + len(block) + 1] = filled + ends
        first += len(block)
        filled += len(values)
    return sp.csr_array((counts, indices, indptr), shape=shape)


def collected_in_one_pass(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, int], path: Path, limit: int) -> Counts:
    """Spectra out of blocks that are costly to make twice.

    Parameters
    ----------
    blocks, shape
        As in `collected`.
    path : Path
        For messages.
    limit : int
        Most bytes that the spectra may take.

    Returns
    -------
    (N, D) csr_array
        In the smallest unsigned dtype that holds the counts. `napari_gdls.Field` takes the dense form if it is smaller.

    Raises
    ------
    FieldReadError
        If the spectra need more than `limit`.
    """
    parts: list[tuple[npt.NDArray[Any], npt.NDArray[np.int32], npt.NDArray[np.int64]]] = []
    n_bytes = n_stored = largest = smallest = 0
    given = np.dtype(np.uint8)
    for block in blocks:
        values, channels, ends = _compressed(block)
        parts.append((values, channels, ends + n_stored))
        n_stored += len(values)
        n_bytes += values.nbytes + channels.nbytes
        given = block.dtype
        largest, smallest = max(largest, values.max(initial=0)), min(smallest, values.min(initial=0))
        # Putting the parts together takes their size again.
        require_memory(path, 2 * n_bytes, limit, "the spectra")
    dtype = _smallest_dtype(given, largest, smallest)
    counts = np.concatenate([values for values, _, _ in parts]).astype(dtype, copy=False)
    indices = np.concatenate([channels for _, channels, _ in parts])
    indptr = np.concatenate([np.zeros(1, np.int64), *(ends for _, _, ends in parts)]).astype(_index_dtype(n_stored))
    parts.clear()
    return sp.csr_array((counts, indices, indptr), shape=shape)


def _compressed(block: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Stored counts of a block, their channels, and the ends of its rows; scipy's own way takes far more memory."""
    flat = np.ascontiguousarray(block).reshape(-1)
    places = np.flatnonzero(flat)
    ends = np.cumsum(np.count_nonzero(block, axis=1), dtype=np.int64)
    return flat[places], (places % block.shape[1]).astype(np.int32), ends


def _sparse_bytes(n_stored: int, n_spectra: int, dtype: np.dtype[Any]) -> int:
    return n_stored * (dtype.itemsize + 4) + (n_spectra + 1) * _index_dtype(n_stored).itemsize


def _index_dtype(n_stored: int) -> np.dtype[Any]:
    # scipy turns all indices into 8 bytes as soon as one array has 8.
    return np.dtype(np.int32 if n_stored < 2**31 else np.int64)


def _smallest_dtype(given: np.dtype[Any], largest: Any, smallest: Any) -> np.dtype[Any]:
    if given.kind not in "ui" or smallest < 0:
        return given
    return np.min_scalar_type(int(largest))
