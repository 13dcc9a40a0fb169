"""How alike a spectrum and the simulated spectra of a library are, as wholes.

The measure is the Bhattacharyya coefficient of spectra in bins of 90 eV from 0.9 keV: wide enough that the resolution
of the detector and small errors of the energy axis do not matter, and above the lines of carbon, oxygen and fluorine,
which tape, coatings and the window change.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.materials import Materials
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.library_cache import kept_array
from napari_gdls.spectra import PHYSICS_VERSION, Detector, simulate_spectra

LOWEST, BIN, BINS = 900.0, 90.0, 100
"""eV, eV and number: to 9.9 keV, beyond which rocks have little."""

_FINE = 10.0  # eV, channels that are simulated
_RESOLUTION_STEP = 10.0  # eV, to which the resolution is rounded: less changes no bin of 90 eV

SHAPE_LIMIT = 300.0
"""Nats per unit of the logarithm of the Bhattacharyya coefficient that a shape counts for at most, however many counts
there are: chosen on simulated spectra with wrong physics, where 225 to 400 do as well."""

_UNEXPECTED, _NEVER = 0.02, 1e-7
"""Part of the counts that may be of anything in the library, and of each bin of anything at all: tape, stray
radiation, minor elements."""

_FEWEST = 1e-12
"""Of the coefficient: keeps its logarithm finite."""


def log_coefficients(
    counts: npt.NDArray[np.float64], instrument: Instrument, materials: Materials
) -> npt.NDArray[np.float64]:
    """Logarithm of the Bhattacharyya coefficient of a spectrum with each material.

    Parameters
    ----------
    counts : (D,) float64
        On the energy axis of the instrument.
    instrument : Instrument
    materials : Materials

    Returns
    -------
    (n,) float64
        0 for equal spectra, else below. All 0 where the spectrum holds nothing in the band.
    """
    root = spectrum_root(counts, instrument)
    if not root.any():
        return np.zeros(len(materials))
    shapes = library_shapes(materials, instrument)
    # Without BLAS, whose sums depend on the number of threads.
    return np.asarray(np.log(np.maximum(np.einsum("ij,j->i", shapes, root), _FEWEST)))


def shape_evidence(
    counts: npt.NDArray[np.float64], instrument: Instrument, materials: Materials
) -> npt.NDArray[np.float64]:
    """Logarithm of the likelihood of the shape of a spectrum by each material, as far as the physics lets it count.

    Parameters
    ----------
    counts, instrument, materials
        See `log_coefficients`.

    Returns
    -------
    (n,) float64
        Nats, less a constant. It is the multinomial likelihood of the bins, times ``1 / (1 + 4 N / 300)``: with few
        counts N that of the statistics, with many 300 times the logarithm of the Bhattacharyya coefficient, as errors
        of the physics have it. That coefficient itself will not do with few counts, where most bins hold none: it
        favours whatever has the least continuum, metals before their oxides.
    """
    binned = _binned(counts, instrument)
    shapes = library_shapes(materials, instrument).astype(np.float64) ** 2
    usual = shapes.mean(axis=0)
    expected = np.log((1 - _UNEXPECTED) * shapes + _UNEXPECTED * usual + _NEVER)
    return np.asarray(np.einsum("ij,j->i", expected, binned) / (1 + 4 * binned.sum() / SHAPE_LIMIT))


def spectrum_root(counts: npt.NDArray[np.float64], instrument: Instrument) -> npt.NDArray[np.float64]:
    """Square root of a spectrum in wide bins, of unit length, (100,); all 0 where it holds nothing in the band."""
    root = np.sqrt(_binned(counts, instrument))
    length = np.linalg.norm(root)
    return np.asarray(root / length if length > 0 else root)


def _binned(counts: npt.NDArray[np.float64], instrument: Instrument) -> npt.NDArray[np.float64]:
    """Counts in the wide bins, (100,); 0 in those that the axis does not cover."""
    edges = LOWEST + BIN * np.arange(BINS + 1)
    cumulative = np.interp(edges, instrument.energy.edges, np.append(0.0, np.cumsum(counts)))
    return np.asarray(np.maximum(np.diff(cumulative), 0) * _covered(instrument.energy))


def library_shapes(materials: Materials, instrument: Instrument) -> npt.NDArray[np.float32]:
    """Square roots of the materials' spectra in wide bins, rows of unit length, (n, 100) float32; kept on disk."""
    detector = instrument.detector
    fwhm = _RESOLUTION_STEP * round(detector.fwhm / _RESOLUTION_STEP)
    shapes = _shapes(materials, instrument.beam_energy, instrument.take_off_angle, fwhm, detector.window)
    covered = _covered(instrument.energy)
    if covered.all():
        return shapes
    part = np.where(covered, shapes, np.float32(0))
    return np.asarray(part / np.maximum(np.sqrt((part**2).sum(axis=1, keepdims=True)), np.float32(_FEWEST)))


def _covered(energy: EnergyAxis) -> npt.NDArray[np.bool_]:
    """Bins that lie on an energy axis as a whole, (100,)."""
    edges = LOWEST + BIN * np.arange(BINS + 1)
    return np.asarray((edges[:-1] >= energy.edges[0]) & (edges[1:] <= energy.edges[-1]))


@lru_cache(maxsize=8)
def _shapes(
    materials: Materials, beam_energy: float, take_off: float, fwhm: float, window: str
) -> npt.NDArray[np.float32]:
    key = f"shapes {materials.hash} {beam_energy!r} {take_off!r} {fwhm!r} {window} {LOWEST} {BIN} {PHYSICS_VERSION}"
    shape = (len(materials), BINS)
    return kept_array(key, shape, lambda: _simulated(materials, beam_energy, take_off, fwhm, window))


def _simulated(
    materials: Materials, beam_energy: float, take_off: float, fwhm: float, window: str
) -> npt.NDArray[np.float32]:
    per_bin = round(BIN / _FINE)
    spectra = simulate_spectra(
        materials.compositions,
        beam_energy=beam_energy,
        take_off=take_off,
        detector=replace(Detector(), fwhm=fwhm, window=window),
        energy=EnergyAxis(LOWEST + _FINE / 2, _FINE, BINS * per_bin),
    )
    roots = np.sqrt(spectra.reshape(len(spectra), BINS, per_bin).sum(axis=2, dtype=np.float64))
    roots /= np.maximum(np.sqrt((roots**2).sum(axis=1, keepdims=True)), _FEWEST)
    return np.asarray(roots, dtype=np.float32)
