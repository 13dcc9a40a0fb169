"""Spectra that come in blocks, put together in whichever form is smaller, in memory or, if they are large, on disk."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldReadError
from napari_gdls.field import Counts
from napari_gdls.field.spectra_on_disk import SpectraWriter, channel_dtype
from napari_gdls.io.cached_files import cache_folder
from napari_gdls.io.counts_scan import CountsScan, kept_blocks, pieces_of, scanned
from napari_gdls.io.counts_source import BLOCK_BYTES, ArrayCounts, CountsSource
from napari_gdls.io.limits import format_bytes, require_memory, with_room

MEMORY_SHARE = 8
"""Spectra of more than one part in so many of the memory limit go to disk: what is done with them afterwards, from the
description to the segmentation, needs memory, too."""

_WORKING_BYTES = 4 * BLOCK_BYTES
"""Memory for the block that is worked on: as it is stored, unpacked, and its counts with their channels."""
_BYTES_OF_SPECTRUM = 64
"""Memory that every spectrum takes besides: its place (16), its row in the form on disk (16), and its sums (32)."""
_ON_DISK = "reading the spectra, even with most of them in a temporary file,"
_SPARE_DISK = 256 * 1024**2
"""Bytes that stay free on a disk that spectra are put on."""


def spectra_from(
    source: CountsSource,
    path: Path,
    limit: int,
    *,
    scan: CountsScan | None = None,
    kept: npt.NDArray[np.bool_] | None = None,
    taken: int = 0,
) -> Counts:
    """Spectra of a map, read twice: what they need is known, and compared with what there is, before any is kept.

    Parameters
    ----------
    source : CountsSource
        Of (H, W, D) counts.
    path : Path
        For messages.
    limit : int
        Most bytes of memory that reading may take.
    scan : CountsScan, optional
        Of the source and `kept`, if it is scan.
    kept : (H, W) array of bool, optional
        Pixels whose spectra are wanted. None: all.
    taken : int
        Bytes of memory that are in use for the file already.

    Returns
    -------
    (N, D) array, csr_array or SpectraOnDisk
        In the smallest unsigned dtype that holds the counts; dense where that is smaller, on disk where the spectra
        would take more than one part in `MEMORY_SHARE` of `limit`.

    Raises
    ------
    FieldReadError
        If they need more memory than `limit`, or more than there is on disk.
    """
    if scan is None:
        require_memory_to_read(path, source, limit, taken)
        source, taken = held_if_all_at_once(source, path, limit, taken)
        scan = scanned(source, kept=kept)
    collector = SpectraCollector(
        int(scan.n_stored.sum()), (len(scan.n_stored), source.shape[2]), scan.smallest_dtype, path, limit, taken=taken
    )
    for block in kept_blocks(source, kept):
        for piece in pieces_of(block):
            collector.append(piece)
    return collector.finish()


def require_memory_to_read(path: Path, source: CountsSource, limit: int, taken: int = 0) -> None:
    """Refuse a map, before anything of it is read, that takes more than `limit` even with its spectra on disk.

    Raises
    ------
    FieldReadError
    """
    height, width, n_channels = source.shape
    needed = taken + needed_besides(height * width, n_channels * source.dtype.itemsize)
    require_memory(path, needed, limit, _ON_DISK)


def most_to_read(source: CountsSource, n_spectra: int, limit: int, taken: int = 0) -> tuple[int, int]:
    """Bytes of memory that the spectra of a map take at most when they are read, and that reading them does.

    Parameters
    ----------
    source : CountsSource
    n_spectra : int
        That are kept, at most.
    limit : int
        Most bytes of memory that reading may take.
    taken : int
        Bytes of memory that are in use for the file already.
    """
    height, width, n_channels = source.shape
    row = n_channels * source.dtype.itemsize
    held = most_held(n_spectra * row, n_spectra, limit)
    whole = height * width * row if source.all_at_once else 0
    return held, taken + max(whole + whole // 2, whole + held + needed_besides(height * width, row))


def most_held(n_bytes: int, n_spectra: int, limit: int) -> int:
    """Bytes of memory that spectra of `n_bytes` take at most: `SpectraCollector` puts large ones on disk."""
    return min(n_bytes, limit // MEMORY_SHARE + _BYTES_OF_SPECTRUM * n_spectra)


def held_if_all_at_once(source: CountsSource, path: Path, limit: int, taken: int = 0) -> tuple[CountsSource, int]:
    """A source that can be read twice at no cost, and the bytes of memory that are in use then.

    Raises
    ------
    FieldReadError
        If unpacking needs more than `limit`.
    """
    if not source.all_at_once:
        return source, taken
    n_bytes = int(np.prod(source.shape, dtype=object)) * source.dtype.itemsize
    require_memory(path, taken + n_bytes + n_bytes // 2, limit, "the spectra")
    blocks = list(source.blocks())
    cube = blocks[0] if len(blocks) == 1 else np.concatenate(blocks)
    return ArrayCounts(cube.reshape(source.shape)), taken + n_bytes


def stored_bytes(n_stored: int, shape: tuple[int, int], dtype: np.dtype[Any]) -> int:
    """Bytes of memory that spectra take in the smaller form.

    Parameters
    ----------
    n_stored : int
        Counts that are not zero.
    shape : (int, int)
        Spectra and channels.
    dtype : dtype
    """
    return min(_sparse_bytes(n_stored, shape[0], dtype), shape[0] * shape[1] * dtype.itemsize)


class SpectraCollector:
    """Takes the spectra of a field block by block, and gives them back in the form that suits their number.

    Parameters
    ----------
    n_stored : int
        Counts that are not zero, of all spectra; exactly so many will come.
    shape : (int, int)
        Spectra and channels.
    dtype : dtype
        Of the result; must hold all counts.
    path : Path
        For messages.
    limit : int
        Most bytes of memory that reading may take.
    taken : int
        Bytes of memory that are in use already.

    Raises
    ------
    FieldReadError
        If the spectra need more memory than `limit`, or more than there is on disk.
    """

    def __init__(
        self,
        n_stored: int,
        shape: tuple[int, int],
        dtype: np.dtype[Any],
        path: Path,
        limit: int,
        *,
        taken: int = 0,
    ) -> None:
        self._shape, self._dtype, self._path = shape, dtype, path
        self._first = self._filled = 0
        self._dense: npt.NDArray[Any] | None = None
        self._writer: SpectraWriter | None = None
        size = stored_bytes(n_stored, shape, dtype)
        besides = taken + needed_besides(shape[0], shape[1] * dtype.itemsize)
        if size > limit // MEMORY_SHARE or besides + size > limit:
            require_memory(path, besides, limit, _ON_DISK)
            self._writer = _writer(n_stored, shape, dtype, path, max(MEMORY_SHARE * size, besides + size))
        elif size < _sparse_bytes(n_stored, shape[0], dtype):
            self._dense = np.empty(shape, dtype)
        else:
            self._values, self._channels = np.empty(n_stored, dtype), np.empty(n_stored, np.int32)
            self._ends = np.zeros(shape[0] + 1, _index_dtype(n_stored))

    def append(self, block: Any) -> None:
        """Add (n, D) spectra: an array, or a csr_array whose rows are sorted by channel."""
        n = block.shape[0]
        if self._dense is not None:
            self._dense[self._first : self._first + n] = block.toarray() if sp.issparse(block) else block
        elif self._writer is not None:
            try:
                self._writer.append(block if sp.issparse(block) else _compressed(block))
            except OSError as error:
                raise _no_file(self._path, error) from None
        else:
            rows = block if sp.issparse(block) else _compressed(block)
            part = slice(self._filled, self._filled + len(rows.data))
            self._values[part], self._channels[part] = rows.data, rows.indices
            self._ends[self._first + 1 : self._first + n + 1] = rows.indptr[1:] + self._ends.dtype.type(self._filled)
            self._filled = part.stop
        self._first += n

    def finish(self) -> Counts:
        """The (N, D) array, csr_array or SpectraOnDisk."""
        if self._dense is not None:
            return self._dense
        if self._writer is not None:
            return self._writer.finish()
        return sp.csr_array((self._values, self._channels, self._ends), shape=self._shape)


def _writer(n_stored: int, shape: tuple[int, int], dtype: np.dtype[Any], path: Path, in_memory: int) -> SpectraWriter:
    """Where spectra go that would need a memory limit of `in_memory` bytes otherwise."""
    folder = _folder()
    needed = n_stored * (dtype.itemsize + channel_dtype(shape[1]).itemsize)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed + _SPARE_DISK:
            raise FieldReadError(
                path,
                f"the spectra would take {format_bytes(needed)} in temporary files in {folder}, where "
                f"{format_bytes(free)} are free",
                remedy="Make room there; or, with the memory for it, give "
                f"`memory_limit={with_room(in_memory)}`, so that they need no file.",
            )
        return SpectraWriter(shape[1], dtype, folder)
    except OSError as error:
        raise _no_file(path, error) from None


def _no_file(path: Path, error: OSError) -> FieldReadError:
    return FieldReadError(
        path,
        f"the spectra do not fit into the memory limit, and cannot be put into a temporary file in {_folder()} "
        f"({error.strerror or error})",
        remedy="Make room there, and see that the folder can be written to.",
    )


def _folder() -> Path:
    return cache_folder() / "spectra"


def _compressed(block: npt.NDArray[Any]) -> sp.csr_array:
    """CSR of a block; scipy's own way takes far more memory."""
    flat = np.ascontiguousarray(block).reshape(-1)
    filled = flat != 0  # four times as quick to look through as the counts
    places = np.flatnonzero(filled).astype(np.int32)
    ends = np.zeros(len(block) + 1, np.int32)
    np.cumsum(np.count_nonzero(filled.reshape(block.shape), axis=1), out=ends[1:])
    n_channels = np.int32(block.shape[1])
    # As %, which numpy has no quick way for.
    channels = places - places // n_channels * n_channels
    return sp.csr_array((flat[places], channels, ends), shape=block.shape)


def needed_besides(n_spectra: int, row_bytes: int = 0) -> int:
    """Bytes of memory that reading so many spectra takes, without them."""
    working = min(_WORKING_BYTES, 4 * n_spectra * row_bytes) if row_bytes else _WORKING_BYTES
    return n_spectra * _BYTES_OF_SPECTRUM + working


def _sparse_bytes(n_stored: int, n_spectra: int, dtype: np.dtype[Any]) -> int:
    return n_stored * (dtype.itemsize + 4) + (n_spectra + 1) * _index_dtype(n_stored).itemsize


def _index_dtype(n_stored: int) -> np.dtype[Any]:
    # scipy turns all indices into 8 bytes as soon as one array has 8.
    return np.dtype(np.int32 if n_stored < 2**31 else np.int64)
