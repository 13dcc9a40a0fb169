"""A quantity of minerals as a map: An, Mg# or percents of mass, of every segment of the phases that have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import RecipeError
from napari_gdls.mineralogy.calibration import calibrate_field
from napari_gdls.mineralogy.instrument import Instrument
from napari_gdls.mineralogy.quantification import composition_of_fit
from napari_gdls.mineralogy.solid_solutions import compared_elements, coordinate_names, coordinates_of
from napari_gdls.mineralogy.spectrum_fit import SpectrumFit
from napari_gdls.mineralogy.spectrum_fitting import fit_spectrum
from napari_gdls.progress import Progress, silent
from napari_gdls.segmentation import Segmentation

LEAST_COUNTS = 300.0
"""Counts of a segment below which nothing is said: there An would be known to no better than 0.1."""

_PERCENT = re.compile(r"([A-Z][a-z]?) \[wt%\]")


@dataclass(frozen=True, eq=False)
class QuantityMap:
    """A quantity of the segments that have it.

    Attributes
    ----------
    quantity : str
    values, errors : (H, W) float32
        The quantity, and its standard error by counting and physics together; NaN where there is none.
    of_segments, errors_of_segments : (K,) float64
        The same by segment; NaN likewise.
    reasons : dict of int to str
        Segment, counted from 0 -> one sentence: why it has no value.
    """

    quantity: str
    values: npt.NDArray[np.float32]
    errors: npt.NDArray[np.float32]
    of_segments: npt.NDArray[np.float64]
    errors_of_segments: npt.NDArray[np.float64]
    reasons: Mapping[int, str]


def quantity_map(
    segmentation: Segmentation,
    quantity: str,
    instrument: Instrument | None = None,
    *,
    least_counts: float = LEAST_COUNTS,
    progress: Progress = silent,
) -> QuantityMap:
    """A quantity of every segment whose phase has it.

    Parameters
    ----------
    segmentation : Segmentation
        Its phases have names (`Segmentation.names`).
    quantity : str
        A coordinate of a solid solution ("An", "Mg#", "Fo"; see `coordinates_of`), or an element's percent of mass:
        "Si [wt%]".
    instrument : Instrument, optional
        None: calibrated on the total spectrum of the field.
    least_counts : float
        Segments with fewer counts get no value.
    progress : Progress

    Returns
    -------
    QuantityMap

    Raises
    ------
    RecipeError
        If there is no such quantity, or the phases have no names.

    Notes
    -----
    The elements of a phase are searched in the sum of its segments; each segment is then fitted with these alone, and
    with those that the coordinate is made of, in about 0.1 s. Segments of a few hundred counts scatter by several times
    what a mineral is zoned by: look at the errors as well.
    """
    percent = _PERCENT.fullmatch(quantity)
    if quantity not in coordinate_names() and (percent is None or percent[1] not in SYMBOLS):
        raise RecipeError(
            f"there is no quantity {shown(quantity)}; take an element's percent of mass, as in 'Si [wt%]', or one of "
            f"{', '.join(coordinate_names())}."
        )
    least = checked_number("least counts", least_counts, "counts of a segment", positive=True)
    if not segmentation.names:
        raise RecipeError("the phases have no names, so that nobody knows which of them have it; identify them first.")
    instrument = instrument or calibrate_field(segmentation.field)
    spectra = segmentation.spectra()
    values = np.full(segmentation.n_segments, np.nan)
    errors = np.full(segmentation.n_segments, np.nan)
    reasons: dict[int, str] = {}
    elements: dict[int, tuple[str, ...] | str] = {}
    for segment, phase in enumerate(segmentation.phases.tolist()):
        progress(f"mapping {quantity}", segment / segmentation.n_segments)
        name = segmentation.names[phase]
        if phase not in elements:
            whole = spectra[segmentation.phases == phase].sum(axis=0)
            elements[phase] = _elements_of_phase(quantity, percent, name.group, name.name, whole, instrument)
        chosen = elements[phase]
        counts = float(spectra[segment].sum())
        if isinstance(chosen, str):
            reasons[segment] = chosen
        elif counts < least:
            reasons[segment] = f"It has {counts:.0f} counts; {least:g} are needed."
        else:
            fit = fit_spectrum(spectra[segment], instrument, elements=chosen)
            found = _value(quantity, percent, fit, name.group, name.name)
            if found is None:
                reasons[segment] = f"Its spectrum says nothing about {quantity}."
            else:
                values[segment], errors[segment] = found
    return QuantityMap(
        quantity, _painted(values, segmentation), _painted(errors, segmentation), values, errors, reasons
    )


def _elements_of_phase(
    quantity: str,
    percent: re.Match[str] | None,
    group: str,
    name: str,
    counts: npt.NDArray[np.float64],
    instrument: Instrument,
) -> tuple[str, ...] | str:
    """Elements that the segments of a phase are fitted with; or why they have no such quantity."""
    compared = compared_elements(group, name)
    if percent is None and quantity not in compared:
        return f"Phases of {name or 'no name'} have no {quantity}."
    if not counts.sum() > 0:
        return "Its phase has no counts."
    wanted = {percent[1]} if percent is not None else compared[quantity]
    found = set(fit_spectrum(counts, instrument).elements) | wanted
    return tuple(symbol for symbol in SYMBOLS if symbol in found)


def _value(
    quantity: str, percent: re.Match[str] | None, fit: SpectrumFit, group: str, name: str
) -> tuple[float, float] | None:
    if percent is not None:
        composition = composition_of_fit(fit)
        symbol = percent[1]
        if symbol not in composition.mass_percent:
            return None
        return composition.mass_percent[symbol], composition.error[symbol]
    for coordinate in coordinates_of(fit, group, name):
        if coordinate.name == quantity:
            return coordinate.value, coordinate.error
    return None


def _painted(of_segments: npt.NDArray[np.float64], segmentation: Segmentation) -> npt.NDArray[np.float32]:
    return np.concatenate([[np.nan], of_segments])[segmentation.labels].astype(np.float32)
