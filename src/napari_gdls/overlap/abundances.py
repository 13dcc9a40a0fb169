"""What of each pixel's counts each phase gave, where masks say which phases can be there, and spectra from that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.progress import Progress, silent

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

EM_STEPS = 30
"""Steps of expectation maximisation: what they leave is a tenth of the noise at 300 counts."""

TOLERANCE = 1e-3
"""Change of a share at which the steps end."""

_BLOCK = 8192  # pixels between two reports of progress


def constrained_shares(
    binned: sp.csr_array, spectra: FloatArray, allowed: BoolArray, *, progress: Progress = silent
) -> FloatArray:
    """Share of each phase in the counts of each pixel, of greatest likelihood.

    Parameters
    ----------
    binned : (N, n) csr_array of float64
        Counts in analysis channels.
    spectra : (K, n) float64
        Of the pure phases, positive, of sum 1.
    allowed : (N, K) bool
        Which phases each pixel may hold; at least one.

    Returns
    -------
    (N, K) float64
        Rows sum to 1.
    """
    from napari_gdls.overlap.abundance_kernels import fit_shares

    shares = allowed.astype(np.float64)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1.0)
    for first in range(0, len(shares), _BLOCK):
        progress("abundances", first / len(shares))
        rows = slice(first, first + _BLOCK)
        indptr = binned.indptr[first : first + _BLOCK + 1]
        fit_shares(indptr, binned.indices, binned.data, spectra, allowed[rows], shares[rows], EM_STEPS, TOLERANCE)
    return shares


def regressed_spectra(counts: object, amounts: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Spectra that explain the counts of all pixels best, given how much each phase gave there.

    Parameters
    ----------
    counts : (N, D) array or csr_array
    amounts : (N, K) float64
        Counts of each phase in each pixel.

    Returns
    -------
    spectra : (K, D) float64
        Counts in each channel for one count of the phase.
    variances : (K, D) float64
        Of counting, the amounts being taken as known.

    Notes
    -----
    Least squares with the reciprocal of a pixel's counts as its weight. The sum of a mask less the sum of the matrix
    leaves out what intersections tell, and weighs pixels by their thickness twice.
    """
    total = np.maximum(amounts.sum(axis=1), 1.0)
    weighted = amounts / total[:, None]
    solver = np.linalg.solve(weighted.T @ amounts, weighted.T)
    spectra = np.asarray(solver @ counts, dtype=np.float64)
    variances = np.asarray(solver**2 @ counts, dtype=np.float64)
    return spectra, variances
