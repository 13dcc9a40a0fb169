"""Linear filters that take the net counts of elements out of single spectra, made for groups of alike measurements."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.mineralogy.element_profiles import ElementProfiles, Profiles
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.sought_elements import COLUMNS, SOUGHT
from napari_gdls.mineralogy.spectrum_columns import ColumnMaker, Columns, smoothed, uncertain_families
from napari_gdls.mineralogy.spectrum_fitting import first_matrix
from napari_gdls.spectra.detector import MANGANESE_K_ALPHA

FloatArray = npt.NDArray[np.float64]

_ROUNDS = 3
"""Fits of a sum, each in the matrix of the one before: the first in a middling silicate, the others with shifts, widths
and proportions of families too. A choice: net counts hang on the matrix by the shapes of profiles only."""

_PILED = 1e-4
"""Share of counts in sum peaks from which they are a column of their own; less cannot be seen in one measurement."""

_LEAST_SHARE = 0.02
"""Least variance of a channel, in parts of the mean over channels: what single measurements hold that the sum of their
group hardly shows must not rule the filter. A choice."""

_CONDITION = 1e-12
"""Eigenvalues of the normal equations, in parts of the largest, below which columns count as equal."""


@dataclass(frozen=True, eq=False)
class NetCountFilter:
    """Net counts of a spectrum are ``weights @ spectrum``, their variances ``weights**2 @ spectrum``.

    Attributes
    ----------
    weights : (E, U) float64
        Of the channels used. An element's own profile gives its counts, every other column gives 0, exactly.
    model : (U,) float64
        Expected counts of the sum that it was made for.
    amounts : (E,) float64
        Net counts of the elements in that sum.
    """

    weights: FloatArray
    model: FloatArray
    amounts: FloatArray


def net_count_filter(
    counts: FloatArray,
    n_spectra: int,
    profiles: ElementProfiles,
    instrument: Instrument,
    elements: tuple[str, ...],
) -> NetCountFilter:
    """Filter for the measurements whose summed spectrum is given.

    The sum is fitted with the profiles of elements in the matrix that it shows; shifts, widths and the proportions of
    K, L and M lines that it tells are those of the profiles of single measurements. What stays uncertain of these
    proportions counts as variance in common of the channels that it touches. Weights of channels are those of the mean
    spectrum, so they hardly depend on the noise of any one measurement, and net counts have no bias.

    Parameters
    ----------
    counts : (D,) array
        Summed spectrum of alike measurements.
    n_spectra : int
        How many were summed.
    profiles : ElementProfiles
        Of the instrument, for at least `elements`.
    instrument : Instrument
    elements : tuple of str
        All elements that are fitted, in the order of `SOUGHT`.

    Returns
    -------
    NetCountFilter
    """
    places = np.array([SOUGHT.index(symbol) for symbol in elements])
    maker = ColumnMaker(counts, instrument, np.ones(len(SOUGHT)))
    on = np.zeros(len(SOUGHT), dtype=np.bool_)
    on[places] = True
    fractions = first_matrix()
    model = smoothed(counts[profiles.used], instrument.energy.width)
    masses: FloatArray | None = None
    for _ in range(_ROUNDS):
        made = profiles.in_matrix(fractions)
        columns = maker.columns(made, model, masses)
        amounts, _ = columns.equations.fit(np.concatenate([on, np.ones(len(columns.equations.scale) - len(on), bool)]))
        model = columns.model(amounts)
        before, masses = masses, amounts[: len(SOUGHT)]
        if masses.sum() <= 0:
            break
        fractions = np.zeros_like(fractions)
        fractions[COLUMNS] = masses / masses.sum()
    shapes, uncertain = _shapes(made, columns, amounts, before, places, instrument, profiles.used)
    areas = shapes.sum(axis=1)
    design = [np.where(areas[:, None] > 0, shapes / np.where(areas > 0, areas, 1.0)[:, None], 0.0), columns.backgrounds]
    if amounts[-1] * columns.pile_up.sum() > _PILED * counts.sum():
        design.append(columns.pile_up[None])
    variance = np.maximum(model, _LEAST_SHARE * model.mean()) / n_spectra
    weights = _weights(np.concatenate(design), variance, uncertain / n_spectra)
    return NetCountFilter(weights[: len(places)], model, amounts[places] * areas)


def _shapes(
    made: Profiles,
    columns: Columns,
    amounts: FloatArray,
    masses: FloatArray | None,
    places: npt.NDArray[np.intp],
    instrument: Instrument,
    used: slice,
) -> tuple[FloatArray, FloatArray]:
    """Profiles of elements as the fit has found them, (E, U), and what their families may differ by, (m, U)."""
    shapes = columns.profiles[places].copy()
    found = columns.equations.nuisance(amounts)
    uncertain: list[FloatArray] = []
    if masses is None or not found.size:
        return shapes, np.zeros((0, shapes.shape[1]))
    at = 4  # after shift, stretch, width and Fano factor, in the order that `ColumnMaker` has them
    for e in np.flatnonzero(masses > 0):
        families = made.families(int(e))
        for shell, error in uncertain_families(SOUGHT[e], families.sum(axis=1)):
            row = np.flatnonzero(places == e)
            if row.size:
                shapes[row[0]] += max(found[at] / masses[e], -1.0) * masses[e] * families[shell]
                uncertain.append(error * amounts[e] * families[shell])
            at += 1
    width = instrument.energy.width
    relative = instrument.energy.centers[used] / MANGANESE_K_ALPHA
    slope = np.gradient(shapes, axis=1) / width
    curvature = np.gradient(slope, axis=1) / width
    moved = shapes - (found[0] + found[1] * relative) * slope
    moved += (found[2] + found[3] * (relative - 1)) / 2 * curvature
    return moved, np.array(uncertain).reshape(-1, shapes.shape[1])


def _weights(design: FloatArray, variance: FloatArray, uncertain: FloatArray) -> FloatArray:
    """Rows of the generalised least-squares solution, (n, U).

    The covariance is diag(variance) + uncertain' uncertain.

    Columns of the design that are 0, or that others make up, get the smallest weights that serve.
    """
    weighted = design / variance
    if len(uncertain):
        scaled = uncertain / variance
        inner = np.eye(len(uncertain)) + scaled @ uncertain.T
        weighted = weighted - (weighted @ uncertain.T) @ np.linalg.solve(inner, scaled)
    gram = weighted @ design.T
    length = np.sqrt(np.maximum(np.diag(gram), 1e-300))
    inverse = np.linalg.pinv(gram / np.outer(length, length), rcond=_CONDITION, hermitian=True)
    return np.asarray((inverse / np.outer(length, length)) @ weighted)
