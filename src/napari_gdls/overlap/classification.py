"""Classes of pixels learned from strokes: a random forest on filtered score images, and a smoothness set by hand.

What Chen et al. do with the trainable Weka segmentation and a graph cut in Fiji (figure 1 f).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_choice, checked_number, checked_whole_number
from napari_gdls.errors import GdlsError
from napari_gdls.labelling.graph_cut import LARGEST_SMOOTHNESS, expand_labels
from napari_gdls.labelling.prior_walker import walked_probabilities
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

SMOOTHERS = ("graph_cut", "random_walker")
"""What `smoothness` is of: the length of borders (graph cut), or the weight of a neighbour (random walker)."""
DEFAULT_SMOOTHNESS = 0.5
"""In nats per pixel of border. On simulated fields with strokes the intersection over union of grains was largest at
0.5 for 30 counts a pixel and no smaller than at 0.25 for 300; it falls above 1."""
MOST_CLASSES = 50
"""Classes at most: more than anybody paints. A choice."""

_N_TREES = 100
"""Trees of the forest. Twice as many take twice as long and agree in all but some pixels of a thousand."""
_SIGMA_MIN, _SIGMA_MAX = 0.5, 4.0
"""px; Gaussians that score images are filtered with have 0.5, 1, 2 and 4. Wider ones blur grains of few pixels."""
_TREES_AT_A_TIME = 10
"""Trees between two reports of progress."""


def pixel_features(scores: npt.ArrayLike, image: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
    """What a classifier sees of each pixel: score images, and each filtered at several scales.

    Parameters
    ----------
    scores : (H, W, k) array
        NaN where nothing was measured.
    image : (H, W) array, optional
        Another image of the same pixels, such as HAADF.

    Returns
    -------
    (H, W, F) array of float32
        Scores, and intensity, edges and texture of each image (`skimage.feature.multiscale_basic_features`); NaN where
        nothing was measured.

    Raises
    ------
    GdlsError
        If shapes do not fit or no pixel was measured.
    """
    from skimage.feature import multiscale_basic_features

    given = np.asarray(scores, dtype=np.float64)
    if given.ndim != 3 or given.shape[2] == 0:
        raise GdlsError(f"scores have shape {given.shape}; one image per component, (H, W, k), is needed.")
    if image is not None:
        extra = np.asarray(image, dtype=np.float64)
        if extra.shape != given.shape[:2]:
            raise GdlsError(f"the image has shape {extra.shape} and the scores {given.shape[:2]}; they must agree.")
        given = np.concatenate([given, extra[..., None]], axis=2)
    measured = np.asarray(np.isfinite(given).all(axis=2))
    if not measured.any():
        raise GdlsError("no pixel has finite scores: nothing was measured.")
    filled = _filled(given, measured)
    parts = [filled.astype(np.float32)]
    for each in np.moveaxis(filled, 2, 0):
        size = np.abs(each).max()
        parts.append(
            multiscale_basic_features(
                (each / (size if size > 0 else 1.0)).astype(np.float32),
                sigma_min=_SIGMA_MIN,
                sigma_max=_SIGMA_MAX,
            )
        )
    features = np.concatenate(parts, axis=2).astype(np.float32)
    features[~measured] = np.nan
    return features


@one_thread
def classify_pixels(
    features: npt.ArrayLike,
    strokes: npt.ArrayLike,
    *,
    smoothness: float | None = None,
    smoother: str = "graph_cut",
    n_classes: int | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float64]]:
    """Classes of all pixels from those that were painted.

    Parameters
    ----------
    features : (H, W, F) array
        Of `pixel_features`; NaN where nothing was measured.
    strokes : (H, W) array of int
        0: not painted; 1 to k: class. With `n_classes` given, k + 1 is "both": a pixel of an intersection.
    smoothness : float, optional
        0 to 10,000, usually up to 3; see `smooth_probabilities`. None: 0.5.
    smoother : str
        "graph_cut" or "random_walker".
    n_classes : int, optional
        k. None: the largest stroke.
    seed : int
    progress : Progress, optional
        Stage "classifying".

    Returns
    -------
    labels : (H, W) array of int32
        1 to k, or k + 1 for "both"; 0 where nothing was measured.
    probabilities : (H, W, k) or, with `n_classes` given, (H, W, k + 1) array of float64
        Of the classes by the forest, before they are smoothed; NaN where nothing was measured. Classes without a stroke
        have 0.

    Raises
    ------
    GdlsError
        If shapes do not fit, there are strokes of fewer than two classes, or on pixels that were not measured.
    RecipeError
        If a parameter is out of range.
    Cancelled
        If `progress` asks for it.
    """
    given = np.asarray(features)
    if given.ndim != 3 or given.shape[2] == 0 or given.dtype.kind not in "uif":
        raise GdlsError(f"features are {given.dtype} of shape {given.shape}; numbers (H, W, F) are needed.")
    seed = checked_whole_number("seed", seed, 0, 2**32 - 1)
    smoothness = _checked_smoothness(smoothness)
    smoother = checked_choice("smoother", smoother, SMOOTHERS)
    measured = np.asarray(np.isfinite(given).all(axis=2))
    painted, n_columns = _checked_strokes(strokes, measured, n_classes)
    at = painted > 0
    found = _forest_probabilities(given[at], painted[at], given[measured], n_columns, seed, progress)
    probabilities = np.full((*measured.shape, n_columns), np.nan)
    probabilities[measured] = found
    progress("classifying", 1.0)
    return smooth_probabilities(probabilities, smoothness, smoother=smoother), probabilities


def smooth_probabilities(
    probabilities: npt.ArrayLike, smoothness: float | None = None, *, smoother: str = "graph_cut"
) -> npt.NDArray[np.int32]:
    """Labels of pixels from probabilities of classes: quick enough to follow a slider.

    Parameters
    ----------
    probabilities : (H, W, k) array
        Of `classify_pixels`; NaN where nothing was measured.
    smoothness : float, optional
        "graph_cut": what a pixel's length of border costs, in nats, against the logarithms of the probabilities.
        "random_walker": the weight of each neighbour of a pixel, where its own probabilities have 1. 0: each pixel
        takes its most probable class. None: 0.5.
    smoother : str
        "graph_cut" or "random_walker".

    Returns
    -------
    (H, W) array of int32
        1 to k; 0 where nothing was measured.

    Raises
    ------
    GdlsError
        If probabilities are none.
    RecipeError
        If a parameter is out of range.
    """
    given = np.asarray(probabilities, dtype=np.float64)
    smoothness = _checked_smoothness(smoothness)
    smoother = checked_choice("smoother", smoother, SMOOTHERS)
    if given.ndim != 3 or given.shape[2] == 0:
        raise GdlsError(f"probabilities have shape {given.shape}; one per pixel and class, (H, W, k), is needed.")
    measured = np.asarray(np.isfinite(given).all(axis=2))
    inside = measured[..., None]
    if (given[measured] < 0).any() or (given[measured] > 1 + 1e-6).any():
        raise GdlsError("probabilities must lie between 0 and 1.")
    if smoother == "random_walker":
        walked = walked_probabilities(np.where(inside, given, 0.0), smoothness, measured)
        labels = np.where(measured, np.where(inside, walked, 0.0).argmax(axis=2) + 1, 0)
    else:
        # A forest cannot tell a probability below that of half a tree from 0.
        n_classes = given.shape[2]
        floored = (_N_TREES * np.where(inside, given, 1.0) + 0.5) / (_N_TREES + 0.5 * n_classes)
        unpainted = ~(np.where(inside, given, 0.0) > 0).any(axis=(0, 1))
        costs = np.where(unpainted, np.inf, -np.log(floored))
        labels = np.where(measured, expand_labels(costs, smoothness, measured) + 1, 0)
    return labels.astype(np.int32)


def grain_masks(labels: npt.ArrayLike, names: Sequence[str], *, matrix: str) -> dict[str, npt.NDArray[np.bool_]]:
    """Masks of grains from the classes of pixels.

    Parameters
    ----------
    labels : (H, W) array of int
        0: none; i + 1: ``names[i]``; ``len(names) + 1``: an intersection, which is in the masks of all grains.
    names : sequence of str
        All different.
    matrix : str
        The one of `names` that is no grain.

    Returns
    -------
    dict of str to (H, W) array of bool
        In the order of `names`, without the matrix.

    Raises
    ------
    GdlsError
        If labels are no image of classes, names are doubled, or the matrix is not among them.
    """
    image = np.asarray(labels)
    named = list(names)
    if image.ndim != 2 or image.dtype.kind not in "ui":
        raise GdlsError(f"labels are {image.dtype} of shape {image.shape}; an image of whole numbers is needed.")
    if len(set(named)) < len(named):
        raise GdlsError(f"names are {', '.join(named)}; each must be another.")
    if matrix not in named:
        raise GdlsError(f"the matrix is {matrix!r}; it must be one of {', '.join(named)}.")
    both = len(named) + 1
    if image.size and (image.min() < 0 or image.max() > both):
        raise GdlsError(f"labels run from {image.min()} to {image.max()}; {len(named)} names go with 0 to {both}.")
    return {name: (image == i) | (image == both) for i, name in enumerate(named, start=1) if name != matrix}


def _filled(values: npt.NDArray[np.float64], measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """Values (H, W, k) with those of the nearest measured pixel where there is none."""
    from scipy.ndimage import distance_transform_edt

    if measured.all():
        return values
    rows, columns = distance_transform_edt(~measured, return_distances=False, return_indices=True)
    return np.asarray(values[rows, columns])


def _checked_smoothness(smoothness: float | None) -> float:
    if smoothness is None:
        return DEFAULT_SMOOTHNESS
    return checked_number("smoothness", smoothness, "in nats", highest=LARGEST_SMOOTHNESS)


def _checked_strokes(
    strokes: npt.ArrayLike, measured: npt.NDArray[np.bool_], n_classes: int | None
) -> tuple[npt.NDArray[np.int64], int]:
    """Strokes, and the number of columns of the probabilities."""
    given = np.asarray(strokes)
    if given.shape != measured.shape or given.dtype.kind not in "ui":
        raise GdlsError(
            f"strokes are {given.dtype} of shape {given.shape}; whole numbers for {measured.shape} pixels are needed."
        )
    painted = given.astype(np.int64)
    present = np.unique(painted[painted != 0])
    if n_classes is None:
        n_columns = int(present.max(initial=0))
        most = MOST_CLASSES
    else:
        n_columns = most = checked_whole_number("n_classes", n_classes, 1, MOST_CLASSES) + 1
    if len(present) and (present[0] < 0 or present[-1] > most):
        raise GdlsError(
            f"strokes run from {present[0]} to {present[-1]}; classes count from 1 to {most}"
            f"{', the last for both' if n_classes is not None else ''}."
        )
    if len(present) < 2:
        found = f"only class {present[0]} has" if len(present) else "no class has"
        raise GdlsError(f"{found} strokes; paint some pixels of at least two classes.")
    outside = (painted > 0) & ~measured
    if outside.any():
        row, column = np.argwhere(outside)[0]
        raise GdlsError(
            f"{np.count_nonzero(outside)} painted pixels were not measured, the first at row {row}, column {column}; "
            "erase these strokes."
        )
    return painted, n_columns


def _forest_probabilities(
    seen: npt.NDArray[np.generic],
    classes: npt.NDArray[np.int64],
    every: npt.NDArray[np.generic],
    n_columns: int,
    seed: int,
    progress: Progress,
) -> npt.NDArray[np.float64]:
    """Probabilities (n, n_columns) of classes 1, 2, ... for features (n, F)."""
    from sklearn.ensemble import RandomForestClassifier

    # Each class weighs the same, however much of it was painted.
    weight = 1 / np.bincount(classes)[classes]
    progress("classifying", 0.0)
    forest = RandomForestClassifier(n_estimators=_N_TREES, n_jobs=1, random_state=seed)
    forest.fit(seen, classes, sample_weight=weight)
    rows = every.astype(np.float32)
    total = np.zeros((len(rows), len(forest.classes_)))
    for i, tree in enumerate(forest.estimators_):
        if i % _TREES_AT_A_TIME == 0:
            progress("classifying", 0.5 + 0.5 * i / _N_TREES)
        total += tree.predict_proba(rows, check_input=False)
    out = np.zeros((len(rows), n_columns))
    out[:, forest.classes_ - 1] = total / _N_TREES
    return out
