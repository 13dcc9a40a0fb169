"""The order of the list of phases, and what the head of the list says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gdls.recipe import MergePhases

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState, Result
    from napari_gdls.segmentation.result import Segmentation

NAME, PROBABILITY = 2, 3
"""Columns of the list."""
_OTHERS = {1: "phase", 4: "area [%]", 5: "segments", 6: "mean BSE", 7: "fine-grained"}
"""Columns of `napari_gdls.segmentation.phase_table` that others are sorted by."""


def ordered_phases(result: Result, by: tuple[int, bool] | None) -> list[int]:
    """Phases, from 0, in the order of a column; at the end those that have nothing in it.

    Parameters
    ----------
    result : Result
        With phases.
    by : (int, bool), optional
        Column, and whether the largest comes first; of equal ones the first comes first. None: as they are numbered.
    """
    phases = list(range(result.segmentation.n_phases))
    table, names = result.phase_table, result.segmentation.names
    if by is None or table is None:
        return phases
    column, down = by
    values: list[float | str | None] = [None] * len(phases)
    if column == NAME and names:
        values = [name.name.lower() or None for name in names]
    elif column == PROBABILITY and names:
        values = [name.probability for name in names]
    elif column in _OTHERS:
        values = [float(value) for value in table[_OTHERS[column]]]
    known = [phase for phase in phases if values[phase] is not None]
    known.sort(key=lambda phase: values[phase], reverse=down)  # type: ignore[arg-type, return-value]  # of one kind
    return known + [phase for phase in phases if values[phase] is None]


def list_in_words(state: FieldState, shown: Segmentation) -> str:
    """What is listed, and how it came of the run."""
    assert state.run is not None
    merges = sum(isinstance(edit, MergePhases) for edit in state.history.edits)
    names = sum(name.is_by_hand for name in shown.names)
    text = f"{shown.n_phases} phases, {shown.n_segments:,} segments."
    if merges:
        text += f" {merges} merge{'s' * (merges > 1)} by hand."
    if names:
        text += f" {names} name{'s' * (names > 1)} by hand."
    lowest = _tau_z_of(state.run)
    if state.tau_z < lowest:
        text += f" τz below {lowest:.2f} needs a new run: press Segment."
    elif state.tau_z > lowest:
        text += f" Shown as of τz = {state.tau_z:.2f}, without a new run."
    return text


def _tau_z_of(segmentation: Segmentation) -> float:
    tau_z = segmentation.recipe.tau_z
    assert tau_z is not None  # recipes of results have their defaults spelled out
    return tau_z
