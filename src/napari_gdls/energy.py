"""The energy calibration of a spectrum and the move of counts from one calibration to another."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldError

if TYPE_CHECKING:
    import scipy.sparse as sp

_MOST_CHANNELS = 1_000_000
"""Spectrometers have 4,096 as a rule, 16,384 at most; without a limit a damaged file could ask for any memory."""
_LEAST_WIDTH = 0.001
"""eV; a thousandth of what the finest spectrometers have. Quotients of energies and widths stay far from overflow."""
_HIGHEST = 1e9
"""eV, likewise: thousands of times what any beam of a microscope excites."""


@dataclass(frozen=True)
class EnergyAxis:
    """Linear energy calibration of a spectrum.

    Parameters
    ----------
    offset : float
        Energy at the centre of channel 0, in eV. May be negative (Bruker spectra start below zero).
    width : float
        Width of a channel, in eV.
    size : int
        Number of channels.

    Raises
    ------
    FieldError
        If a value is not finite, `width` or `size` is not positive, or the axis is far beyond that of any X-ray
        spectrum: more than a million channels, channels of less than 0.001 eV, energies of more than 1 GeV.

    Examples
    --------
    >>> axis = EnergyAxis(offset=200.0, width=10.0, size=1536)
    >>> axis.index(6404.0)
    620
    """

    offset: float
    width: float
    size: int

    def __post_init__(self) -> None:
        for name, kind in (("offset", float), ("width", float), ("size", int)):
            value = getattr(self, name)
            try:
                converted = kind(value)
            except (TypeError, ValueError, OverflowError):
                raise FieldError(f"energy axis: {name} is {value!r}, not a number.") from None
            if not math.isfinite(converted) or converted != value:
                raise FieldError(f"energy axis: {name} is {value!r}; it must be a finite {kind.__name__}.")
            object.__setattr__(self, name, converted)
        if self.width <= 0:
            raise FieldError(f"energy axis: the channel width is {self.width} eV; it must be positive.")
        if self.size < 1:
            raise FieldError(f"energy axis: {self.size} channels; at least one is needed.")
        if self.size > _MOST_CHANNELS:
            raise FieldError(f"energy axis: {self.size} channels; no more than {_MOST_CHANNELS:,} can be handled.")
        if not (self.width >= _LEAST_WIDTH and abs(self.offset) + self.width * self.size <= _HIGHEST):
            raise FieldError(
                f"energy axis: {self.size} channels of {self.width:g} eV from {self.offset:g} eV are no X-ray "
                "spectrum; check offset and width, in eV."
            )

    @property
    def centers(self) -> npt.NDArray[np.float64]:
        """Energies of the channel centres, shape (size,), in eV."""
        return self.offset + self.width * np.arange(self.size, dtype=np.float64)

    @property
    def edges(self) -> npt.NDArray[np.float64]:
        """Energies of the channel borders, shape (size + 1,), in eV."""
        return self.offset + self.width * (np.arange(self.size + 1, dtype=np.float64) - 0.5)

    def index(self, energy: float) -> int:
        """Channel that holds `energy` (eV); may lie outside 0..size-1."""
        return math.floor((energy - self.offset) / self.width + 0.5)

    def window(self, low: float, high: float) -> slice:
        """Channels whose centres lie in ``low <= energy < high`` (eV), clipped to the axis."""
        if not low < high:
            raise FieldError(f"energy window {low}..{high} eV is empty: the lower limit must be below the upper one.")
        first, last = (np.clip((limit - self.offset) / self.width, 0, self.size) for limit in (low, high))
        return slice(math.ceil(first), math.ceil(last))

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers for JSON; ``EnergyAxis(**d)`` turns them back."""
        return {"offset": self.offset, "width": self.width, "size": self.size}


CANONICAL_AXIS = EnergyAxis(offset=200.0, width=10.0, size=1536)
"""The axis that embeddings take: 200 to 15,550 eV in channels of 10 eV (paper, section 3.4)."""

DEFAULT_BEAM_ENERGY = 25.0
"""Energy of the beam (keV) that is taken where none is known: that of the paper's simulated spectra (section 3.4)."""

ZERO_PEAK_END = 50.0
"""Below this energy (eV) a spectrum holds electronic noise, not X-rays (the strobe peak of Bruker maps, for one)."""


def common_axis(axes: Iterable[EnergyAxis]) -> EnergyAxis:
    """An axis that spectra on all of some axes can be moved to: channels as wide as the widest, where all have counts.

    Parameters
    ----------
    axes : iterable of EnergyAxis
        One at least; their order does not matter.

    Raises
    ------
    FieldError
        If there is no energy that all have in common.
    """
    different = sorted(set(axes), key=lambda axis: (-axis.width, axis.offset, axis.size))
    widest = different[0]
    low, high = (np.array([axis.edges[end] for axis in different]) for end in (0, -1))
    first = math.ceil((low.max() - widest.edges[0]) / widest.width - 1e-9)
    last = math.floor((high.min() - widest.edges[0]) / widest.width + 1e-9)
    if last <= first:
        raise FieldError("the energy axes have no channel in common.")
    return EnergyAxis(float(widest.offset + first * widest.width), widest.width, last - first)


def rebinning_matrix(source: EnergyAxis, target: EnergyAxis) -> sp.csr_array:
    """Matrix that moves counts from one calibration to another.

    The counts of a channel are taken as evenly spread over its width and go to the target channels in proportion to the
    overlap, so no count inside the target band is lost or made.

    Parameters
    ----------
    source, target : EnergyAxis

    Returns
    -------
    csr_array, shape (source.size, target.size), float32
        ``counts @ matrix`` are the counts on `target`. A row sums to the part of its channel that lies on `target`:
        1 inside, less at the ends, 0 outside. Equal axes give the identity.
    """
    import scipy.sparse as sp  # here, since it takes longer to load than the whole command line

    # Rows of `low`/`high`: the borders of every source channel in units of target channels.
    borders = (source.edges - target.edges[0]) / target.width
    borders = np.where(np.abs(borders - np.round(borders)) < 1e-9, np.round(borders), borders)
    low, high = borders[:-1], borders[1:]
    first = np.clip(np.floor(low), 0, target.size).astype(np.int64)
    last = np.clip(np.ceil(high), 0, target.size).astype(np.int64)
    span = np.maximum(last - first, 0)
    rows = np.repeat(np.arange(source.size), span)
    columns = np.arange(span.sum()) - np.repeat(np.cumsum(span) - span, span) + np.repeat(first, span)
    overlap = np.minimum(high[rows], columns + 1) - np.maximum(low[rows], columns)
    weights = np.clip(overlap / (high - low)[rows], 0.0, 1.0).astype(np.float32)
    matrix = sp.csr_array((weights, (rows, columns)), shape=(source.size, target.size))
    matrix.eliminate_zeros()
    return matrix


def rebin(counts: Any, source: EnergyAxis, target: EnergyAxis) -> Any:
    """Move spectra to another energy calibration; counts inside the target band are conserved.

    Parameters
    ----------
    counts : (N, source.size) array or csr_array
        Spectra in rows.
    source, target : EnergyAxis

    Returns
    -------
    (N, target.size) array or csr_array
        Of the kind of `counts`. When the channels of both axes coincide this is a selection and the dtype is kept;
        otherwise float32 with fractional counts.

    See Also
    --------
    rebinning_matrix
    """
    import scipy.sparse as sp

    if source == target:
        return counts
    shift = (target.offset - source.offset) / source.width
    inside = round(shift) >= 0 and round(shift) + target.size <= source.size
    if inside and source.width == target.width and abs(shift - round(shift)) < 1e-6:
        return counts[:, round(shift) : round(shift) + target.size]
    matrix = rebinning_matrix(source, target)
    if sp.issparse(counts):
        return sp.csr_array(counts.astype(np.float32) @ matrix)
    return np.asarray((matrix.T @ np.asarray(counts, dtype=np.float32).T).T)
