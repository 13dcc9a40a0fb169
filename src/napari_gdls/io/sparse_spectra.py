"""Spectra out of a cube in whichever form is smaller, without a second cube in memory."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field import Counts
from napari_gdls.io.limits import require_memory

BLOCK_BYTES = 64 * 1024**2
"""Raw size of the blocks that a cube is worked through in."""


def spectra_of_cube(cube: npt.NDArray[Any]) -> Counts:
    """Spectra of a cube in memory.

    Parameters
    ----------
    cube : (H, W, D) array of counts

    Returns
    -------
    (H * W, D) array or csr_array
        A view of `cube`, or CSR where that takes less memory, in the smallest unsigned dtype that holds the counts.
    """
    spectra = cube.reshape(-1, cube.shape[-1])
    step = max(BLOCK_BYTES // max(spectra.shape[1] * spectra.itemsize, 1), 1)
    blocks = [spectra[first : first + step] for first in range(0, len(spectra), step)]
    dtype = _smallest_dtype(
        spectra.dtype, max((block.max(initial=0) for block in blocks), default=0), spectra.min(initial=0)
    )
    n_stored = sum(int(np.count_nonzero(block)) for block in blocks)
    if n_stored * (dtype.itemsize + 4) >= spectra.shape[0] * spectra.shape[1] * dtype.itemsize:
        return spectra.astype(dtype, copy=False)
    counts, indices = np.empty(n_stored, dtype), np.empty(n_stored, np.int32)
    indptr = np.zeros(len(spectra) + 1, np.int64)
    filled = 0
    for number, block in enumerate(blocks):
        part = _csr(block)
        counts[filled : filled + part.nnz] = part.data
        indices[filled : filled + part.nnz] = part.indices
        indptr[number * step + 1 : number * step + len(block) + 1] = filled + part.indptr[1:]
        filled += part.nnz
    return sp.csr_array((counts, indices, indptr), shape=spectra.shape)


def spectra_of_blocks(blocks: Iterable[npt.NDArray[Any]], shape: tuple[int, int], path: Path, limit: int) -> Counts:
    """Spectra that come in blocks, one after the other.

    Parameters
    ----------
    blocks : iterable of (n, D) arrays
        N spectra in all.
    shape : (int, int)
        N and D.
    path : Path
        For messages.
    limit : int
        Most bytes that the spectra may take.

    Returns
    -------
    (N, D) array or csr_array
        As in `spectra_of_cube`.

    Raises
    ------
    FieldReadError
        If the spectra need more than `limit`.
    """
    parts: list[Counts] = []
    n_bytes = 0
    for block in blocks:
        parts.append(_csr(block))
        n_bytes += parts[-1].data.nbytes + parts[-1].indices.nbytes
        # Putting the parts together takes their size again.
        require_memory(path, 2 * n_bytes, limit, "the spectra")
    spectra = sp.csr_array(sp.vstack(parts, format="csr")) if len(parts) > 1 else parts[0]
    parts.clear()
    dtype = _smallest_dtype(spectra.dtype, spectra.data.max(initial=0), spectra.data.min(initial=0))
    if dtype != spectra.dtype:
        spectra = sp.csr_array((spectra.data.astype(dtype), spectra.indices, spectra.indptr), shape=spectra.shape)
    return spectra  # Field takes the dense form when that is smaller


def _csr(block: npt.NDArray[Any]) -> Counts:
    """CSR of a dense block; scipy's own way takes several times the memory."""
    flat = np.ascontiguousarray(block).reshape(-1)
    places = np.flatnonzero(flat)
    per_row = np.count_nonzero(block, axis=1)
    indptr = np.concatenate([[0], np.cumsum(per_row)])
    indices = (places % block.shape[1]).astype(np.int32)
    return sp.csr_array((flat[places], indices, indptr), shape=block.shape)


def _smallest_dtype(given: np.dtype[Any], largest: Any, smallest: Any) -> np.dtype[Any]:
    if given.kind not in "ui" or smallest < 0:
        return given
    return np.min_scalar_type(int(largest))
