"""Scores of a segmentation against a known truth (paper, section 4.2)."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi
import scipy.sparse as sp

from napari_gdls.errors import GdlsError
from napari_gdls.lattice import border_pixels

_Mask = npt.NDArray[np.bool_]

TOLERANCE_PER_DIAGONAL = np.float32(0.0025)
"""Boundary tolerance as a part of the image diagonal, in the single precision of the usual superpixel benchmark: there
a diagonal of exactly 200 px gives a tolerance of 0, not 1 (Stutz et al. 2018, doi:10.1016/j.cviu.2017.03.007)."""


@dataclass(frozen=True)
class Scores:
    """How well a segmentation agrees with a truth; `evaluate` makes it.

    Only pixels with a label above 0 in both maps take part, in the areas as well as in the boundaries.

    Attributes
    ----------
    asa : float
        Achievable segmentation accuracy: part of the area that is right when every segment gets the truth segment it
        overlaps most (paper, eq. 6). 1 is best; rises with over-segmentation.
    ue : float
        Undersegmentation error: area that leaks over true borders (eq. 5). 0 is best; ``1 - asa <= ue <= 2 (1 - asa)``.
    precision, recall, f1 : float
        Of boundary pixels, within `tolerance` (eq. 3 and 4), and their harmonic mean. 0 where there is no boundary.
    vi_split, vi_merge : float
        Variation of information in bits: H(segmentation | truth), which over-segmentation raises, and H(truth |
        segmentation), which undersegmentation raises. 0 is best.
    are : float
        Adapted Rand error: 1 - F of the pairs of pixels that lie in one segment. 0 is best.
    pq : float
        Panoptic quality: sum of the IoU of the matched segments (IoU > 0.5) over the mean number of segments in both
        maps (Kirillov et al. 2019, doi:10.1109/CVPR.2019.00963). 1 is best.
    n_segments, n_truth : int
        Segments of either map that have a pixel taking part.
    coverage : float
        Part of the truth's pixels that the segmentation labels. Read it with every other score: a method gains by
        refusing to label difficult pixels.
    n_invalid : int
        Pixels that take no part.
    tolerance : int
        Of boundaries, in pixels: half the width of a square window, without its centre.
    """

    asa: float
    ue: float
    precision: float
    recall: float
    f1: float
    vi_split: float
    vi_merge: float
    are: float
    pq: float
    n_segments: int
    n_truth: int
    coverage: float
    n_invalid: int
    tolerance: int

    def to_dict(self) -> dict[str, float | int]:
        """Plain numbers by name, for JSON or a table."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        return (
            f"ASA {self.asa:.4f}   UE {self.ue:.4f}   segments {self.n_segments:,} (truth {self.n_truth:,})\n"
            f"boundaries within {self.tolerance} px: precision {self.precision:.4f}   recall {self.recall:.4f}   "
            f"F1 {self.f1:.4f}\n"
            f"VI split {self.vi_split:.4f} + merge {self.vi_merge:.4f} bits   adapted Rand error {self.are:.4f}   "
            f"PQ {self.pq:.4f}\n"
            f"coverage {self.coverage:.2%} of the truth, {self.n_invalid:,} pixels take no part"
        )


def evaluate(labels: npt.ArrayLike, truth: npt.ArrayLike, *, tolerance: int | None = None) -> Scores:
    """Score a segmentation against the truth (paper, section 4.2, equations 3 to 6).

    Pixels that are 0 (invalid) in either map take no part. The ids of the segments do not matter, nor does it whether a
    segment is connected.

    Parameters
    ----------
    labels : (H, W) array of int
        Segmentation; 0 = invalid.
    truth : (H, W) array of int
        True segments, or true phases; 0 = invalid.
    tolerance : int, optional
        How far, in pixels along rows and columns, a boundary may lie from the true one. None: 0.25 % of the image
        diagonal, rounded.

    Returns
    -------
    Scores

    Raises
    ------
    GdlsError
        If a map is not two-dimensional, not of an integer dtype, or holds negative labels, if the shapes differ, if the
        tolerance is no whole number of 0 or more, or if no pixel is labelled in both maps.

    Notes
    -----
    A boundary pixel is one with a different label among its four neighbours; an edge counts only between two pixels
    that take part. Recall is the part of the true boundary pixels with a boundary of `labels` in the window of
    ``2 * tolerance + 1`` pixels squared; precision is TP / (TP + FP), where TP is counted on the true boundary and FP
    are the boundary pixels of `labels` with no true boundary in the window (Stutz et al. 2018). Where there is no
    boundary to divide by, precision, recall and F1 are 0, even when both maps agree.

    Examples
    --------
    >>> import numpy as np
    >>> truth = np.ones((10, 10), dtype=int)
    >>> truth[:, 5:] = 2
    >>> print(evaluate(truth + 7, truth).asa)
    1.0
    """
    segmentation = _checked_map("labels", labels)
    reference = _checked_map("truth", truth)
    if segmentation.shape != reference.shape:
        raise GdlsError(
            f"labels have shape {segmentation.shape} and truth {reference.shape}; they must be the same image."
        )
    valid = (segmentation > 0) & (reference > 0)
    n_valid = int(np.count_nonzero(valid))
    if n_valid == 0:
        raise GdlsError("no pixel is labelled (above 0) in both labels and truth, so there is nothing to compare.")
    reach = _default_tolerance(valid.shape) if tolerance is None else _checked_tolerance(tolerance)

    precision, recall = _boundary_scores(segmentation, reference, valid, reach)
    overlap = _overlap(reference[valid], segmentation[valid])
    vi_split, vi_merge = _variation_of_information(overlap)
    return Scores(
        asa=_achievable_accuracy(overlap),
        ue=_undersegmentation_error(overlap),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0,
        vi_split=vi_split,
        vi_merge=vi_merge,
        are=_adapted_rand_error(overlap),
        pq=_panoptic_quality(overlap),
        n_segments=overlap.shape[1],
        n_truth=overlap.shape[0],
        coverage=n_valid / int(np.count_nonzero(reference)),
        n_invalid=valid.size - n_valid,
        tolerance=reach,
    )


def _checked_map(name: str, values: npt.ArrayLike) -> npt.NDArray[Any]:
    given = np.asarray(values)
    if given.ndim != 2:
        raise GdlsError(f"{name} have shape {given.shape}; one label image (height, width) is needed.")
    if given.dtype.kind not in "ui":
        raise GdlsError(f"{name} have dtype {given.dtype}; whole numbers are needed: convert with .astype(np.int32).")
    if given.dtype.kind == "i" and given.size and given.min() < 0:
        row, column = np.argwhere(given < 0)[0]
        raise GdlsError(
            f"{name} hold {np.count_nonzero(given < 0)} negative values, the first, {given[row, column]}, at row "
            f"{row}, column {column}; segments are numbered from 1 and 0 marks invalid pixels."
        )
    return given


def _checked_tolerance(tolerance: int) -> int:
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | np.integer) or tolerance < 0:
        raise GdlsError(f"tolerance is {tolerance!r}; a whole number of pixels, 0 or more, is needed.")
    return int(tolerance)


def _default_tolerance(shape: tuple[int, ...]) -> int:
    diagonal = float(np.hypot(shape[0], shape[1]))
    # Rounded half up; the constant is widened first, or a product of two float32 could round up to the half.
    return int(np.floor(float(TOLERANCE_PER_DIAGONAL) * diagonal + 0.5))


def _boundary_scores(
    labels: npt.NDArray[Any], truth: npt.NDArray[Any], valid: _Mask, tolerance: int
) -> tuple[float, float]:
    """Precision and recall of boundary pixels (paper, eq. 3 and 4)."""
    found, true = border_pixels(labels, valid), border_pixels(truth, valid)
    n_true = int(np.count_nonzero(true))
    n_hit = int(np.count_nonzero(true & _widened(found, tolerance)))
    n_false = int(np.count_nonzero(found & ~_widened(true, tolerance)))
    precision = n_hit / (n_hit + n_false) if n_hit + n_false else 0.0
    recall = n_hit / n_true if n_true else 0.0
    return precision, recall


def _widened(mask: _Mask, distance: int) -> _Mask:
    """Pixels with a pixel of `mask` in the square window that reaches `distance` px to each side."""
    if distance == 0:
        return mask
    widened: _Mask = ndi.maximum_filter(mask, size=2 * distance + 1, mode="constant", cval=0)
    return widened


def _overlap(truth: npt.NDArray[Any], labels: npt.NDArray[Any]) -> sp.csr_array[Any, tuple[int, int]]:
    """Contingency table of two lists of labels: pixels by truth segment (rows) and segment (columns), both from 0."""
    from skimage.metrics import contingency_table

    table: sp.csr_array[Any, tuple[int, int]] = contingency_table(
        _renumbered(truth), _renumbered(labels), sparse_type="array"
    )
    table.sum_duplicates()
    return table


def _renumbered(labels: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
    """Rename the labels to 0..K-1 in the same order, so that tables are no larger than they need be."""
    highest = int(labels.max())
    if highest > 4 * labels.size + 1000:
        # A look-up table of all values up to the highest would take more than the labels themselves: sort instead.
        return np.unique(labels, return_inverse=True)[1].ravel()
    present = np.zeros(highest + 1, dtype=bool)
    present[labels] = True
    position: npt.NDArray[np.intp] = np.cumsum(present, dtype=np.intp) - 1
    return np.take(position, labels)


def _achievable_accuracy(overlap: sp.csr_array[Any, tuple[int, int]]) -> float:
    """Equation 6; the sum runs over the segments, the maximum over the truth."""
    largest = overlap.max(axis=0).toarray()
    return float(largest.sum() / overlap.sum())


def _undersegmentation_error(overlap: sp.csr_array[Any, tuple[int, int]]) -> float:
    """Equation 5: of each segment cut by a truth segment, the smaller of the parts inside and outside."""
    pairs = overlap.tocoo()
    segment_area = overlap.sum(axis=0)
    leak = np.minimum(pairs.data, segment_area[pairs.col] - pairs.data)
    return float(leak.sum() / overlap.sum())


def _variation_of_information(overlap: sp.csr_array[Any, tuple[int, int]]) -> tuple[float, float]:
    """H(labels | truth) and H(truth | labels), in bits."""
    pairs = overlap.tocoo()
    share = pairs.data / overlap.sum()
    # A rounding error below 0 would be shown as -0.0; adding 0.0 mends that.
    split = -share @ np.log2(pairs.data / overlap.sum(axis=1)[pairs.row]) + 0.0
    merge = -share @ np.log2(pairs.data / overlap.sum(axis=0)[pairs.col]) + 0.0
    return float(split), float(merge)


def _adapted_rand_error(overlap: sp.csr_array[Any, tuple[int, int]]) -> float:
    from skimage.metrics import adapted_rand_error

    n_pixels = overlap.sum()
    if overlap.shape[0] == n_pixels or overlap.shape[1] == n_pixels:
        # A map of single pixels has no pair of equal pixels: nothing to divide by. Right only if both are such maps.
        return 0.0 if overlap.shape[0] == overlap.shape[1] else 1.0
    return float(adapted_rand_error(table=overlap)[0])


def _panoptic_quality(overlap: sp.csr_array[Any, tuple[int, int]]) -> float:
    pairs = overlap.tocoo()
    truth_area, segment_area = overlap.sum(axis=1), overlap.sum(axis=0)
    iou = pairs.data / (truth_area[pairs.row] + segment_area[pairs.col] - pairs.data)
    # Above one half the match is unique, so nothing has to be assigned.
    matched = iou[iou > 0.5]
    n_missed, n_spurious = overlap.shape[0] - len(matched), overlap.shape[1] - len(matched)
    return float(matched.sum() / (len(matched) + 0.5 * n_missed + 0.5 * n_spurious))
