"""Square blocks of pixels with enough counts to tell components apart, and what was counted in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field import Field
from napari_gdls.overlap.channels import AnalysisChannels
from napari_gdls.progress import Progress, silent

BLOCK_COUNTS = 1500.0
"""Counts of a block in the mean: found best for Poisson-weighted factorisation of simulated maps of 30 to 300 counts a
pixel, where angles to the true spectra fall by a third or more against single pixels."""
FEWEST_BLOCKS = 64
"""Blocks of a map, where it has as many pixels: fewer say too little about what varies together. A choice."""
DEFAULT_MEMORY = 2 * 2**30
"""Bytes that temporary arrays may take where no limit is given. A choice."""

_ROWS_AT_A_TIME = 4096  # spectra between two reports of progress
_COPIES = 6
"""Arrays of the size of the blocks' counts that a factorisation holds at a time; measured with scikit-learn 1.9."""


@dataclass(frozen=True, eq=False)
class PixelBlocks:
    """Which block each measurement is in.

    Attributes
    ----------
    block : (N,) array of int64
        0 to n - 1.
    n : int
        Number of blocks.
    edge : int
        Of a block, in pixels; those at the borders of the map are smaller.
    """

    block: npt.NDArray[np.int64]
    n: int
    edge: int

    def sums(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Sums of values (N, k) over the blocks, (n, k)."""
        return np.stack([np.bincount(self.block, weights=each, minlength=self.n) for each in values.T], axis=1)


def pixel_blocks(field: Field, total: float, n_channels: int, memory_limit: int | None = None) -> PixelBlocks:
    """Blocks of about 1,500 counts.

    Parameters
    ----------
    field : Field
    total : float
        Counts of all pixels that matter.
    n_channels : int
        Channels in which they will be summed.
    memory_limit : int, optional
        Bytes that their sums and copies of them may take; blocks are larger where it asks for it. None: 2 GiB.

    Returns
    -------
    PixelBlocks
    """
    n_pixels = field.n_measurements
    wanted = math.sqrt(BLOCK_COUNTS * n_pixels / max(total, 1.0))
    most = math.sqrt(n_pixels / FEWEST_BLOCKS)
    edge = max(1, min(math.ceil(wanted), math.floor(most)))
    limit = DEFAULT_MEMORY if memory_limit is None else memory_limit
    bytes_of_block = 8 * n_channels * _COPIES
    edge = max(edge, math.ceil(math.sqrt(n_pixels * bytes_of_block / limit)))
    return _blocks_of_edge(field, edge)


def _blocks_of_edge(field: Field, edge: int) -> PixelBlocks:
    across = -(-field.shape[1] // edge)
    number = field.locations[:, 0] // edge * across + field.locations[:, 1] // edge
    present, block = np.unique(number, return_inverse=True)
    return PixelBlocks(block.astype(np.int64), len(present), edge)


def blocks_of_counts(
    field: Field, channels: AnalysisChannels, memory_limit: int | None = None, progress: Progress = silent
) -> tuple[PixelBlocks, npt.NDArray[np.float64]]:
    """Blocks of about 1,500 counts in the wide channels, and these counts, (blocks, channels.n)."""
    blocks = pixel_blocks(field, channels.total(field), channels.n, memory_limit)
    return blocks, summed_blocks(field, blocks, channels.group, progress)


def summed_blocks(
    field: Field, blocks: PixelBlocks, group: npt.NDArray[np.int64], progress: Progress = silent
) -> npt.NDArray[np.float64]:
    """Counts of the blocks in wide channels; spectra are read in parts, and never made dense.

    Parameters
    ----------
    field : Field
    blocks : PixelBlocks
    group : (D,) array of int64
        Wide channel of each channel; -1: left out.
    progress : Progress, optional
        Stage "summing spectra".

    Returns
    -------
    (blocks.n, n) array of float64
    """
    from napari_gdls.overlap.kl_kernels import add_rows_csr, add_rows_dense

    spectra = field.spectra
    out = np.zeros((blocks.n, int(group.max(initial=-1)) + 1))
    for first in range(0, len(blocks.block), _ROWS_AT_A_TIME):
        progress("summing spectra", first / len(blocks.block))
        last = min(first + _ROWS_AT_A_TIME, len(blocks.block))
        rows = spectra[first:last]
        if sp.issparse(rows):
            add_rows_csr(rows.data, rows.indices, rows.indptr, blocks.block[first:last], group, out)
        else:
            add_rows_dense(rows, blocks.block[first:last], group, out)
    progress("summing spectra", 1.0)
    return out
