"""The points of a plot: where each measurement or segment lies in it, its phase, and which of them are selected."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsError
from napari_gdls.plugin.plotting.quantities import PlotSource, Quantities, title_of
from napari_gdls.plugin.plotting.ternary import places_of, shares_of

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.plot_choice import PlotChoice
    from napari_gdls.progress import Progress

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PlotPoints:
    """Points of a plot.

    Attributes
    ----------
    choice : PlotChoice
    source : PlotSource
    titles : tuple of str
        Of the axes or corners, with units.
    values : tuple of (n,) array
        Of each axis or corner; of all measurements, or all segments.
    x, y : (n,) array
        Places in the plot, logarithms to the base of 10 where an axis is logarithmic; NaN where there is none.
    phase : (n,) array of int64
        From 0; -1 where there are no phases.
    area : (n,) array of int64 or None
        Pixels of each segment; None for measurements.
    """

    choice: PlotChoice
    source: PlotSource
    titles: tuple[str, ...]
    values: tuple[FloatArray, ...]
    x: FloatArray
    y: FloatArray
    phase: npt.NDArray[np.int64]
    area: npt.NDArray[np.int64] | None

    @property
    def n_without_place(self) -> int:
        """Points that cannot be drawn: a value is not known, or has no logarithm, or shares of nothing."""
        return int(np.count_nonzero(~np.isfinite(self.x + self.y)))


def plot_points(choice: PlotChoice, source: PlotSource, quantities: Quantities, progress: Progress) -> PlotPoints:
    """Find the points of a plot; takes up to seconds where net counts are new.

    Raises
    ------
    GdlsError
        If a quantity is not there.
    """
    texts = choice.quantities
    if not all(text.strip() for text in texts):
        raise GdlsError("choose a quantity for every corner of the triangle, or one of the diagrams.")
    values = tuple(quantities.values(text, source, choice.subject, progress) for text in texts)
    titles = tuple(title_of(text, choice.subject) for text in texts)
    if choice.kind == "scatter":
        x, y = (_logarithm(v) if log else v for v, log in zip(values, choice.logarithmic, strict=True))
    else:
        x, y = places_of(shares_of(np.stack(values, axis=1))).T
    found = source.segmentation
    phase = np.full(len(x), -1, dtype=np.int64)
    area = None
    if found is not None and found.has_phases:
        phase = found.phases if choice.subject == "segments" else found.grouped.labels
    if found is not None and choice.subject == "segments":
        area = np.bincount(found.labels.ravel(), minlength=found.n_segments + 1)[1:]
    lost = ~np.isfinite(x + y)
    return PlotPoints(choice, source, titles, values, np.where(lost, np.nan, x), np.where(lost, np.nan, y), phase, area)


def _logarithm(values: FloatArray) -> FloatArray:
    return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)


def selected_measurements(state: FieldState) -> npt.NDArray[np.bool_]:
    """Measurements that are selected: one by one, or with their segments; without these, with their phases.

    Parameters
    ----------
    state : FieldState

    Returns
    -------
    (N,) array of bool
    """
    chosen = np.zeros(state.field.n_measurements, dtype=bool)
    chosen[_indices(state.selected_measurements, len(chosen))] = True
    found = None if state.shown is None else state.shown.segmentation
    if found is None:
        return chosen
    if state.selected_segments:
        of_segments = np.zeros(found.n_segments + 1, dtype=bool)
        of_segments[_indices(state.selected_segments, len(of_segments))] = True
        chosen |= of_segments[found.measurement_labels + 1]
    if not state.selected_segments and not state.selected_measurements and state.selected_phases and found.has_phases:
        of_phases = np.zeros(found.n_phases, dtype=bool)
        of_phases[_indices(state.selected_phases, len(of_phases))] = True
        chosen |= of_phases[found.grouped.labels]
    return chosen


def selected_points(state: FieldState, points: PlotPoints) -> npt.NDArray[np.bool_]:
    """Which points of a plot are selected; a segment is, as soon as one of its measurements is.

    Returns
    -------
    (n,) array of bool
    """
    chosen = selected_measurements(state)
    found = points.source.segmentation
    if points.choice.subject == "measurements" or found is None:
        return chosen
    return np.bincount(found.measurement_labels[chosen] + 1, minlength=found.n_segments + 1)[1:] > 0


def table_of(points: PlotPoints) -> dict[str, npt.NDArray[Any]]:
    """Columns of a table of the points: where each is, its phase and segment, its values with their units."""
    found, field = points.source.segmentation, points.source.field
    columns: dict[str, npt.NDArray[Any]] = {}
    if points.choice.subject == "measurements":
        columns["row [px]"], columns["column [px]"] = field.locations.T
        if found is not None:
            columns["segment"] = found.measurement_labels + 1
    else:
        columns["segment"] = np.arange(1, len(points.x) + 1)
        assert points.area is not None
        columns["area [px]"] = points.area
    if found is not None and found.has_phases:
        columns["phase"] = points.phase + 1
        if found.names:
            columns["name"] = np.array([found.names[k].name for k in points.phase.tolist()])
    for title, values in zip(points.titles, points.values, strict=True):
        columns[title if title not in columns else f"{title} (2)"] = values
    return columns


def _indices(chosen: Iterable[int], n: int) -> npt.NDArray[np.int64]:
    found = np.fromiter(chosen, dtype=np.int64)
    return found[(found >= 0) & (found < n)]
