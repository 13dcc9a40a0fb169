"""Connected regions of a label image, without those too small or without a measurement."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_whole_number
from napari_gdls.errors import GdlsError
from napari_gdls.graph.borders import border_sides
from napari_gdls.threads import in_blocks

_Ids = npt.NDArray[np.int64]

_ROWS_OF_A_THREAD = 64
"""Rows of an image that a thread looks at a time: some milliseconds where they are 2,000 px wide."""


def connected_regions(
    labels: npt.ArrayLike,
    *,
    anchors: npt.ArrayLike | None = None,
    smallest: int = 0,
    poll: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.int32]:
    """Number the connected regions of equal label, and let others absorb those that cannot stand alone.

    A region is absorbed when no measurement lies in it, so that it has no spectrum, or when it is too small: it takes
    the label of the neighbouring region that it shares the longest border with. Regions that only touch others of this
    kind wait until these are absorbed. Regions of one label that come to touch are one.

    Parameters
    ----------
    labels : (H, W) array of int
        0: no label.
    anchors : (N, 2) array of int, optional
        Row and column of every measurement. None: every region may stand without one.
    smallest : int
        Regions of fewer pixels are absorbed. Where all that are joined are smaller, the largest absorbs the others.
    poll : callable
        Called between the steps; may raise.

    Returns
    -------
    (H, W) array of int32
        1, 2, ... in raster order of the first pixels; pixels of one number are joined by their sides. 0 where the label
        is 0, and where no measurement is joined at all, if `anchors` are given.

    Raises
    ------
    GdlsError
        If `labels` is no image of whole numbers of 0 or more, anchors lie outside it, or `smallest` is no whole number
        of 0 or more.
    """
    image = _checked_labels(labels)
    places = None if anchors is None else _checked_anchors(anchors, image.shape)
    smallest = checked_whole_number("smallest", smallest, 0)
    regions = _numbered(image)
    poll()
    stands = np.ones(int(regions.max()) + 1, dtype=bool)
    if places is not None:
        stands[:] = False
        stands[regions[places[:, 0], places[:, 1]]] = True
    anchored = stands.copy()
    if smallest > 1:
        size = np.bincount(regions.ravel())
        stands &= size >= smallest
    stands[0] = True
    if not stands.all():
        if smallest > 1:
            stands[_largest_where_none_stands(image, regions, size, anchored, stands)] = True
        label_of = np.zeros(len(stands), dtype=image.dtype)
        label_of[regions] = image
        home = _absorbed(*_borders(regions), stands)
        poll()
        regions = _numbered(label_of[home][regions])
    return regions.astype(np.int32)


def segments_of_labels(
    labels: npt.NDArray[np.int32],
    locations: npt.NDArray[np.int64],
    *,
    single: npt.NDArray[np.bool_],
    smallest: int = 0,
    poll: Callable[[], None] = lambda: None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Segments: the connected regions of equal label, where each label that is to be `single` is one segment.

    Parameters
    ----------
    labels : (H, W) array of int32
        From 1; 0: no label.
    locations : (N, 2) array of int64
        Row and column of every measurement. Regions without one are absorbed by their neighbours.
    single : (L,) array of bool
        For label k + 1, whether it is one segment, in one piece or not; `smallest` does not hold for it.
    smallest : int
        Regions of fewer pixels are absorbed; see `connected_regions`.
    poll : callable
        Called between the steps; may raise.

    Returns
    -------
    segments : (H, W) array of int32
        From 1; 0 where no measurement is joined.
    label : (K,) array of int64
        Label of each segment, less one: the one that most of its pixels have.
    """
    regions = _regions_but_single(labels, locations, np.concatenate([[False], single]), smallest, poll)
    poll()
    label = _majority(regions, labels)
    poll()
    first = np.arange(len(label))
    of_single = np.flatnonzero(single[label])
    _, head, group = np.unique(label[of_single], return_index=True, return_inverse=True)
    first[of_single] = of_single[head[group]]
    present, number = np.unique(first, return_inverse=True)
    lookup = np.concatenate([[0], number + 1]).astype(np.int32)
    return lookup[regions], label[present]


def _regions_but_single(
    labels: npt.NDArray[np.int32],
    locations: npt.NDArray[np.int64],
    single: npt.NDArray[np.bool_],
    smallest: int,
    poll: Callable[[], None],
) -> npt.NDArray[np.int32]:
    """Connected regions with a measurement; `smallest` does not hold for labels that are `single`, (L + 1,)."""
    if smallest <= 1 or not single.any():
        return connected_regions(labels, anchors=locations, smallest=smallest, poll=poll)
    regions = connected_regions(labels, anchors=locations, poll=poll)
    settled = np.concatenate([[0], _majority(regions, labels) + 1])[regions]
    given = single[settled]
    others = connected_regions(np.where(given, 0, settled), anchors=locations, smallest=smallest, poll=poll)
    return connected_regions(np.where(given, int(others.max()) + regions, others), poll=poll)


def _majority(regions: npt.NDArray[np.int32], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Label, less one, that most pixels of each region have, (K,)."""
    n = int(labels.max()) + 1
    runs = in_blocks(len(labels), lambda a, b: _runs(regions[a:b], labels[a:b], n), size=_ROWS_OF_A_THREAD)
    pair, count = _summed_by_key(runs)
    region, label = pair // n, pair % n
    order = np.lexsort((label, -count, region))
    first = np.diff(region, prepend=-1) > 0  # `order` sorts by region, too
    return np.asarray(label[order][first] - 1)


def _summed_by_key(parts: list[tuple[_Ids, _Ids]]) -> tuple[_Ids, _Ids]:
    """Keys of 0 or more, each once and rising, and the sums of what was counted for each."""
    key, number = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(key, kind="stable")
    key = key[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return key[first], np.add.reduceat(number[order], first) if len(first) else number


@nb.njit(cache=True, nogil=True)
def _runs(regions: npt.NDArray[np.int32], labels: npt.NDArray[np.int32], n: int) -> tuple[_Ids, _Ids]:
    """Region times n plus label of each run of pixels in a row that have both, and the lengths of the runs.

    Relies on two images of one shape, and on labels below n, where n times the highest region is below 2**63.
    """
    key, length, m = np.empty(regions.size, dtype=np.int64), np.empty(regions.size, dtype=np.int64), 0
    for y in range(regions.shape[0]):
        last = np.int64(-1)
        for x in range(regions.shape[1]):
            own = np.int64(-1)
            if regions[y, x] > 0 and labels[y, x] > 0:
                own = np.int64(regions[y, x]) * n + labels[y, x]
                if own == last:
                    length[m - 1] += 1
                else:
                    key[m], length[m] = own, 1
                    m += 1
            last = own
    return key[:m].copy(), length[:m].copy()


def _checked_labels(labels: npt.ArrayLike) -> npt.NDArray[Any]:
    image = np.asarray(labels)
    if image.ndim != 2 or image.size == 0 or image.dtype.kind not in "ui":
        raise GdlsError(
            f"labels are {image.dtype} of shape {image.shape}; an image (height, width) of whole numbers is needed."
        )
    if image.min() < 0:
        row, column = np.argwhere(image < 0)[0]
        raise GdlsError(
            f"the label at row {row}, column {column} is {image[row, column]}; labels are 1 or more, and 0 where there "
            "is none."
        )
    return image


def _checked_anchors(anchors: npt.ArrayLike, shape: tuple[int, ...]) -> npt.NDArray[Any]:
    places = np.asarray(anchors)
    if places.ndim != 2 or places.shape[1] != 2 or places.dtype.kind not in "ui":
        raise GdlsError(
            f"anchors are {places.dtype} of shape {places.shape}; whole rows and columns, (N, 2), are needed."
        )
    outside = ((places < 0) | (places >= shape)).any(axis=1)
    if outside.any():
        row, column = places[np.argmax(outside)]
        raise GdlsError(
            f"{np.count_nonzero(outside)} anchors lie outside the {shape[0]} x {shape[1]} px image, the first at row "
            f"{row}, column {column}."
        )
    return places


def _numbered(image: npt.NDArray[Any]) -> _Ids:
    from skimage.measure import label

    regions: _Ids = label(image, background=0, connectivity=1)
    return regions


def _borders(regions: _Ids) -> tuple[_Ids, _Ids, _Ids]:
    """Neighbours of every region: those of r are start[r]:start[r + 1] in the other two, region and sides shared."""
    n_regions = int(regions.max()) + 1
    some = regions > 0
    sides = in_blocks(len(regions), lambda a, b: border_sides(regions, some, n_regions, a, b), size=_ROWS_OF_A_THREAD)
    pair, length = _summed_by_key(sides)
    both = np.concatenate([pair, pair % n_regions * n_regions + pair // n_regions])
    order = np.argsort(both, kind="stable")
    start = np.searchsorted(both[order], np.arange(n_regions + 1) * n_regions)
    return start.astype(np.int64), both[order] % n_regions, np.concatenate([length, length])[order]


def _largest_where_none_stands(
    image: npt.NDArray[Any],
    regions: _Ids,
    size: _Ids,
    may_stand: npt.NDArray[np.bool_],
    stands: npt.NDArray[np.bool_],
) -> _Ids:
    """Of each group of joined regions none of which stands, the largest that may; of equal ones the first."""
    group_of = np.zeros(len(stands), dtype=np.int64)
    group_of[regions] = _numbered(image > 0)
    has_one = np.zeros(int(group_of.max()) + 1, dtype=bool)
    has_one[group_of[stands]] = True
    able = np.flatnonzero(may_stand & ~has_one[group_of])
    able = able[able > 0]
    able = able[np.lexsort((able, -size[able], group_of[able]))]
    first = np.diff(group_of[able], prepend=-1) > 0
    return able[first]


@nb.njit(cache=True, nogil=True)
def _absorbed(
    start: npt.NDArray[np.int64],
    beside: npt.NDArray[np.int64],
    length: npt.NDArray[np.int64],
    stands: npt.NDArray[np.bool_],
) -> npt.NDArray[np.int64]:
    """Region that each region ends in: itself if it stands, 0 if none that stands is joined with it.

    Layer by layer, all regions that touch one with a home find theirs at once. Border with everything that a region
    has absorbed before counts as border with that region; of equally long ones the first region is taken.

    Relies on `start` that rises from 0 to the length of `beside`, and on regions in `beside` that index `stands`.
    """
    n = len(stands)
    home = np.zeros(n, dtype=np.int64)
    queue = np.empty(n, dtype=np.int64)  # each region enters once, when it gets its home
    tail = 0
    for region in range(1, n):
        if stands[region]:
            home[region] = region
            queue[tail] = region
            tail += 1
    head = 0
    shared = np.zeros(n, dtype=np.int64)
    waits = np.zeros(n, dtype=np.bool_)
    host = np.empty(n, dtype=np.int64)
    while head < tail:
        end = tail
        for q in range(head, end):
            for k in range(start[queue[q]], start[queue[q] + 1]):
                region = beside[k]
                if home[region] == 0 and not waits[region]:
                    waits[region] = True
                    queue[tail] = region
                    tail += 1
        for q in range(end, tail):
            region = queue[q]
            best = 0
            for k in range(start[region], start[region + 1]):
                other = home[beside[k]]
                if other > 0:
                    shared[other] += length[k]
                    if best == 0 or shared[other] > shared[best] or (shared[other] == shared[best] and other < best):
                        best = other
            for k in range(start[region], start[region + 1]):
                shared[home[beside[k]]] = 0
            host[q] = best
        for q in range(end, tail):
            home[queue[q]] = host[q]
        head = end
    return home
