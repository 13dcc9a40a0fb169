"""The default: a merge tree on summed spectra, phases of its parts, and pixels by the phases measured around them."""

from __future__ import annotations

from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from napari_gdls.graph.merging import MergeTree, build_merge_tree
from napari_gdls.labelling.local_walker import PixelTask, labelled_with_task
from napari_gdls.labelling.regions import segments_of_labels
from napari_gdls.methods.contract import Found, Prepared
from napari_gdls.methods.pixels import at_measurements, labels_of_pixels
from napari_gdls.methods.thresholds import connected_segments
from napari_gdls.phases.constraints import ConstrainedLabels, constrained
from napari_gdls.phases.measurement_phases import MeasurementPhases
from napari_gdls.phases.search import find_phases
from napari_gdls.segmentation import Segmentation
from napari_gdls.spectra.windows import window_counts

_MIXED_PURITY = 0.5
"""Weight of a mixed measurement in the labels of pixels, where a pure one has 1: it lies on a border, so that its pixel
is of either phase. Chosen on the benchmark fields."""


_found_again: WeakKeyDictionary[Segmentation, PixelTask] = WeakKeyDictionary()
"""Of runs that came without, so that each of many corrections need not find it."""


def label(prepared: Prepared) -> npt.NDArray[np.int64]:
    """Segment of every measurement, (N,), 0..K-1 by first appearance: connected measurements of one phase."""
    return connected_segments(prepared, _phases(prepared)[1].labels)


def run(prepared: Prepared) -> Found:
    """Build the tree, find the phases, label the pixels; segments are the connected regions of one phase."""
    field = prepared.field
    tree, found = _phases(prepared)
    with prepared.stages.stage("labelling"):
        kept = constrained(field, prepared.graph, found.labels, prepared.constraints)
        labels, confidence, task = labels_of_pixels(prepared, kept.labels, _purity(found, kept))
        segments, of_segment = segments_of_labels(
            labels,
            field.locations,
            single=kept.single,
            smallest=prepared.recipe.smallest,
            poll=partial(prepared.progress, "labelling", 1.0),
        )
    if confidence is not None:
        confidence[tuple(field.locations.T)] *= found.confidence
    return Found(
        labels=segments,
        measurement_labels=at_measurements(field, segments),
        phases=kept.phase[of_segment],
        confidence=confidence,
        tree=tree,
        measurement_phases=found,
        pixel_task=task,
    )


def _purity(found: MeasurementPhases, kept: ConstrainedLabels) -> npt.NDArray[np.float32]:
    """Weights of the measurements in the labels of pixels."""
    mixed = (found.partner >= 0) & ~kept.single[kept.labels]
    return np.where(mixed, np.float32(_MIXED_PURITY), np.float32(1))


def pixel_task_of(segmentation: Segmentation) -> PixelTask:
    """What the pixels of a result were judged by; found again where it was not kept, as in a file, once for each run.

    Parameters
    ----------
    segmentation : Segmentation
        Of a method that keeps corrections, by a labelling that gives a confidence.
    """
    run, recipe = segmentation.merged_from or segmentation, segmentation.recipe
    known = run.pixel_task or _found_again.get(run)
    if known is not None:
        return known
    labels, purity = run.measurement_labels, None
    if run.measurement_phases is not None:
        kept = constrained(run.field, run.graph, run.measurement_phases.labels, run.constraints)
        labels, purity = kept.labels, _purity(run.measurement_phases, kept)
    task = labelled_with_task(run.field, labels, purity=purity, beta=recipe.beta, reach=recipe.reach)[2]
    _found_again[run] = task
    return task


def _phases(prepared: Prepared) -> tuple[MergeTree, MeasurementPhases]:
    field, recipe = prepared.field, prepared.recipe
    assert recipe.tau_z is not None  # recipes of prepared fields have their defaults spelled out
    assert recipe.significance is not None
    z, model = prepared.z, prepared.model
    with prepared.stages.stage("tree"):
        counts = window_counts(field, poll=partial(prepared.progress, "tree", 0.0))
        tree = build_merge_tree(field, prepared.graph, counts=counts, progress=prepared.progress)
    with prepared.stages.stage("segments"):
        found = find_phases(
            field,
            prepared.graph,
            tree,
            z,
            counts,
            model,
            tau_z=recipe.tau_z,
            significance=recipe.significance,
            tau_b=recipe.tau_b,
            intergrowths=recipe.intergrowths,
            calibration=prepared.calibration,
            progress=prepared.progress,
        )
    return tree, found
