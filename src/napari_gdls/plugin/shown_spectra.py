"""Which spectra are shown of a field: those of what is selected in it, as sums of measurements. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.spectrum_sums import AT_ONCE, ResultSums, sum_of_measurements

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari_gdls.field import Field
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.plugin.layers.picking import Picked
    from napari_gdls.segmentation.result import Segmentation

SOURCES: dict[str, tuple[str, str]] = {
    "segment": ("Segment", "The selected segments, summed; click one on the map, Shift+click more."),
    "phase": ("Phase", "The selected phase: all of its measurements. Several phases are drawn beside each other."),
    "measurement": ("Measurement", "The measurement that was clicked, alone."),
    "region": ("Region", "The measurements of a region that you draw, paint, or chose by a lasso in a plot."),
    "all": ("All", "All measurements of the field."),
}
"""What spectra can be of, by name: title and tip of its button."""

MOST_PHASES = 8
"""Phases that are drawn beside each other; more lines could not be told apart. A choice."""

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Wanted:
    """A spectrum that is to be shown: the sum of some measurements.

    Attributes
    ----------
    title : str
        What it is of.
    kind : {"segment", "phase", "measurement", "all"}
        What `members` are: segments from 0, phases from 0, measurements from 0; nothing for all.
    members : tuple of int
    colour : (float, float, float) or None
        sRGB, 0 to 1, of the phase; None where it is of several.
    """

    title: str
    kind: str
    members: tuple[int, ...] = ()
    colour: Colour | None = None


@dataclass(frozen=True, eq=False)
class ShownSpectrum:
    """A summed spectrum.

    Attributes
    ----------
    title : str
    counts : (D,) array of float64
        On the energy axis of the field.
    n_spectra : int
        Measurements in it.
    colour : (float, float, float) or None
        See `Wanted`.
    """

    title: str
    counts: npt.NDArray[np.float64]
    n_spectra: int
    colour: Colour | None = None


def wanted_spectra(state: FieldState, source: str) -> tuple[Wanted, ...] | str:
    """Spectra of what is selected.

    Parameters
    ----------
    state : FieldState
    source : str
        Of `SOURCES`.

    Returns
    -------
    tuple of Wanted, or str
        Why there is none, and what to do.
    """
    if source == "all":
        return (Wanted("All measurements", "all"),)
    if source in ("measurement", "region"):
        return _of_measurements(state, source)
    if state.shown is None:
        return "There are no segments yet; press Segment, or choose Measurement."
    if source == "segment":
        labels = sorted(label for label in state.selected_segments if label <= state.shown.segmentation.n_segments)
        return (wanted_segments(state, labels),) if labels else "Click a segment on the map."
    phases = sorted(phase for phase in state.selected_phases if phase < state.shown.segmentation.n_phases)
    if not phases:
        return "Click a segment on the map, or select a phase in the list."
    if len(phases) > MOST_PHASES:
        return f"{len(phases)} phases are selected; select {MOST_PHASES} at most."
    return tuple(wanted_phase(state, phase) for phase in phases)


def wanted_under(state: FieldState, source: str, picked: Picked) -> tuple[Wanted, ...]:
    """The spectrum of what the mouse is over; none where nothing is.

    Parameters
    ----------
    state : FieldState
    source : str
        Of `SOURCES`; a region has nothing under the mouse.
    picked : Picked
    """
    if source == "measurement" and picked.measurement is not None:
        return (_measurement(state, picked.measurement),)
    if state.shown is None or not picked.segment or picked.phase is None:
        return ()
    if source == "segment":
        return (wanted_segments(state, [picked.segment]),)
    return (wanted_phase(state, picked.phase),) if source == "phase" else ()


def wanted_segments(state: FieldState, labels: Iterable[int]) -> Wanted:
    """The sum of segments, by their labels."""
    assert state.shown is not None
    segmentation, chosen = state.shown.segmentation, list(labels)
    phases = {int(segmentation.phases[label - 1]) for label in chosen}
    title = f"Segment {chosen[0]}" if len(chosen) == 1 else f"{len(chosen)} segments"
    phase = phases.pop() if len(phases) == 1 else None
    if phase is not None and segmentation.has_phases:
        title = f"{title}, {segmentation.phase_titles[phase]}"
    return Wanted(title, "segment", tuple(label - 1 for label in chosen), _colour(state, phase))


def wanted_phase(state: FieldState, phase: int) -> Wanted:
    """The sum of a phase, from 0."""
    assert state.shown is not None
    segmentation = state.shown.segmentation
    title = segmentation.phase_titles[phase] if segmentation.has_phases else f"segment {phase + 1}"
    return Wanted(title[:1].upper() + title[1:], "phase", (phase,), _colour(state, phase))


def spectrum_of(
    wanted: Wanted,
    field: Field,
    segmentation: Segmentation | None,
    sums: ResultSums | None,
    *,
    at_once: bool = False,
) -> ShownSpectrum | None:
    """Sum what is wanted.

    Parameters
    ----------
    wanted : Wanted
    field : Field
    segmentation : Segmentation or None
        What is shown of the field.
    sums : ResultSums or None
        Of it; None while they are not there.
    at_once : bool
        Only if it takes no longer than the window may be blocked.

    Returns
    -------
    ShownSpectrum or None
        None where it would take longer, or what is wanted is no longer there.
    """
    if wanted.kind == "all":
        if at_once and "total_spectrum" not in field.__dict__:
            return None
        return ShownSpectrum(wanted.title, field.total_spectrum, field.n_measurements)
    if wanted.kind == "measurement":
        if at_once and (len(wanted.members) > AT_ONCE or sums is None):
            return None
        members = np.array(wanted.members, dtype=np.int64)
        return ShownSpectrum(wanted.title, sum_of_measurements(field, members), len(members), wanted.colour)
    if sums is None:
        return None if at_once or segmentation is None else _summed(wanted, segmentation)
    groups = sums.segments if wanted.kind == "segment" else sums.phases
    if at_once and not groups.at_once(wanted.members):
        return None
    return ShownSpectrum(wanted.title, groups.sum_of(wanted.members), groups.size(wanted.members), wanted.colour)


def _summed(wanted: Wanted, segmentation: Segmentation) -> ShownSpectrum:
    """The sum of segments or phases, without those of all others."""
    found = segmentation.measurement_phases
    by_phase = wanted.kind == "phase" and found is not None
    labels = found.labels if by_phase and found is not None else segmentation.measurement_labels
    members = np.flatnonzero(np.isin(labels, wanted.members))
    return ShownSpectrum(wanted.title, sum_of_measurements(segmentation.field, members), len(members), wanted.colour)


def _of_measurements(state: FieldState, source: str) -> tuple[Wanted, ...] | str:
    chosen = tuple(sorted(k for k in state.selected_measurements if k < state.field.n_measurements))
    if source == "measurement":
        if len(chosen) > 1:
            return f"{len(chosen):,} measurements are selected; choose Region for their sum."
        return (_measurement(state, chosen[0]),) if chosen else "Click on the map."
    if not chosen:
        return "Draw a region, or choose measurements by a lasso in a plot."
    return (Wanted(f"Region of {len(chosen):,} measurements", "measurement", chosen),)


def _measurement(state: FieldState, measurement: int) -> Wanted:
    row, column = state.field.locations[measurement].tolist()
    phase = None
    if state.shown is not None and state.shown.segmentation.has_phases:
        phase = int(state.shown.segmentation.grouped.labels[measurement])
    return Wanted(f"Measurement at row {row}, column {column}", "measurement", (measurement,), _colour(state, phase))


def _colour(state: FieldState, phase: int | None) -> Colour | None:
    colours = None if state.shown is None else state.shown.phase_colours
    if colours is None or phase is None:
        return None
    red, green, blue = colours[phase].tolist()
    return red, green, blue
