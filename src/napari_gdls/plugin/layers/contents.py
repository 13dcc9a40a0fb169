"""What the layers of a result show, computed beside the window: tables, colours, heights of edges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.plugin.field_state import Result
from napari_gdls.plugin.layers import edge_lines
from napari_gdls.plugin.layers.graph import merge_heights
from napari_gdls.plugin.layers.looks import Look
from napari_gdls.plugin.layers.phases import confidence_look, mixed_look, phases_look
from napari_gdls.plugin.layers.segments import segments_look
from napari_gdls.segmentation import phase_table
from napari_gdls.segmentation.colours import segment_colours

if TYPE_CHECKING:
    from napari_gdls.field import Field
    from napari_gdls.graph import MeasurementGraph
    from napari_gdls.mineralogy import PhaseTable
    from napari_gdls.progress import Progress
    from napari_gdls.recipe import Recipe
    from napari_gdls.segmentation.result import Segmentation


@dataclass(frozen=True, eq=False)
class LayerContents:
    """A segmentation, and what its layers show.

    Attributes
    ----------
    result : Result
        Modal composition and list of merges of its segmentation are computed already, if it has phases.
    looks : dict of str to Look
        Of its layers but the graph, by their role; see `napari_gdls.plugin.layers.metadata.layer_metadata`.
    heights : (E,) array or None
        Of the edges of the graph, from `napari_gdls.plugin.layers.graph.merge_heights`.
    """

    result: Result
    looks: dict[str, Look]
    heights: npt.NDArray[np.float64] | None


def contents_of_run(
    field: Field,
    recipe: Recipe,
    progress: Progress,
    *,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
) -> LayerContents:
    """All of a run that can be done beside the window: `napari_gdls.segment`, and the look of its result.

    Parameters
    ----------
    field : Field
    recipe : Recipe
        With the corrections and names by hand that are done to the result.
    progress : Progress
    embedding : (N, d) array, optional
    graph : MeasurementGraph, optional
        Results of an earlier run; see `napari_gdls.segment`.
    """
    progress("starting", 0.0)
    # Here, because it imports torch, which takes seconds when it is the first to do so.
    from napari_gdls.pipeline import segment

    segmentation = segment(field, recipe, embedding=embedding, graph=graph, progress=progress)
    contents = _contents(segmentation, merge_heights(segmentation, segmentation.graph.edges), progress)
    edge_lines.fault()  # half a second, once in a session: here it holds up nobody
    return contents


def contents_of_derived(
    segmentation: Segmentation,
    progress: Progress,
    *,
    minerals: PhaseTable | None = None,
    with_heights: bool = False,
) -> LayerContents:
    """What the layers show of a segmentation that came of a run by merging or naming phases.

    Colours stay while a slider is moved; see `napari_gdls.segmentation.colours.phase_colours`.

    Parameters
    ----------
    segmentation : Segmentation
    progress : Progress
    minerals : PhaseTable, optional
        What its phases were measured to be.
    with_heights : bool
        Whether the heights of the edges of the graph are needed, which is not shown yet.
    """
    heights = merge_heights(segmentation, segmentation.graph.edges) if with_heights else None
    return _contents(segmentation, heights, progress, minerals)


def _contents(
    segmentation: Segmentation,
    heights: npt.NDArray[np.float64] | None,
    progress: Progress,
    minerals: PhaseTable | None = None,
) -> LayerContents:
    progress("table", 0.0)
    colours = table = None
    if segmentation.has_phases:
        _ = segmentation.merges  # they are kept
        colours, table = segmentation.phase_colours, phase_table(segmentation)
    progress("table", 0.5)
    looks = {
        "segments": segments_look(segmentation, colours=segment_colours(segmentation, colours)),
        "phases": phases_look(segmentation, colours=colours, table=table),
        "confidence": confidence_look(segmentation),
        "mixed": mixed_look(segmentation, colours=colours),
    }
    shown = {role: look for role, look in looks.items() if look is not None}
    return LayerContents(Result(segmentation, colours, table, minerals), shown, heights)
