"""Sums over groups of measurements: window counts, directions of the embedded spectra, BSE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.threads import in_blocks, number_of_threads

_FEWEST = 1 << 12
"""Measurements for each thread at least: for fewer it costs more to share the work than it saves."""

Embedder = Callable[[npt.NDArray[np.float64]], npt.NDArray[np.floating]]
"""From spectra (M, D), on the energy axis of the field, to unit vectors (M, d)."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Sums over the measurements of each of K groups.

    Attributes
    ----------
    counts : (K, W) array of int64
        In energy windows.
    z : (K, d) array of float64
        Unit vectors: directions of the means of the embedded spectra, weighted by counts.
    size : (K,) array of int64
        Number of measurements.
    bse : (K,) array of float64
        Mean BSE, as a fraction of the full scale.
    """

    counts: npt.NDArray[np.int64]
    z: npt.NDArray[np.float64]
    size: npt.NDArray[np.int64]
    bse: npt.NDArray[np.float64]

    @property
    def total(self) -> npt.NDArray[np.int64]:
        """Counts of each group, (K,)."""
        return np.asarray(self.counts.sum(axis=1))

    def __len__(self) -> int:
        return len(self.size)

    def __getitem__(self, chosen: npt.NDArray[np.generic]) -> Pool:
        return Pool(self.counts[chosen], self.z[chosen], self.size[chosen], self.bse[chosen])

    def joined(self, other: Pool) -> Pool:
        """The groups of both, one after the other."""
        return Pool(
            np.concatenate([self.counts, other.counts]),
            np.concatenate([self.z, other.z]),
            np.concatenate([self.size, other.size]),
            np.concatenate([self.bse, other.bse]),
        )

    def regrouped(self, group: npt.NDArray[np.int64]) -> Pool:
        """Sums over groups of groups; `group` gives the new one of each, from 0."""
        n = int(group.max()) + 1
        counts = np.zeros((n, self.counts.shape[1]), dtype=np.int64)
        z = np.zeros((n, self.z.shape[1]))
        np.add.at(counts, group, self.counts)
        np.add.at(z, group, self.z * self.total[:, None])
        size = np.bincount(group, weights=self.size, minlength=n)
        bse = np.bincount(group, weights=self.size * self.bse, minlength=n) / np.maximum(size, 1)
        return Pool(counts, _unit(z), size.astype(np.int64), bse)

    def probabilities(self) -> npt.NDArray[np.float64]:
        """Share of the counts in each window, (K, W), none of them 0 (Jeffreys' prior of half a count)."""
        shares = self.counts + 0.5
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of each of N measurements: window counts (N, W), unit vectors z (N, d), and BSE (N,)."""

    counts: npt.NDArray[np.int32]
    z: npt.NDArray[np.float32]
    bse: npt.NDArray[np.float64]

    def pooled(self, labels: npt.NDArray[np.int64], n_groups: int, use: npt.NDArray[np.bool_] | None = None) -> Pool:
        """Sums over the measurements of each label, of those in `use` only where it is given."""
        group = labels if use is None else np.where(use, labels, -1)
        counts = np.zeros((n_groups, self.counts.shape[1]), dtype=np.int64)
        z, bse = np.zeros((n_groups, self.z.shape[1])), np.zeros(n_groups)
        size = np.bincount(group + 1, minlength=n_groups + 1)[1:]
        parts = max(1, min(number_of_threads(), len(labels) // _FEWEST))
        # Each group is summed by one thread, in the order of the measurements, so that sums do not depend on threads.
        shares = np.arange(parts + 1) * (int(size.sum()) / parts)
        limits = np.searchsorted(np.cumsum(size), shares[1:-1]).tolist()
        first_of, last_of = [0, *limits], [*limits, n_groups]
        in_blocks(
            parts,
            lambda k, _: _add(self.counts, self.z, self.bse, group, first_of[k], last_of[k], counts, z, bse),
            size=1,
        )
        return Pool(counts, _unit(z), size, bse / np.maximum(size, 1))


def _unit(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))


@nb.njit(cache=True, nogil=True)
def _add(
    counts: npt.NDArray[np.int32],
    z: npt.NDArray[np.float32],
    bse: npt.NDArray[np.float64],
    group: npt.NDArray[np.int64],
    first: int,
    last: int,
    sums: npt.NDArray[np.int64],
    directions: npt.NDArray[np.float64],
    brightness: npt.NDArray[np.float64],
) -> None:
    """Add counts, z times counts, and BSE of the measurements to those of their groups, of the groups first..last - 1.

    Relies on groups below the length of the three last arrays, negative for none, on 0 <= first, and on sums of counts
    below 2**63, which `Field` guarantees.
    """
    for i in range(len(group)):
        own = group[i]
        if own < first or own >= last:
            continue
        brightness[own] += bse[i]
        total = 0
        for k in range(counts.shape[1]):
            sums[own, k] += counts[i, k]
            total += counts[i, k]
        for d in range(z.shape[1]):
            directions[own, d] += total * z[i, d]
