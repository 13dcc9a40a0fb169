"""Segments and phases found again in another result of the same field, where they have other numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation


def segments_after(before: Segmentation, after: Segmentation, chosen: Iterable[int]) -> frozenset[int]:
    """Labels of segments, from 1, in another result: of each the one that most of its measurements lie in.

    Parameters
    ----------
    before, after : Segmentation
        Of one field.
    chosen : iterable of int
        Labels in `before`, from 1; those that have no measurement are lost.
    """
    found = _found_again(before.measurement_labels, after.measurement_labels, (label - 1 for label in chosen))
    return frozenset(label + 1 for label in found)


def phases_after(before: Segmentation, after: Segmentation, chosen: Iterable[int]) -> frozenset[int]:
    """Phases, from 0, in another result: of each the one that most of its measurements have.

    Parameters
    ----------
    before, after : Segmentation
        Of one field. None are found again where one of them has no phases.
    chosen : iterable of int
        Phases of `before`, from 0.
    """
    if not (before.has_phases and after.has_phases):
        return frozenset()
    return _found_again(before.grouped.labels, after.grouped.labels, chosen)


def measurements_of_phases(segmentation: Segmentation, chosen: Iterable[int]) -> npt.NDArray[np.bool_]:
    """Whether each measurement, (N,), has one of these phases, from 0."""
    return np.isin(segmentation.grouped.labels, list(chosen))


def phases_mostly_of(segmentation: Segmentation, measurements: npt.NDArray[np.bool_]) -> frozenset[int]:
    """Phases, from 0, more than half of whose measurements are among these, (N,); none where there are no phases."""
    if not segmentation.has_phases:
        return frozenset()
    labels, n = segmentation.grouped.labels, segmentation.n_phases
    share = 2 * np.bincount(labels[measurements], minlength=n) > np.bincount(labels, minlength=n)
    return frozenset(np.flatnonzero(share).tolist())


def _found_again(before: npt.NDArray[np.int64], after: npt.NDArray[np.int64], chosen: Iterable[int]) -> frozenset[int]:
    wanted = np.array(sorted(chosen), dtype=np.int64)
    if len(wanted) == 0:
        return frozenset()
    inside = np.isin(before, wanted)
    pair, size = np.unique(np.stack([before[inside], after[inside]]), axis=1, return_counts=True)
    order = np.lexsort((pair[1], -size, pair[0]))
    _, largest = np.unique(pair[0, order], return_index=True)
    return frozenset(pair[1, order][largest].tolist())
