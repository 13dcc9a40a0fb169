"""How many components a spectrum image holds: what one half of its counts says about the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_gdls.checks import checked_kind, checked_whole_number
from napari_gdls.errors import FieldError
from napari_gdls.field import Field
from napari_gdls.overlap.channels import analysis_channels, require_spectrum_image
from napari_gdls.overlap.factorisation import weighted_eigenvalues, weighted_factors
from napari_gdls.overlap.pixel_blocks import blocks_of_counts
from napari_gdls.progress import Progress, silent
from napari_gdls.threads import one_thread

MOST_COMPONENTS = 50
"""Components at most: far more than the phases of a thin section. A choice."""
N_SPLITS = 2
"""Times that the counts are divided at random; each half serves once to fit and once to judge. With it the number was
right in all simulated fields of 30 to 300 counts a pixel."""

_RISES = 2
"""Numbers in a row that must be worse in every half than the best one before the search ends. A choice."""
_FIT_STEPS = 30
"""Steps of expectation maximisation for the counts of a block; the factors are close already."""
_FLOOR = 1e-3
"""Part of the mean spectrum in what is expected, so that a count where nothing was in one half costs 7 nats, not
infinitely many. A choice."""


@dataclass(frozen=True, eq=False)
class ComponentEvidence:
    """What speaks for a number of components.

    Attributes
    ----------
    n : (m,) array of int64
        Numbers that were tried, from 1.
    deviance : (m,) array of float64
        Poisson deviance of one half of the counts from what the other half leads to expect; mean over the halves.
    chosen : int
        The number of the least deviance.
    eigenvalues : (n_channels,) array of float64
        Of the second moments of the counts of pixel blocks with Poisson weights, largest first; noise has 1 in the
        mean. One component more than those that stand out would be noise.
    edge : float
        Where eigenvalues of noise alone end (Marchenko and Pastur). Small phases may lie below, stains and drift above.
    """

    n: npt.NDArray[np.int64]
    deviance: npt.NDArray[np.float64]
    chosen: int
    eigenvalues: npt.NDArray[np.float64]
    edge: float


@one_thread
def component_evidence(
    field: Field,
    *,
    largest: int = 8,
    artefacts: Sequence[str] | None = None,
    seed: int = 0,
    progress: Progress = silent,
    memory_limit: int | None = None,
) -> ComponentEvidence:
    """Find the number of components by count thinning.

    Each count goes to one of two halves by the toss of a coin, which makes them independent measurements of the same
    specimen. Components of one half are compared with the other half: too few miss what is there, too many fit noise
    that the other half does not have. Counts are those of blocks of pixels, with about 1,500 counts each.

    Parameters
    ----------
    field : Field
        With a spectrum at every pixel, of whole counts.
    largest : int
        Largest number that is tried; the search ends earlier when the deviance rises clearly.
    artefacts : sequence of str, optional
        Elements that are no part of the specimen, whose lines do not count. None: those of the field.
    seed : int
    progress : Progress, optional
        Stage "number of components".
    memory_limit : int, optional
        See `decompose`.

    Returns
    -------
    ComponentEvidence

    Raises
    ------
    FieldError
        If spectra were not measured at every pixel, no channel is left, or counts are fractions.
    RecipeError
        If an argument is out of range.
    Cancelled
        If `progress` asks for it.

    References
    ----------
    A. Neufeld, L. L. Gao, J. Popp, A. Battle, D. Witten, Inference after latent variable estimation for single-cell RNA
    sequencing data, Biostatistics 25 (2023) 270-287 (count thinning).
    V. A. Marchenko, L. A. Pastur, Distribution of eigenvalues for some sets of random matrices, Math. USSR Sbornik 1
    (1967) 457-483.
    """
    checked_kind("field", field, Field)
    largest = checked_whole_number("largest", largest, 1, MOST_COMPONENTS)
    seed = checked_whole_number("seed", seed, 0, 2**32 - 1)
    require_spectrum_image(field)
    channels = analysis_channels(field, artefacts)
    _, counts = blocks_of_counts(field, channels, memory_limit, progress)
    counts = counts[:, counts.any(axis=0)]
    whole = np.rint(counts).astype(np.int64)
    if not np.array_equal(whole, counts):
        raise FieldError(
            "the number of components is found by thinning counts, which must be whole numbers; these spectra hold "
            "fractions (rebinned, perhaps). Give the number of components."
        )
    rng = np.random.default_rng(seed)
    halves = []
    for _ in range(N_SPLITS):
        one = rng.binomial(whole, 0.5)
        halves += [(one, whole - one), (whole - one, one)]
    deviances = _search(halves, min(largest, *counts.shape), seed, progress)
    eigenvalues, _ = weighted_eigenvalues(counts)
    mean = deviances.mean(axis=1)
    edge = (1 + np.sqrt(counts.shape[1] / counts.shape[0])) ** 2
    return ComponentEvidence(np.arange(1, len(mean) + 1), mean, int(mean.argmin()) + 1, eigenvalues, float(edge))


def _search(
    halves: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]], largest: int, seed: int, progress: Progress
) -> npt.NDArray[np.float64]:
    """Deviances by number of components, from 1, and halves."""
    found: list[list[float]] = []
    rises = 0
    for k in range(1, largest + 1):
        row = []
        for i, (given, other) in enumerate(halves):
            progress("number of components", (k - 1 + i / len(halves)) / largest)
            row.append(_deviance(other, _expected(given, k, seed)))
        found.append(row)
        best = found[int(np.argmin(np.mean(found, axis=1)))]
        rises = rises + 1 if row is not best and all(new > old for new, old in zip(row, best, strict=True)) else 0
        if rises == _RISES:
            break
    progress("number of components", 1.0)
    return np.array(found)


def _expected(counts: npt.NDArray[np.int64], k: int, seed: int) -> npt.NDArray[np.float64]:
    """What k components of some counts (m, n) lead to expect in as many other counts."""
    by_row = counts.sum(axis=1, keepdims=True, dtype=np.float64)
    mean = counts.sum(axis=0, dtype=np.float64) / max(float(by_row.sum()), 1.0)
    if k == 1:
        return np.asarray(by_row * mean)
    scores, loadings = weighted_factors(counts.astype(np.float64), k, seed, rough=True)
    for _ in range(_FIT_STEPS):
        model = scores @ loadings
        ratio = np.divide(counts, model, out=np.zeros_like(model), where=model > 0)
        sums = loadings.sum(axis=1)
        scores = scores * (ratio @ loadings.T) / np.where(sums > 0, sums, 1.0)
    return np.asarray((1 - _FLOOR) * (scores @ loadings) + _FLOOR * by_row * mean)


def _deviance(counts: npt.NDArray[np.int64], expected: npt.NDArray[np.float64]) -> float:
    """Poisson deviance: twice the log-likelihood that the best possible model would have more."""
    floor = np.maximum(expected, np.finfo(np.float64).tiny)
    logs = np.where(counts > 0, counts * np.log(np.maximum(counts, 1) / floor), 0.0)
    return float(2 * (logs - counts + expected).sum())
