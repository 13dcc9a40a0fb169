"""The whole chain: from a field to labels (paper, section 3)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_number, shown
from napari_gdls.embedding import EmbeddingCache, embed, load_embedding
from napari_gdls.embedding.inference import checked_device
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.field.joining import evenly_thinned
from napari_gdls.graph import MeasurementGraph, build_graph, calibrate_on_field
from napari_gdls.io.limits import checked_memory_limit
from napari_gdls.methods.contract import Prepared, Stages
from napari_gdls.methods.memory import require_memory_to_segment
from napari_gdls.methods.merging import pixel_task_of
from napari_gdls.methods.running import check_constraints, check_corrections, run_method
from napari_gdls.phases.constraints import Constraints
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Correction, Recipe
from napari_gdls.segmentation import Segmentation
from napari_gdls.segmentation.correcting import corrected
from napari_gdls.segmentation.names import UNNAMED, PhaseName
from napari_gdls.segmentation.places import names_at_places
from napari_gdls.spectra import Drift, measure_drift, without_drift
from napari_gdls.threads import one_thread_for_blas

STAGES = ("drift", "embedding", "graph", "tree", "segments", "labelling")
"""Stages of `segment`, in order, as `Progress` and `Segmentation.timings` name them."""


@overload
def segment(
    field: Field,
    recipe: Recipe | None = None,
    *,
    constraints: Constraints | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
    at: None = None,
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
    memory_limit: int | None = None,
    **changes: Any,
) -> Segmentation: ...


@overload
def segment(
    field: Field,
    recipe: Recipe | None = None,
    *,
    constraints: Constraints | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: None = None,
    at: Sequence[float],
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
    memory_limit: int | None = None,
    **changes: Any,
) -> tuple[Segmentation, ...]: ...


def segment(
    field: Field,
    recipe: Recipe | None = None,
    *,
    constraints: Constraints | None = None,
    embedding: npt.NDArray[np.float32] | None = None,
    graph: MeasurementGraph | None = None,
    at: Sequence[float] | None = None,
    progress: Progress | None = None,
    cache: EmbeddingCache | None = None,
    memory_limit: int | None = None,
    **changes: Any,
) -> Segmentation | tuple[Segmentation, ...]:
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
    at : sequence of float, optional
        Shares of the measurements, above 0 and up to 1: a result for each, as if only so many had been measured, spread
        evenly over the field. See `napari_gdls.field.joining.evenly_thinned`. None: one result, with all of them.
    progress : Progress, optional
        Receives every stage; may cancel.
    cache : EmbeddingCache, optional
        Where embedded fields are kept from run to run. None: nowhere.
    memory_limit : int, optional
        Most bytes that the field and its segmentation may take, besides the program itself; see
        `napari_gdls.methods.memory`. None: any number.
    **changes
        Any parameter of `Recipe`, over those of `recipe`.

    Returns
    -------
    Segmentation, or tuple of Segmentation
        With `at`, one for each share, in their order; that of 1 is the result without `at`.

    Warns
    -----
    GdlsWarning
        If names that the recipe gives by hand cannot be kept: see `Recipe.names`.

    Raises
    ------
    RecipeError
        If a parameter or a share is unknown or out of range, constraints cannot be kept, or more memory than
        `memory_limit` would be needed.
    EmbeddingError
        If the model or the device is not there.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> import napari_gdls as gdls
    >>> result = gdls.segment(gdls.sample_field("synthetic"), tau_z=0.5)  # doctest: +SKIP
    >>> tenth, third, whole = gdls.segment(field, at=[0.1, 1 / 3, 1])  # doctest: +SKIP
    """
    if at is not None:
        if graph is not None:
            raise TypeError("segment() takes no graph with `at`: each share of the measurements has its own")
        return _segmented_in_parts(
            field,
            _checked_shares(at),
            (recipe or Recipe()).replace(**changes),
            embedding,
            constraints=constraints,
            progress=progress,
            cache=cache,
            memory_limit=memory_limit,
        )
    if graph is not None and embedding is None:
        raise TypeError("segment() takes a graph only together with the embedding that it was built from")
    asked = (recipe or Recipe()).replace(**changes)
    if graph is not None:
        graph.require_field(field)
    kept = check_constraints(asked, constraints)
    corrections = check_corrections(asked)
    asked = asked.replace(corrections=())
    if memory_limit is not None:
        limit = checked_memory_limit(memory_limit)
        require_memory_to_segment(field, asked, load_embedding(asked.model).dimension, limit)
    stages = Stages(progress or silent)
    with one_thread_for_blas():
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
        pixel_task=found.pixel_task,
    )
    return correct(result, corrections, progress=progress)


def _checked_shares(at: Sequence[float]) -> list[float]:
    if not isinstance(at, Iterable):
        raise RecipeError(f"at is {shown(at)}; a list of shares of the measurements is needed, such as [0.1, 0.3, 1].")
    return [checked_number("a share of the measurements in `at`", each, positive=True, highest=1.0) for each in at]


def _segmented_in_parts(
    field: Field,
    shares: Sequence[float],
    recipe: Recipe,
    z: npt.NDArray[np.float32] | None,
    *,
    progress: Progress | None,
    cache: EmbeddingCache | None,
    **options: Any,
) -> tuple[Segmentation, ...]:
    """Results with shares of the measurements, each of which is embedded once, if drift does not change with them."""
    if z is None and recipe.drift != "correct":
        z = embed(
            field,
            recipe.model,
            device=recipe.device,
            batch_size=recipe.batch_size,
            progress=progress,
            cache=cache,
        )
    results = []
    for share in shares:
        part, rows = evenly_thinned(field, share)
        results.append(segment(part, recipe, embedding=None if z is None else z[rows], progress=progress, **options))
    return tuple(results)


def correct(
    segmentation: Segmentation, corrections: Sequence[Correction], *, progress: Progress | None = None
) -> Segmentation:
    """Do corrections by hand to a result, instead of those that it had: what a run with them gives, without the run.

    Each correction acts on what the ones before it left. It moves no measurement that it does not mean: segments and
    phases of all others stay, and only pixels around those that have moved are solved again, by the same scales of
    brightness. What a hand had a say in is one segment, in one piece or not. Corrections come after constraints, and,
    of a coarsened result, after the phases were merged.

    Phases that corrections empty are gone; others keep their order, and new ones come last. Phases that have gained or
    lost measurements are summed anew and lose the names that were measured; a measurement whose phase a hand has
    decided has no second one, and is sure.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that keeps corrections: "merge" or "threshold".
    corrections : sequence of Correction
        In order; see `napari_gdls.recipe`. None: the result as the run gave it.
    progress : Progress, optional
        Receives the stage "corrections"; may cancel.

    Returns
    -------
    Segmentation
        Its `uncorrected` is the result without corrections, its recipe holds them.

    Warns
    -----
    GdlsWarning
        If there is no measurement at a place, or a stroke parts nothing; or names by hand cannot be kept.

    Raises
    ------
    RecipeError
        If the method cannot keep corrections, or makes no phases and one is to be assigned or merged.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> from napari_gdls.recipe import Join
    >>> joined = correct(result, [Join(((10, 12), (40, 44)))])  # doctest: +SKIP
    """
    base = segmentation if segmentation.uncorrected is None else segmentation.uncorrected
    recipe = base.recipe.replace(corrections=tuple(corrections), names=segmentation.recipe.names)
    wanted = check_corrections(recipe)
    if not wanted:
        result = dataclasses.replace(base, recipe=recipe)
        return dataclasses.replace(result, names=_with_names_at_places(result))
    if base.pixel_task is None and recipe.gives_confidence:
        base = dataclasses.replace(base, pixel_task=pixel_task_of(base))
    field = base.field
    if recipe.drift == "correct" and base.drift is not None:
        field = without_drift(field, base.drift)
    result = corrected(base, wanted, field=field, progress=progress)
    result = dataclasses.replace(result, recipe=recipe)
    return dataclasses.replace(result, names=_with_names_at_places(result))


def _with_names_at_places(result: Segmentation) -> tuple[PhaseName, ...]:
    """Names of a result, with those that its recipe gives to places."""
    by_hand = names_at_places(result)
    if not by_hand:
        return result.names
    names = result.names or (UNNAMED,) * len(by_hand)
    return tuple(
        (name.called("") if name.is_by_hand else name).called(hand.name)
        if hand.name
        else name.called("")
        if name.is_by_hand
        else name
        for name, hand in zip(names, by_hand, strict=True)
    )


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
