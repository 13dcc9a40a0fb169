"""Embeddings for counts on any energy axis: where a network begins with a matrix, rebinning is a part of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.energy import EnergyAxis, rebin, rebinning_matrix
from napari_gdls.field.rows import ROWS_OF_A_THREAD
from napari_gdls.field.spectra_on_disk import SpectraOnDisk
from napari_gdls.summing import add_channels
from napari_gdls.threads import in_blocks

if TYPE_CHECKING:
    import torch

    from napari_gdls.embedding.models import Embedding


@runtime_checkable
class BeginsLinear(Protocol):
    """A network without a state that begins with a matrix on the counts."""

    def to(self, device: str) -> BeginsLinear:
        """The network on a device, as `torch.nn.Module.to` has it."""
        ...

    def projection(self) -> torch.Tensor:
        """Matrix on the counts, (D, M) float32."""
        ...

    def of_projected(self, projected: torch.Tensor, total: torch.Tensor) -> torch.Tensor:
        """Unit vectors (n, d) of counts times `projection`, (n, M), and the sums of the counts, (n, 1)."""
        ...


class OnAxis(Protocol):
    """An embedding of counts on some energy axis."""

    is_thread_safe: bool
    """Whether several threads may call it at once."""

    def vectors(self, spectra: Any, first: int, last: int, device: str) -> npt.NDArray[np.float32]:
        """Embed the spectra first..last - 1 of an (N, D) array, csr_array or `SpectraOnDisk`, on a device of torch."""
        ...


def on_axis(embedding: Embedding, axis: EnergyAxis) -> OnAxis:
    """An embedding for counts on an axis, in the fastest form that its network allows."""
    network = embedding.network()
    if isinstance(network, BeginsLinear):
        return _Projected(network, axis, embedding.energy)
    return _Rebinned(network, axis, embedding.energy)


class _Projected:
    """Counts go through one matrix; neighbouring channels with equal rows in it are added up first."""

    is_thread_safe = True

    def __init__(self, network: BeginsLinear, source: EnergyAxis, target: EnergyAxis) -> None:
        import torch

        self._network = network
        moved = rebinning_matrix(source, target)
        windows = network.projection().numpy().astype(np.float64)
        # The last column makes the sum of the counts on the axis of the network.
        rows = np.column_stack([moved @ windows, moved.sum(axis=1)]).astype(np.float32)
        counts = rows[:, -1] > 0  # the other channels lie beyond that axis
        begins = counts & (np.append(True, (rows[1:] != rows[:-1]).any(axis=1)) | np.append(True, ~counts[:-1]))
        self._group = np.where(counts, np.cumsum(begins) - 1, -1)
        self._matrix = torch.from_numpy(rows[begins])
        used = np.flatnonzero(counts)
        self._ungrouped = slice(used[0], used[-1] + 1) if 0 < len(used) == len(self._matrix) else None

    def vectors(self, spectra: Any, first: int, last: int, device: str) -> npt.NDArray[np.float32]:
        """See `OnAxis.vectors`."""
        import torch

        network = self._network.to(device)
        with torch.inference_mode():
            counts = torch.from_numpy(self._grouped(spectra, first, last)).to(device)
            projected = counts @ self._matrix.to(device)
            return np.asarray(network.of_projected(projected[:, :-1], projected[:, -1:]).cpu().numpy())

    def _grouped(self, spectra: Any, first: int, last: int) -> npt.NDArray[np.float32]:
        """Counts in groups of channels, (last - first, G)."""
        if isinstance(spectra, SpectraOnDisk):
            spectra, first, last = spectra[first:last], 0, last - first
        if self._ungrouped is not None and isinstance(spectra, np.ndarray):
            return spectra[first:last, self._ungrouped].astype(np.float32)
        out = np.zeros((last - first, len(self._matrix)), dtype=np.float32)
        # On several threads where the batch is that of a device, and not of one of several threads itself.
        in_blocks(
            len(out),
            lambda a, b: add_channels(spectra, first + a, first + b, self._group, out[a:b]),
            size=ROWS_OF_A_THREAD,
        )
        return out


class _Rebinned:
    """Counts are moved to the axis of the network, which may be any module, and may keep a state."""

    is_thread_safe = False

    def __init__(self, network: torch.nn.Module, source: EnergyAxis, target: EnergyAxis) -> None:
        self._network, self._source, self._target = network, source, target

    def vectors(self, spectra: Any, first: int, last: int, device: str) -> npt.NDArray[np.float32]:
        """See `OnAxis.vectors`."""
        import torch

        counts = rebin(spectra[first:last], self._source, self._target)
        dense = counts.toarray() if sp.issparse(counts) else np.asarray(counts)
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(dense, dtype=np.float32)).to(device)
            return np.asarray(self._network.to(device)(batch).cpu().numpy())
