"""Is this a spectrum that can be quantified? One wording for what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_kind, checked_number, shown
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.materials.composition import atomic_number
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import LOWEST_CHANNEL, SOUGHT
from napari_gdls.spectra import Detector
from napari_gdls.spectra.emission import checked_beam_energy, checked_take_off

FloatArray = npt.NDArray[np.float64]

_LEAST_REACH = 2000.0
"""eV; an axis that ends below shows neither Si nor most of what names a mineral."""

_LEAST_CHANNELS, _WIDEST_CHANNEL = 30, 60.0
"""Channels, and eV: half of the width of a peak at the most, else peaks and continuum are one."""

_LARGEST_FACTOR = 10.0
"""By which a standard may differ from the physics, either way; more is a wrong composition or a wrong file."""


class SpectrumError(GdlsError, ValueError):
    """A spectrum, or what is said about it, is such that nothing can be quantified."""


def checked_counts(counts: Any, energy: EnergyAxis) -> FloatArray:
    """The spectrum as (D,) float64.

    Raises
    ------
    SpectrumError
        If it is no row of finite counts, none negative, of the length of the axis, with counts among the channels used.
    """
    if hasattr(counts, "toarray"):
        counts = counts.toarray()
        counts = counts[0] if counts.ndim == 2 and len(counts) == 1 else counts  # a row of a sparse matrix
    array = np.asarray(counts)
    if array.dtype.kind not in "buif":
        raise SpectrumError(f"the spectrum is an array of {array.dtype}; counts are numbers.")
    if array.ndim != 1:
        raise SpectrumError(
            f"the spectrum has the shape {array.shape}; one spectrum, ({energy.size},), is needed. Sum spectra first, "
            "or take one of them."
        )
    if array.size != energy.size:
        raise SpectrumError(f"the spectrum has {array.size} channels and the energy axis {energy.size}.")
    y = array.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(y) | (y < 0))
    if bad.size:
        raise SpectrumError(
            f"the spectrum holds {shown(float(y[bad[0]]))} in channel {bad[0]} ({energy.centers[bad[0]]:.0f} eV); "
            "counts are finite and not negative. A spectrum without its background, or a normalised one, cannot be "
            "quantified."
        )
    return y


def checked_axis(energy: Any, beam_energy: float) -> EnergyAxis:
    """The axis, or a `SpectrumError` where it does not show the lines that a composition is read from."""
    axis: EnergyAxis = checked_kind("energy", energy, EnergyAxis)
    reach = min(float(axis.centers[-1]), 1000 * beam_energy)
    if reach < _LEAST_REACH or axis.centers[0] > 1000.0:
        raise SpectrumError(
            f"the energy axis goes from {axis.centers[0]:.0f} to {axis.centers[-1]:.0f} eV; {LOWEST_CHANNEL:.0f} to "
            f"{_LEAST_REACH:.0f} eV is the least that a composition can be read from. Is it in eV?"
        )
    if axis.width > _WIDEST_CHANNEL or axis.size < _LEAST_CHANNELS:
        raise SpectrumError(
            f"the energy axis has {axis.size} channels of {axis.width:g} eV; channels of {_WIDEST_CHANNEL:g} eV are "
            "the widest that still show peaks."
        )
    return axis


def checked_instrument(instrument: Any) -> Instrument:
    """The instrument with checked numbers."""
    known: Instrument = checked_kind("instrument", instrument, Instrument)
    beam_energy = checked_beam_energy(known.beam_energy)
    checked_kind("detector", known.detector, Detector)
    return Instrument(
        beam_energy, checked_take_off(known.take_off_angle), checked_axis(known.energy, beam_energy), known.detector
    )


def checked_elements(elements: Iterable[str] | None) -> tuple[str, ...] | None:
    """Elements to fit, by atomic number; None for a search.

    Raises
    ------
    CompositionError
        If one is unknown.
    SpectrumError
        If one has no line to be seen, or none is given.
    """
    if elements is None:
        return None
    symbols = [elements] if isinstance(elements, str) else list(elements)
    wanted = sorted({atomic_number(symbol) for symbol in symbols})
    unseen = [symbol for symbol in symbols if symbol not in SOUGHT]
    if unseen:
        raise SpectrumError(f"{', '.join(unseen)} cannot be fitted: no line, or no solid holds it. Leave it out.")
    if not wanted:
        raise SpectrumError("no element is given to fit; name some, or leave `elements` out to have them searched.")
    return tuple(symbol for symbol in SOUGHT if atomic_number(symbol) in wanted)


def checked_factors(factors: Mapping[str, float] | None) -> FloatArray:
    """True by found mass for each of `SOUGHT`, 1 where nothing is said."""
    values = np.ones(len(SOUGHT))
    for symbol, value in (factors or {}).items():
        atomic_number(symbol)
        if symbol not in SOUGHT:
            raise SpectrumError(f"a factor is given for {symbol}, which is never looked for. Leave it out.")
        values[SOUGHT.index(symbol)] = checked_number(
            f"factor of {symbol}", value, lowest=1 / _LARGEST_FACTOR, highest=_LARGEST_FACTOR
        )
    return values
