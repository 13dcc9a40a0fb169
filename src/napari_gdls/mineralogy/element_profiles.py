"""What each element adds to a spectrum: counts in every channel per mass fraction, in the matrix that it lies in."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.elements import SYMBOLS
from napari_gdls.materials.composition import N_ELEMENTS
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import COLUMNS, SOUGHT
from napari_gdls.spectra import Emission
from napari_gdls.spectra.atomic import SUBSHELLS

FloatArray = npt.NDArray[np.float64]

_TRACE = 1e-7
"""Mass fraction at which elements that the matrix lacks are given lines: too little to change the matrix."""

_SHELL = np.array(["KLM".index(name[0]) for name in SUBSHELLS])
"""0, 1, 2 for subshells of K, L, M."""


@dataclass(frozen=True, eq=False)
class Profiles:
    """Profiles in one matrix.

    Attributes
    ----------
    families : (E, 3, D) float64
        Counts of the K, L and M lines of each element of `SOUGHT` per unit of its mass fraction; 0 where it has none.
    continuum : (D,) float64
        Counts of the continuum of the matrix, on the same scale.
    """

    families: FloatArray
    continuum: FloatArray

    @property
    def whole(self) -> FloatArray:
        """(E, D) float64: all lines of an element."""
        return np.asarray(self.families.sum(axis=1))


class ElementProfiles:
    """Profiles of elements for one instrument.

    Parameters
    ----------
    instrument : Instrument
    elements : tuple of str
        Elements of `SOUGHT` that have lines; the profiles of others are 0. Fewer elements are faster.
    """

    def __init__(self, instrument: Instrument, elements: tuple[str, ...] = SOUGHT) -> None:
        self.instrument, self.elements = instrument, elements
        self.columns = np.array([SYMBOLS.index(symbol) for symbol in elements])
        self._emission = _emission(instrument.beam_energy, instrument.take_off_angle, elements)
        lines = self._emission.lines
        self._n = len(lines)
        self._lines = sp.csr_array(instrument.detector.response(lines.energy, instrument.energy).astype(np.float64))
        self._continuum = instrument.detector.continuum_response(
            self._emission.continuum_energies, instrument.energy
        ).astype(np.float64)
        place = np.full(N_ELEMENTS, -1)
        place[COLUMNS] = np.arange(len(SOUGHT))
        self._row = 3 * place[lines.element] + _SHELL[lines.subshell]

    def in_matrix(self, fractions: FloatArray) -> Profiles:
        """Profiles in a matrix of (94,) mass fractions, which need not sum to 1."""
        traced = fractions / fractions.sum()
        traced[self.columns] = np.maximum(traced[self.columns], _TRACE)
        intensities = self._emission.intensities(traced[None])[0].astype(np.float64)
        # What `Emission` normalises, and the mass of the element, are taken out again.
        per_mass = intensities[: self._n] * (traced.sum() / traced[self._emission.lines.element])
        n = len(SOUGHT)
        weights = sp.csr_array((per_mass, (self._row, np.arange(self._n))), shape=(3 * n, self._n))
        families = (weights @ self._lines).toarray().reshape(n, 3, -1)
        return Profiles(families, intensities[self._n :] @ self._continuum)


@lru_cache(maxsize=16)
def _emission(beam_energy: float, take_off_angle: float, elements: tuple[str, ...]) -> Emission:
    return Emission(beam_energy, take_off_angle, elements=elements)


@lru_cache(maxsize=4)
def element_profiles(instrument: Instrument) -> ElementProfiles:
    """Profiles of all elements that are looked for; kept, since the phases of a field share their instrument."""
    return ElementProfiles(instrument)
