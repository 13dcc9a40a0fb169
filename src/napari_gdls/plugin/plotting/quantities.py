"""Quantities of measurements and segments that plots have axes of, by the text that people write for them."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import GdlsError
from napari_gdls.plugin.map_making import elements_of_field, instrument_of

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.plugin.field_state import FieldState, Result
    from napari_gdls.plugin.plot_choice import Subject
    from napari_gdls.progress import Progress
    from napari_gdls.segmentation.result import Segmentation

FloatArray = npt.NDArray[np.float64]

N_COMPONENTS = 6
"""Principal components of the embedding that are offered: further ones are noise in rocks of a dozen minerals."""

_COMPONENT = re.compile(r"\s*PC(\d+)\s*")
_COMMON = ("Si", "Al", "Fe", "Mg", "Ca", "Na", "K", "Ti")
"""Elements that are offered until compositions are known: those that most of the earth's crust is made of, but O."""


@dataclass(frozen=True, eq=False)
class PlotSource:
    """What quantities are taken of: a field, and what was shown of it when they were asked for.

    Attributes
    ----------
    state : FieldState
        Its field and beam energy are read alone.
    shown : Result or None
    """

    state: FieldState
    shown: Result | None

    @classmethod
    def of_state(cls, state: FieldState) -> PlotSource:
        """What is shown of a field now."""
        return cls(state, state.shown)

    @property
    def field(self) -> Field:
        """The field."""
        return self.state.field

    @property
    def segmentation(self) -> Segmentation | None:
        """What was shown."""
        return None if self.shown is None else self.shown.segmentation


def offered(source: PlotSource, subject: Subject) -> tuple[str, ...]:
    """Quantities to choose from; other expressions can be written besides.

    Parameters
    ----------
    source : PlotSource
    subject : {"measurements", "segments"}
    """
    names = ["BSE", "counts"]
    if source.segmentation is not None:
        names += [f"PC{k + 1}" for k in range(min(N_COMPONENTS, source.segmentation.embedding.shape[1]))]
    elements = elements_of_field(source.shown) or _COMMON
    if subject == "segments":
        names += [f"{unit}({symbol})" for unit in ("wt", "at") for symbol in elements]
    return (*names, *elements)


def title_of(text: str, subject: Subject) -> str:
    """What stands at the axis of a quantity, with its unit."""
    from napari_gdls.mineralogy.map_expressions import read_expression

    mean = ", mean" if subject == "segments" else ""
    component = _COMPONENT.fullmatch(text)
    if component:
        return f"principal component {component[1]} of the embedding"
    expression = read_expression(text)
    name = expression.text
    if name == "BSE":
        return f"BSE [grey values{mean}]"
    if name == "counts":
        return f"X-ray counts [per measurement{mean}]"
    if name in SYMBOLS:
        return f"{name} [net counts{mean}]"
    if expression.names == (name,):  # wt(Fe), at(Fe)
        return f"{name[3:-1]} [{name[:2]}%]"
    return f"{name} of net counts" if all(each in SYMBOLS for each in expression.names) else name


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
            "PC1" (a principal component of the embedding), or an expression as maps have it
            (`napari_gdls.mineralogy.read_expression`) of "BSE" (grey values), "counts" (X-ray counts above the zero
            peak), "Fe" (net counts by a fit of all lines) and, for segments, "wt(Fe)" and "at(Fe)".
        source : PlotSource
        subject : {"measurements", "segments"}
            Segments have the mean of their measurements, and expressions are those of the means.
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
        from napari_gdls.mineralogy.map_expressions import read_expression

        progress("values", 0.0)
        if subject == "segments" and source.segmentation is None:
            raise GdlsError("there are no segments yet: press Segment, or plot measurements.")
        component = _COMPONENT.fullmatch(text)
        if component:
            return _mean(self._component(source, int(component[1]) - 1), source, subject)
        expression = read_expression(text)
        known: dict[str, FloatArray] = {}
        elements = [name for name in expression.names if name in SYMBOLS]
        percents = [name for name in expression.names if name[:3] in ("wt(", "at(")]
        if elements:
            counts = self._net_counts(source, elements, progress)
            known |= {name: _mean(counts[name], source, subject) for name in elements}
        if percents:
            known |= self._percents(source, subject, percents, progress)
        if "BSE" in expression.names:
            known["BSE"] = _mean(source.field.bse_at_measurements.astype(np.float64), source, subject)
        if "counts" in expression.names:
            known["counts"] = _mean(source.field.total_counts, source, subject)
        return expression.value(known)

    def _component(self, source: PlotSource, k: int) -> FloatArray:
        if source.segmentation is None:
            raise GdlsError("components are those of the embedding of a run: press Segment first.")
        embedding = source.segmentation.embedding
        kept = self._of_field.setdefault(source.field, {})
        if kept.get("embedding") is not embedding:
            kept["embedding"], kept["components"] = embedding, principal_components(embedding, N_COMPONENTS)
        components: FloatArray = kept["components"]
        if not 0 <= k < components.shape[1]:
            raise GdlsError(f"there is no PC{k + 1}; components go from PC1 to PC{components.shape[1]}.")
        return components[:, k]

    def _net_counts(self, source: PlotSource, elements: list[str], progress: Progress) -> dict[str, FloatArray]:
        """Net counts of elements in every measurement, (N,) each."""
        instrument = instrument_of(source.state, source.field, progress)
        kept = self._of_field.setdefault(source.field, {})
        known: dict[str, FloatArray] = kept.setdefault(("net counts", instrument.beam_energy), {})
        missing = [symbol for symbol in elements if symbol not in known]
        if missing:
            from napari_gdls.mineralogy.element_counting import element_counts

            found = element_counts(source.field, missing, instrument, progress=progress)
            known |= {symbol: np.asarray(found.counts[:, k], np.float64) for k, symbol in enumerate(found.elements)}
        return known

    def _percents(
        self, source: PlotSource, subject: Subject, names: list[str], progress: Progress
    ) -> dict[str, FloatArray]:
        """Percents of elements in every segment, (K,) each."""
        if subject == "measurements":
            raise GdlsError(
                f"{names[0]}: single measurements have too few counts for a composition; plot segments, or write "
                f"{names[0][3:-1]} for net counts."
            )
        assert source.shown is not None
        instrument = instrument_of(source.state, source.field, progress)
        kept = self._of_field.setdefault(source.field, {})
        if kept.get("compositions of") != (source.shown, instrument.beam_energy):
            from napari_gdls.mineralogy.compositions_of_segments import segment_compositions

            kept["compositions"] = segment_compositions(
                source.shown.segmentation, instrument, minerals=source.shown.minerals, progress=progress
            )
            kept["compositions of"] = (source.shown, instrument.beam_energy)
        found = kept["compositions"]
        tables = {"wt": found.mass_percent, "at": found.atomic_percent}
        return {name: tables[name[:2]][:, SYMBOLS.index(name[3:-1])] for name in names}


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


def _mean(values: FloatArray, source: PlotSource, subject: Subject) -> FloatArray:
    """Values of measurements, or their means over segments."""
    if subject == "measurements" or source.segmentation is None:
        return values
    segment, n = source.segmentation.measurement_labels, source.segmentation.n_segments
    inside = segment >= 0
    number = np.bincount(segment[inside], minlength=n)
    total = np.bincount(segment[inside], weights=values[inside], minlength=n)
    return np.divide(total, number, out=np.full(n, np.nan), where=number > 0)
