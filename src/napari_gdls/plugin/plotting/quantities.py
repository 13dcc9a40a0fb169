"""Quantities of measurements and segments that plots have axes of, by the text that people write for them."""

from __future__ import annotations

import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.mineralogy.schemes.quantities import (
    AREA,
    ATOMS,
    ATOMS_WITHOUT_OXYGEN,
    BSE,
    MASS,
    UNITS,
    Quantity,
    SchemeQuantities,
    parse_quantity,
    percent_of,
    scheme_quantities,
)

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.mineralogy.instrument import Instrument
    from napari_gdls.mineralogy.phase_table import PhaseTable
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.plot_choice import Subject
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

FloatArray = npt.NDArray[np.float64]

COUNTS = "counts"
"""The X-ray counts of a measurement, and the unit of net counts: "Fe [counts]"."""

N_COMPONENTS = 6
"""Principal components of the embedding that are offered: further ones are noise in rocks of a dozen minerals."""

_COMPONENT = re.compile(r"PC([1-9])")
_OF_MEASUREMENTS = (COUNTS, AREA)
_OF_COMPOSITIONS = (MASS, ATOMS, ATOMS_WITHOUT_OXYGEN)
_COMMON = ("Si", "Al", "Fe", "Mg", "Ca", "Na", "K", "Ti")
"""Elements that are offered until compositions are known: those that most of the earth's crust is made of, but O."""


@dataclass(frozen=True, eq=False)
class PlotSource:
    """What quantities are taken of: a field, and what was found of it.

    Attributes
    ----------
    field : Field
    segmentation : Segmentation or None
        What is shown.
    minerals : PhaseTable or None
        Compositions of its phases, where they are known.
    beam_energy : float or None
        In keV.
    instrument : Instrument or None
        Calibration of the field, where it is known.
    """

    field: Field
    segmentation: Segmentation | None
    minerals: PhaseTable | None
    beam_energy: float | None
    instrument: Instrument | None

    @classmethod
    def of_state(cls, state: FieldState) -> PlotSource:
        """What is known of a field now."""
        from napari_gdls.plugin.spectrum_answers import known_instrument

        shown = state.shown
        return cls(
            state.field,
            None if shown is None else shown.segmentation,
            None if shown is None else shown.minerals,
            state.beam_energy,
            known_instrument(state),
        )


def offered(source: PlotSource, subject: Subject) -> tuple[str, ...]:
    """Quantities to choose from; sums and ratios of elements can be written besides.

    Parameters
    ----------
    source : PlotSource
    subject : {"measurements", "segments"}
    """
    names = [BSE, COUNTS]
    if source.segmentation is not None:
        names += [f"PC{k + 1}" for k in range(min(N_COMPONENTS, source.segmentation.embedding.shape[1]))]
    elements = elements_of(source)
    units = ([MASS, ATOMS] if subject == "segments" and source.minerals is not None else []) + [COUNTS, AREA]
    for unit in units:
        names += [f"{symbol} [{unit}]" for symbol in elements if not (unit == AREA and symbol == "C")]
    return tuple(names)


def elements_of(source: PlotSource) -> tuple[str, ...]:
    """Elements of the phases by atomic number; the most common ones of rocks until compositions are known."""
    if source.minerals is None:
        return _COMMON
    found = {
        symbol for row in source.minerals.rows for symbol, part in row.composition.mass_percent.items() if part > 0
    }
    return tuple(symbol for symbol in SYMBOLS if symbol in found)


def title_of(text: str, subject: Subject) -> str:
    """What stands at the axis of a quantity, with its unit."""
    mean = ", mean" if subject == "segments" else ""
    component = _COMPONENT.fullmatch(text.strip())
    if text.strip() == BSE:
        return f"BSE [grey values{mean}]"
    if text.strip() == COUNTS:
        return f"X-ray counts [per measurement{mean}]"
    if component:
        return f"principal component {component[1]} of the embedding"
    quantity = _parsed(text)
    if quantity.bottom:
        return (
            quantity.text.strip() if quantity.unit != COUNTS else quantity.text.replace(f"[{COUNTS}]", "[net counts]")
        )
    if quantity.unit == COUNTS:
        return f"{' + '.join(quantity.top)} [net counts{mean}]"
    return f"{text.strip()}{' of the phase' if quantity.unit in _OF_COMPOSITIONS else ''}"


class Quantities:
    """Values of quantities; those that take time are kept as long as their field is.

    Its methods may take seconds, and are called from one thread at a time.
    """

    def __init__(self) -> None:
        self._of_field: weakref.WeakKeyDictionary[Field, dict[Any, Any]] = weakref.WeakKeyDictionary()

    def values(self, text: str, source: PlotSource, subject: Subject, progress: Progress) -> FloatArray:
        """Values of a quantity.

        Parameters
        ----------
        text : str
            "BSE" (grey values), "counts" (X-ray counts above the zero peak), "PC1" (a principal component of the
            embedding), or a sum or a ratio of elements with a unit: "Fe [counts]" (net counts by a fit of all lines),
            "Fe [area%]" (their share of all net counts), "Mg / (Mg + Fe) [counts]"; of segments also "Si [wt%]",
            "SiO2 [wt%]", "Na + K [at%]": of the phase of each.
        source : PlotSource
        subject : {"measurements", "segments"}
            Segments have the mean of their measurements; shares and ratios are those of the means.
        progress : Progress

        Returns
        -------
        (N,) or (K,) array of float64
            NaN where there is none.

        Raises
        ------
        GdlsError
            If there is no such quantity, or what it needs is not known.
        """
        progress(f"values of {text.strip()}", 0.0)
        text = text.strip()
        if not text:
            raise GdlsError("choose a quantity for every axis, such as BSE or Fe [counts].")
        if subject == "segments" and source.segmentation is None:
            raise GdlsError("there are no segments yet: press Segment, or plot measurements.")
        component = _COMPONENT.fullmatch(text)
        if text == BSE:
            return self._mean(source.field.bse_at_measurements.astype(np.float64), source, subject)
        if text == COUNTS:
            return self._mean(source.field.total_counts, source, subject)
        if component:
            return self._mean(self._component(source, int(component[1]) - 1), source, subject)
        quantity = _parsed(text)
        if quantity.unit in _OF_COMPOSITIONS:
            return _of_compositions(quantity, source, subject)
        areas = {
            symbol: self._mean(area, source, subject)
            for symbol, area in self._net_areas(source, quantity.elements, progress).items()
        }
        amounts: Mapping[str, FloatArray] = areas
        if quantity.unit == AREA:
            amounts = percent_of({symbol: np.maximum(area, 0.0) for symbol, area in areas.items()}, AREA)
        return np.asarray(quantity.of(SchemeQuantities(amounts={quantity.unit: amounts})), dtype=np.float64)

    def _mean(self, values: FloatArray, source: PlotSource, subject: Subject) -> FloatArray:
        if subject == "measurements" or source.segmentation is None:
            return values
        segment, n = source.segmentation.measurement_labels, source.segmentation.n_segments
        inside = segment >= 0
        number = np.bincount(segment[inside], minlength=n)
        total = np.bincount(segment[inside], weights=values[inside], minlength=n)
        return np.divide(total, number, out=np.full(n, np.nan), where=number > 0)

    def _component(self, source: PlotSource, k: int) -> FloatArray:
        if source.segmentation is None:
            raise GdlsError("components are those of the embedding of a run: press Segment first.")
        embedding = source.segmentation.embedding
        kept = self._of_field.setdefault(source.field, {})
        if kept.get("embedding") is not embedding:
            kept["embedding"], kept["components"] = embedding, principal_components(embedding, N_COMPONENTS)
        components: FloatArray = kept["components"]
        if k >= components.shape[1]:
            raise GdlsError(f"there is no PC{k + 1}; the embedding has {components.shape[1]} components here.")
        return components[:, k]

    def _net_areas(self, source: PlotSource, named: tuple[str, ...], progress: Progress) -> dict[str, FloatArray]:
        """Net counts of all elements in every measurement, (N,) each."""
        if source.beam_energy is None:
            raise GdlsError(
                "net counts need the energy of the beam, which this field does not say: set it under Minerals in the "
                "dock Segment EDS field."
            )
        kept = self._of_field.setdefault(source.field, {})
        known = kept.get(("areas", source.beam_energy), {})
        if set(named) <= set(known) and known:
            return known
        progress("calibration", 0.0)
        from napari_gdls.mineralogy import calibrate_field
        from napari_gdls.mineralogy.schemes.measurements import net_areas

        instrument = source.instrument or calibrate_field(source.field, beam_energy=source.beam_energy)
        progress("net counts", 0.0)
        areas, _, symbols = net_areas(source.field, tuple({*known, *named}), instrument)
        found = {symbol: areas[:, k] for k, symbol in enumerate(symbols)}
        kept["areas", source.beam_energy] = found
        return found


def principal_components(embedding: npt.NDArray[np.float32], n: int) -> FloatArray:
    """The directions in which embedded spectra differ most, as coordinates.

    Parameters
    ----------
    embedding : (N, d) array
    n : int
        Components, at most.

    Returns
    -------
    (N, min(n, d)) array of float64
        Around 0; the largest part of each direction is positive, so that signs are the same every time.
    """
    centred = embedding.astype(np.float64) - embedding.mean(axis=0, dtype=np.float64)
    _, directions = np.linalg.eigh(centred.T @ centred)
    directions = directions[:, ::-1][:, :n]
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])]
    return np.asarray(centred @ (directions * np.where(largest < 0, -1.0, 1.0)), dtype=np.float64)


def _parsed(text: str) -> Quantity:
    return parse_quantity(text, (*UNITS, COUNTS))


def _of_compositions(quantity: Quantity, source: PlotSource, subject: Subject) -> FloatArray:
    """Of each segment that of its phase."""
    if subject == "measurements":
        raise GdlsError(
            f'"{quantity.text}": single measurements have too few counts for a composition; plot segments, or write '
            f"net counts, as in Fe [{COUNTS}]."
        )
    assert source.segmentation is not None
    if source.minerals is None:
        raise GdlsError(
            f'"{quantity.text}" needs the compositions of the phases, which are not known (yet): see Minerals in the '
            "dock Segment EDS field."
        )
    rows = source.minerals.rows
    of_rows = np.array([float(quantity.of(scheme_quantities(row.composition))) for row in rows])
    return of_rows[source.segmentation.phases]
