"""The whole chain: from a field to labels (paper, section 3)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.embedding import Calibration, EmbeddingCache, calibrate_on_field, embed, load_embedding
from napari_gdls.errors import GdlsError
from napari_gdls.field import Field
from napari_gdls.graph import MeasurementGraph, build_graph, label_measurements
from napari_gdls.graph.components import DEFAULT_TAU_B, DEFAULT_TAU_Z
from napari_gdls.labelling import label_pixels
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Recipe
from napari_gdls.spectra import Drift, measure_drift, without_drift

STAGES = ("drift", "embedding", "graph", "segments", "labelling")
"""Stages of `segment`, in order, as `Progress` and `Segmentation.timings` name them."""


@dataclass(frozen=True, eq=False)
class Segmentation:
    """What `segment` found.

    Attributes
    ----------
    labels : (H, W) array of int32
        Segment of every pixel, counted from 1; 0 is invalid or beyond reach of every measurement.
    measurement_labels : (N,) array of int64
        Segment of every measurement, counted from 0: segment k is label k + 1.
    phases : (K,) array of int64
        Phase of each segment, counted from 0. The "threshold" method does not group segments: each is its own phase.
    graph : MeasurementGraph
    embedding : (N, d) array of float32
        Unit vector of every spectrum.
    recipe : Recipe
        All parameters, so that the run can be repeated exactly; model and thresholds as they were used, where the
        given recipe left them to the defaults.
    timings : dict of str to float
        Seconds that each stage took; 0 for stages whose result was given.
    field : Field
        What was segmented.
    drift : Drift or None
        Drift of the energy calibration; None where it was not measured or there are no lines to measure it by.
    calibration : Calibration or None
        Scale of delta_z; None when the graph was given.
    """

    labels: npt.NDArray[np.int32]
    measurement_labels: npt.NDArray[np.int64]
    phases: npt.NDArray[np.int64]
    graph: MeasurementGraph
    embedding: npt.NDArray[np.float32]
    recipe: Recipe
    field: Field
    timings: dict[str, float] = dataclass_field(default_factory=dict)
    drift: Drift | None = None
    calibration: Calibration | None = None

    @property
    def n_segments(self) -> int:
        """Number of segments, K."""
        return len(self.phases)

    def spectra(self) -> npt.NDArray[np.float64]:
        """Cumulative spectrum of every segment, (K, D) counts on the energy axis of the field."""
        return self.field.summed_spectra(self.measurement_labels)

    def __repr__(self) -> str:
        height, width = self.labels.shape
        title = f" of {self.field.name!r}" if self.field.name else ""
        return f"<Segmentation{title}: {height} x {width} px, {self.n_segments:,} segments ({self.recipe.method})>"


def segment(
    field: Field,
    recipe: Recipe | None = None,
    *,
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
        If a parameter is unknown or out of range.
    EmbeddingError
        If the model or the device is not there.
    Cancelled
        If `progress` asks for it.

    Examples
    --------
    >>> import napari_gdls as gdls
    >>> result = gdls.segment(gdls.sample_field("synthetic"), tau_z=1.2)  # doctest: +SKIP
    """
    if graph is not None and embedding is None:
        raise TypeError("segment() takes a graph only together with the embedding that it was built from")
    recipe = (recipe or Recipe()).replace(**changes)
    report = progress or silent
    model = load_embedding(recipe.model)
    recipe = recipe.replace(
        model=model.name if recipe.model == "default" else recipe.model,
        tau_b=DEFAULT_TAU_B if recipe.tau_b is None else recipe.tau_b,
        tau_z=DEFAULT_TAU_Z if recipe.tau_z is None else recipe.tau_z,
    )
    timings = dict.fromkeys(STAGES, 0.0)
    drift, calibration = None, None
    if embedding is None:
        measured = field
        if recipe.drift != "ignore":
            with _timed(timings, "drift", report):
                drift = _drift_of(field)
                if drift is not None and recipe.drift == "correct":
                    measured = without_drift(field, drift)
        with _timed(timings, "embedding", report):
            embedding = embed(
                measured, model, device=recipe.device, batch_size=recipe.batch_size, progress=progress, cache=cache
            )
    if graph is None:
        with _timed(timings, "graph", report):
            calibration = model.calibration
            graph = build_graph(field, embedding, max_distance=recipe.max_distance, calibration=calibration)
            if recipe.calibration == "field":
                calibration = calibrate_on_field(field, graph, model=model, device=recipe.device)
                graph = graph.with_calibration(calibration, field.total_counts)
    with _timed(timings, "segments", report):
        measurement_labels = label_measurements(graph, method=recipe.method, tau_b=recipe.tau_b, tau_z=recipe.tau_z)
    with _timed(timings, "labelling", report):
        labels = label_pixels(field, measurement_labels, beta=recipe.beta, reach=recipe.reach, progress=progress)
    return Segmentation(
        labels=labels,
        measurement_labels=measurement_labels,
        phases=np.arange(measurement_labels.max() + 1),
        graph=graph,
        embedding=embedding,
        recipe=recipe,
        field=field,
        timings=timings,
        drift=drift,
        calibration=calibration,
    )


def _drift_of(field: Field) -> Drift | None:
    try:
        return measure_drift(field)
    except GdlsError:  # no lines to measure it by
        return None


@contextmanager
def _timed(timings: dict[str, float], stage: str, report: Progress) -> Iterator[None]:
    report(stage, 0.0)
    start = time.perf_counter()
    yield
    timings[stage] = time.perf_counter() - start
    report(stage, 1.0)
