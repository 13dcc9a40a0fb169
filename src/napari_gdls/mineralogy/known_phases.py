"""What summed spectra were found to be, so that a phase that has not changed is not measured again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.naming import composition_to_name, identify_fit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum

if TYPE_CHECKING:
    from napari_gdls.mineralogy.identification import Identification
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.mineralogy.naming_libraries import NamingLibrary
    from napari_gdls.mineralogy.spectrum_fit import SpectrumFit

_Kept = TypeVar("_Kept")

MOST = 400
"""Spectra that are remembered, the latest ones; chosen: several results of a hundred phases each, 100 MB at most."""


class KnownPhases:
    """Fits and names of the summed spectra that calls of `identify` have seen.

    They are what would be found again: they depend on counts, instrument and library alone, and are given back only
    where these are the same.

    Attributes
    ----------
    instrument : Instrument or None
        That of the last call; None before the first.
    """

    def __init__(self) -> None:
        self.instrument: Instrument | None = None
        self._named: NamedSpectra | None = None

    def named(self, instrument: Instrument, library: NamingLibrary) -> NamedSpectra:
        """What is known of spectra that are fitted and named in this way."""
        before = self._named
        if before is None or before.instrument is not instrument:
            before = NamedSpectra(instrument, library)
        elif before.library is not library:
            before = NamedSpectra(instrument, library, before.fits)
        self.instrument, self._named = instrument, before
        return before


class NamedSpectra:
    """Spectra that are fitted and named in one way, each of them once.

    Parameters
    ----------
    instrument : Instrument
    library : NamingLibrary
    fits : dict of bytes to SpectrumFit, optional
        With this instrument, by the digest of their counts; more are added.
    """

    def __init__(
        self, instrument: Instrument, library: NamingLibrary, fits: dict[bytes, SpectrumFit] | None = None
    ) -> None:
        self.instrument = instrument
        self.library = library
        self.fits = {} if fits is None else fits
        self._answers: dict[bytes, Identification] = {}

    def fit(self, counts: npt.NDArray[np.float64]) -> SpectrumFit:
        """`fit_spectrum` of counts, (D,)."""
        return _remembered(self.fits, _digest(counts), lambda: fit_spectrum(counts, self.instrument))

    def answer(self, fit: SpectrumFit) -> Identification:
        """`identify_fit` of a fit with this instrument."""
        key = _digest(fit.counts)
        return _remembered(self._answers, key, lambda: identify_fit(composition_to_name(fit), self.library))


def _remembered(known: dict[bytes, _Kept], key: bytes, make: Callable[[], _Kept]) -> _Kept:
    found = known.get(key)
    if found is None:
        found = known[key] = make()
        for oldest in list(known)[:-MOST]:
            known.pop(oldest, None)  # another thread may have been faster
    return found


def _digest(counts: npt.NDArray[np.float64]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(counts, dtype=np.float64).tobytes(), digest_size=20).digest()
