"""Where fields lie that overlap: measured on their BSE images, pair by pair, and put together for all.

The shift of a pair is where the normalised cross-correlation of its overlapping strips is largest (D. Padfield, Masked
object registration in the Fourier domain, IEEE Trans. Image Process. 21 (2012) 2706-2718, as scikit-image has it). The
places of all fields are then those that fit the shifts of all pairs best, by least squares in which pairs that do not
fit the others count less and less.
"""

from __future__ import annotations

import dataclasses
import warnings
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from napari_gdls.batch.mosaic_fields import HeldResults
from napari_gdls.batch.places import SectionPlaces, Window
from napari_gdls.errors import GdlsWarning
from napari_gdls.progress import Progress, silent

_LEAST_OVERLAP = 8
"""Pixels that the narrow side of an overlap needs to be looked at: fewer show no texture. A choice."""

_LEAST_PART = 0.02
"""Of the area of the smaller field, likewise: two fields that meet at a corner say little."""

_FURTHEST = 0.1
"""Of the side of a field, by how much two positions may disagree: stages are off by up to half of it."""

_LEAST_LIKENESS = 0.5
"""Correlation of the BSE images in the overlap from which on a shift is believed. Chosen on simulated mosaics: true
ones have .8 and more, chance makes up to .3."""

_NOMINAL = 1e-9
"""Weight of the given positions against a measured pair: no more than holds fields that touch no other, since an error
of scale adds up over a large mosaic."""

_ROUNDS, _OUTLIER = 10, 2.0
"""Rounds of the least squares, and pixels from which on a pair that does not fit loses weight (Cauchy)."""


class PairShift(NamedTuple):
    """By how much the second of two fields lies elsewhere than the places say, in pixels, and how alike both are."""

    first: int
    second: int
    shift: tuple[float, float]
    likeness: float


def registered(
    places: SectionPlaces, results: HeldResults, *, progress: Progress | None = None
) -> tuple[SectionPlaces, list[PairShift]]:
    """Places as measured on what overlaps, and the pairs that told; places of fields that overlap with none stay.

    Parameters
    ----------
    places : SectionPlaces
    results : HeldResults
        With BSE and valid pixels, in the order of the places.
    progress : Progress, optional

    Warns
    -----
    GdlsWarning
        If the images of most fields that should overlap are not alike: the positions, or their axes, are wrong.
    """
    pairs = overlapping_pairs(places)
    if not pairs:
        return places, []
    report = progress or silent
    found = []
    for done, (first, second) in enumerate(pairs):
        report("positions", done / len(pairs))
        shift = pair_shift(places, results, first, second)
        if shift is not None:
            found.append(shift)
    if 2 * len(found) < len(pairs):
        warnings.warn(
            f"{len(pairs) - len(found)} of {len(pairs)} pairs of fields that overlap by their positions show different "
            "things there; are the axes of the positions right (`flip=`)? They lie where the positions say.",
            GdlsWarning,
            stacklevel=2,
        )
    if not found:
        return places, []
    moved, residual = _solved(len(places.names), found)
    corners = places.origins + moved
    origins = np.rint(corners - corners.min(axis=0)).astype(np.int64)
    extent = (origins + places.shapes).max(axis=0)
    moved_places = dataclasses.replace(
        places, origins=origins, shape=(int(extent[0]), int(extent[1])), residual=residual
    )
    return moved_places, found


def overlapping_pairs(places: SectionPlaces) -> list[tuple[int, int]]:
    """Pairs of fields that overlap enough to be compared."""
    order = np.argsort(places.origins[:, 0], kind="stable")
    ends = places.origins + places.shapes
    pairs = []
    for position, i in enumerate(order.tolist()):
        for j in order[position + 1 :].tolist():
            if places.origins[j, 0] >= ends[i, 0]:
                break
            common = np.minimum(ends[i], ends[j]) - np.maximum(places.origins[i], places.origins[j])
            smaller = min(places.shapes[i].prod(), places.shapes[j].prod())
            if common.min() >= _LEAST_OVERLAP and common.prod() >= _LEAST_PART * smaller:
                pairs.append((min(i, j), max(i, j)))
    return sorted(pairs)


def pair_shift(places: SectionPlaces, results: HeldResults, first: int, second: int) -> PairShift | None:
    """The shift of a pair of fields; None where their images do not tell.

    Parameters
    ----------
    places : SectionPlaces
    results : HeldResults
    first, second : int
    """
    from skimage.registration import phase_cross_correlation

    windows = [places.window(k) for k in (first, second)]
    reach = np.ceil(_FURTHEST * places.shapes[[first, second]].max(axis=0)).astype(int)
    common = windows[0].common(windows[1])
    wider = Window(
        common.top - int(reach[0]), common.bottom + int(reach[0]),
        common.left - int(reach[1]), common.right + int(reach[1]),
    )  # fmt: skip
    images, masks = zip(*(_within(places, results, k, wider) for k in (first, second)), strict=True)
    if min(mask.sum() for mask in masks) == 0:
        return None
    overlap = common.shape[0] * common.shape[1] / (wider.shape[0] * wider.shape[1])
    shift = phase_cross_correlation(
        images[0], images[1], reference_mask=masks[0], moving_mask=masks[1], overlap_ratio=min(0.5 * overlap, 0.9)
    )[0]
    if (np.abs(shift) > reach).any():
        return None
    likeness = _likeness(images, masks, np.rint(shift).astype(int))
    if likeness < _LEAST_LIKENESS:
        return None
    return PairShift(first, second, (float(shift[0]), float(shift[1])), likeness)


def _within(
    places: SectionPlaces, results: HeldResults, number: int, window: Window
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
    """BSE of a field in a rectangle of the mosaic, and where it has some."""
    bse, valid = results.bse_and_valid(number)
    own = places.window(number)
    part = own.common(window)
    image, mask = np.zeros(window.shape), np.zeros(window.shape, dtype=np.bool_)
    image[part.inside(window)] = bse[part.inside(own)]
    mask[part.inside(window)] = valid[part.inside(own)]
    return image, mask


def _likeness(
    images: tuple[npt.NDArray[np.float64], ...], masks: tuple[npt.NDArray[np.bool_], ...], shift: npt.NDArray[np.int64]
) -> float:
    """Correlation of the pixels that both have when the second is moved."""
    moved, moved_mask = _moved(images[1], shift), _moved(masks[1].astype(np.float64), shift)
    both = masks[0] & (moved_mask > 0)
    if np.count_nonzero(both) < _LEAST_OVERLAP**2:
        return 0.0
    a, b = images[0][both], moved[both]
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _moved(image: npt.NDArray[np.float64], shift: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    out = np.zeros_like(image)
    height, width = image.shape
    down, right = int(shift[0]), int(shift[1])
    target = (slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0)))
    source = (slice(max(-down, 0), height + min(-down, 0)), slice(max(-right, 0), width + min(-right, 0)))
    out[target] = image[source]
    return out


def _solved(n: int, pairs: list[PairShift]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """By how much each field is to be moved, (n, 2), and by how much its pairs then still disagree, (n,)."""
    first, second = (np.array([getattr(pair, name) for pair in pairs]) for name in ("first", "second"))
    shifts = np.array([pair.shift for pair in pairs])
    weight = np.ones(len(pairs))
    rows = np.arange(len(pairs))
    difference = sp.csr_array(
        (np.repeat([1.0, -1.0], len(pairs)), (np.tile(rows, 2), np.concatenate([second, first]))), shape=(len(pairs), n)
    )
    moved = np.zeros((n, 2))
    for _ in range(_ROUNDS):
        weighted = difference.T @ sp.diags_array(weight)
        normal = (weighted @ difference + _NOMINAL * sp.eye_array(n)).tocsc()
        moved = np.asarray(spsolve(normal, weighted @ shifts)).reshape(n, 2)
        misfit = np.linalg.norm(difference @ moved - shifts, axis=1)
        weight = 1 / (1 + (misfit / max(_OUTLIER, float(np.median(misfit)))) ** 2)
    residual = np.full(n, np.nan)
    for ends in (first, second):
        np.fmax.at(residual, ends, misfit)
    return moved, residual
