"""What each element adds to a spectrum: counts in every channel per mass fraction, in the matrix that it lies in."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import COLUMNS, HIGHEST_CHANNEL, LOWEST_CHANNEL, SOUGHT
from napari_gdls.spectra import Emission
from napari_gdls.spectra.atomic import SHELL_OF_SUBSHELL

FloatArray = npt.NDArray[np.float64]

_TRACE = 1e-7
"""Mass fraction at which elements that the matrix lacks are given lines: too little to change the matrix."""


class Profiles:
    """Profiles in one matrix, in the channels used.

    Attributes
    ----------
    whole : (E, U) float64
        Counts of all lines of each element of `SOUGHT` per unit of its mass fraction; 0 where it has none.
    continuum : (U,) float64
        Counts of the continuum of the matrix, on the same scale.
    """

    def __init__(self, families: sp.csr_array, lines: sp.csr_array, continuum: FloatArray) -> None:
        # Rows of `families`: K, L and M lines of the first element, of the second ...
        self._families, self._lines = families, lines
        self.continuum = continuum
        self.whole: FloatArray = (_SUM_OF_SHELLS @ families @ lines).toarray()

    def families(self, element: int) -> FloatArray:
        """(3, U) float64: counts of the K, L and M lines of an element, by its place in `SOUGHT`."""
        return np.asarray((self._families[3 * element : 3 * element + 3] @ self._lines).toarray())


_SUM_OF_SHELLS = sp.csr_array(np.repeat(np.eye(len(SOUGHT)), 3, axis=1))


class ElementProfiles:
    """Profiles of elements for one instrument.

    Parameters
    ----------
    instrument : Instrument
    elements : tuple of str
        Elements of `SOUGHT` that have lines; the profiles of others are 0. Fewer elements are faster.

    Attributes
    ----------
    used : slice
        Channels that are fitted.
    """

    def __init__(self, instrument: Instrument, elements: tuple[str, ...] = SOUGHT) -> None:
        self.instrument, self.elements = instrument, elements
        self.used = used_channels(instrument)
        self._columns = np.array([SYMBOLS.index(symbol) for symbol in elements])
        self._emission = _emission(instrument.beam_energy, instrument.take_off_angle, elements)
        lines = self._emission.lines
        self._n = len(lines)
        axis, detector = instrument.energy, instrument.detector
        self._lines = sp.csr_array(detector.response(lines.energy, axis)[:, self.used].astype(np.float64))
        self._continuum = detector.continuum_response(self._emission.continuum_energies, axis)[:, self.used]
        place = np.full(N_ELEMENTS, -1)
        place[COLUMNS] = np.arange(len(SOUGHT))
        self._row = 3 * place[lines.element] + SHELL_OF_SUBSHELL[lines.subshell]

    def in_matrix(self, fractions: FloatArray) -> Profiles:
        """Profiles in a matrix of (94,) mass fractions, which need not sum to 1."""
        traced = fractions / fractions.sum()
        traced[self._columns] = np.maximum(traced[self._columns], _TRACE)
        intensities = self._emission.intensities(traced[None])[0]
        # What `Emission` normalises, and the mass of the element, are taken out again.
        per_mass = intensities[: self._n].astype(np.float64)
        per_mass *= traced.sum() / traced[self._emission.lines.element]
        families = sp.csr_array((per_mass, (self._row, np.arange(self._n))), shape=(3 * len(SOUGHT), self._n))
        continuum = (intensities[self._n :] @ self._continuum).astype(np.float64)
        return Profiles(families, self._lines, continuum)


def used_channels(instrument: Instrument) -> slice:
    """Channels that are fitted."""
    return instrument.energy.window(LOWEST_CHANNEL, 1000 * HIGHEST_CHANNEL * instrument.beam_energy)


@lru_cache(maxsize=16)
def _emission(beam_energy: float, take_off_angle: float, elements: tuple[str, ...]) -> Emission:
    return Emission(beam_energy, take_off_angle, elements=elements)


@lru_cache(maxsize=4)
def element_profiles(instrument: Instrument) -> ElementProfiles:
    """Profiles of all elements that are looked for; kept, since the phases of a field share their instrument."""
    return ElementProfiles(instrument)
