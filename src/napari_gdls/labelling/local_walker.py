"""Pixel labels and their probabilities by a random walker among the few labels measured around each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.bse import noise_of_step, quantile_of_steps
from napari_gdls.checks import checked_number
from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.labelling.brightness import LabelBrightness
from napari_gdls.labelling.candidates import MOST_CANDIDATES, NOTHING, Box, Candidates, brightness_in, find_candidates
from napari_gdls.labelling.conductances import conductances
from napari_gdls.labelling.random_walker import checked_labels
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import in_blocks

# Found on simulated fields with known truth, some with measured BSE images; around these values little changes.
_PRIOR_WEIGHT = np.float32(0.5)
"""Weight of the prior of a pixel, where a neighbour of equal brightness has 1."""
_CONTRAST = 0.25
"""beta times the variance of the BSE step within a label; without a unit."""
_NOISE_QUANTILE = 0.9
"""Of the steps, which that variance is computed from."""
_FEWEST_STEPS = 200
"""Steps that are needed for it: with 20 of them beyond the quantile, it is no matter of a single grain border."""
_SHARPENING = 1.8
"""Power of the walker's probabilities that makes them right as often as they say."""

_TOLERANCE = np.float32(2e-3)
"""Change of a probability in a sweep below which a pixel is at rest; as in `random_walker`."""
_MOST_SWEEPS = 100
_USUAL_SWEEPS = 20
"""Sweeps at most, and those that progress counts on; 7 to 8 are needed for the samples."""
_PIXELS_OF_A_THREAD = 1 << 14
"""Contested pixels that a thread relaxes at a time: a millisecond."""
_ROWS_OF_A_THREAD = 64
"""Rows whose most probable labels a thread finds at a time: some milliseconds where they are 2,000 px wide."""
_OVERRELAXATION = np.float32(1.2)
"""Factor of each step of the successive over-relaxation, 1 to 2; chosen for speed."""


def label_with_confidence(
    field: Field,
    measurement_labels: npt.ArrayLike,
    *,
    purity: npt.ArrayLike | None = None,
    beta: float | None = None,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Give every pixel the most probable of the labels measured around it, and say how probable it is.

    A random walker with priors (Grady 2005) on the BSE image: the probability of a label is the mean of those of the
    neighbouring pixels, by conductances that fall with the BSE step, and of a prior from the measurements around and
    the pixel's own BSE value (see `napari_gdls.labelling.candidates.find_candidates`). The prior bounds each pixel's
    choice to at most five labels, so labels may be phases or segments, in any number, and keeps thin phases: without
    it borders are drawn tight.

    Parameters
    ----------
    field : Field
    measurement_labels : (N,) array of int
        Label of every measurement, 0..K-1.
    purity : (N,) array of float, optional
        0 to 1. At 1 the measurement is of its label alone, and its pixel keeps it. Below, it is mixed, on a border
        perhaps: its label counts with this weight, at its own pixel too. None: 1 everywhere.
    beta : float, optional
        Conductance exp(-beta delta_b^2) across a BSE step delta_b, a fraction of the full scale. 0 ignores the steps
        (not the BSE values). None: from the steps between pixels of one label.
    reach : float
        Pixels further than this from every measurement get 0; in sampling distances.
    progress : Progress, optional

    Returns
    -------
    labels : (H, W) array of int32
        Label + 1; 0 where the pixel is invalid, or beyond reach of the measurements that it is joined with through
        valid pixels.
    confidence : (H, W) array of float32
        Probability of this label, given that the measurements have theirs: 1 at measurements of purity 1 and where
        nothing else was measured around, 0 where the label is 0. On simulated fields with known truth, right as
        often as it says within a tenth.

    Raises
    ------
    FieldError
        If labels or purities do not fit the field.
    RecipeError
        If `beta` is negative or `reach` not positive.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    L. Grady, Multilabel random walker image segmentation using prior models, CVPR 2005, 763-770.
    """
    found, confidence, _ = labelled_with_task(
        field, measurement_labels, purity=purity, beta=beta, reach=reach, progress=progress
    )
    return found, confidence


@dataclass(frozen=True, eq=False)
class PixelTask:
    """Labelled measurements that pixels get their labels from, and what they are judged by, found over a whole field.

    Attributes
    ----------
    labels : (N,) array of int32
        Of the measurements, 0..K - 1.
    names : (K,) array of int64
        What the labels were called by the caller.
    purity : (N,) array of float32
    brightness : LabelBrightness
        Of the K labels.
    beta : float
        Of the conductances.
    reach : float
        In sampling distances.
    """

    labels: npt.NDArray[np.int32]
    names: npt.NDArray[np.int64]
    purity: npt.NDArray[np.float32]
    brightness: LabelBrightness
    beta: float
    reach: float


def labelled_with_task(
    field: Field,
    measurement_labels: npt.ArrayLike,
    *,
    purity: npt.ArrayLike | None = None,
    beta: float | None = None,
    reach: float = 1.0,
    progress: Progress | None = None,
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], PixelTask]:
    """`label_with_confidence`, and what it did as a task, so that parts of the image can be done again."""
    names, given = np.unique(checked_labels(field, measurement_labels), return_inverse=True)
    labels, weights = given.astype(np.int32), _checked_purity(field, purity)
    if beta is not None:
        beta = checked_number("beta", beta)
    reach = checked_number("reach", reach, "in sampling distances", positive=True)
    report = progress or silent
    report("labelling", 0.0)
    brightness = brightness_in(field, labels, weights)
    candidates = find_candidates(field, labels, weights, brightness, reach, report)
    if beta is None:
        beta = _CONTRAST / _noise_within_labels(field, candidates.state) ** 2
    found, confidence, _ = _solved(candidates, *conductances(field, beta), report)
    report("labelling", 1.0)
    task = PixelTask(labels, names, weights, brightness, float(beta), reach)
    return np.concatenate([[0], names + 1]).astype(np.int32)[found], confidence, task


def labels_in_box(
    field: Field, task: PixelTask, box: Box
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], int]:
    """Labels of the pixels of a part of the image, as `label_with_confidence` gives them.

    Parameters
    ----------
    field : Field
    task : PixelTask
    box : pair of slices
        Rows and columns.

    Returns
    -------
    labels : (h, w) array of int32
        From 1 for the first label of the task; 0 for none. As of the whole image, but for pixels that lie nearer to a
        side of the box than `candidates.influence` and twice the number of sweeps.
    confidence : (h, w) array of float32
        Likewise.
    sweeps : int
    """
    candidates = find_candidates(field, task.labels, task.purity, task.brightness, task.reach, silent, box)
    return _solved(candidates, *conductances(field, task.beta, box), silent)


def _solved(
    candidates: Candidates, right: npt.NDArray[np.float32], down: npt.NDArray[np.float32], report: Progress
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], int]:
    """Label + 1 of each pixel, its probability, and the sweeps that it took."""
    report("labelling", 0.6)
    probability, sweeps = _walk(candidates, right, down, report)
    found = np.zeros(candidates.state.shape, dtype=np.int32)
    confidence = np.zeros(found.shape, dtype=np.float32)
    in_blocks(
        len(found),
        lambda first, last: _most_probable(
            candidates.state[first:last],
            candidates.start,
            candidates.label,
            probability,
            _SHARPENING,
            found[first:last],
            confidence[first:last],
        ),
        size=_ROWS_OF_A_THREAD,
        poll=lambda: report("labelling", 0.9),
    )
    return found, confidence, sweeps


def _checked_purity(field: Field, purity: npt.ArrayLike | None) -> npt.NDArray[np.float32]:
    if purity is None:
        return np.ones(field.n_measurements, dtype=np.float32)
    given = np.asarray(purity)
    if given.shape != (field.n_measurements,) or given.dtype.kind not in "uif":
        raise FieldError(
            f"purity is {given.dtype} of shape {given.shape}; one number for each of the {field.n_measurements} "
            "measurements is needed."
        )
    outside = ~((given >= 0) & (given <= 1))
    if outside.any():
        first = int(np.argmax(outside))
        raise FieldError(f"the purity of measurement {first} is {given[first]}; it must lie between 0 and 1.")
    return given.astype(np.float32)


def _noise_within_labels(field: Field, state: npt.NDArray[np.int32]) -> float:
    """Standard deviation of the BSE step between neighbouring pixels of one label, as a fraction of the full scale.

    From a high quantile, so that it covers the texture of grains, not only noise. Where too few pixels have a certain
    label, or steps are no more than noise, that of all neighbours.
    """
    from scipy.special import ndtri

    step, n_steps = quantile_of_steps(field, _NOISE_QUANTILE, state, int(np.iinfo(state.dtype).min), int(NOTHING) - 1)
    least = noise_of_step(field)
    if n_steps < _FEWEST_STEPS:
        return least
    return max(float(step / ndtri(0.5 + _NOISE_QUANTILE / 2)), least)


def _walk(
    candidates: Candidates, right: npt.NDArray[np.float32], down: npt.NDArray[np.float32], report: Progress
) -> tuple[npt.NDArray[np.float32], int]:
    """Probabilities of the candidates, (C,), and the number of sweeps."""
    probability = candidates.prior.copy()
    awake = np.ones(len(candidates.pixel), dtype=np.bool_)
    sweep = 0
    while sweep < _MOST_SWEEPS and awake.any():
        done = 0.6 + 0.3 * min(sweep / _USUAL_SWEEPS, 1)
        for colour in (0, 1):  # pixels of one colour do not depend on each other

            def relax(first: int, last: int, colour: int = colour) -> None:
                _relax(
                    first,
                    last,
                    colour,
                    awake,
                    probability,
                    candidates.state,
                    candidates.start,
                    candidates.label,
                    candidates.prior,
                    candidates.pixel,
                    right,
                    down,
                )

            in_blocks(len(awake), relax, size=_PIXELS_OF_A_THREAD, poll=partial(report, "labelling", done))
        sweep += 1
    return probability, sweep


@nb.njit(cache=True, nogil=True)
def _relax(
    begin: int,
    end: int,
    colour: int,
    awake: npt.NDArray[np.bool_],
    probability: npt.NDArray[np.float32],
    state: npt.NDArray[np.int32],
    start: npt.NDArray[np.int64],
    label: npt.NDArray[np.int32],
    prior: npt.NDArray[np.float32],
    pixel: npt.NDArray[np.int64],
    right: npt.NDArray[np.float32],
    down: npt.NDArray[np.float32],
) -> None:
    """Half a red-black sweep, in place, over those awake of the pixels begin..end - 1; changed ones wake neighbours.

    Relies on 0 <= begin <= end <= M, on `state` that holds -1 or below, or the number of a contested pixel, on `start`
    that rises to the length of `label` with no more than `MOST_CANDIDATES` for a pixel, and on finite conductances of 0
    or more that are 0 at the border of the image: those of `conductances`, of BSE that `Field` has checked.
    """
    width = state.shape[1]
    weight = np.empty(4, dtype=np.float32)
    beside = np.empty(4, dtype=np.int32)
    total = np.empty(MOST_CANDIDATES, dtype=np.float32)
    for k in range(begin, end):
        if not awake[k]:
            continue
        y, x = pixel[k] // width, pixel[k] % width
        if (y + x) % 2 != colour:
            continue
        awake[k] = False
        weight[0] = right[y, x]
        weight[1] = right[y, x - 1] if x > 0 else 0
        weight[2] = down[y, x]
        weight[3] = down[y - 1, x] if y > 0 else 0
        beside[0] = state[y, x + 1] if weight[0] > 0 else -1
        beside[1] = state[y, x - 1] if weight[1] > 0 else -1
        beside[2] = state[y + 1, x] if weight[2] > 0 else -1
        beside[3] = state[y - 1, x] if weight[3] > 0 else -1
        first, last = start[k], start[k + 1]
        for c in range(first, last):
            total[c - first] = _PRIOR_WEIGHT * prior[c]
        sum_of_weights = _PRIOR_WEIGHT
        for side in range(4):
            if beside[side] == -1:
                continue
            sum_of_weights += weight[side]
            if beside[side] < -1:
                for c in range(first, last):
                    if label[c] == -2 - beside[side]:
                        total[c - first] += weight[side]
                continue
            for d in range(start[beside[side]], start[beside[side] + 1]):
                for c in range(first, last):
                    if label[c] == label[d]:
                        total[c - first] += weight[side] * probability[d]
                        break
        change = np.float32(0)
        for c in range(first, last):
            step = _OVERRELAXATION * (total[c - first] / sum_of_weights - probability[c])
            probability[c] += step
            change = max(change, abs(step))
        if change > _TOLERANCE:
            awake[k] = True
            for side in range(4):
                if beside[side] >= 0:
                    awake[beside[side]] = True


@nb.njit(cache=True, nogil=True)
def _most_probable(
    state: npt.NDArray[np.int32],
    start: npt.NDArray[np.int64],
    label: npt.NDArray[np.int32],
    probability: npt.NDArray[np.float32],
    sharpening: float,
    found: npt.NDArray[np.int32],
    confidence: npt.NDArray[np.float32],
) -> None:
    """Write label + 1 and its probability of the pixels of some rows, where they hold 0.

    Relies on `state` and `start` as `_relax` does, and on a positive probability among the
    candidates of each pixel.
    """
    height, width = state.shape
    for y in range(height):
        for x in range(width):
            k = state[y, x]
            if k == -1:
                continue
            if k < -1:
                found[y, x] = -1 - k
                confidence[y, x] = 1
                continue
            best = start[k]
            total = 0.0
            for c in range(start[k], start[k + 1]):
                # Over-relaxation may leave an impossible label a little below 0.
                total += max(probability[c], np.float32(0)) ** sharpening
                if probability[c] > probability[best]:
                    best = c
            found[y, x] = label[best] + 1
            confidence[y, x] = probability[best] ** sharpening / total
