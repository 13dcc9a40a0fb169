"""What one look at all counts of a map says of them, before any is kept: how many there are, and how large."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.field.gain import spread_over
from napari_gdls.io.counts_source import CountsSource

_PIECE_BYTES = 4 * 1024**2
"""Raw size of what is worked on at a time: it stays in the cache of a processor."""


@dataclass(frozen=True, eq=False)
class CountsScan:
    """Counts of the spectra of a map, in raster order.

    Attributes
    ----------
    n_stored : (N,) array of int64
        Counts of each that are not zero.
    totals : (N,) array of float64
        Sum of each over all channels.
    inner_totals : (N,) array of float64
        Sum of each over the channels from `first_channel` of `scanned` on.
    largest, smallest : number
        Of all counts.
    dtype : dtype
        As they are stored.
    glance : (n, D) array
        A few spectra, spread evenly over the map.
    """

    n_stored: npt.NDArray[np.int64]
    totals: npt.NDArray[np.float64]
    inner_totals: npt.NDArray[np.float64]
    largest: Any
    smallest: Any
    dtype: np.dtype[Any]
    glance: npt.NDArray[Any]

    @property
    def smallest_dtype(self) -> np.dtype[Any]:
        """The smallest unsigned dtype that holds all counts, of whole numbers; else their own."""
        if self.dtype.kind not in "ui" or self.smallest < 0:
            return self.dtype
        return np.min_scalar_type(int(self.largest))

    def of(self, rows: npt.NDArray[np.bool_]) -> CountsScan:
        """What is known of some of the spectra."""
        return replace(
            self, n_stored=self.n_stored[rows], totals=self.totals[rows], inner_totals=self.inner_totals[rows]
        )


class SummedSpectra:
    """Takes spectra block by block as `napari_gdls.io.sparse_spectra.SpectraCollector`, and keeps their sums only.

    Parameters
    ----------
    n_channels : int
    first_channel : int
        First channel above the zero peak.
    """

    def __init__(self, n_channels: int, first_channel: int) -> None:
        self._n_channels, self._first_channel = n_channels, first_channel
        self._sums: list[tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] = []

    def append(self, block: Any) -> None:
        """Add (n, D) spectra: an array or a csr_array."""
        inner, outer = (
            np.asarray(part.sum(axis=1, dtype=np.float64)).ravel()
            for part in (block[:, self._first_channel :], block[:, : self._first_channel])
        )
        self._sums.append((inner + outer, inner))

    def finish(self) -> sp.csr_array:
        """The spectra that `with_these_sums` makes."""
        totals, inner = (np.concatenate([np.zeros(0), *parts]) for parts in zip(*self._sums, strict=True))
        return with_these_sums(totals, inner, self._n_channels, self._first_channel)


def with_these_sums(
    totals: npt.NDArray[np.float64], inner_totals: npt.NDArray[np.float64], n_channels: int, first_channel: int
) -> sp.csr_array:
    """Spectra that stand in for others with the same sums, which is all that a summary needs.

    Parameters
    ----------
    totals, inner_totals : (N,) arrays
        Sums over all channels, and over those above the zero peak.
    n_channels : int
    first_channel : int
        First channel above the zero peak.

    Returns
    -------
    (N, n_channels) csr_array
        What is above the zero peak is in the first channel there, the rest in the first channel of all.
    """
    values = np.stack([totals - inner_totals, inner_totals], axis=1)
    channels = np.tile([0, min(first_channel, n_channels - 1)], (len(totals), 1))
    ends = 2 * np.arange(len(totals) + 1)
    found = sp.csr_array((values.ravel(), channels.ravel(), ends), shape=(len(totals), n_channels))
    found.sum_duplicates()
    found.eliminate_zeros()
    return found


def some_spectra(
    source: CountsSource, kept: npt.NDArray[np.bool_] | None, rows: npt.NDArray[np.int64]
) -> npt.NDArray[Any]:
    """Spectra of these numbers (rising, of those that are kept) as an (n, D) array."""
    found, first = [], 0
    for block in kept_blocks(source, kept):
        here = slice(*np.searchsorted(rows, [first, first + len(block)]))
        found.append(block[rows[here] - first])
        first += len(block)
        if here.stop == len(rows):
            break
    return np.concatenate(found)


def scanned(
    source: CountsSource, *, first_channel: int = 0, kept: npt.NDArray[np.bool_] | None = None, n_glance: int = 0
) -> CountsScan:
    """Look at all counts of a map once, block by block.

    Parameters
    ----------
    source : CountsSource
        Of (H, W, D) counts.
    first_channel : int
        From which `CountsScan.inner_totals` count.
    kept : (H, W) array of bool, optional
        Spectra that are looked at. None: all.
    n_glance : int
        Spectra in `CountsScan.glance`.
    """
    height, width, n_channels = source.shape
    n = height * width if kept is None else int(np.count_nonzero(kept))
    n_stored, totals, inner = np.zeros(n, np.int64), np.zeros(n), np.zeros(n)
    wanted = spread_over(n, n_glance)
    glance = np.zeros((len(wanted), n_channels), source.dtype)
    largest: Any = source.dtype.type(0)
    smallest: Any = source.dtype.type(0)
    first = 0
    for block in kept_blocks(source, kept):
        for piece in pieces_of(block):
            part = slice(first, first + len(piece))
            n_stored[part] = np.count_nonzero(piece != 0, axis=1)
            totals[part] = _sums(piece)
            inner[part] = _sums(piece[:, first_channel:]) if first_channel else totals[part]
            largest, smallest = max(largest, piece.max(initial=0)), min(smallest, piece.min(initial=0))
            here = slice(*np.searchsorted(wanted, [part.start, part.stop]))
            glance[here] = piece[wanted[here] - first]
            first += len(piece)
    return CountsScan(n_stored, totals, inner, largest, smallest, source.dtype, glance)


def kept_blocks(source: CountsSource, kept: npt.NDArray[np.bool_] | None) -> Any:
    """Blocks of a source, of (n, D) spectra, with only those pixels that are kept; None: all of them."""
    first = 0
    for block in source.blocks():
        if kept is None:
            yield block
            continue
        chosen = kept.reshape(-1)[first : first + len(block)]
        first += len(block)
        yield block if chosen.all() else block[chosen]


def pieces_of(block: npt.NDArray[Any]) -> Any:
    """Parts of (n, D) spectra that are worked on at a time."""
    step = max(_PIECE_BYTES // max(block.shape[1] * block.itemsize, 1), 1)
    return (block[first : first + step] for first in range(0, len(block), step))


def _sums(piece: npt.NDArray[Any]) -> npt.NDArray[Any]:
    # Sums of one- and two-byte counts of 65,536 channels fit into four bytes, which is quickest.
    exact = {1: np.uint32, 2: np.uint32, 4: np.int64}.get(piece.itemsize) if piece.dtype.kind == "u" else None
    return np.asarray(piece.sum(axis=1, dtype=exact or np.float64))
