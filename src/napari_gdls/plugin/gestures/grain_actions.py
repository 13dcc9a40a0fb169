"""What is done to the selected grains, phases and edges at the press of a key or a button."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from napari.layers import Labels, Layer, Shapes
from napari.utils.notifications import show_info

from napari_gdls.plugin.gestures import stroke_meaning as meaning
from napari_gdls.plugin.gestures.edit_words import grains_in_words
from napari_gdls.plugin.gestures.grain_tools import GrainTools
from napari_gdls.plugin.layers.edits import selected_pairs
from napari_gdls.recipe import Correction, Cut, Join, MergePhases
from napari_gdls.segmentation import grown, holes_of, place_of_phase, shrunk, specks_of

if TYPE_CHECKING:
    from napari_gdls.plugin.field_state import FieldState
    from napari_gdls.segmentation.result import Segmentation

USUAL_SMALLEST = 10
"""Pixels of holes and specks at first; a choice: grains of a few measurements are mostly borders and noise."""
_SELECT = "Select grains first: with a click on the map, or in a list."


class GrainActions:
    """Corrections of what is selected, each one step of undo.

    Parameters
    ----------
    tools : GrainTools

    Attributes
    ----------
    smallest : int
        Pixels of holes that are filled, and of specks that are removed, at most.
    """

    def __init__(self, tools: GrainTools) -> None:
        self.smallest = USUAL_SMALLEST
        self._tools = tools
        self._session = tools.session

    def merge_selected(self) -> None:
        """The selected segments become one; where less than two are selected, the selected phases."""
        if (known := self._known()) is None:
            return
        state, segmentation = known
        if len(state.selected_segments) > 1:
            self._tools.do(state, meaning.joined(segmentation, sorted(state.selected_segments)))
        elif len(state.selected_phases) > 1:
            places = tuple(place_of_phase(segmentation, phase) for phase in sorted(state.selected_phases))
            self._tools.do(state, MergePhases(places))
        else:
            show_info("Select two grains or more with Shift and clicks, or two phases in their list.")

    def assign_selected(self) -> None:
        """The selected grains, or the measurements of a lasso, get the phase that is chosen."""
        if (known := self._known()) is None:
            return
        state, segmentation = known
        if not segmentation.has_phases:
            show_info(f"{segmentation.recipe.method_row.title} makes no phases; segment with another method.")
            return
        chosen = selected_measurements(state, segmentation)
        if len(chosen) == 0:
            show_info(_SELECT)
        elif not self._tools.do(state, meaning.assigned(segmentation, chosen, self._tools.target)):
            show_info("These grains are of this phase already.")

    def fill_holes(self) -> None:
        """What the selected grains surround, up to `smallest` pixels, goes to them."""
        self._on_grains(
            lambda seg, label: [holes_of(seg, label - 1, largest=self.smallest)],
            "filled the holes of {grains}",
            f"The selected grains have no holes of up to {self.smallest} px.",
        )

    def grow(self) -> None:
        """The measurements beside the selected grains go to them."""
        self._on_grains(
            lambda seg, label: [grown(seg, label - 1)], "grew {grains}", "There is nothing around the selected grains."
        )

    def shrink(self) -> None:
        """The outermost measurements of the selected grains go to their neighbours."""
        self._on_grains(
            lambda seg, label: shrunk(seg, label - 1),
            "shrank {grains}",
            "The selected grains cannot be smaller, or have no neighbours.",
        )

    def remove_specks(self) -> None:
        """Grains of up to `smallest` pixels go to the neighbour that they share most of their border with."""
        if (known := self._known()) is None:
            return
        state, segmentation = known
        words = f"removed specks of up to {self.smallest} px"
        if not self._tools.do(state, *specks_of(segmentation, self.smallest + 1), words=words):
            show_info(f"There are no grains of up to {self.smallest} px with a neighbour.")

    def next_phase(self, step: int = 1) -> None:
        """Choose the phase after the chosen one for the assignment; after the last comes a new one."""
        state = self._session.chosen
        if state is None or state.shown is None or not state.shown.segmentation.has_phases:
            return
        segmentation = state.shown.segmentation
        there = np.unique(segmentation.phases).tolist()
        choices = [None, *there]
        target = self._tools.target
        index = choices.index(target) if target in choices else 0
        self._tools.set_target(choices[(index + step) % len(choices)])

    def undo(self) -> None:
        """Undo the last step by hand on the chosen field."""
        state = self._session.chosen
        if state is not None and state.history.can_undo:
            self._session.undo(state)
        elif state is not None:
            show_info("There is nothing to undo.")

    def redo(self) -> None:
        """Do again what was undone last on the chosen field."""
        state = self._session.chosen
        if state is not None and state.history.can_redo:
            self._session.redo(state)
        elif state is not None:
            show_info("There is nothing to redo.")

    def cut_selected(self, layer: Shapes) -> None:
        """Both ends of the selected edges of a graph layer are kept apart."""
        if pairs := self._pairs(layer):
            self._on_edges(layer, Cut(tuple(pairs)))

    def join_selected(self, layer: Shapes) -> None:
        """Both ends of each selected edge of a graph layer become of one segment."""
        if pairs := self._pairs(layer):
            self._on_edges(layer, *(Join(pair) for pair in pairs))

    def _on_grains(
        self, means: Callable[[Segmentation, int], Iterable[Correction | None]], words: str, nothing: str
    ) -> None:
        if (known := self._known()) is None:
            return
        state, segmentation = known
        if not state.selected_segments:
            show_info(_SELECT)
            return
        chosen = sorted(state.selected_segments)
        corrections = [each for label in chosen for each in means(segmentation, label)]
        if not self._tools.do(state, *corrections, words=words.format(grains=grains_in_words(chosen, segmentation))):
            show_info(nothing)

    def _pairs(self, layer: Shapes) -> list[tuple[tuple[int, int], tuple[int, int]]]:
        pairs = selected_pairs(layer)
        if not pairs:
            show_info("No edge is selected; select edges with the arrow tool of the layer (5), more with Shift.")
        return pairs

    def _on_edges(self, layer: Layer, *corrections: Cut | Join) -> None:
        known = self._tools.corrected_of(layer)
        if known is not None:
            self._tools.do(known[0], *corrections)

    def _known(self) -> tuple[FieldState, Segmentation] | None:
        layer: Labels | None = self._tools.segments_layer()
        if layer is None:
            show_info("There are no segments of this field yet; press Segment first.")
            return None
        return self._tools.corrected_of(layer)


def selected_measurements(state: FieldState, segmentation: Segmentation) -> npt.NDArray[np.int64]:
    """Measurements, from 0, that a hand means with what is selected: those of a lasso, else those of the grains.

    A click on a grain selects a measurement, too, and means the grain; a lasso selects more measurements than grains.
    """
    if len(state.selected_measurements) > len(state.selected_segments):
        return np.array(sorted(state.selected_measurements), dtype=np.int64)
    return meaning.measurements_of(segmentation, state.selected_segments)
