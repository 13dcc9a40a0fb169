"""Sums of the spectra of groups of measurements."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt
import scipy.sparse as sp


def add_by_group(spectra: Any, group: npt.NDArray[np.int64], out: npt.NDArray[np.float64]) -> None:
    """Add spectra to the sums of their groups.

    Parameters
    ----------
    spectra : (N, D) array or csr_array of counts
    group : (N,) array of int64
        Rows of `out`; negative: in no group.
    out : (K, D) array of float64
    """
    if sp.issparse(spectra):
        _add_csr(spectra.data, spectra.indices, spectra.indptr, group, out)
    else:
        _add_dense(spectra, group, out)


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
