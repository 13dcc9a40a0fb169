"""Spectra that do not fit in memory: in a temporary file, read some rows at a time."""

from __future__ import annotations

import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import FieldError

_READ_BYTES = 32 * 1024**2
"""Bytes of the file that one block of `SpectraOnDisk.blocks` is read from: what a disk reads in a tenth of a second."""
_GAP = 64
"""Spectra that are read along rather than left out between two that are wanted: a call costs as much as their bytes."""


class SpectraOnDisk:
    """(N, D) counts in a temporary file, as rows of a sparse matrix; rows that are asked for come as `csr_array`.

    Channel numbers take two bytes where there are no more than 65,536, so a count takes three bytes or more, and the
    memory N + 1 places only. The file is gone when the object is. Made by `SpectraWriter`.

    Attributes
    ----------
    shape : (int, int)
    dtype : dtype
    indptr : (N + 1,) array of int64
        Where each spectrum begins.
    lowest, highest : float
        Smallest of 0 and the counts, and the largest; NaN where one is NaN.
    folder : Path
        Of the temporary file.
    """

    ndim = 2
    __array_ufunc__ = None  # products with arrays of numpy are made here
    # No __len__, as sparse arrays of scipy have none: with it, products with them would read row by row.

    def __init__(
        self,
        values: IO[bytes],
        channels: IO[bytes],
        indptr: npt.NDArray[np.int64],
        n_channels: int,
        dtype: np.dtype[Any],
        *,
        lowest: float,
        highest: float,
        folder: Path,
    ) -> None:
        self.shape = (len(indptr) - 1, n_channels)
        self.dtype = dtype
        self.indptr = indptr
        self.lowest, self.highest = lowest, highest
        self.folder = folder
        self._files = (values, channels)
        weakref.finalize(self, _close, self._files)
        self._channel_dtype = channel_dtype(n_channels)
        self._lock = threading.Lock()

    @property
    def nnz(self) -> int:
        """Counts that are stored."""
        return int(self.indptr[-1])

    def __getitem__(self, key: Any) -> sp.csr_array:
        """Rows: a slice, a list of numbers, or a mask; and of these, channels.

        All that is asked for is brought to memory. One number is no row, as in `scipy.sparse`'s two-dimensional form.
        """
        if isinstance(key, tuple):
            rows, channels = key
            return sp.csr_array(self[rows])[:, channels]
        if isinstance(key, slice):
            first, last, step = key.indices(self.shape[0])
            if step == 1:
                return self._rows(first, max(last, first))
            key = np.arange(first, last, step)
        rows = np.asarray(key)
        rows = np.flatnonzero(rows) if rows.dtype == bool else rows.astype(np.int64)
        rows = np.where(rows < 0, rows + self.shape[0], rows)
        if rows.ndim != 1 or (len(rows) and not (rows.min() >= 0 and rows.max() < self.shape[0])):
            raise IndexError(f"rows must be numbers from 0 to {self.shape[0] - 1}")
        return self._picked(rows)

    def blocks(self) -> Iterator[tuple[int, sp.csr_array]]:
        """All spectra: number of the first of a block, and the block."""
        per_count = self.dtype.itemsize + self._channel_dtype.itemsize
        most = max(_READ_BYTES // per_count, 1)
        first = 0
        while first < self.shape[0]:
            last = int(np.searchsorted(self.indptr, self.indptr[first] + most, side="right")) - 1
            last = min(max(last, first + 1), self.shape[0])
            yield first, self._rows(first, last)
            first = last

    def sum(self, axis: int | None = None, dtype: Any = None) -> Any:
        """Sum over all, over the spectra (axis 0) or over the channels (axis 1), as that of arrays."""
        # Sparse arrays sum in their own dtype, whatever is asked for.
        total = [np.asarray(block.astype(dtype or block.dtype).sum(axis=axis)) for _, block in self.blocks()]
        if axis in (1, -1):
            return np.concatenate(total) if total else np.zeros(0, dtype)
        return np.sum(total, axis=0)

    def __matmul__(self, other: Any) -> Any:
        parts = [block @ other for _, block in self.blocks()]
        return sp.vstack(parts, format="csr") if sp.issparse(other) else np.concatenate(parts)

    def __rmatmul__(self, other: Any) -> Any:
        total: Any = 0
        for first, block in self.blocks():
            total = total + other[:, first : first + block.shape[0]] @ block
        return total

    def _rows(self, first: int, last: int) -> sp.csr_array:
        start, end = int(self.indptr[first]), int(self.indptr[last])
        indptr = self.indptr[first : last + 1] - start
        index: npt.DTypeLike = np.int32 if end - start < 2**31 else np.int64
        with self._lock:
            values = _read(self._files[0], start, end, self.dtype)
            channels = _read(self._files[1], start, end, self._channel_dtype)
        return sp.csr_array((values, channels.astype(index), indptr.astype(index)), shape=(last - first, self.shape[1]))

    def _picked(self, rows: npt.NDArray[np.int64]) -> sp.csr_array:
        if not len(rows):
            return self._rows(0, 0)
        wanted, place = np.unique(rows, return_inverse=True)
        cuts = np.flatnonzero(np.diff(wanted) > _GAP) + 1
        parts = [self._rows(int(run[0]), int(run[-1]) + 1)[run - run[0]] for run in np.split(wanted, cuts)]
        found = parts[0] if len(parts) == 1 else sp.csr_array(sp.vstack(parts, format="csr"))
        return found if np.array_equal(place, np.arange(len(wanted))) else found[place]

    def __reduce__(self) -> Any:
        raise FieldError(
            "spectra on disk cannot be handed to another process; give it the file of the field, or read the field "
            "with a larger `memory_limit=`."
        )


class SpectraWriter:
    """Takes the spectra of a field block by block.

    Parameters
    ----------
    n_channels : int
    dtype : dtype
        Of the counts; must hold all.
    folder : Path
        Where the temporary file is made: on a disk, not in memory.
    """

    def __init__(self, n_channels: int, dtype: np.dtype[Any], folder: Path) -> None:
        self.n_channels = n_channels
        self.dtype = np.dtype(dtype).newbyteorder("=")
        folder.mkdir(parents=True, exist_ok=True)
        self._files = tuple(tempfile.TemporaryFile(dir=folder, prefix="spectra-") for _ in range(2))  # noqa: SIM115, kept open
        self._closing = weakref.finalize(self, _close, self._files)
        self._ends = [np.zeros(1, np.int64)]
        self._n_stored = 0
        self._lowest = self._highest = 0.0
        self._folder = folder

    def append(self, block: Any) -> None:
        """Add (n, D) spectra: an array, or a csr_array whose rows are sorted by channel."""
        rows = block if sp.issparse(block) else sp.csr_array(block)
        if not rows.data.all():  # so that empty rows are those without entries
            rows = rows.copy()
            rows.eliminate_zeros()
        if rows.shape[1] != self.n_channels:
            raise FieldError(f"a block has {rows.shape[1]} channels; {self.n_channels} are needed.")
        self._lowest = float(np.minimum(self._lowest, rows.data.min(initial=0)))
        self._highest = float(np.maximum(self._highest, rows.data.max(initial=0)))
        values, channels = self._files
        values.write(np.ascontiguousarray(rows.data, self.dtype).data)
        channels.write(np.ascontiguousarray(rows.indices, channel_dtype(self.n_channels)).data)
        self._ends.append(np.asarray(rows.indptr[1:], np.int64) + self._n_stored)
        self._n_stored += len(rows.data)

    def finish(self) -> SpectraOnDisk:
        """The spectra; nothing can be added afterwards."""
        for file in self._files:
            file.flush()
        values, channels = self._files
        self._closing.detach()
        return SpectraOnDisk(
            values,
            channels,
            np.concatenate(self._ends),
            self.n_channels,
            self.dtype,
            lowest=self._lowest,
            highest=self._highest,
            folder=self._folder,
        )


def _close(files: tuple[IO[bytes], ...]) -> None:
    for file in files:
        file.close()


def channel_dtype(n_channels: int) -> np.dtype[Any]:
    """Smallest dtype of channel numbers that are kept and not reckoned with."""
    return np.dtype(np.uint16 if n_channels <= 2**16 else np.uint32)


def _read(file: IO[bytes], start: int, end: int, dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    out = np.empty(end - start, dtype)
    file.seek(start * dtype.itemsize)
    view = out.view(np.uint8)
    filled = 0
    while filled < len(view):
        n = file.readinto(view[filled:].data)  # type: ignore[attr-defined]
        if not n:
            raise FieldError("the temporary file of the spectra has been cut short; read the field again.")
        filled += n
    return out
