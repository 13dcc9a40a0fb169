"""Net counts of elements in every measurement of a field, by a fit of all elements to every spectrum."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.checks import checked_choice, checked_kind
from napari_gdls.field import Field
from napari_gdls.mineralogy.alike_measurements import alike_measurements
from napari_gdls.mineralogy.calibration import calibrate_field
from napari_gdls.mineralogy.element_profiles import ElementProfiles
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.measurement_maps import FILLS, filled_map
from napari_gdls.mineralogy.net_count_filters import NetCountFilter, net_count_filter
from napari_gdls.mineralogy.sought_elements import SOUGHT
from napari_gdls.mineralogy.spectrum_checks import SpectrumError, checked_elements, checked_instrument
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

FloatArray = npt.NDArray[np.float64]

_LEAST_OF_GROUP = 20_000.0
"""Counts of the sum of a group from which it is fitted by itself; fewer would not tell the matrix."""

_ROWS_AT_A_TIME = 4096
"""Spectra that are filtered at a time: 32 MB as float32 at 2,048 channels; each is a step of progress."""


@dataclass(frozen=True, eq=False)
class ElementCounts:
    """Net counts of elements in every measurement of a field.

    Attributes
    ----------
    elements : tuple of str
        In the order asked for.
    counts, errors : (N, E) float32
        Counts of all lines of the element in the channels fitted, freed of continuum and other elements, and their
        standard error by counting. Without bias, so they may be negative where there is none of it.
    fitted : tuple of str
        All elements that were fitted together.
    """

    elements: tuple[str, ...]
    counts: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]
    fitted: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ElementMaps:
    """Net counts of elements as images.

    Attributes
    ----------
    elements : tuple of str
    counts, errors : (E, H, W) float32
        Net counts, and their standard errors by counting; NaN where nothing is known.
    fitted : tuple of str
        All elements that were fitted together.
    """

    elements: tuple[str, ...]
    counts: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]
    fitted: tuple[str, ...]


def element_maps(
    field: Field,
    elements: Iterable[str],
    instrument: Instrument | None = None,
    *,
    fill: str = "dots",
    labels: npt.ArrayLike | None = None,
    progress: Progress = silent,
) -> ElementMaps:
    """Maps of the net counts of elements; see `element_counts`.

    Parameters
    ----------
    field : Field
    elements : iterable of str
        Symbols.
    instrument : Instrument, optional
        None: calibrated on the total spectrum of the field.
    fill : {"dots", "nearest", "segments"}
        See `filled_map`.
    labels : (H, W) array of int, optional
        Segments, for that fill.
    progress : Progress

    Returns
    -------
    ElementMaps

    Raises
    ------
    SpectrumError, CompositionError, RecipeError
        If an element is unknown or has no line here, or the fill needs segments that are not given.
    """
    checked_kind("field", field, Field)
    checked_choice("fill", fill, FILLS)
    found = element_counts(field, elements, instrument, progress=progress)
    squares = found.errors.astype(np.float64) ** 2
    values = [filled_map(field, column, fill, labels) for column in found.counts.T]
    errors = [filled_map(field, column, fill, labels, variances=True) for column in squares.T]
    return ElementMaps(found.elements, np.stack(values), np.sqrt(np.stack(errors)), found.fitted)


@one_thread
def element_counts(
    field: Field,
    elements: Iterable[str],
    instrument: Instrument | None = None,
    *,
    progress: Progress = silent,
) -> ElementCounts:
    """Net counts of elements in every measurement, by a fit of all elements of the field to every spectrum.

    Parameters
    ----------
    field : Field
    elements : iterable of str
        Symbols. Fitted with them are all elements that the total spectrum shows.
    instrument : Instrument, optional
        None: calibrated on the total spectrum of the field.
    progress : Progress

    Returns
    -------
    ElementCounts

    Raises
    ------
    SpectrumError, CompositionError
        If an element is unknown or has no line in the channels that are fitted.

    Notes
    -----
    Overlapping lines (Ti and Ba; S, Mo and Pb) are told apart by all lines of each element. The fit is linear in the
    counts, with the weights of the sum of alike measurements, up to 8 groups of them: so it is without bias at any
    dose, sums of maps are maps of sums, and its error follows from the counts of each spectrum.
    """
    checked_kind("field", field, Field)
    asked = tuple(dict.fromkeys([elements] if isinstance(elements, str) else elements))
    wanted = checked_elements(asked)
    assert wanted is not None
    progress("calibration", 0.0)
    instrument = checked_instrument(instrument or calibrate_field(field))
    total = field.total_spectrum
    progress("elements of the field", 0.0)
    found = fit_spectrum(total, instrument).elements
    fitted = tuple(symbol for symbol in SOUGHT if symbol in found or symbol in wanted)
    profiles = ElementProfiles(instrument, fitted)
    whole = net_count_filter(total, field.n_measurements, profiles, instrument, fitted)
    _require_lines(asked, fitted, whole, instrument)
    groups = alike_measurements(field, profiles.used, progress)
    filters = _filters_of_groups(field, groups, whole, profiles, instrument, fitted, progress)
    rows = [fitted.index(symbol) for symbol in asked]
    weights = [np.concatenate([each.weights[rows], each.weights[rows] ** 2]) for each in filters]
    result = _filtered(field, weights, groups, profiles.used, progress)
    n = len(asked)
    return ElementCounts(
        asked, result[:, :n].copy(), np.sqrt(np.maximum(result[:, n:], _least_variance(field, result, n))), fitted
    )


def _require_lines(asked: tuple[str, ...], fitted: tuple[str, ...], made: NetCountFilter, at: Instrument) -> None:
    dark = [symbol for symbol in asked if not made.weights[fitted.index(symbol)].any()]
    if dark:
        raise SpectrumError(
            f"{', '.join(dark)}: no line that {at.beam_energy:g} keV excite lies in the spectra. Leave it out."
        )


def _filtered(
    field: Field,
    weights: list[FloatArray],
    groups: npt.NDArray[np.int64],
    used: slice,
    progress: Progress,
) -> npt.NDArray[np.float32]:
    """Products of every spectrum with the weights of its group, (N, n) float32."""
    spectra, n = field.spectra, field.n_measurements
    result = np.empty((n, len(weights[0])), dtype=np.float32)
    whole = []
    for each in weights:
        padded = np.zeros((spectra.shape[1], len(each)), dtype=np.float32)
        padded[used] = each.T
        whole.append(padded)
    for first in range(0, n, _ROWS_AT_A_TIME):
        progress("net counts", first / n)
        rows = slice(first, min(first + _ROWS_AT_A_TIME, n))
        block: Any = spectra[rows]
        sparse = sp.issparse(block)
        block = block.astype(np.float32) if sparse else np.ascontiguousarray(block[:, used], dtype=np.float32)
        here = groups[rows]
        for group in np.unique(here):
            inside = np.flatnonzero(here == group)
            part = block if len(inside) == len(here) else block[inside]
            result[first + inside] = part @ (whole[group] if sparse else whole[group][used])
    progress("net counts", 1.0)
    return result


def _filters_of_groups(
    field: Field,
    groups: npt.NDArray[np.int64],
    whole: NetCountFilter,
    profiles: ElementProfiles,
    instrument: Instrument,
    fitted: tuple[str, ...],
    progress: Progress,
) -> list[NetCountFilter]:
    sums = field.summed_spectra(groups)
    sizes = np.bincount(groups, minlength=len(sums))
    filters = []
    for k, (counts, size) in enumerate(zip(sums, sizes.tolist(), strict=True)):
        progress("matrices", k / len(sums))
        enough = counts[profiles.used].sum() >= _LEAST_OF_GROUP
        filters.append(net_count_filter(counts, size, profiles, instrument, fitted) if enough else whole)
    return filters


def _least_variance(field: Field, result: npt.NDArray[np.float32], n: int) -> FloatArray:
    """Variances of spectra without a count where the element is looked for: a fiftieth of the mean one."""
    return np.asarray(0.02 * result[:, n:].mean(axis=0, dtype=np.float64)[None])
