"""Corrections by hand done to a result, by solving again only what they touch."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import RecipeError
from napari_gdls.field import Field
from napari_gdls.labelling import label_pixels
from napari_gdls.labelling.brightness import LabelBrightness
from napari_gdls.labelling.candidates import Box
from napari_gdls.labelling.local_walker import PixelTask
from napari_gdls.labelling.resolving import merged_boxes, relabelled
from napari_gdls.labelling.settling import divided, settled
from napari_gdls.phases.constraints import constrained_measurements
from napari_gdls.phases.corrected_phases import changed_phases, with_corrections
from napari_gdls.phases.correction_replay import Corrected, replayed
from napari_gdls.progress import Progress, silent
from napari_gdls.recipe import Assign, Correction, MergePhases
from napari_gdls.segmentation.names import UNNAMED, PhaseName, merged_names

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation

STAGE = "corrections"
"""Name of the stage for `Progress`."""

_Ids = npt.NDArray[np.int64]
_Pixels = tuple[npt.NDArray[np.int32], npt.NDArray[np.float32] | None]


def corrected(
    base: Segmentation,
    corrections: Sequence[Correction],
    *,
    field: Field,
    progress: Progress | None = None,
    whole: bool = False,
) -> Segmentation:
    """The result of a run with corrections by hand done to it; see `napari_gdls.correct`, which is for callers.

    Parameters
    ----------
    base : Segmentation
        Without corrections.
    corrections : sequence of Correction
        One or more.
    field : Field
        Of `base`, with the spectra that were embedded.
    progress : Progress, optional
    whole : bool
        Whether pixels of the whole image are solved again, and not only those around what has changed: slow, and the
        same.
    """
    report = progress or silent
    report(STAGE, 0.0)
    if not base.has_phases and any(isinstance(each, Assign | MergePhases) for each in corrections):
        raise RecipeError(
            f"the method {base.recipe.method!r} makes no phases, so that none can be assigned or merged; drop these "
            "corrections, or choose the method 'merge'."
        )
    phases = base.measurement_labels if base.measurement_phases is None else base.measurement_phases.labels
    done = replayed(
        base.graph,
        base.measurement_labels,
        base.phases,
        phases,
        corrections,
        shape=base.field.shape,
        alone=_kept_apart(base),
        poll=lambda share: report(STAGE, 0.5 * share),
    )
    report(STAGE, 0.5)
    labels, confidence = _pixels(base, done, report, whole)
    report(STAGE, 0.9)
    found, names = base.measurement_phases, base.names
    if found is not None:
        names = _names(base, done)
        found = with_corrections(found, done, field, base.graph, base.recipe.model)
    report(STAGE, 1.0)
    return dataclasses.replace(
        base,
        labels=labels,
        measurement_labels=done.segments,
        phases=done.phase if found is not None else np.arange(len(done.phase)),
        confidence=confidence,
        measurement_phases=found,
        names=names,
        colours_by_hand=(),
        recipe=base.recipe.replace(corrections=tuple(corrections)),
        uncorrected=base,
        phases_before=done.number if found is not None else None,
    )


def _kept_apart(base: Segmentation) -> _Ids:
    """Segments that constraints keep apart from others."""
    at = constrained_measurements(base.field, base.constraints)
    return np.unique(base.measurement_labels[at])


def _names(base: Segmentation, done: Corrected) -> tuple[PhaseName, ...]:
    """Names of the phases that are as they were; what was measured of others holds no more."""
    found = base.grouped
    if not base.names:
        return ()
    changed = changed_phases(found, done)
    kept = np.flatnonzero(done.number >= 0)
    group, size = done.number[kept], np.bincount(found.labels, minlength=found.n_phases)[kept]
    names = list(merged_names([base.names[k] for k in kept.tolist()], group, size))  # () where all phases are new
    names += [UNNAMED] * (done.n_phases - len(names))
    for k in np.flatnonzero(changed).tolist():
        names[k] = UNNAMED.called(names[k].name) if names[k].is_by_hand else UNNAMED
    return tuple(names) if any(name.name for name in names) else ()


def _pixels(base: Segmentation, done: Corrected, report: Progress, whole: bool) -> _Pixels:
    field, before = base.field, base.measurement_labels
    rows, columns = field.locations.T
    # What most pixels are: of the segment that theirs has become, or of the nearest part of it.
    least = np.full(base.n_segments, len(done.phase), dtype=np.int64)
    most = np.full(base.n_segments, -1, dtype=np.int64)
    np.minimum.at(least, before, done.segments)
    np.maximum.at(most, before, done.segments)
    image = np.concatenate([[0], least + 1]).astype(np.int32)[base.labels]
    parted = least < most
    confidence = None if base.confidence is None else base.confidence.copy()
    if confidence is not None:
        confidence[rows[done.decided], columns[done.decided]] = 1
    if not parted.any():  # where segments have moved as a whole, no border has
        return image, confidence
    shared = divided(base.labels, field.locations, done.segments, np.concatenate([[False], parted]))
    image = np.where(shared > 0, shared, image)
    drawn = np.zeros(len(done.phase) + 1, dtype=np.bool_)
    drawn[done.segments[parted[before]] + 1] = True
    task = base.pixel_task
    if task is None:
        solved = label_pixels(field, done.segments, beta=base.recipe.beta, reach=base.recipe.reach)
        return np.where(drawn[image] | drawn[solved], solved, image), confidence
    after, class_of_label, class_before = _task_after(base, task, done, parted[before], drawn[1:])
    image[rows, columns] = done.segments + 1
    classes = np.where(drawn[image], _class_of_drawn(base, image - 1), class_before[base.labels])
    changed = np.zeros(field.shape, dtype=np.bool_)
    boxes: list[Box] = []
    for box, reached, pixels, how_sure in relabelled(field, task, after, whole=whole, poll=lambda: report(STAGE, 0.6)):
        boxes.append(box)
        changed[box] |= reached
        classes[box][reached] = np.where(pixels > 0, class_of_label[pixels - 1], -1)[reached]
        if confidence is not None:
            confidence[box][reached] = how_sure[reached]
    at = np.flatnonzero(changed[rows, columns])  # measurements, whose pixels are known
    row, column, segment = rows[at], columns[at], done.segments[at]
    changed[row, column] = False
    classes[row, column] = np.where(
        drawn[segment + 1], _class_of_drawn(base, segment), class_before[base.labels[row, column]]
    )
    if confidence is not None:
        if base.measurement_phases is not None:
            confidence[row, column] *= base.measurement_phases.confidence[at]
        confidence[rows[done.decided], columns[done.decided]] = 1
    for box in merged_boxes(boxes):
        image[box] = settled(classes[box], np.where(changed[box], 0, image[box]).astype(np.int32))
    return image, confidence


def _class_of_drawn(base: Segmentation, segment: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Class of the pixels of a new segment whose border a hand has moved: its own, after phases and old segments."""
    return int(base.phases.max()) + 1 + base.n_segments + segment


def _task_after(
    base: Segmentation,
    task: PixelTask,
    done: Corrected,
    parted: npt.NDArray[np.bool_],
    drawn: npt.NDArray[np.bool_],
) -> tuple[PixelTask, _Ids, _Ids]:
    """What the pixels are to be labelled by now, and the classes that labels and old segments are of.

    Labels are those of the run but in segments whose border a hand has moved. There measurements of the phase of the
    segment have labels of their own, one for each label of the run, so that nothing changes among them; and those that
    were moved there have the one that is most frequent.

    Parameters
    ----------
    base : Segmentation
    task : PixelTask
        Of the run.
    done : Corrected
    parted : (N,) array of bool
        Measurements of segments that corrections have parted.
    drawn : (S,) array of bool
        Segments now that hold some of these.

    Returns
    -------
    after : PixelTask
        With K + L labels, those of the run first.
    class_of_label : (K + L,) array of int64
        Pixels are of the phase of their segment, or of the segment itself where a constraint or a border that has been
        moved keeps it apart from others of its phase.
    class_before : (B + 1,) array of int64
        Likewise of the segments of `base`, with -1 for no segment first.
    """
    n_labels, n_phases = len(task.names), int(base.phases.max()) + 1
    before = base.measurement_labels
    class_of_label, class_before = np.zeros(n_labels, dtype=np.int64), base.phases.astype(np.int64)
    of_phase, single = before, np.zeros(len(task.labels), dtype=np.bool_)
    if base.measurement_phases is not None:
        of_phase = base.measurement_phases.labels
        run = base.merged_from or base
        single = task.names[task.labels] >= run.n_phases  # constraints have made segments of their own
    class_of_label[task.labels] = np.where(single, n_phases + before, of_phase)
    class_before[before[single]] = n_phases + before[single]
    own = drawn[done.segments] & (single | (done.phases == done.phase[done.segments]))
    moved = done.decided & parted
    usual = _most_frequent(done.segments, task.labels, own & ~moved, own, len(done.phase), n_labels)
    label = np.where(moved, usual[done.segments], task.labels)[own]
    keys, inverse = np.unique(done.segments[own] * n_labels + label, return_inverse=True)
    labels = task.labels.copy()
    labels[own] = n_labels + inverse
    like = np.concatenate([np.arange(n_labels), keys % n_labels])
    brightness = LabelBrightness(
        task.brightness.mean[like], task.brightness.spread[like], task.brightness.global_weight
    )
    after = dataclasses.replace(
        task,
        labels=labels,
        purity=np.where(moved, np.float32(1), task.purity),
        brightness=brightness,
        names=np.arange(len(like)),
    )
    return (
        after,
        np.concatenate([class_of_label, _class_of_drawn(base, keys // n_labels)]),
        np.concatenate([[-1], class_before]),
    )


def _most_frequent(
    segments: _Ids,
    labels: npt.NDArray[np.int32],
    first: npt.NDArray[np.bool_],
    else_: npt.NDArray[np.bool_],
    n_segments: int,
    n_labels: int,
) -> _Ids:
    """Most frequent label in each segment among some measurements, or among others where it has none of these."""
    out = np.full(n_segments, -1, dtype=np.int64)
    for chosen in (else_, first):
        keys, count = np.unique(segments[chosen] * n_labels + labels[chosen], return_counts=True)
        order = np.lexsort((-keys, count))  # the last one of a segment is its most frequent
        out[keys[order] // n_labels] = keys[order] % n_labels
    return out
