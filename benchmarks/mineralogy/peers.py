"""Other ways to name a spectrum, on the same spectra and library, with the same prior where it helps them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from benchmarks.mineralogy.naming import Case
from benchmarks.mineralogy.simulated import TAKE_OFF
from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import CANONICAL_AXIS, rebin
from napari_gdls.mineralogy import Instrument, NamingLibrary
from napari_gdls.mineralogy.spectral_shape import log_coefficients
from napari_gdls.spectra import simulate_spectra

FloatArray = npt.NDArray[np.float64]
Method = Callable[[Case], FloatArray]

LOWEST, HIGHEST = 300.0, 10_000.0  # eV, band of the G statistic
EMBEDDING_WEIGHT, SHAPE_WEIGHT = 60.0, 200.0
"""Nats per unit of cosine, and of the logarithm of the Bhattacharyya coefficient: the best of a few."""

MASS_WIDTH = 0.05
"""Standard error of mass fractions in the distance of compositions, all elements alike."""


def methods(library: NamingLibrary) -> dict[str, Method]:
    """Scores of all materials by name of the method, in nats."""

    def g_statistic(case: Case) -> FloatArray:
        band = CANONICAL_AXIS.window(LOWEST, HIGHEST)
        measured = _canonical(case)[band]
        expected = _library_spectra(library, case.specimen.beam_energy)[:, band]
        expected = expected / expected.sum(axis=1, keepdims=True)
        return np.asarray(np.log(np.maximum(expected, 1e-9)) @ measured + library.log_prior)

    def masses(case: Case) -> FloatArray:
        found = np.zeros(len(SYMBOLS))
        for symbol, percent in case.composition.mass_percent.items():
            found[SYMBOLS.index(symbol)] = percent / 100
        fractions = library.fractions / np.maximum(library.fractions.sum(axis=1, keepdims=True), 1e-9)
        squares = np.square(fractions - found).sum(axis=1)
        return np.asarray(-squares / (2 * MASS_WIDTH**2) + library.log_prior)

    def embedding(case: Case) -> FloatArray:
        from napari_gdls.embedding import embed, load_embedding

        z = embed(_canonical(case)[None].astype(np.float32), load_embedding(), device="cpu")[0]
        known = _library_vectors(library, case.specimen.beam_energy)
        return np.asarray(EMBEDDING_WEIGHT * (known @ z) + library.log_prior, dtype=np.float64)

    def shapes(case: Case) -> FloatArray:
        instrument = Instrument(
            case.specimen.beam_energy, TAKE_OFF, case.composition.energy, case.composition.fit.instrument.detector
        )
        return np.asarray(
            SHAPE_WEIGHT * log_coefficients(case.spectrum, instrument, library.materials) + library.log_prior
        )

    return {
        "G statistic of spectra, .3-10 keV, + prior": g_statistic,
        "distance of mass fractions + prior": masses,
        "learned embedding, cosine x 60, + prior": embedding,
        "Bhattacharyya, 90 eV, x 200, + prior": shapes,
    }


def _canonical(case: Case) -> FloatArray:
    return np.asarray(rebin(case.spectrum[None], case.composition.energy, CANONICAL_AXIS)[0], dtype=np.float64)


@lru_cache(maxsize=3)
def _library_spectra(library: NamingLibrary, beam_energy: float) -> npt.NDArray[np.float32]:
    return simulate_spectra(library.materials.compositions, beam_energy=beam_energy, take_off=TAKE_OFF)


@lru_cache(maxsize=3)
def _library_vectors(library: NamingLibrary, beam_energy: float) -> npt.NDArray[np.float32]:
    from napari_gdls.embedding import embed, load_embedding

    return embed(1e6 * _library_spectra(library, beam_energy), load_embedding(), device="cpu")
