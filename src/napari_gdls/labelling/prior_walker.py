"""Probabilities of pixels, smoothed by a random walker that starts from those of the pixels themselves (Grady 2005)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number
from napari_gdls.errors import GdlsError
from napari_gdls.threads import one_thread

LARGEST_WEIGHT = 1e4
"""Beyond it all pixels that are joined have the same probabilities."""

_TOLERANCE = 1e-8
"""Of the conjugate gradients, relative to the norm of the probabilities: far below what tells two labels apart."""
_MOST_STEPS = 10_000
"""Steps of the conjugate gradients; a limit, some tens are needed."""


@one_thread
def walked_probabilities(
    probabilities: npt.ArrayLike, weight: float, valid: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """Probability that a walker from each pixel ends with each label.

    At every step the walker goes to one of the four neighbours, each with a chance of `weight`, or ends with the
    pixel's own probabilities, with a chance of 1; relative to one another.

    Parameters
    ----------
    probabilities : (H, W, k) array
        0 to 1.
    weight : float
        0 to 10,000; 0 leaves the probabilities as they are.
    valid : (H, W) array of bool, optional
        Pixels that count. None: all.

    Returns
    -------
    (H, W, k) array of float64
        Equal bytes for any number of threads; NaN where not valid.

    Raises
    ------
    GdlsError
        If shapes do not fit, or a probability of a valid pixel is not finite.
    RecipeError
        If the weight is out of range.

    References
    ----------
    L. Grady, Multilabel random walker image segmentation using prior models, CVPR 2005, 763-770.
    """
    from scipy.sparse import csgraph, csr_array, diags_array
    from scipy.sparse.linalg import cg

    given = np.asarray(probabilities, dtype=np.float64)
    weight = checked_number("weight", weight, highest=LARGEST_WEIGHT)
    if given.ndim != 3:
        raise GdlsError(f"probabilities have shape {given.shape}; one per pixel and label, (H, W, k), is needed.")
    inside = np.ones(given.shape[:2], dtype=np.bool_) if valid is None else np.asarray(valid, dtype=np.bool_)
    if inside.shape != given.shape[:2]:
        raise GdlsError(f"valid has shape {inside.shape}, and the probabilities are those of {given.shape[:2]} pixels.")
    prior = given[inside]
    if not np.isfinite(prior).all():
        raise GdlsError("probabilities are NaN or infinite at valid pixels; mark pixels without them as not valid.")
    out = np.full(given.shape, np.nan)
    number = np.full(inside.shape, -1, dtype=np.int64)
    number[inside] = np.arange(len(prior))
    here = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    there = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    both = (here >= 0) & (there >= 0)
    links = csr_array((np.full(both.sum(), weight), (here[both], there[both])), shape=(len(prior), len(prior)))
    system = csr_array(csgraph.laplacian(links + links.T) + diags_array(np.ones(len(prior))))
    preconditioner = diags_array(1 / system.diagonal()) if len(prior) else None
    walked = np.empty_like(prior)
    for label in range(prior.shape[1]):
        walked[:, label], _ = cg(
            system, prior[:, label], x0=prior[:, label], rtol=_TOLERANCE, maxiter=_MOST_STEPS, M=preconditioner
        )
    out[inside] = walked
    return out
