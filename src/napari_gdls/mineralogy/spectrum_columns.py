"""What a spectrum is fitted with: profiles of elements, continuum, pile-up, and what is not quite known of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.mineralogy.element_profiles import Profiles, used_channels
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import HIGHEST_CHANNEL, LOWEST_CHANNEL, SOUGHT
from napari_gdls.mineralogy.weighted_fit import NormalEquations
from napari_gdls.spectra.detector import MANGANESE_K_ALPHA

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

MODEL_ERROR = 0.03
"""Relative error of the model in a channel: of the order of what remains of the standard spectra at 10**7 counts."""

_LEAST_VARIANCE, _LEAST_SHARE = 0.3, 1e-7
"""Counts squared, in channels where nothing is expected: keeps single counts of low doses from ruling the fit. The
second, times all counts, is added: what a spectrum of 10**8 counts holds of cosmic rays and stray lines."""

_CONTINUUM_KNOTS = (1000.0, 2600.0)
"""eV; between the ends of the band: the continuum is right to a smooth factor, linear in ln E between the knots. The
second lies above the Si, P and S K edges."""

SHIFT_ERROR, STRETCH_ERROR = 4.0, 6.0
"""eV: prior standard errors of the offset, and of the gain as a shift at Mn K-alpha; what drifts within a day."""

WIDTH_ERROR, FANO_ERROR = 400.0, 150.0
"""eV2: prior standard errors of the variance of a peak, constant, and in proportion to the energy less that of Mn
K-alpha: what another Fano factor or another shape of the peaks amounts to."""

_REFERENCE_PILE_UP = 0.002
"""Share of counts for which the column of pile-up is computed; its amount is fitted."""

_L_ERROR_3D, _L_ERROR, _M_ERROR = 0.3, 0.15, 0.2
"""Relative errors of L families of Sc to Zn (their 3d electrons are valence electrons), of other L families beside the
K lines, and of M families beside the L lines."""


def smoothed(counts: FloatArray, width: float) -> FloatArray:
    """Running means over about 60 eV, never 0: a first model, half a peak wide."""
    channels = max(1, int(60 / width))
    mean = np.convolve(counts, np.ones(channels) / channels, "same")[: counts.size]
    return np.asarray(mean + 1e-3 * counts.sum() / counts.size)


def expected_variance(model: FloatArray) -> FloatArray:
    """Of counts about a model: counting, and what the model is wrong by."""
    least = _LEAST_VARIANCE + _LEAST_SHARE * model.sum(axis=-1, keepdims=True)
    return np.asarray(np.maximum(model, 0) + (MODEL_ERROR * model) ** 2 + least)


@dataclass(frozen=True, eq=False)
class Columns:
    """Columns of a fit in the current matrix.

    Attributes
    ----------
    equations : NormalEquations
        Its amounts: elements in the order of `SOUGHT`, then parts of the continuum, then pile-up.
    profiles : (E, U) float64
        Counts per mass in the channels used.
    areas : (E,) float64
        Their sums.
    likeness : (E, E) float64
        Bhattacharyya coefficients of the profiles' shapes, 0 on the diagonal.
    possible : (E,) bool
        Elements with lines among the channels used.
    """

    equations: NormalEquations
    profiles: FloatArray
    areas: FloatArray
    likeness: FloatArray
    possible: BoolArray
    variance: FloatArray
    backgrounds: FloatArray
    pile_up: FloatArray
    nuisances: FloatArray

    def model(self, amounts: FloatArray) -> FloatArray:
        """Expected counts in the channels used, (U,)."""
        n, b = len(self.profiles), len(self.backgrounds)
        expected: FloatArray = amounts[:n] @ self.profiles + amounts[n : n + b] @ self.backgrounds
        expected = expected + amounts[-1] * self.pile_up
        return np.asarray(np.maximum(expected + self.equations.nuisance(amounts) @ self.nuisances, 1e-9))

    def detection_limits(self, amounts: FloatArray) -> FloatArray:
        """Masses of which a blank shows as much in one of a thousand measurements, (E,): three standard errors.

        A blank is the present fit without the element; what other columns can take over raises the limit.
        """
        model = self.model(amounts)
        n = len(self.profiles)
        # Where shifts and widths of the element's own peaks were fitted, its profile can exceed the model; what is left
        # is never less than the continuum.
        blank = np.maximum(model - amounts[:n, None] * self.profiles, self.background(amounts))
        variance = expected_variance(blank)
        squares = (self.profiles**2 / variance).sum(axis=1)
        with np.errstate(divide="ignore"):
            alone = 3 / np.sqrt(squares)
        return np.where(self.possible, alone * self.equations.collinearity(amounts)[:n], np.inf)

    def background(self, amounts: FloatArray) -> FloatArray:
        """Continuum in the channels used, (U,)."""
        n, b = len(self.profiles), len(self.backgrounds)
        return np.asarray(amounts[n : n + b] @ self.backgrounds)


@dataclass(frozen=True, eq=False)
class ColumnMaker:
    """Makes the columns for one spectrum.

    Parameters
    ----------
    counts : (D,) array
    instrument : Instrument
    factors : (E,) array
        True by found mass of each element.
    applied : (float, float, float)
        Shift, stretch (eV) and variance (eV2) that the instrument was already corrected by: priors are about none.
    """

    counts: FloatArray
    instrument: Instrument
    factors: FloatArray
    applied: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def columns(self, profiles: Profiles, model: FloatArray, masses: FloatArray | None) -> Columns:
        """Columns beside an earlier fit.

        Parameters
        ----------
        profiles : Profiles
            In the matrix of the earlier fit.
        model : (U,) array
            Its expected counts.
        masses : (E,) array or None
            Its masses; None for the first fit, which has no nuisances.
        """
        used = used_channels(self.instrument)
        whole = profiles.whole / self.factors[:, None]
        areas = whole.sum(axis=1)
        y = self.counts[used]
        energies = self.instrument.energy.centers[used]
        backgrounds = continuum_parts(energies, self.instrument) * profiles.continuum
        pile_up = self._pile_up(model, used)
        nuisances, means, errors = self._nuisances(model, energies, profiles, masses)
        variance = expected_variance(model)
        equations = NormalEquations(
            np.concatenate([whole, backgrounds, pile_up[None]]), nuisances, means, errors, y, variance
        )
        shapes = np.sqrt(np.maximum(whole, 0) / np.maximum(areas, 1e-300)[:, None])
        likeness = shapes @ shapes.T
        np.fill_diagonal(likeness, 0.0)
        possible = areas > 1e-6 * areas.max(initial=0.0)
        return Columns(equations, whole, areas, likeness, possible, variance, backgrounds, pile_up, nuisances)

    def _pile_up(self, model: FloatArray, used: slice) -> FloatArray:
        detector = replace(self.instrument.detector, pile_up=_REFERENCE_PILE_UP)
        whole = np.zeros((1, self.instrument.energy.size), dtype=np.float32)
        whole[0, used] = model
        piled = detector.add_pile_up(whole, self.instrument.energy)[0]
        return np.asarray(np.maximum(piled[used] - (1 - 2 * _REFERENCE_PILE_UP) * model, 0.0), dtype=np.float64)

    def _nuisances(
        self, model: FloatArray, energies: FloatArray, profiles: Profiles, masses: FloatArray | None
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        if masses is None:
            return np.zeros((0, energies.size)), np.zeros(0), np.zeros(0)
        slope = np.gradient(model) / self.instrument.energy.width
        curvature = np.gradient(slope) / self.instrument.energy.width
        relative = energies / MANGANESE_K_ALPHA
        # Coefficients: eV to the right, eV at Mn K-alpha, eV2 of variance.
        columns = [-slope, -slope * relative, curvature / 2, curvature * (relative - 1) / 2]
        errors = [SHIFT_ERROR, STRETCH_ERROR, WIDTH_ERROR, FANO_ERROR]
        for e in np.flatnonzero(masses > 0):
            families = masses[e] / self.factors[e] * profiles.families(int(e))
            for shell, error in uncertain_families(SOUGHT[e], families.sum(axis=1)):
                columns.append(families[shell])
                errors.append(error)
        means = np.zeros(len(columns))
        means[:3] = -np.array(self.applied)
        return np.array(columns), means, np.array(errors)


def uncertain_families(symbol: str, areas: FloatArray) -> list[tuple[int, float]]:
    """Shells of an element whose lines are not in a sure proportion to its surest ones, and their relative errors.

    The surest are K lines; L lines where K lines have less than a hundredth of the counts; then M.
    """
    enough = np.flatnonzero(areas > 0.01 * areas.sum())
    if not enough.size:
        return []
    uncertain = []
    for shell in np.flatnonzero(areas > 0):
        if shell == enough[0]:
            continue
        soft = shell == 1 and 21 <= SYMBOLS.index(symbol) + 1 <= 30  # Sc to Zn
        uncertain.append((int(shell), _L_ERROR_3D if soft else _M_ERROR if shell == 2 else _L_ERROR))
    return uncertain


def continuum_parts(energies: FloatArray, instrument: Instrument) -> FloatArray:
    """Hat functions in ln E, (4, U): they sum to 1 everywhere."""
    knots = np.log([LOWEST_CHANNEL, *_CONTINUUM_KNOTS, 1000 * HIGHEST_CHANNEL * instrument.beam_energy])
    position = np.interp(np.log(energies), knots, np.arange(knots.size))
    return np.asarray(np.maximum(0.0, 1 - np.abs(position - np.arange(knots.size)[:, None])))
