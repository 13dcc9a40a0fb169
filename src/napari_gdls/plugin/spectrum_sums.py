"""Summed spectra of the segments and phases of a result, kept so that any of them is there at once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.progress import Progress, silent

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.segmentation.result import Segmentation

FloatArray = npt.NDArray[np.float64]

AT_ONCE = 1000
"""Measurements that are summed within a few milliseconds (measured: 3 ms at 2,048 channels, dense). Sums of larger
groups are kept, of which a field of N measurements has N / 1,000 at most: 5 MB at 300,000."""


class GroupSums:
    """Summed spectra of groups of measurements: those of large groups are kept, those of small ones made when needed.

    Parameters
    ----------
    field : Field
    labels : (N,) array of int64
        Group of every measurement, 0..n_groups - 1.
    n_groups : int
    before : GroupSums, optional
        Of an earlier result of the field; sums of groups that have the same measurements are taken from there.
    """

    def __init__(
        self, field: Field, labels: npt.NDArray[np.int64], n_groups: int, before: GroupSums | None = None
    ) -> None:
        self.field = field
        self._order = np.argsort(labels, kind="stable")
        self._starts = np.searchsorted(labels[self._order], np.arange(n_groups + 1))
        sizes = np.diff(self._starts)
        large = np.flatnonzero(sizes > AT_ONCE)
        self._fingerprints = {k: _fingerprint(self.members(k)) for k in large.tolist()}
        known = {} if before is None or before.field is not field else before._by_fingerprint()
        self._sums = {k: known[mark] for k, mark in self._fingerprints.items() if mark in known}
        missing = [k for k in self._fingerprints if k not in self._sums]
        if missing:
            number = np.full(n_groups, -1, dtype=np.int64)
            number[missing] = np.arange(len(missing))
            self._sums |= dict(zip(missing, field.summed_spectra(number[labels], len(missing)), strict=True))

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self._starts) - 1

    def members(self, group: int) -> npt.NDArray[np.int64]:
        """Measurements of a group, rising."""
        members: npt.NDArray[np.int64] = self._order[self._starts[group] : self._starts[group + 1]]
        return members

    def size(self, groups: Iterable[int]) -> int:
        """Number of measurements of groups."""
        return sum(int(self._starts[k + 1] - self._starts[k]) for k in groups)

    def at_once(self, groups: Iterable[int]) -> bool:
        """Whether the sum of groups is there within milliseconds."""
        return self.size(k for k in groups if k not in self._sums) <= AT_ONCE

    def sum_of(self, groups: Iterable[int]) -> FloatArray:
        """Summed spectrum of groups, (D,)."""
        chosen = sorted(set(groups))
        total = np.zeros(self.field.energy.size)
        for k in chosen:
            if k in self._sums:
                total += self._sums[k]
        rest = [self.members(k) for k in chosen if k not in self._sums]
        if rest:
            total += sum_of_measurements(self.field, np.concatenate(rest))
        return total

    def _by_fingerprint(self) -> dict[tuple[int, int], FloatArray]:
        return {mark: self._sums[k] for k, mark in self._fingerprints.items()}


@dataclass(frozen=True, eq=False)
class ResultSums:
    """Sums of the segments and phases of a result.

    Attributes
    ----------
    segmentation : Segmentation
    segments : GroupSums
        Segment k is label k + 1.
    phases : GroupSums
        As `segmentation.grouped` has them; where the method made no phases, the segments.
    """

    segmentation: Segmentation
    segments: GroupSums
    phases: GroupSums


def result_sums(
    segmentation: Segmentation, before: ResultSums | None = None, progress: Progress = silent
) -> ResultSums:
    """Sum the spectra of a result; for a thread beside the window.

    Parameters
    ----------
    segmentation : Segmentation
    before : ResultSums, optional
        Of an earlier result; what has the same measurements is not summed again.
    progress : Progress
    """
    progress("spectra", 0.0)
    field = segmentation.field
    _ = field.total_spectrum  # it is kept
    progress("spectra", 0.3)
    segments = GroupSums(
        field, segmentation.measurement_labels, segmentation.n_segments, None if before is None else before.segments
    )
    progress("spectra", 0.7)
    found = segmentation.measurement_phases
    phases = (
        segments
        if found is None
        else GroupSums(field, found.labels, found.n_phases, None if before is None else before.phases)
    )
    return ResultSums(segmentation, segments, phases)


def sum_of_measurements(field: Field, measurements: npt.NDArray[np.int64]) -> FloatArray:
    """Summed spectrum of measurements of a field, (D,).

    Parameters
    ----------
    field : Field
    measurements : (n,) array of int
        From 0; each counts once.
    """
    group = np.full(field.n_measurements, -1, dtype=np.int64)
    group[measurements] = 0
    return field.summed_spectra(group, 1)[0]


def _fingerprint(members: npt.NDArray[np.int64]) -> tuple[int, int]:
    """Number of measurements and a hash of which they are; equal for the same ones, else with a chance of 2**-64."""
    digest = hashlib.blake2b(np.ascontiguousarray(members).tobytes(), digest_size=8).digest()
    return len(members), int.from_bytes(digest, "little")
