"""Net counts of elements in summed spectra, with shapes that the sum of all spectra has told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import nnls

from napari_gdls.energy import EnergyAxis
from napari_gdls.overlap.line_families import (
    FOUND,
    SHAPE_ERROR,
    Family,
    LineFamilies,
    floor_of_variance,
    smoothed_counts,
)

FloatArray = npt.NDArray[np.float64]

CLEAR_FROM = 1000.0
"""Energy (eV) from which the strongest family of an element is looked for, where it has one there: below, families lie
on one another, and absorption begins to tell even in thin films."""

_RATIO_ERROR = 0.3
"""Relative error of tabulated ratios of K, L and M families of an element: tens of percent."""

_SHAPE_REACH = 60.0
"""eV over which shapes are wrong in the same sense: half the width of a line."""

_WIDE = 41
"""Channels whose mean a variance is at least half of: enough that the mean is no matter of single counts."""

_BENDS = 3
"""Functions that the background is multiplied with: constant, slope and bend in the logarithm of the energy. It has
much the same shape everywhere in a map, since what scatters into the detector from afar is a good part of it."""


@dataclass(frozen=True, eq=False)
class ElementLines:
    """One shape for each element, its families in the ratios that the map shows, and the background of the map.

    Attributes
    ----------
    source : LineFamilies
        Calibration, resolution and the families.
    total : (D,) float64
        Sum of all spectra.
    elements : tuple of str
        By atomic number.
    families : tuple of Family
        The strongest of each element, which net counts are those of.
    shapes : (E, D) float64
        Counts of the element in each channel for one count of that family.
    background : (B, D) float64
    """

    source: LineFamilies
    total: FloatArray
    elements: tuple[str, ...]
    families: tuple[Family, ...]
    shapes: FloatArray
    background: FloatArray

    @property
    def axis(self) -> EnergyAxis:
        """The calibrated axis."""
        return self.source.axis

    @property
    def beam_energy(self) -> float:
        """In keV."""
        return self.source.beam_energy

    def with_elements(self, elements: Sequence[str]) -> ElementLines:
        """The same for other elements."""
        return element_lines(self.source.with_elements(elements), self.total)

    def net_counts(self, spectra: FloatArray, variances: FloatArray | None = None) -> NetCounts:
        """Counts of the elements in spectra, freed of the background and of one another.

        Parameters
        ----------
        spectra : (n, D) float64
            Counts.
        variances : (n, D) float64, optional
            Of the counts; None: they are Poisson numbers.

        Returns
        -------
        NetCounts
            From weighted least squares; unbiased, so that they may be negative.
        """
        n = len(self.elements)
        inside = self.background.any(axis=0)
        design = np.vstack([self.shapes, self.background])
        a = design[:, inside]
        width = max(1, round(_SHAPE_REACH / self.axis.width))
        found = NetCounts(
            np.empty((len(spectra), n)),
            np.empty((len(spectra), n)),
            np.empty((len(spectra), n, n)),
            np.empty(spectra.shape),
        )
        for i, spectrum in enumerate(spectra):
            given = np.maximum(spectrum, 0.0) if variances is None else variances[i]
            # Neighbours smooth the weights: those of single Poisson counts would pull the fit down.
            variance = smoothed_counts(given)[inside]
            floor = 0.5 * smoothed_counts(given, _WIDE)[inside]
            for repeat in range(3):
                weighted = a / variance
                inverse = np.linalg.pinv(weighted @ a.T, rcond=1e-13, hermitian=True)
                solver = inverse @ weighted
                coefficients = solver @ spectrum[inside]
                if variances is None and repeat < 2:
                    # The fit gives better variances than the counts do; but where few are, it may run through 0.
                    variance = np.maximum(coefficients @ a, floor)
            # Where the variances are not those of the weights (a difference of two spectra), this is still right.
            actual = variance if variances is None else np.maximum(given[inside], 0.0)
            covariance = (solver * actual) @ solver.T
            found.net[i] = coefficients[:n]
            found.covariances[i] = covariance[:n, :n]
            # Shapes are wrong over half the width of a line alike, not channel by channel.
            wrong = solver[:n] * (coefficients[:n] @ a[:n])
            wrong = np.add.reduceat(wrong, np.arange(0, wrong.shape[1], width), axis=1)
            found.shape_errors[i] = SHAPE_ERROR * np.sqrt((wrong**2).sum(axis=1))
            found.models[i] = coefficients @ design
        return found


@dataclass(frozen=True, eq=False)
class NetCounts:
    """Net counts of elements in some spectra.

    Attributes
    ----------
    net : (n, E) float64
    shape_errors : (n, E) float64
        What errors of the shapes of all lines (1 %) do to each.
    covariances : (n, E, E) float64
        From counting statistics.
    models : (n, D) float64
        The fitted spectra.
    """

    net: FloatArray
    shape_errors: FloatArray
    covariances: FloatArray
    models: FloatArray


def element_lines(families: LineFamilies, total: FloatArray) -> ElementLines:
    """Fit a summed spectrum, and take the families of each element together in the ratios that it shows.

    Parameters
    ----------
    families : LineFamilies
    total : (D,) float64
        The spectrum that the families were fitted to.

    Returns
    -------
    ElementLines

    Notes
    -----
    In a thin film the ratio of two families of an element is the same everywhere. It is known from tables within 30 %
    and, where both families are strong, better from the sum of all spectra; both are weighed by their errors. So a mask
    with few counts does not have to tell apart what lies on one another at low energy, Cu L, Ga L and Mg K.
    """
    inside = families.background.any(axis=0)
    design = np.vstack([families.shapes, families.background])[:, inside]
    weights = 1 / np.sqrt(smoothed_counts(total)[inside])
    amounts = nnls((design * weights).T, total[inside] * weights, maxiter=50 * len(design))[0]
    n = len(families.families)
    scaled = design * weights
    errors = np.sqrt(np.diagonal(np.linalg.pinv(scaled @ scaled.T, rcond=1e-13, hermitian=True)))[:n]
    background = amounts[n:] @ families.background
    # A background of 0 somewhere would have no shape there.
    background = np.maximum(background, floor_of_variance(total)) * inside
    position = np.log(np.maximum(families.axis.centers, 1.0))
    low, high = position[inside].min(), position[inside].max()
    u = np.clip(2 * (position - low) / max(high - low, 1e-9) - 1, -1, 1)
    bent = np.array([background * u**power for power in range(_BENDS)])
    chosen, shapes = [], []
    for element in families.elements:
        own = [i for i, family in enumerate(families.families) if family.element == element]
        strongest = _strongest(families, own)
        shape = np.zeros(families.axis.size)
        for i in own:
            shape += _ratio(families, amounts, errors, i, strongest) * families.shapes[i]
        chosen.append(families.families[strongest])
        shapes.append(shape)
    size = families.axis.size
    return ElementLines(families, total, families.elements, tuple(chosen), np.array(shapes).reshape(-1, size), bent)


def clear_element_lines(families: LineFamilies, total: FloatArray, always: Sequence[str] = ()) -> ElementLines:
    """The same without elements that the final fit does not find clearly, but for those that are to be kept.

    Elements are looked for before calibration and resolution are final; some that made up for what was off then have
    nothing left to explain.
    """
    lines = element_lines(families, total)
    while True:
        found = lines.net_counts(total[None])
        errors = np.hypot(np.sqrt(np.diagonal(found.covariances[0])), found.shape_errors[0])
        clear = found.net[0] / errors
        clear[[element in always for element in lines.elements]] = np.inf
        if not len(clear) or clear.min() >= FOUND:
            return lines
        kept = [element for i, element in enumerate(lines.elements) if i != int(clear.argmin())]
        lines = lines.with_elements(kept)


def _strongest(families: LineFamilies, own: Sequence[int]) -> int:
    """Of an element's families the one that tells most."""
    peaks = {i: float(families.axis.centers[families.shapes[i].argmax()]) for i in own}
    clear = [i for i in own if peaks[i] >= CLEAR_FROM] or list(own)
    return max(clear, key=lambda i: families.families[i].strength)


def _ratio(families: LineFamilies, amounts: FloatArray, errors: FloatArray, i: int, strongest: int) -> float:
    """Counts of a family for one count of the strongest: of the tables, and of the fit as far as that tells."""
    if i == strongest:
        return 1.0
    tabulated = families.families[i].strength / families.families[strongest].strength
    reference = float(amounts[strongest])
    if reference <= 3 * errors[strongest]:
        return tabulated
    expected, uncertain = tabulated * reference, _RATIO_ERROR * tabulated * reference
    weight, weight_of_fit = 1 / uncertain**2, 1 / errors[i] ** 2
    return float((expected * weight + amounts[i] * weight_of_fit) / (weight + weight_of_fit) / reference)
