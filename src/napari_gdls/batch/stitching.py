"""Grains that cross the borders of fields become one segment, as if the fields had never been cut apart.

Two segments are one if they are of one phase of the section and pixels of both touch by their sides in the mosaic: in
two fields, or in one, where what the field took for two phases is one in the section. Only borders are in memory, and a
pair of numbers for each place where segments touch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from napari_gdls.batch.mosaic_fields import MosaicFields
from napari_gdls.batch.places import Window
from napari_gdls.graph.components import numbered_by_appearance
from napari_gdls.progress import Progress, silent

_Ids = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class StitchedSegments:
    """Segments of a section.

    Attributes
    ----------
    of_field : tuple of F (K + 1,) arrays of uint32
        Segment of the section of each label of a field; 0 for label 0, and for labels without a pixel in the mosaic.
    phases : (S,) array of int64
        Phase of each segment: of number k + 1 at k.
    """

    of_field: tuple[npt.NDArray[np.uint32], ...]
    phases: _Ids

    @property
    def n_segments(self) -> int:
        """Number of segments, S."""
        return len(self.phases)


def stitched_segments(fields: MosaicFields, *, progress: Progress | None = None) -> StitchedSegments:
    """Join the segments of fields to those of the section.

    Parameters
    ----------
    fields : MosaicFields
    progress : Progress, optional

    Returns
    -------
    StitchedSegments
        Numbered by first appearance: in the order of the fields, then of their segments.
    """
    report = progress or silent
    n = len(fields)
    sizes, phases, seen, pairs = [], [], [], []
    for number in range(n):
        report("stitching", 0.5 * number / max(n, 1))
        labels, of_segment = _in_mosaic(fields, number), fields.phase_of_segments(number)
        sizes.append(len(of_segment))
        phases.append(of_segment)
        seen.append(np.bincount(labels.ravel(), minlength=len(of_segment) + 1)[1:] > 0)
        pairs.append(_touching_in_field(labels, of_segment, fields[number].part_of_segment))
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    pairs = [pair + first[number] for number, pair in enumerate(pairs)]
    for one, other, window in fields.neighbours():
        report("stitching", 0.5 + 0.5 * one / max(n, 1))
        pairs.append(_touching_fields(fields, one, other, window, first))
    phase, there = np.concatenate(phases), np.concatenate(seen)
    touching = np.concatenate([*pairs, np.empty((0, 2), dtype=np.int64)])
    links = sp.coo_array((np.ones(len(touching), dtype=np.bool_), tuple(touching.T)), shape=(len(phase), len(phase)))
    group = connected_components(links, directed=False)[1]
    number_of = np.zeros(len(phase), dtype=np.int64)
    number_of[there] = numbered_by_appearance(group[there].astype(np.int64)) + 1
    n_segments = int(number_of.max(initial=0))
    phase_of = np.zeros(n_segments, dtype=np.int64)
    phase_of[number_of[there] - 1] = phase[there]
    of_field = tuple(
        np.concatenate([[0], number_of[first[k] : first[k + 1]]]).astype(np.uint32) for k in range(len(sizes))
    )
    return StitchedSegments(of_field, phase_of)


def _in_mosaic(fields: MosaicFields, number: int) -> npt.NDArray[np.int32]:
    """Labels of a field where its pixels are those of the mosaic, 0 where another field hides it."""
    labels, window = fields[number].labels, fields.windows[number]
    assert labels is not None  # read with its images
    return labels if len(fields.within(window)) == 1 else np.where(fields.owners(window) == number, labels, 0)


def _touching_in_field(labels: npt.NDArray[np.int32], phases: _Ids, parts: _Ids) -> _Ids:
    """Pairs of segments of different parts and one phase that touch inside of a field; numbers from 0."""
    of_part = dict(zip(parts.tolist(), phases.tolist(), strict=True))
    if len(set(of_part.values())) == len(of_part):
        return np.empty((0, 2), dtype=np.int64)  # every part is a phase of its own
    return np.concatenate([_alike(labels[:, :-1], labels[:, 1:], phases), _alike(labels[:-1], labels[1:], phases)])


def _alike(one: npt.NDArray[np.int32], other: npt.NDArray[np.int32], phases: _Ids) -> _Ids:
    differ = (one != other) & (one > 0) & (other > 0)
    pairs = np.column_stack([one[differ], other[differ]]).astype(np.int64) - 1
    pairs = pairs[phases[pairs[:, 0]] == phases[pairs[:, 1]]]
    return np.asarray(np.unique(pairs, axis=0).reshape(-1, 2))


def _touching_fields(fields: MosaicFields, one: int, other: int, window: Window, first: _Ids) -> _Ids:
    """Pairs of segments of one phase that touch across the seam of two fields, numbered over all fields."""
    owner = fields.owners(window)
    ids = np.full(window.shape, -1, dtype=np.int64)
    phase = np.full(window.shape, -1, dtype=np.int64)
    for number in (one, other):
        labels = fields[number].labels
        assert labels is not None
        part = window.common(fields.windows[number])
        place = part.inside(window)
        inside = labels[part.inside(fields.windows[number])].astype(np.int64)
        own = (owner[place] == number) & (inside > 0)
        ids[place][own] = first[number] + inside[own] - 1
        phase[place][own] = fields.phase_of_segments(number)[inside[own] - 1]
    found = []
    for a, b in (((slice(None), slice(None, -1)), (slice(None), slice(1, None))), (slice(None, -1), slice(1, None))):
        meet = (owner[a] != owner[b]) & (ids[a] >= 0) & (ids[b] >= 0) & (phase[a] == phase[b])
        found.append(np.column_stack([ids[a][meet], ids[b][meet]]))
    return np.asarray(np.unique(np.concatenate(found), axis=0).reshape(-1, 2))
