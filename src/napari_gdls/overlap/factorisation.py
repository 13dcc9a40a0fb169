"""Non-negative factors of counts, and principal components, each with the noise of counting taken into account.

Counts have a variance equal to their mean, so channels and pixels with many counts would rule a fit by least squares.
The Poisson weights of Keenan and Kotula divide by the root of the mean spectrum and of the mean image; the
Kullback-Leibler divergence is the likelihood of counts itself.

References
----------
M. R. Keenan, P. G. Kotula, Accounting for Poisson noise in the multivariate analysis of ToF-SIMS spectrum images,
Surf. Interface Anal. 36 (2004) 203-212.
D. D. Lee, H. S. Seung, Algorithms for non-negative matrix factorization, NIPS 13 (2001) 556-562.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.progress import Progress, silent

_ITERATIONS, _TOLERANCE = 500, 1e-4
"""Iterations of a factorisation at most; least squares of blocks of pixels end after 50 to 300. The tolerance of
scikit-learn's `NMF` is its default."""
_ROUGH_ITERATIONS, _ROUGH_TOLERANCE = 100, 1e-3
"""Likewise, where numbers of components are compared: the numbers chosen are the same in half of the time."""
_NUMBERS_AT_A_TIME = 2e8
"""Products of numbers between two reports of progress, a second's work or less."""
_FEWEST_AT_A_TIME = 5  # iterations between two reports

_Matrix = npt.NDArray[np.float64]


def poisson_weights(counts: Any) -> tuple[_Matrix, _Matrix]:
    """Roots of the mean spectrum and of the mean image, in units that make the noise 1.

    Parameters
    ----------
    counts : (m, n) array or csr_array

    Returns
    -------
    rows, columns : (m,), (n,) arrays
        ``counts / rows[:, None] / columns`` has noise of variance 1. Rows and columns without counts have 1.
    """
    by_row = np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()
    by_column = np.asarray(counts.sum(axis=0, dtype=np.float64)).ravel()
    total = max(float(by_row.sum()), 1.0)
    rows = np.sqrt(np.where(by_row > 0, by_row, 1.0))
    columns = np.sqrt(np.where(by_column > 0, by_column / total, 1.0))
    return rows, columns


def scaled(counts: Any, rows: _Matrix, columns: _Matrix) -> Any:
    """Counts divided by factors of rows and columns; sparse if they are."""
    if sp.issparse(counts):
        return sp.csr_array(sp.diags_array(1 / rows) @ counts @ sp.diags_array(1 / columns))
    return counts / rows[:, None] / columns


def weighted_factors(
    counts: Any, k: int, seed: int, progress: Progress = silent, *, rough: bool = False
) -> tuple[_Matrix, _Matrix]:
    """Non-negative factors by least squares with Poisson weights.

    Parameters
    ----------
    counts : (m, n) array or csr_array
    k : int
        Number of components, at most min(m, n).
    seed : int
    progress : Progress, optional
        Stage "decomposing".
    rough : bool
        See `factors`.

    Returns
    -------
    scores, loadings : (m, k), (k, n) arrays
    """
    rows, columns = poisson_weights(counts)
    scores, loadings = factors(scaled(counts, rows, columns), k, seed, progress=progress, rough=rough)
    return scores * rows[:, None], loadings * columns


def factors(
    matrix: Any, k: int, seed: int, *, divergence: bool = False, progress: Progress = silent, rough: bool = False
) -> tuple[_Matrix, _Matrix]:
    """Non-negative factors of a matrix as it is, by scikit-learn's `NMF`.

    Parameters
    ----------
    matrix : (m, n) array or csr_array
    k : int
    seed : int
    divergence : bool
        Minimise the Kullback-Leibler divergence (multiplicative updates) instead of the sum of squares (coordinate
        descent).
    progress : Progress, optional
        Stage "decomposing".
    rough : bool
        Be content with a tenth of the accuracy, and 100 iterations: to compare numbers of components.

    Returns
    -------
    scores, loadings : (m, k), (k, n) arrays
    """
    from sklearn.decomposition import NMF
    from sklearn.exceptions import ConvergenceWarning

    iterations, tolerance = (_ROUGH_ITERATIONS, _ROUGH_TOLERANCE) if rough else (_ITERATIONS, _TOLERANCE)
    at_a_time = int(np.clip(_NUMBERS_AT_A_TIME / (matrix.size * k), _FEWEST_AT_A_TIME, iterations))
    scores = loadings = None
    error = np.inf
    for done in range(0, iterations, at_a_time):
        progress("decomposing", done / iterations)
        model = NMF(
            n_components=k,
            init=("nndsvda" if divergence else "nndsvd") if scores is None else "custom",
            solver="mu" if divergence else "cd",
            beta_loss="kullback-leibler" if divergence else "frobenius",
            tol=tolerance,
            max_iter=min(at_a_time, iterations - done),
            random_state=seed,
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            scores = model.fit_transform(matrix, W=scores, H=loadings)
        loadings = model.components_
        before, error = error, float(model.reconstruction_err_)
        if model.n_iter_ < at_a_time or before - error <= tolerance * error:
            break
    progress("decomposing", 1.0)
    return np.asarray(scores, dtype=np.float64), np.asarray(loadings, dtype=np.float64)


def weighted_eigenvalues(counts: Any) -> tuple[_Matrix, _Matrix]:
    """Eigenvalues and eigenvectors of the second moments of counts with Poisson weights, largest first.

    Parameters
    ----------
    counts : (m, n) array or csr_array

    Returns
    -------
    eigenvalues : (n,) array
        In units of the variance of the noise: of noise alone they lie around 1.
    eigenvectors : (n, n) array
        In columns, in the space of the weighted counts; the largest part of each is positive.
    """
    rows, columns = poisson_weights(counts)
    weighted = scaled(counts, rows, columns)
    moments = weighted.T @ weighted
    moments = moments.toarray() if sp.issparse(moments) else moments
    values, vectors = np.linalg.eigh(moments / counts.shape[0])
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(vectors.shape[1])]
    return values, vectors * np.where(largest < 0, -1.0, 1.0)
