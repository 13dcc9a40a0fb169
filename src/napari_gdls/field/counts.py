"""The counts of a field: what they may be, how they are held, and how they are thinned."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import FieldError
from napari_gdls.field.numbers import native_numbers
from napari_gdls.field.rows import lowest_and_highest, mapped, row_blocks, rows_are_sparse, window_sums
from napari_gdls.field.spectra_on_disk import SpectraOnDisk

Counts: TypeAlias = Any
"""(N, D) array, `scipy.sparse.csr_array` or `SpectraOnDisk`; scipy has no types to say so."""

MOST_COUNTS = 2**31 - 1
"""Most counts of one spectrum: counts in energy windows are held as int32, up to all counts in one window."""
MOST_COUNTS_OF_FIELD = 2**53
"""Most counts of a field: sums of spectra are held as int64 and as float64, which is exact up to here."""

_SCALED = "If the values are scaled, give the value of one count as `gain=`."


def checked_counts(spectra: Any, n_locations: int, energy: EnergyAxis) -> Counts:
    """Spectra that all code may rely on; the given arrays are neither changed nor, where they must differ, shared.

    Parameters
    ----------
    spectra : (N, D) array, scipy sparse matrix or SpectraOnDisk
    n_locations : int
        N.
    energy : EnergyAxis
        Of D channels.

    Returns
    -------
    (N, D) array, csr_array or SpectraOnDisk
        Of native byte order, whole numbers or float32 or float64, finite and not negative. Rows of a csr_array are
        sorted by channel, with each channel once.

    Raises
    ------
    FieldError
        If the spectra are something else.
    """
    if not isinstance(energy, EnergyAxis):
        raise FieldError(f"energy is a {type(energy).__name__}; give an EnergyAxis(offset, width, size) in eV.")
    counts: Counts = spectra
    if not isinstance(spectra, SpectraOnDisk):
        counts = _sparse_rows(spectra) if sp.issparse(spectra) else np.asarray(spectra)
    if counts.ndim != 2:
        raise FieldError(f"spectra have shape {counts.shape}; one spectrum per row, (N, channels), is needed.")
    if counts.shape[0] != n_locations:
        raise FieldError(f"{counts.shape[0]} spectra for {n_locations} locations; give one location per spectrum.")
    if counts.shape[1] != energy.size:
        raise FieldError(f"spectra have {counts.shape[1]} channels and the energy axis {energy.size}; they must agree.")
    if isinstance(counts, SpectraOnDisk):
        if not (math.isfinite(counts.highest) and counts.lowest >= 0):
            _check_values(counts)
        return counts
    if not sp.issparse(counts):
        counts = _numbers(counts)
    _check_values(counts)
    return counts


def check_sums(counts: Counts) -> None:
    """See to it that sums of the counts can be held.

    Raises
    ------
    FieldError
        If a spectrum has more than `MOST_COUNTS`, or all have more than `MOST_COUNTS_OF_FIELD` together.
    """
    _, largest = lowest_and_highest(counts)
    sparse = rows_are_sparse(counts)
    longest = int(np.diff(counts.indptr).max(initial=0)) if sparse else counts.shape[1]
    n_values = counts.nnz if sparse else counts.size
    if largest * longest <= MOST_COUNTS and largest * n_values <= MOST_COUNTS_OF_FIELD:
        return  # as for any map of one- or two-byte counts: no sums are needed
    total = total_counts(counts)
    if not total.max() <= MOST_COUNTS:
        raise FieldError(
            f"spectrum {int(np.argmax(total))} has {total.max():.4g} counts; no more than {MOST_COUNTS:,} can be "
            "handled.",
            remedy=_SCALED,
            option="gain",
        )
    if not total.sum() <= MOST_COUNTS_OF_FIELD:
        raise FieldError(
            f"the field has {total.sum():.4g} counts; no more than {MOST_COUNTS_OF_FIELD:,} can be handled.",
            remedy=_SCALED,
            option="gain",
        )


def total_counts(counts: Counts) -> npt.NDArray[np.float64]:
    """Counts of every spectrum in all channels, (N,)."""
    return window_sums(counts, slice(None))


def thinned_counts(counts: Counts, fraction: float, rng: np.random.Generator) -> Counts:
    """Counts of which each is kept with a probability, as a shorter measurement would have given them.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
        Whole numbers.
    fraction : float
        0 to 1.
    rng : Generator

    Returns
    -------
    (N, D) array, csr_array or SpectraOnDisk, of int64
        Entries of a csr_array stay where they are, also those that become 0.

    Raises
    ------
    FieldError
        If there are fractional counts.
    """
    if isinstance(counts, SpectraOnDisk):
        return mapped(counts, lambda _, block: thinned_counts(block, fraction, rng), np.int64)
    values = counts.data if sp.issparse(counts) else counts
    whole = values.astype(np.int64)
    if not np.array_equal(whole, values):
        raise FieldError("only whole counts can be thinned; these spectra hold fractions (rebinned, perhaps).")
    kept = rng.binomial(whole, fraction)
    return sp.csr_array((kept, counts.indices, counts.indptr), shape=counts.shape) if sp.issparse(counts) else kept


def smaller_form(counts: Counts) -> Counts:
    """CSR or dense, whichever takes less memory; the values are the same. What lies on disk stays there."""
    if isinstance(counts, SpectraOnDisk):
        return counts
    if sp.issparse(counts):
        n_stored, itemsize = counts.nnz, counts.dtype.itemsize
    else:
        n_stored, itemsize = int(np.count_nonzero(counts)), counts.dtype.itemsize
    # csr_array keeps 4-byte indices while they suffice, as they do for any field that fits in memory.
    sparse_bytes = n_stored * (itemsize + 4) + 4 * (counts.shape[0] + 1)
    if sparse_bytes < counts.shape[0] * counts.shape[1] * itemsize:
        return counts if sp.issparse(counts) else sp.csr_array(counts)
    return counts.toarray() if sp.issparse(counts) else counts


def _sparse_rows(spectra: Any) -> sp.csr_array:
    """Any scipy sparse matrix as a csr_array; its indices are looked at before compiled code uses them."""
    if len(spectra.shape) != 2:
        raise FieldError(f"spectra have shape {spectra.shape}; one spectrum per row, (N, channels), is needed.")
    try:
        rows = _rows_of_csr(spectra) if spectra.format == "csr" else _rows_of_entries(spectra)
    except (ValueError, TypeError, IndexError, OverflowError) as error:
        if isinstance(error, FieldError):
            raise
        raise FieldError(f"spectra are a damaged sparse matrix ({error}); build it anew.") from None
    # Half the memory of the channels, and faster; arrays of scipy keep wide indices that they are given.
    if rows.indices.dtype.itemsize > 4 and max(rows.nnz, *rows.shape) <= np.iinfo(np.int32).max:
        narrow = (rows.data, rows.indices.astype(np.int32), rows.indptr.astype(np.int32))
        rows = sp.csr_array(narrow, shape=rows.shape)
    return rows


def _rows_of_csr(spectra: Any) -> sp.csr_array:
    data = _numbers(np.asarray(spectra.data))
    indices, indptr = (native_numbers(np.asarray(part), "") for part in (spectra.indices, spectra.indptr))
    rows = sp.csr_array((data, indices, indptr), shape=spectra.shape)
    rows.check_format(full_check=True)
    if rows.has_canonical_format:
        return rows
    rows = rows.copy()
    rows.sort_indices()
    return rows if rows.has_canonical_format else _summed(rows)


def _rows_of_entries(spectra: Any) -> sp.csr_array:
    entries = spectra.tocoo()
    data = _numbers(np.asarray(entries.data))
    row, column = (np.asarray(each).astype(np.int64) for each in (entries.row, entries.col))
    for index, size in ((row, spectra.shape[0]), (column, spectra.shape[1])):
        if len(index) and not (index.min() >= 0 and index.max() < size):
            raise ValueError("an index is out of range")
    order = np.lexsort((column, row))
    indptr = np.searchsorted(row[order], np.arange(spectra.shape[0] + 1))
    rows = sp.csr_array((data[order], column[order], indptr), shape=spectra.shape)
    return rows if rows.has_canonical_format else _summed(rows)


def _summed(rows: sp.csr_array) -> sp.csr_array:
    """With doubled channels added up, in a dtype that holds the sums."""
    dtype = rows.dtype
    wide = rows.astype(np.float64 if dtype.kind == "f" else np.uint64 if dtype.kind == "u" else np.int64)
    wide.sum_duplicates()
    fits = dtype.kind == "f" or wide.data.max(initial=0) <= np.iinfo(dtype).max
    return wide.astype(dtype) if fits else wide


def _numbers(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if counts.dtype.kind == "b":
        return counts.astype(np.uint8)
    return native_numbers(counts, "spectra have dtype {dtype}; counts must be real numbers.")


def _check_values(counts: Counts) -> None:
    if counts.dtype.kind not in "if":
        return
    n_wrong = n_negative = 0
    first_wrong, lowest = -1, 0.0
    for first, block in row_blocks(counts):
        values = block.data if sp.issparse(block) else block
        if counts.dtype.kind == "f" and not np.isfinite(values).all():
            wrong = ~np.isfinite(values)
            if not n_wrong:
                place = int(np.argmax(wrong))
                flat = values.ndim == 1
                row = int(np.searchsorted(block.indptr, place, "right")) - 1 if flat else place // block.shape[1]
                first_wrong = first + row
            n_wrong += int(np.count_nonzero(wrong))
        elif values.size and values.min() < 0:
            n_negative += int(np.count_nonzero(values < 0))
            lowest = min(lowest, values.min())
    if n_wrong:
        raise FieldError(
            f"spectra hold {n_wrong} counts that are NaN or infinite, the first in spectrum {first_wrong}.",
            remedy="Replace them by 0, or drop the spectra.",
        )
    if n_negative:
        raise FieldError(
            f"{n_negative} counts are negative, down to {lowest}; counts must be 0 or more "
            "(was a background subtracted?)."
        )
