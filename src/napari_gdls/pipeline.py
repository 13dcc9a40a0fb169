"""The whole chain: from a field to labels (paper, section 3)."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding import EmbeddingCache, embed, load_embedding
from napari_gdls.embedding.inference import checked_device
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph, build_graph, calibrate_on_field
from napari_gdls.methods.contract import Prepared, Stages
from napari_gdls.methods.running import check_constraints, run_method
from napari_gdls.phases.constraints import Constraints
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe
from napari_gdls.segmentation import Segmentation
from napari_gdls.segmentation.places import names_at_places
from napari_gdls.spectra import Drift, measure_drift, without_drift

STAGES = ("drift", "embedding", "graph", "tree", "segments", "labelling")
"""Stages of `segment`, in order, as `Progress` and `Segmentation.timings` name them."""


def segment(
    field: Field,
    recipe: Recipe | None = None,
    *,
    constraints: Constraints | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
    **changes: Any,
) -> Segmentation:
    """Segment a field: embed the spectra, build and cut the measurement graph, label the pixels.

    Parameters
    ----------
    field : Field
    recipe : Recipe, optional
        None: the defaults.
    constraints : Constraints, optional
        Links, cuts and given segments that the result shall keep. For methods that can: "merge" and
        "threshold".
    embedding : (N, d) array, optional
        Result of an earlier run with the same model, to be taken instead of embedding again.
    graph : MeasurementGraph, optional
        Result of an earlier run with the same model and max_distance, likewise; needs `embedding`.
    progress : Progress, optional
        Receives every stage; may cancel.
    cache : EmbeddingCache, optional
        Where embedded fields are kept from run to run. None: nowhere.
    **changes
        Any parameter of `Recipe`, over those of `recipe`.

    Returns
    -------
    Segmentation

    Warns
    -----
    GdlsWarning
        If names that the recipe gives by hand cannot be kept: see `Recipe.names`.

    Raises
    ------
    RecipeError
        If a parameter is unknown or out of range, or constraints cannot be kept.
    EmbeddingError
        If the model or the device is not there.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> import napari_gdls as gdls
    >>> result = gdls.segment(gdls.sample_field("synthetic"), tau_z=0.5)  # doctest: +SKIP
    """
    if graph is not None and embedding is None:
        raise TypeError("segment() takes a graph only together with the embedding that it was built from")
    asked = (recipe or Recipe()).replace(**changes)
    if graph is not None:
        graph.require_field(field)
    kept = check_constraints(asked, constraints)
    stages = Stages(progress or silent)
    prepared, drift = _prepared(field, asked, kept, stages, embedding, graph, cache)
    found = run_method(prepared)
    timings = dict.fromkeys(STAGES, 0.0) | stages.timings
    graph = prepared.graph
    if found.tree is not None:
        graph = dataclasses.replace(graph, height=found.tree.heights_of(graph.edges))
    result = Segmentation(
        labels=found.labels,
        measurement_labels=found.measurement_labels,
        phases=found.phases,
        graph=graph,
        embedding=prepared.z,
        recipe=prepared.recipe,
        field=field,
        timings=timings,
        drift=drift,
        calibration=prepared.calibration,
        confidence=found.confidence,
        tree=found.tree,
        measurement_phases=found.measurement_phases,
        constraints=kept,
    )
    return dataclasses.replace(result, names=names_at_places(result))


def _prepared(
    field: Field,
    recipe: Recipe,
    constraints: Constraints,
    stages: Stages,
    z: npt.NDArray[np.float32] | None,
    graph: MeasurementGraph | None,
    cache: EmbeddingCache | None,
) -> tuple[Prepared, Drift | None]:
    """What all methods work on, and the drift if it was measured.

    Spectra that are corrected for drift are used throughout: embedded, counted for delta_z, summed. But the scale of a
    field is measured on halves of its spectra, and only whole counts can be halved; drift is the same in both halves.
    """
    counted = field
    model = load_embedding(recipe.model)
    checked_device(recipe.device)
    recipe = recipe.with_defaults(field.n_measurements)
    if recipe.model == Recipe().model:  # the default may be another one in a later version
        recipe = recipe.replace(model=model.name)
    drift, calibration = None, model.calibration
    if z is None or recipe.drift == "correct":
        with stages.stage("drift"):
            drift = None if recipe.drift == "ignore" else _drift_of(field)
            if drift is not None and recipe.drift == "correct":
                field = without_drift(field, drift)
    if z is None:
        with stages.stage("embedding"):
            z = embed(
                field,
                model,
                device=recipe.device,
                batch_size=recipe.batch_size,
                progress=stages.progress,
                cache=cache,
            )
    if graph is None or recipe.calibration == "field":
        with stages.stage("graph"):
            if graph is None:
                graph = build_graph(
                    field, z, max_distance=recipe.max_distance, calibration=calibration, progress=stages.progress
                )
            if recipe.calibration == "field":
                calibration = calibrate_on_field(counted, graph, model=model, device=recipe.device)
                graph = graph.with_calibration(calibration, field.total_counts)
    return Prepared(recipe, graph, constraints, stages, field, z, model, calibration), drift


def _drift_of(field: Field) -> Drift | None:
    try:
        return measure_drift(field)
    except GdlsError:  # no lines to measure it by
        return None
