"""The whole chain: from a field to labels (paper, section 3)."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.compilation import compilation_reported
from napari_gdls.embedding import Calibration, Embedding, EmbeddingCache, calibrate_on_field, embed, load_embedding
from napari_gdls.errors import GdlsError, RecipeError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph, build_graph
from napari_gdls.graph.components import DEFAULT_TAU_B
from napari_gdls.graph.components import DEFAULT_TAU_Z as THRESHOLD_TAU_Z
from napari_gdls.graph.merging import build_merge_tree
from napari_gdls.labelling import connected_regions, label_pixels, label_with_confidence
from napari_gdls.methods.published.measurements import PUBLISHED_TAU_B, PUBLISHED_TAU_Z, label_measurements_as_published
from napari_gdls.methods.published.pixels import label_pixels_as_published
from napari_gdls.phases.constraints import ConstrainedLabels, Constraints, constrained
from napari_gdls.phases.find import DEFAULT_TAU_Z, default_significance, find_phases
from napari_gdls.phases.measurements import label_measurements
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe
from napari_gdls.segmentation.result import Segmentation
from napari_gdls.spectra import Drift, measure_drift, without_drift
from napari_gdls.spectra.windows import window_counts

__all__ = ["STAGES", "Segmentation", "segment"]

STAGES = ("drift", "embedding", "graph", "tree", "segments", "labelling")
"""Stages of `segment`, in order, as `Progress` and `Segmentation.timings` name them."""

_MIXED_PURITY = 0.5


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
        Links, cuts and given segments that the result shall keep. For the methods "merge" and "threshold".
    embedding : (N, d) array, optional
        Result of an earlier run with the same model, to be taken instead of embedding again.
    graph : MeasurementGraph, optional
        Result of an earlier run with the same model and max_distance, likewise; needs `embedding`.
    progress : Progress, optional
        Hears of every stage; may cancel.
    cache : EmbeddingCache, optional
        Where embedded fields are kept from run to run. None: nowhere.
    **changes
        Any parameter of `Recipe`, over those of `recipe`.

    Returns
    -------
    Segmentation

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
    recipe = (recipe or Recipe()).replace(**changes)
    report = progress or silent
    model = load_embedding(recipe.model)
    recipe = _filled_in(recipe, field, model)
    timings = dict.fromkeys(STAGES, 0.0)
    drift, calibration = None, model.calibration
    measured = field
    if embedding is None or recipe.drift == "correct":
        with _timed(timings, "drift", report):
            drift = None if recipe.drift == "ignore" else _drift_of(field)
            if drift is not None and recipe.drift == "correct":
                measured = without_drift(field, drift)
    if embedding is None:
        with _timed(timings, "embedding", report):
            embedding = embed(
                measured, model, device=recipe.device, batch_size=recipe.batch_size, progress=progress, cache=cache
            )
    if graph is None or recipe.calibration == "field":
        with _timed(timings, "graph", report):
            if graph is None:
                graph = build_graph(field, embedding, max_distance=recipe.max_distance, calibration=calibration)
            if recipe.calibration == "field":
                calibration = calibrate_on_field(field, graph, model=model, device=recipe.device)
                graph = graph.with_calibration(calibration, field.total_counts)
    kept = constraints or Constraints()
    run = _Run(measured, recipe, model, embedding, graph, kept, calibration, timings, report)
    found = {"graph": graph, **run.find()}
    return Segmentation(
        embedding=embedding,
        recipe=recipe,
        field=field,
        timings=timings,
        drift=drift,
        calibration=calibration,
        constraints=kept,
        **found,
    )


@dataclass(frozen=True)
class _Run:
    """What the methods work on. Each returns attributes of a `Segmentation`."""

    field: Field
    recipe: Recipe
    model: Embedding
    z: npt.NDArray[np.float32]
    graph: MeasurementGraph
    constraints: Constraints
    calibration: Calibration
    timings: dict[str, float]
    report: Progress

    def find(self) -> dict[str, Any]:
        if self.recipe.method == "merge":
            return self.by_merging()
        if self.recipe.labelling == "paper":
            if self.constraints:
                raise RecipeError("the paper's own way knows no constraints; leave them out, or its labelling.")
            return self.as_published()
        if self.recipe.method == "threshold":
            return self.by_thresholds()
        if self.constraints:
            raise RecipeError(f"the method {self.recipe.method!r} knows no constraints; 'merge' does.")
        return self.by_baseline()

    def by_merging(self) -> dict[str, Any]:
        """Merge tree and phases, and pixels by the phases of the measurements around them."""
        with self.timed("tree"):
            counts = window_counts(self.field)
            tree = build_merge_tree(self.field, self.graph, counts=counts, progress=self.report)
        with self.timed("segments"):
            found = find_phases(
                self.field,
                self.graph,
                tree,
                self.z,
                counts,
                self.model,
                tau_z=self.recipe.tau_z,
                significance=self.recipe.significance,
                tau_b=self.recipe.tau_b,
                intergrowths=self.recipe.intergrowths,
                calibration=self.calibration,
                progress=self.report,
            )
            kept = constrained(self.field, self.graph, found.labels, self.constraints)
        with self.timed("labelling"):
            purity = np.where((found.partner >= 0) & ~kept.single[kept.labels], _MIXED_PURITY, 1.0)
            labels, confidence = self.pixels(kept.labels, purity.astype(np.float32))
            segments, phase = self.segments_of(labels, kept)
        if confidence is not None:
            confidence[tuple(self.field.locations.T)] *= found.confidence
        return {
            "graph": dataclasses.replace(self.graph, height=tree.heights_of(self.graph.edges)),
            "labels": segments,
            "measurement_labels": self.at_measurements(segments),
            "phases": phase,
            "confidence": confidence,
            "tree": tree,
            "measurement_phases": found,
        }

    def pixels(
        self, labels: npt.NDArray[np.int64], purity: npt.NDArray[np.float32]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32] | None]:
        beta, reach = self.recipe.beta, self.recipe.reach
        if self.recipe.pixel_labelling == "walker":
            return label_pixels(self.field, labels, beta=beta, reach=reach, progress=self.report), None
        return label_with_confidence(self.field, labels, purity=purity, beta=beta, reach=reach, progress=self.report)

    def segments_of(
        self, labels: npt.NDArray[np.int32], kept: ConstrainedLabels
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Connected regions of the labels, and their phases; labels that constraints made are one segment each."""
        regions = self.regions(labels, np.concatenate([[False], kept.single]))
        label = _majority(regions, labels)
        first = np.arange(len(label))
        single = np.flatnonzero(kept.single[label])
        _, head, group = np.unique(label[single], return_index=True, return_inverse=True)
        first[single] = single[head[group]]
        present, number = np.unique(first, return_inverse=True)
        lookup = np.concatenate([[0], number + 1]).astype(np.int32)
        return lookup[regions], kept.phase[label[present]]

    def regions(self, labels: npt.NDArray[np.int32], single: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
        """Connected regions with a measurement; `smallest` does not hold for labels that constraints made."""
        places, smallest = self.field.locations, self.recipe.smallest
        if smallest <= 1 or not single.any():
            return connected_regions(labels, anchors=places, smallest=smallest)
        regions = connected_regions(labels, anchors=places)
        settled = np.concatenate([[0], _majority(regions, labels) + 1])[regions]
        given = single[settled]
        others = connected_regions(np.where(given, 0, settled), anchors=places, smallest=smallest)
        return connected_regions(np.where(given, int(others.max()) + regions, others))

    def by_thresholds(self) -> dict[str, Any]:
        """The paper's cut of the graph, and pixels by a random walker."""
        with self.timed("segments"):
            measurement_labels = label_measurements(
                self.graph,
                method="threshold",
                tau_b=self.recipe.tau_b,
                tau_z=self.recipe.tau_z,
                field=self.field,
                constraints=self.constraints,
            )
        with self.timed("labelling"):
            labels, confidence = self.pixels(measurement_labels, np.ones(len(measurement_labels), dtype=np.float32))
        phases = np.arange(measurement_labels.max() + 1)
        return {
            "labels": labels,
            "measurement_labels": measurement_labels,
            "phases": phases,
            "confidence": confidence,
        }

    def as_published(self) -> dict[str, Any]:
        """The chain of the authors' program, step by step."""
        assert self.recipe.tau_b is not None
        assert self.recipe.tau_z is not None
        with self.timed("segments"):
            component = label_measurements_as_published(self.field, self.z, self.recipe.tau_b, self.recipe.tau_z)
        with self.timed("labelling"):
            beta = {} if self.recipe.beta is None else {"beta": self.recipe.beta}
            labels = label_pixels_as_published(self.field, component, progress=self.report, **beta)
        return self.of_pixels(labels)

    def by_baseline(self) -> dict[str, Any]:
        """One of the ways of other programs."""
        from napari_gdls.methods.registry import BASELINES

        with self.timed("segments"):
            labels = BASELINES[self.recipe.method](self.field, progress=self.report)
        return self.of_pixels(labels)

    def of_pixels(self, labels: npt.NDArray[np.int32]) -> dict[str, Any]:
        """Result of a method that labels pixels alone: segments without a measurement are nothing."""
        at = self.at_measurements(labels)
        present = np.unique(at[at >= 0])
        number = np.full(int(labels.max()) + 1, 0, dtype=np.int32)
        number[present + 1] = np.arange(1, len(present) + 1)
        labels = number[labels]
        return {
            "labels": labels,
            "measurement_labels": self.at_measurements(labels),
            "phases": np.arange(len(present)),
        }

    def at_measurements(self, labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
        """Segment of every measurement, by its pixel."""
        rows, columns = self.field.locations.T
        return np.asarray(labels[rows, columns].astype(np.int64) - 1)

    def timed(self, stage: str) -> AbstractContextManager[None]:
        return _timed(self.timings, stage, self.report)


def _majority(regions: npt.NDArray[np.int32], labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int64]:
    """Label, less one, that most pixels of each region had, (K,)."""
    inside = (regions > 0) & (labels > 0)
    n = int(labels.max()) + 1
    pair, count = np.unique(regions[inside].astype(np.int64) * n + labels[inside], return_counts=True)
    region, label = pair // n, pair % n
    order = np.lexsort((label, -count, region))
    return np.asarray(label[order][np.unique(region[order], return_index=True)[1]] - 1)


def _filled_in(recipe: Recipe, field: Field, model: Embedding) -> Recipe:
    """The recipe with the defaults that depend on method and field spelled out."""
    changes: dict[str, Any] = {"model": model.name if recipe.model == "default" else recipe.model}
    if recipe.method == "merge":
        changes["tau_z"] = DEFAULT_TAU_Z if recipe.tau_z is None else recipe.tau_z
        if recipe.significance is None:
            changes["significance"] = default_significance(field.n_measurements)
    elif recipe.method == "threshold" and recipe.labelling == "paper":
        changes["tau_b"] = PUBLISHED_TAU_B[2] if recipe.tau_b is None else recipe.tau_b
        changes["tau_z"] = PUBLISHED_TAU_Z[2] if recipe.tau_z is None else recipe.tau_z
    elif recipe.method == "threshold":
        changes["tau_b"] = DEFAULT_TAU_B if recipe.tau_b is None else recipe.tau_b
        changes["tau_z"] = THRESHOLD_TAU_Z if recipe.tau_z is None else recipe.tau_z
    return recipe.replace(**changes)


def _drift_of(field: Field) -> Drift | None:
    try:
        return measure_drift(field)
    except GdlsError:  # no lines to measure it by
        return None


@contextmanager
def _timed(timings: dict[str, float], stage: str, report: Progress) -> Iterator[None]:
    report(stage, 0.0)
    start = time.perf_counter()
    with compilation_reported(report):
        yield
    timings[stage] = time.perf_counter() - start
    report(stage, 1.0)
