"""Sums of spectra: of groups of measurements, and of groups of channels."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.threads import in_blocks, number_of_threads

_FEWEST = 1 << 20
"""Counts for each thread at least, zeros of arrays among them: fewer take less than a millisecond."""

_MOST_BYTES = 32 << 20
"""Bytes of sums that are made by several threads at most, since each has sums of its own; about 1,000 groups of 3,000
channels."""


def add_by_group(spectra: Any, group: npt.NDArray[np.int64], out: npt.NDArray[np.float64]) -> None:
    """Add spectra to the sums of their groups.

    Whole counts are summed on all threads where groups are few: such sums are exact, so their order does not matter.

    Parameters
    ----------
    spectra : (N, D) array or csr_array of counts
    group : (N,) array of int64
        Rows of `out`; negative: in no group.
    out : (K, D) array of float64
    """

    def add(first: int, last: int) -> npt.NDArray[np.float64]:
        sums = out if first == 0 else np.zeros_like(out)
        if sp.issparse(spectra):
            _add_csr(spectra.data, spectra.indices, spectra.indptr[first : last + 1], group[first:last], sums)
        else:
            _add_dense(spectra[first:last], group[first:last], sums)
        return sums

    parts = 1
    if spectra.dtype.kind in "ui" and out.nbytes <= _MOST_BYTES:
        n_values = spectra.nnz if sp.issparse(spectra) else spectra.size
        parts = max(1, min(number_of_threads(), n_values // _FEWEST))
    for sums in in_blocks(len(group), add, size=max(1, -(-len(group) // parts)))[1:]:
        out += sums


def add_channels(
    spectra: Any, first: int, last: int, group: npt.NDArray[np.int64], out: npt.NDArray[Any]
) -> npt.NDArray[Any]:
    """Add the channels of the spectra first..last - 1 to those of their groups, without copying counts.

    Parameters
    ----------
    spectra : (N, D) array or csr_array of counts
    first, last : int
    group : (D,) array of int64
        Columns of `out`; -1: in no group.
    out : (last - first, G) array
        Changed in place; whole counts may be added to whole numbers that can hold them.
    """
    if sp.issparse(spectra):
        _add_channels_csr(spectra.data, spectra.indices, spectra.indptr[first : last + 1], group, out)
    else:
        _add_channels_dense(np.ascontiguousarray(spectra[first:last]), group, out)
    return out


@nb.njit(cache=True, nogil=True)
def _add_csr(
    data: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    indptr: npt.NDArray[Any],
    group: npt.NDArray[np.int64],
    out: npt.NDArray[np.float64],
) -> None:
    """Add each row of a csr_array to that of its group; negative groups are left out.

    Relies on a group for each row, below the length of `out`, which `Field.summed_spectra` checks, and on indices
    inside of the shape, which `Field` checks.
    """
    for i in range(len(group)):
        if group[i] >= 0:
            for k in range(indptr[i], indptr[i + 1]):
                out[group[i], indices[k]] += data[k]


@nb.njit(cache=True, nogil=True)
def _add_dense(spectra: npt.NDArray[Any], group: npt.NDArray[np.int64], out: npt.NDArray[np.float64]) -> None:
    """Add each row to that of its group; negative groups are left out.

    Relies on a group for each row, below the length of `out`, which `Field.summed_spectra` checks.
    """
    for i in range(len(group)):
        if group[i] >= 0:
            for channel in range(spectra.shape[1]):
                out[group[i], channel] += spectra[i, channel]


@nb.njit(cache=True, nogil=True)
def _add_channels_csr(
    data: npt.NDArray[Any],
    indices: npt.NDArray[Any],
    indptr: npt.NDArray[Any],
    group: npt.NDArray[np.int64],
    out: npt.NDArray[Any],
) -> None:
    """`add_channels` of rows of a csr_array.

    Relies on a group below the width of `out` for each channel, on a row of `out` for each spectrum, and on indices
    inside of the shape, which `Field` checks.
    """
    for i in range(len(out)):
        for k in range(indptr[i], indptr[i + 1]):
            column = group[indices[k]]
            if column >= 0:
                out[i, column] += data[k]


@nb.njit(cache=True, nogil=True)
def _add_channels_dense(spectra: npt.NDArray[Any], group: npt.NDArray[np.int64], out: npt.NDArray[Any]) -> None:
    """`add_channels` of rows of an array.

    Relies on a group below the width of `out` for each channel, and on a row of `out` for each spectrum.
    """
    for i in range(len(out)):
        for channel in range(len(group)):
            if group[channel] >= 0:
                out[i, group[channel]] += spectra[i, channel]
