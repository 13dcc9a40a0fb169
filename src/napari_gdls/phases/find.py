"""Phases of the measurements of a field: the merge tree cut fine, and its parts grouped."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_gdls.bse import bse_fractions_at_measurements
from napari_gdls.embedding import Calibration, Embedding
from napari_gdls.embedding.inference import embedder
from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.graph.measurement_graph import MeasurementGraph
from napari_gdls.graph.merging import MergeTree
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.search import PhaseSearch
from napari_gdls.phases.sums import Evidence, Scale
from napari_gdls.progress import Progress, silent

FINE_SIGNIFICANCE = 5.0
"""Where the tree is cut for phases to be found among the parts."""


def find_phases(
    field: Field,
    graph: MeasurementGraph,
    tree: MergeTree,
    z: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
    model: Embedding,
    *,
    tau_z: float,
    significance: float,
    tau_b: float | None = None,
    intergrowths: bool = True,
    calibration: Calibration | None = None,
    progress: Progress | None = None,
) -> MeasurementPhases:
    """Group the measurements to phases. Two phases stay two if they differ significantly and tau_zly.

    Parameters
    ----------
    field : Field
    graph : MeasurementGraph
    tree : MergeTree
        Of the graph.
    z : (N, d) array of float32
        Embedded spectra.
    counts : (N, W) array of int32
        Counts in energy windows that the tree was built from.
    model : Embedding
        That made `z`.
    tau_z : float
        Smallest noise-free difference of two phases, on the scale of delta_z of two spectra of 1,000 counts.
    significance : float
        How sure one must be that two phases differ: x, for a probability of error of exp(-x) in a single comparison.
    tau_b : float, optional
        Phases whose mean BSE differs by more, as a fraction of the full scale, stay apart even where their spectra
        agree. None: BSE alone makes no phases.
    intergrowths : bool
        Whether areas whose grains are smaller than the distance of the measurements become one phase, a fine-grained
        mixture.
    calibration : Calibration, optional
        Scale of the distances of `z`. None: that of the model.
    progress : Progress, optional

    Returns
    -------
    MeasurementPhases

    Raises
    ------
    RecipeError
        If a threshold is negative.
    """
    brightness = math.inf if tau_b is None else tau_b
    for name, value in (("tau_z", tau_z), ("significance", significance), ("tau_b", brightness)):
        if not value >= 0:
            raise RecipeError(f"{name} is {value}; a number of 0 or more is needed.")
    (progress or silent)("segments", 0.0)
    embed = embedder(model, field.energy)
    evidence = Evidence(counts, z, bse_fractions_at_measurements(field))
    search = PhaseSearch(
        evidence,
        Neighbourhood.of(field, graph),
        tree.cut(tree.height_of_significance(min(FINE_SIGNIFICANCE, significance))),
        Scale(calibration or model.calibration, 0.0, tree.height_of_significance(significance), tau_z),
        field.summed_spectra,
        embed,
        tau_b=brightness,
        intergrowths=intergrowths,
    )
    return search.run(progress)
