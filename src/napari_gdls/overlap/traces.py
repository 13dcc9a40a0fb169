"""Elements of the pure phases: net counts, limits of detection, concentrations, ratios, partition coefficients."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import atomic_number
from napari_gdls.spectra.atomic import atomic_weights

if TYPE_CHECKING:
    from napari_gdls.overlap.separation import Separation

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

BOX_SIZE = 8
"""Edge (px) of the confined region that whole masks are compared with: as large as one is drawn within a grain."""

_CURRIE = (2.71, 3.29)
"""Of the limit of detection, 2.71 + 3.29 sigma, at 5 % of false and of missed detections (Currie 1968, Anal. Chem.
40:586)."""


@dataclass(frozen=True)
class TraceRow:
    """One element in one phase.

    Attributes
    ----------
    phase, element : str
    line : str
        Family that was measured, such as "Nd L".
    net : float
        Counts of the line in the pure spectrum: those that the phase gave in its mask. Negative by noise where there is
        none.
    sigma : float
        Standard error: counting, the share of the matrix, and the shapes of other lines.
    significance : float
        net / sigma, the signal-to-noise ratio of the whole mask.
    detection_limit : float
        Counts that would be found with 95 % probability.
    box_significance : float
        Signal-to-noise ratio in the confined box.
    gain : float
        How much better the whole mask is than the box, at equal concentration.
    atomic_percent, atomic_percent_error : float
        Of the elements of the report, by Cliff and Lorimer without absorption. Errors are of counting; ratios of K to L
        and M lines are good to tens of percent only.
    mass_percent, mass_percent_error : float
        Likewise.
    detection_limit_atomic_percent : float
        Atomic percent of `detection_limit` counts.
    """

    phase: str
    element: str
    line: str
    net: float
    sigma: float
    significance: float
    detection_limit: float
    box_significance: float
    gain: float
    atomic_percent: float
    atomic_percent_error: float
    mass_percent: float
    mass_percent_error: float
    detection_limit_atomic_percent: float


@dataclass(frozen=True, eq=False)
class _Amounts:
    """Atoms of the elements in one phase, in a common unit, and their covariance."""

    atoms: FloatArray
    covariance: FloatArray


@dataclass(frozen=True, eq=False)
class TraceReport:
    """Elements in the phases of a separation.

    Attributes
    ----------
    rows : tuple of TraceRow
        By phase, then by atomic number.
    phases : tuple of str
    elements : tuple of str
    """

    rows: tuple[TraceRow, ...]
    phases: tuple[str, ...]
    elements: tuple[str, ...]
    _amounts: dict[str, _Amounts]

    def ratio(self, element: str, other: str, phase: str) -> tuple[float, float]:
        """Atoms of one element for one atom of another in a phase, and the standard error of counting.

        Returns
        -------
        value, error : float
            Infinite where the other has no counts.
        """
        i, j = self._index(element), self._index(other)
        amounts = self._of(phase)
        a, b = amounts.atoms[[i, j]]
        if b <= 0:
            return math.inf, math.inf
        gradient = np.zeros(len(self.elements))
        gradient[i] += 1 / b
        gradient[j] -= a / b**2
        return float(a / b), _error(gradient, amounts.covariance)

    def fraction(self, element: str, among: Sequence[str], phase: str) -> tuple[float, float]:
        """Atoms of an element as a part of those of some elements, as in Fe / (Fe + Mg), and the standard error."""
        i, rows = self._index(element), [self._index(each) for each in among]
        if i not in rows:
            raise RecipeError(f"{element} is not among {', '.join(among)}; a fraction is one of the elements over all.")
        amounts = self._of(phase)
        total = float(amounts.atoms[rows].sum())
        if total <= 0:
            return math.nan, math.nan
        gradient = np.zeros(len(self.elements))
        gradient[rows] = -amounts.atoms[i] / total**2
        gradient[i] += 1 / total
        return float(amounts.atoms[i] / total), _error(gradient, amounts.covariance)

    def partition(self, element: str, phase: str, other: str) -> tuple[float, float]:
        """Mass fraction of an element in a phase over that in another, and the standard error.

        Mass fractions are of the elements of the report; where oxygen was not measured it is in neither.
        """
        rows = {(row.phase, row.element): row for row in self.rows}
        self._index(element)
        self._of(phase)
        self._of(other)
        above, below = rows[phase, element], rows[other, element]
        if below.mass_percent <= 0:
            return math.inf, math.inf
        value = above.mass_percent / below.mass_percent
        error = math.hypot(above.mass_percent_error, value * below.mass_percent_error) / below.mass_percent
        return value, error

    def _index(self, element: str) -> int:
        if element not in self.elements:
            raise RecipeError(f"{shown(element)} is not in the report; there are {', '.join(self.elements)}.")
        return self.elements.index(element)

    def _of(self, phase: str) -> _Amounts:
        if phase not in self._amounts:
            raise RecipeError(f"there is no phase {shown(phase)}; there are {', '.join(self.phases)}.")
        return self._amounts[phase]


def trace_report(
    separation: Separation, elements: Iterable[str] | None, box: tuple[slice, slice] | BoolArray | None
) -> TraceReport:
    """See `Separation.trace_report`."""
    table = separation.prepared.lines
    if elements is None:
        wanted = [e for e in table.elements if e not in separation.artefacts]
    else:
        wanted = sorted(dict.fromkeys(elements), key=atomic_number)
        table = table.with_elements(sorted({*table.elements, *wanted}, key=atomic_number))
    for element in wanted:
        if element not in table.elements:
            raise RecipeError(
                f"{element} has no line from {table.axis.edges[0]:.0f} to {table.axis.edges[-1]:.0f} eV that a beam "
                f"of {table.beam_energy:g} keV excites; leave it out."
            )
    if not wanted:
        raise RecipeError("no element is found besides artefacts; name those that you look for.")
    boxes = {name: _box(separation.masks[name], box) for name in separation.names}
    # Of the sums: in a regression pixels with more counts of a line by chance are given more of the phase that has it.
    taken_apart = separation.subtraction
    spectra = np.array([taken_apart.spectra[name] for name in separation.names])
    variances = np.array([taken_apart.variances[name] for name in separation.names])
    pure = table.net_counts(spectra, variances)
    confined = table.net_counts(*_in_boxes(separation, boxes))
    lines = np.array([table.elements.index(element) for element in wanted])
    rows: list[TraceRow] = []
    amounts: dict[str, _Amounts] = {}
    strengths = np.array([table.families[i].strength for i in lines])
    masses = atomic_weights()[[atomic_number(element) - 1 for element in wanted]]
    matrix = table.net_counts(np.array([separation.mask_spectra[separation.matrix]]))
    for k, name in enumerate(separation.names):
        covariance = pure.covariances[k][np.ix_(lines, lines)] + np.diag(pure.shape_errors[k][lines] ** 2)
        if name != separation.matrix:
            covariance = covariance + _of_share(separation, name, matrix.net[0][lines])
        net = pure.net[k][lines]
        sigma = np.sqrt(np.diagonal(covariance))
        atoms = net / strengths / masses
        scale = 1 / strengths / masses
        amounts[name] = _Amounts(atoms, covariance * np.outer(scale, scale))
        at = _percent(atoms, amounts[name].covariance)
        wt = _percent(atoms * masses, amounts[name].covariance * np.outer(masses, masses))
        n_counts, n_box = spectra[k].sum(), max(float(confined.models[k].sum()), 1e-12)
        for i, element in enumerate(wanted):
            box_sigma = math.sqrt(confined.covariances[k][lines[i], lines[i]])
            limit = _CURRIE[0] + _CURRIE[1] * math.sqrt(max(sigma[i] ** 2 - max(net[i], 0.0), 0.0))
            rows.append(
                TraceRow(
                    name,
                    element,
                    table.families[lines[i]].name,
                    float(net[i]),
                    float(sigma[i]),
                    float(net[i] / sigma[i]),
                    limit,
                    float(confined.net[k][lines[i]] / box_sigma),
                    float((box_sigma / n_box) / (sigma[i] / n_counts)),
                    float(at[0][i]),
                    float(at[1][i]),
                    float(wt[0][i]),
                    float(wt[1][i]),
                    float(100 * limit * scale[i] / max(float(np.maximum(atoms, 0.0).sum()), 1e-300)),
                )
            )
    return TraceReport(tuple(rows), separation.names, tuple(wanted), amounts)


def _of_share(separation: Separation, name: str, matrix: FloatArray) -> FloatArray:
    """Covariance (E, E) of net counts that the error of the share brings: more or less matrix taken off."""
    share = separation.subtraction.shares[name]
    own = separation.prepared.own
    sums = separation.mask_spectra
    times = share.sigma * sums[name][own].sum() / sums[separation.matrix][own].sum()
    return np.asarray(np.outer(matrix, matrix) * times**2)


def _percent(values: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Percent of the sum, and standard errors."""
    total = values.sum()
    if total <= 0:
        return np.full(values.shape, math.nan), np.full(values.shape, math.nan)
    parts = values / total
    gradient = (np.eye(len(values)) - parts[:, None]) / total
    return 100 * parts, 100 * np.sqrt(np.maximum(np.diagonal(gradient @ covariance @ gradient.T), 0.0))


def _error(gradient: FloatArray, covariance: FloatArray) -> float:
    return math.sqrt(max(float(gradient @ covariance @ gradient), 0.0))


def _box(mask: BoolArray, given: tuple[slice, slice] | BoolArray | None) -> BoolArray:
    """Pixels of the mask in the box; without one, in the box of `BOX_SIZE` that holds most of the mask."""
    if given is None:
        filled = uniform_filter(mask.astype(np.float64), BOX_SIZE, mode="constant")
        row, column = np.unravel_index(int(np.argmax(filled)), mask.shape)
        half = BOX_SIZE // 2
        chosen = np.zeros(mask.shape, dtype=bool)
        first = (max(int(row) - half, 0), max(int(column) - half, 0))
        chosen[first[0] : first[0] + BOX_SIZE, first[1] : first[1] + BOX_SIZE] = True
        return chosen & mask
    if isinstance(given, tuple):
        chosen = np.zeros(mask.shape, dtype=bool)
        chosen[given] = True
    else:
        chosen = np.asarray(given)
        if chosen.shape != mask.shape or chosen.dtype != np.bool_:
            raise RecipeError(
                f"the box is an array of {chosen.dtype} of shape {chosen.shape}; a pair of slices, or pixels as bool "
                f"of shape {mask.shape}, are needed."
            )
    if not chosen.any():
        raise RecipeError("the box holds no pixel of the map; draw it within the map.")
    # A box beside a phase's mask is compared by its pixels all the same: the user has said where the phase is.
    return chosen & mask if (chosen & mask).any() else chosen


def _in_boxes(separation: Separation, boxes: dict[str, BoolArray]) -> tuple[FloatArray, FloatArray]:
    """Spectra of the boxes less what lies under the grain, and their variances, (K, D) each."""
    sums = separation.prepared.sums(boxes)
    taken_apart = separation.subtraction
    spectra, variances = [], []
    for name, total in sums.items():
        spectrum, variance = total.copy(), total.copy()
        for under, beta in _under_box(separation, name, total).items():
            spectrum -= beta * taken_apart.spectra[under]
            variance += beta**2 * taken_apart.variances[under]
        spectra.append(spectrum)
        variances.append(np.maximum(variance, 0.0))
    return np.array(spectra), np.array(variances)


def _under_box(separation: Separation, name: str, total: FloatArray) -> dict[str, float]:
    """How often the pure spectra under a grain are in the sum of its box, which is not the mean of the mask.

    From the ties of the mask where one phase is under it; otherwise in the ratios of the mask.
    """
    parts = separation.parts.get(name, {})
    ties = [tie.element for tie in separation.ties.get(name, ()) if tie.used]
    below = {under: separation.subtraction.spectra[under] for under in parts}
    if len(parts) == 1 and ties:
        table = separation.prepared.lines
        rows = [table.elements.index(element) for element in ties]
        (under,) = below
        found = table.net_counts(np.array([total, below[under]]))
        weights = 1 / np.maximum(np.diagonal(found.covariances[0])[rows], 1.0)
        matrix = found.net[1][rows]
        return {under: float((weights * found.net[0][rows]) @ matrix / ((weights * matrix) @ matrix))}
    own = separation.prepared.own
    return {under: part * total[own].sum() / below[under][own].sum() for under, part in parts.items()}
