"""Sums over groups of measurements: window counts, directions of the embedded spectra, BSE."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

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
        chosen = np.ones(len(labels), dtype=np.bool_) if use is None else use
        counts, z, size, bse = _pooled(self.counts, self.z, self.bse, labels, chosen, n_groups)
        return Pool(counts, _unit(z), size, bse)


def _unit(z: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(z / np.maximum(np.linalg.norm(z, axis=1, keepdims=True), 1e-12))


@nb.njit(cache=True, nogil=True)
def _pooled(
    counts: npt.NDArray[np.int32],
    z: npt.NDArray[np.float32],
    bse: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    use: npt.NDArray[np.bool_],
    n_groups: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Sums of counts and of z times counts, sizes and mean BSE of the groups.

    Relies on labels of 0..n_groups - 1 where `use` is set, and on sums of counts below 2**63, which `Field` guarantees.
    """
    n_windows, dimension = counts.shape[1], z.shape[1]
    sums, directions = np.zeros((n_groups, n_windows), dtype=np.int64), np.zeros((n_groups, dimension))
    size, mean = np.zeros(n_groups, dtype=np.int64), np.zeros(n_groups)
    for i in range(len(labels)):
        if not use[i]:
            continue
        group, total = labels[i], 0
        size[group] += 1
        mean[group] += bse[i]
        for k in range(n_windows):
            sums[group, k] += counts[i, k]
            total += counts[i, k]
        for d in range(dimension):
            directions[group, d] += total * z[i, d]
    for group in range(n_groups):
        if size[group] > 0:
            mean[group] /= size[group]
    return sums, directions, size, mean
