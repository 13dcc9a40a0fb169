"""Shapes of the elements' lines and of the background on a field's channels, fitted once to the sum of its spectra.

A family is the lines of one shell (K, L or M) of one element, with the ratios that they have in a thin film. The
calibration of the axis and the resolution of the detector are fitted along, since both are off by more than what the
counts of a summed spectrum resolve.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.interpolate import BSpline
from scipy.optimize import nnls

from napari_gdls.elements import SYMBOLS
from napari_gdls.energy import EnergyAxis
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import SUBSHELLS, characteristic_lines
from napari_gdls.spectra.detector import MANGANESE_K_ALPHA, WINDOWS, Detector
from napari_gdls.spectra.strengths import line_strengths

FloatArray = npt.NDArray[np.float64]

LOWEST_LINE = 250.0
"""Energy (eV) from which lines are fitted: that of C K is 277 eV. Below it windows, noise and tails make the shape."""

TEMPLATE_ERROR = 0.008
"""Relative error of a net line from the shape of its family: measured on simulated fields with other detectors."""

_NEVER = frozenset({"H", "He", "Ne", "Kr", "Xe", "Rn", "Tc", "Pm", "Po", "At", "Fr", "Ra", "Ac", "Pa", "Np", "Pu"})
"""Gases that no solid holds, and elements without stable isotopes but Th and U; Ar stays, of sputtering."""

_SPLINES = 6
"""Smooth functions of the background: five leave waves of 1 % at 10**6 counts, more begin to follow wide L families."""

_LEAST_INSIDE = 0.5
"""Share of a family's counts that must fall on the axis; less of it would be a guess."""

_WEAKEST = 2e-3
"""Lines weaker than this part of their family are left out: 100 counts of 50,000."""

FOUND = 5.0
"""Standard errors at which an element is taken to be there: one chance in a million for each of ninety."""

SHAPE_ERROR = 0.01
"""Relative error of the shape of lines, which keeps flanks of strong ones from looking like weak ones. Of the order
of `TEMPLATE_ERROR`."""

_LARGEST_SHIFT, _LARGEST_STRETCH = 25.0, 0.005
"""eV, and per eV: calibrations that are farther off belong to another instrument, or the fit has gone astray."""

_NARROWEST_FWHM, _WIDEST_FWHM = 100.0, 200.0
"""eV at Mn K-alpha, likewise."""


@dataclass(frozen=True)
class Family:
    """Lines of one shell of one element.

    Attributes
    ----------
    element : str
        Symbol.
    shell : str
        "K", "L" or "M".
    strength : float
        Counts per electron and g/cm2 of the pure element in a thin film, detector included, sent into the full sphere.
    """

    element: str
    shell: str
    strength: float

    @property
    def name(self) -> str:
        """Such as "Fe K"."""
        return f"{self.element} {self.shell}"


@dataclass(frozen=True, eq=False)
class LineFamilies:
    """Families of some elements, and the background, on the channels of an axis.

    Attributes
    ----------
    axis : EnergyAxis
        Calibrated.
    detector : Detector
        With the fitted resolution.
    beam_energy : float
        keV.
    families : tuple of Family
    shapes : (F, D) float64
        Counts of each family in each channel; a row sums to 1, less what falls beside the axis.
    background : (B, D) float64
        Smooth functions, 0 below `LOWEST_LINE`.
    """

    axis: EnergyAxis
    detector: Detector
    beam_energy: float
    families: tuple[Family, ...]
    shapes: FloatArray
    background: FloatArray

    @cached_property
    def elements(self) -> tuple[str, ...]:
        """Symbols, by atomic number."""
        return tuple(sorted({family.element for family in self.families}, key=atomic_number))

    def with_elements(self, elements: Sequence[str]) -> LineFamilies:
        """The same with the families of other elements."""
        families, shapes = family_shapes(elements, self.axis, self.detector, self.beam_energy)
        return replace(self, families=families, shapes=shapes)

    def seen_by(self, detector: Detector, axis: EnergyAxis | None = None) -> LineFamilies:
        """The same families with another detector, or on another axis; the background stays."""
        return replace(self, detector=detector, axis=axis or self.axis).with_elements(self.elements)


def fit_line_families(
    total: FloatArray,
    axis: EnergyAxis,
    beam_energy: float,
    *,
    detector: Detector | None = None,
    always: Sequence[str] = (),
) -> LineFamilies:
    """Find the elements of a spectrum, and fit calibration and resolution.

    Parameters
    ----------
    total : (D,) float64
        Counts: the sum of all spectra of a field.
    axis : EnergyAxis
        As the file states it.
    beam_energy : float
        keV.
    detector : Detector, optional
        What is known of it; its resolution is fitted. None: `Detector()`.
    always : sequence of str
        Elements that are fitted whether they are found or not.

    Returns
    -------
    LineFamilies

    Notes
    -----
    Elements are taken in one by one, each time the one that lowers the weighted sum of squares most, all amounts being
    fitted anew and none negative. After the strongest ones offset, gain and resolution follow by Gauss-Newton steps.
    """
    model = LineFamilies(
        axis,
        detector or Detector(),
        beam_energy,
        (),
        np.zeros((0, axis.size)),
        _background(axis, detector or Detector()),
    )
    elements = _found_elements(model, total, [], _FIRST_ELEMENTS)
    model = _calibrated(model.with_elements(elements), total)
    # Files do not say what stands before a detector.
    windows = (model.detector.window,) if detector is not None else tuple(WINDOWS)
    candidates = [_with_window(model, window) for window in windows]
    found = [_found_elements(each, total, elements, _MOST_ELEMENTS) for each in candidates]
    misfits = [_misfit(each.with_elements(own), total) for each, own in zip(candidates, found, strict=True)]
    best = int(np.argmin(misfits))
    model, elements = candidates[best], found[best]
    model = _calibrated(model.with_elements(elements), total)
    return model.with_elements(sorted({*elements, *always}, key=atomic_number))


_FIRST_ELEMENTS, _MOST_ELEMENTS = 6, 40
"""How many elements are looked for before the first calibration, and in all: a limit against spectra that the model
does not fit at all."""


def family_shapes(
    elements: Sequence[str], axis: EnergyAxis, detector: Detector, beam_energy: float
) -> tuple[tuple[Family, ...], FloatArray]:
    """Families of elements that fall on an axis, and their shapes.

    Parameters
    ----------
    elements : sequence of str
    axis : EnergyAxis
    detector : Detector
    beam_energy : float
        keV.

    Returns
    -------
    families : tuple of Family
    shapes : (F, axis.size) float64
    """
    lines = characteristic_lines()
    chosen = np.isin(lines.element, [atomic_number(symbol) - 1 for symbol in elements])
    chosen &= (lines.energy >= LOWEST_LINE) & (lines.energy <= axis.edges[-1])
    strength = np.where(chosen, line_strengths(lines, beam_energy), 0.0)
    shell = np.array(["KLM".index(name[0]) for name in SUBSHELLS])[lines.subshell]
    code = 3 * lines.element + shell
    strongest = np.zeros(3 * len(SYMBOLS))
    np.maximum.at(strongest, code, strength)
    keep = strength > _WEAKEST * strongest[code]
    kept, code, strength = lines.select(keep), code[keep], strength[keep]
    if not len(kept):
        return (), np.zeros((0, axis.size))
    response = detector.response(kept.energy, axis).astype(np.float64)
    detected = strength * detector.efficiency(kept.energy)
    families, shapes = [], []
    for each in np.unique(code):
        own = code == each
        whole = float(detected[own].sum())
        shape = strength[own] @ response[own] / max(whole, np.finfo(float).tiny)
        if whole > 0 and shape.sum() >= _LEAST_INSIDE:
            families.append(Family(SYMBOLS[each // 3], "KLM"[each % 3], whole))
            shapes.append(shape)
    return tuple(families), np.array(shapes).reshape(-1, axis.size)


def _background(axis: EnergyAxis, detector: Detector) -> FloatArray:
    """Cubic B-splines in the logarithm of the energy, times 1 / E and the efficiency of the detector.

    The continuum of a thin film falls roughly as 1 / E (Kramers); what the window absorbs of it shows as edges that no
    spline could follow.
    """
    energies = axis.centers
    inside = energies >= max(LOWEST_LINE, float(energies[0]))
    position = np.log(np.maximum(energies, LOWEST_LINE))
    low, high = float(position[inside][0]), float(position[-1])
    inner = np.linspace(low, high + 1e-9, _SPLINES - 2)
    knots = np.concatenate([[low] * 3, inner, [high + 1e-9] * 3])
    splines = BSpline.design_matrix(np.clip(position[inside], low, high), knots, 3).toarray().T
    efficiency = detector.efficiency(energies[inside])
    functions = np.zeros((len(splines), axis.size))
    functions[:, inside] = splines * efficiency / energies[inside] * 1000.0
    return functions


def _binned(values: FloatArray, width: float) -> FloatArray:
    """Sums of channels to bins of about 20 eV, along the last axis: enough to tell elements apart."""
    factor = max(1, round(_SEARCH_WIDTH / width))
    size = values.shape[-1] // factor * factor
    return np.asarray(values[..., :size].reshape(*values.shape[:-1], -1, factor).sum(axis=-1))


_SEARCH_WIDTH = 20.0  # eV; a sixth of the resolution


def _found_elements(model: LineFamilies, total: FloatArray, known: list[str], most: int) -> list[str]:
    """Elements that the spectrum shows, the clearest first."""
    candidates = [symbol for symbol in SYMBOLS if symbol not in _NEVER]
    families, shapes = family_shapes(candidates, model.axis, model.detector, model.beam_energy)
    # One shape an element, its families in the ratios of a thin film, so that a weak family cannot stand alone.
    by_element: dict[str, list[int]] = {}
    for i, family in enumerate(families):
        by_element.setdefault(family.element, []).append(i)
    names = list(by_element)
    whole = np.array(
        [np.average(shapes[rows], axis=0, weights=[families[i].strength for i in rows]) for rows in by_element.values()]
    )
    width = model.axis.width
    y, background, whole, shapes = (_binned(a, width) for a in (total, model.background, whole, shapes))
    seen = background.any(axis=0)
    y, background, whole, shapes = y[seen], background[:, seen], whole[:, seen], shapes[:, seen]
    chosen = [symbol for symbol in known if symbol in by_element]

    def fitted() -> tuple[FloatArray, FloatArray]:
        rows = [i for symbol in chosen for i in by_element[symbol]]
        design = np.vstack([background, shapes[rows]])
        variance = np.maximum(y, 1.0)
        for _ in range(2):
            weights = 1 / np.sqrt(variance)
            amounts, _residual = nnls((design * weights).T, y * weights, maxiter=50 * len(design))
            expected = amounts @ design
            variance = (
                np.maximum(expected, 1.0) + (SHAPE_ERROR * (expected - amounts[: len(background)] @ background)) ** 2
            )
        return expected, variance

    expected, variance = fitted()
    while len(chosen) < most:
        # What each element alone would take off the weighted sum of squares; the background gives way.
        a, b = whole / np.sqrt(variance), background / np.sqrt(variance)
        orthonormal = np.linalg.qr(b.T)[0]
        free = a - (a @ orthonormal) @ orthonormal.T
        score = free @ ((y - expected) / np.sqrt(variance)) / np.sqrt(np.maximum((free**2).sum(axis=1), 1e-30))
        score[[names.index(symbol) for symbol in chosen]] = -math.inf
        best = int(score.argmax())
        if score[best] < FOUND:
            break
        chosen.append(names[best])
        expected, variance = fitted()
    return chosen


def _with_window(model: LineFamilies, window: str) -> LineFamilies:
    detector = replace(model.detector, window=window)
    return replace(model.seen_by(detector), background=_background(model.axis, detector))


def _misfit(model: LineFamilies, total: FloatArray) -> float:
    """Weighted sum of squares, and what each element is worth: with a wrong window some make up for its edges."""
    inside = model.background.any(axis=0)
    design = np.vstack([model.background, model.shapes])[:, inside]
    expected = smoothed_counts(total)[inside]
    weights = 1 / np.sqrt(expected + (SHAPE_ERROR * expected) ** 2)
    rest = nnls((design * weights).T, total[inside] * weights, maxiter=50 * len(design))[1]
    return float(rest**2) + FOUND**2 * len(model.elements)


def _calibrated(model: LineFamilies, total: FloatArray) -> LineFamilies:
    """Offset, gain and resolution by Gauss-Newton steps, the amounts being fitted anew each time."""
    if not model.families:
        return model
    start = model.axis
    for _ in range(_STEPS):
        stepped = [
            _moved(model, shift=_STEP_SHIFT),
            _moved(model, stretch=_STEP_STRETCH),
            _moved(model, fwhm=_STEP_FWHM),
        ]
        inside = model.background.any(axis=0)
        design = np.vstack([model.background, model.shapes])[:, inside]
        weights = 1 / np.sqrt(np.maximum(smoothed_counts(total)[inside], floor_of_variance(total[inside])))
        amounts, _residual = nnls((design * weights).T, total[inside] * weights, maxiter=50 * len(design))
        expected = amounts @ design
        weights = 1 / np.sqrt(np.maximum(expected, floor_of_variance(total[inside])) + (SHAPE_ERROR * expected) ** 2)
        lines = amounts[len(model.background) :]
        if not lines.any():  # nothing to calibrate by
            break
        slopes = np.array([lines @ (other.shapes - model.shapes) for other in stepped])[:, inside]
        whole = np.vstack([design, slopes]) * weights
        size = np.sqrt((whole**2).sum(axis=1))
        whole /= np.maximum(size, np.finfo(float).tiny)[:, None]
        solution = np.linalg.pinv(whole @ whole.T, rcond=1e-12, hermitian=True) @ (whole @ (total[inside] * weights))
        steps = np.clip((solution / size)[-3:], -_MOST_STEPS, _MOST_STEPS)
        shift, stretch, fwhm = steps * (_STEP_SHIFT, _STEP_STRETCH, _STEP_FWHM)
        moved = _moved(model, shift, stretch, fwhm)
        if (
            abs(moved.axis.offset - start.offset) > _LARGEST_SHIFT
            or abs(moved.axis.width / start.width - 1) > _LARGEST_STRETCH
            or not _NARROWEST_FWHM <= moved.detector.fwhm <= _WIDEST_FWHM
        ):
            break
        model = moved
        if np.abs(steps).max() < _CONVERGED:
            break
    return replace(model, background=_background(model.axis, model.detector))


_STEPS = 8  # of Gauss and Newton at most; three do as a rule
_STEP_SHIFT, _STEP_STRETCH, _STEP_FWHM = 1.0, 2e-4, 2.0  # eV, per eV, eV: small against the resolution
_MOST_STEPS, _CONVERGED = 8.0, 0.02  # of these


def _stretched(axis: EnergyAxis, stretch: float) -> EnergyAxis:
    """Gain changed about Mn K-alpha, where it does not change the offset much."""
    offset = axis.offset + stretch * (axis.offset - MANGANESE_K_ALPHA)
    return EnergyAxis(offset, axis.width * (1 + stretch), axis.size)


def _moved(model: LineFamilies, shift: float = 0.0, stretch: float = 0.0, fwhm: float = 0.0) -> LineFamilies:
    """The families at another offset, gain and resolution."""
    axis = _stretched(EnergyAxis(model.axis.offset + shift, model.axis.width, model.axis.size), stretch)
    return model.seen_by(replace(model.detector, fwhm=model.detector.fwhm + fwhm), axis)


def smoothed_counts(spectrum: FloatArray, width: int = 7) -> FloatArray:
    """Running means over some channels, never 0."""
    kernel = np.full(width, 1 / width)
    return np.maximum(np.convolve(spectrum, kernel, mode="same"), floor_of_variance(spectrum))


def floor_of_variance(spectrum: FloatArray) -> float:
    """A variance that channels without counts have: less than one count in a hundred channels."""
    return max(float(np.mean(np.abs(spectrum))) * 1e-3, 1e-12)
