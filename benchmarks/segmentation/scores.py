"""What `benchmarks.segmentation` measures of a result, and what it expects."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from skimage.metrics import contingency_table

from benchmarks.segmentation.methods import Result
from napari_gdls import Field, evaluate
from napari_gdls.evaluation import Scores

LEAST_LOST = 0.005
"""Phases with a larger part of the area than this must be found."""

LEAST_FOUND = 0.25
"""Found is a phase with this part of its area in what counts as it: a speck of it somewhere is not enough."""

LEAST_COUNTED = 0.01
"""Phases with a larger part of the area than this are counted."""

# What is wanted of the default method.
LEAST_ASA = 0.94  # or what the ceiling has
LEAST_F = 0.95  # at `FEW_COUNTS` per spectrum or more
LEAST_F_AT_FEW_COUNTS = 0.93  # from `FEWEST_COUNTS` to there
FEW_COUNTS = 1000  # counts per spectrum
FEWEST_COUNTS = 300  # counts per spectrum
MOST_SEGMENTS = 3.0  # over the number of true grains
LARGEST_MODAL_ERROR = 1.0  # percent of the area


@dataclass(frozen=True)
class Judgement:
    """A result beside the truth.

    Attributes
    ----------
    scores : Scores
    modal_error : float
        Largest difference of the area shares of a phase, found and true, in % of the area labelled in both.
    lost : tuple of str
        Phases over `LEAST_LOST` of which less than `LEAST_FOUND` lies in found phases, or segments, that count as them.
    n_phases : int or None
        Found phases over `LEAST_COUNTED`; None where the method does not group segments.
    """

    result: Result
    scores: Scores
    modal_error: float
    lost: tuple[str, ...]
    n_phases: int | None


def judge(field: Field, result: Result) -> Judgement:
    """Compare a result with the truth of a field.

    Found phases count as the true phase that they share most of their area with; where the method does not group
    segments, each segment does. The latter flatters methods with many small segments.
    """
    true = field.metadata["truth_phases"]
    both = (result.labels > 0) & (true > 0)
    found = result.labels - 1 if result.phases is None else result.phases[np.maximum(result.labels, 1) - 1]
    # Both from 0; what a map does not hold stays an empty row or column.
    overlap = contingency_table(true[both] - 1, found[both], sparse_type="array").tocsc()
    n_pixels = overlap.sum()
    named_as = np.asarray(overlap.argmax(axis=0)).ravel()
    found_area = np.asarray(overlap.sum(axis=0)).ravel()
    true_share = np.asarray(overlap.sum(axis=1)).ravel() / n_pixels
    share = np.bincount(named_as, weights=found_area, minlength=len(true_share)) / n_pixels
    recovered = np.zeros(len(true_share))
    np.add.at(recovered, named_as, overlap.max(axis=0).toarray().ravel())
    lost = (true_share > LEAST_LOST) & (recovered < LEAST_FOUND * true_share * n_pixels)
    names = field.metadata["phase_names"]
    return Judgement(
        result=result,
        scores=evaluate(result.labels, field.metadata["truth"]),
        modal_error=100 * float(np.abs(share - true_share).max()),
        lost=tuple(names[i] for i in np.flatnonzero(lost)),
        n_phases=None if result.phases is None else int(np.count_nonzero(found_area > LEAST_COUNTED * n_pixels)),
    )


def best(field: Field, results: Iterable[Result]) -> tuple[Judgement, int]:
    """The judgement with the highest F, and how many there were to choose from."""
    judged = [judge(field, result) for result in results]
    return max(judged, key=lambda each: each.scores.f1), len(judged)


def n_measured_grains(field: Field) -> int:
    """Grains of the truth with a measurement in them."""
    truth: npt.NDArray[np.int32] = field.metadata["truth"]
    return len(np.unique(truth[field.locations[:, 0], field.locations[:, 1]]))


def n_true_phases(field: Field) -> int:
    """True phases over `LEAST_COUNTED` of the area."""
    phases = field.metadata["truth_phases"]
    area = np.bincount(phases.ravel())[1:]
    return int(np.count_nonzero(area > LEAST_COUNTED * area.sum()))


def expectations(field: Field, judged: Judgement, ceiling: Judgement) -> dict[str, tuple[bool, str]]:
    """By what is expected: whether it is so, and the figure.

    Where the true phases of the measurements, labelled as ours, give a lower ASA than is expected, that is expected.
    """
    counts = float(np.median(field.total_counts))
    scores, n_true = judged.scores, judged.scores.n_truth
    least_asa = min(LEAST_ASA, ceiling.scores.asa)
    found = {
        f"ASA >= {LEAST_ASA} or the ceiling": (scores.asa >= least_asa, f"{scores.asa:.3f} of {least_asa:.3f}"),
        f"K <= {MOST_SEGMENTS:g} x true grains": (
            scores.n_segments <= MOST_SEGMENTS * n_true,
            f"{scores.n_segments / n_true:.1f} x",
        ),
        f"modal error <= {LARGEST_MODAL_ERROR:g} %": (
            judged.modal_error <= LARGEST_MODAL_ERROR,
            f"{judged.modal_error:.1f} %",
        ),
        f"no phase over {100 * LEAST_LOST:g} % lost": (not judged.lost, ", ".join(judged.lost)),
    }
    # Counting noise takes the median of spectra meant to have so many counts just below it.
    if counts >= 0.9 * FEW_COUNTS:
        found[f"F >= {LEAST_F} at {FEW_COUNTS:,} counts or more"] = (scores.f1 >= LEAST_F, f"{scores.f1:.3f}")
    elif counts >= 0.9 * FEWEST_COUNTS:
        found[f"F >= {LEAST_F_AT_FEW_COUNTS} at {FEWEST_COUNTS} counts"] = (
            scores.f1 >= LEAST_F_AT_FEW_COUNTS,
            f"{scores.f1:.3f}",
        )
    return found
