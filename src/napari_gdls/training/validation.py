"""How well an embedding tells materials apart, and at which distance it should."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from scipy.spatial.distance import cdist, pdist
from scipy.stats import rankdata

from napari_gdls.embedding.calibration import REFERENCE_COUNTS, Calibration
from napari_gdls.training.batches import Batch, BatchDesign, BatchGenerator

Embed = Callable[[torch.Tensor], npt.NDArray[np.floating]]
"""From counts (n, D) to vectors (n, d)."""

JUST_SEPARABLE = BatchDesign(families=40, members=2, samples=12, spacing=(3.0, 3.0), third=0.15)
"""Forty pairs of materials that are three deviations of the noise apart at 1,000 counts, with scatter inside."""

ONE_MATERIAL = BatchDesign(families=40, members=1, samples=12, spacing=(3.0, 3.0), third=0.15, neighbours=0.0)
"""Forty materials, each measured twelve times, with scatter inside: for calibration."""

COUNTS = (100, 300, 1000, 3000, 10_000)
"""Counts at which embeddings are judged: pixels of fast maps to sums over grains."""

FALSE_SPLITS = 0.05
"""Share of equal pairs with delta_z above 1, by the definition of delta_z (`Calibration`)."""

_FLOORS = np.arange(0.0, 0.3001, 0.005)
"""Values tried for f of `Calibration`; the shipped weights have 0 to 0.045."""

_NEAR_SPLITS = np.linspace(0.92, 0.98, 61)
"""Quantiles of all distances over noise that are tried for c: around the 95 % that is right at one number of counts."""

_LEAST_SHARE = 1e-4
"""Share of false splits that none at all count as: the logarithm needs one."""


def same_different_auc(same: npt.ArrayLike, different: npt.ArrayLike) -> float:
    """Chance that a distance between materials exceeds one inside a material; ties count half.

    Parameters
    ----------
    same, different : array
        Distances.

    Returns
    -------
    float
        The area under the ROC curve: 0.5 for chance, 1 for perfect.
    """
    inside, between = np.ravel(same), np.ravel(different)
    ranks = rankdata(np.concatenate([inside, between]))[len(inside) :]
    return float((ranks.sum() - len(between) * (len(between) + 1) / 2) / (len(inside) * len(between)))


def pair_auc(first: npt.NDArray[np.floating], second: npt.NDArray[np.floating]) -> float:
    """`same_different_auc` of the vectors of two materials, (n, d) and (m, d)."""
    return same_different_auc(np.concatenate([pdist(first), pdist(second)]), cdist(first, second))


def batch_aucs(vectors: npt.NDArray[np.floating], batch: Batch, samples: int) -> npt.NDArray[np.float64]:
    """AUC of every family of two members, samples side by side, unless the two are one class."""
    labels = batch.labels.cpu().numpy()
    starts = [start for start in range(0, len(vectors), 2 * samples) if labels[start] != labels[start + samples]]
    middles = [(vectors[start:][:samples], vectors[start + samples :][:samples]) for start in starts]
    return np.array([pair_auc(first, second) for first, second in middles])


def validation_auc(
    embed: Embed, generator: BatchGenerator, *, counts: Sequence[int] = (300, 1000, 3000), batches: int = 3
) -> dict[int, float]:
    """Mean AUC over the pairs of some batches, by counts.

    Parameters
    ----------
    embed : callable
    generator : BatchGenerator
        With two members per family.
    counts : sequence of int
    batches : int
        For each number of counts; the same each time.
    """
    result = {}
    for n in counts:
        scores = []
        for number in range(batches):
            batch = generator.batch(number, counts=n)
            scores.append(batch_aucs(embed(batch.counts), batch, generator.design.samples))
        result[n] = float(np.concatenate(scores).mean())
    return result


@dataclass(frozen=True)
class CalibrationReport:
    """A calibration and how often it splits what is one material.

    Parameters
    ----------
    calibration : Calibration
    false_splits : dict
        From counts (``"100"``, or ``"300/3000"`` for two different ones) to the share of pairs of one material with
        delta_z above 1.
    """

    calibration: Calibration
    false_splits: dict[str, float]


def calibrate(embed: Embed, generator: BatchGenerator, *, batches: int = 10, first_batch: int = 0) -> CalibrationReport:
    """Find the scale `c` and the floor `f` of delta_z; see `Calibration`.

    They are those that keep the share of pairs of one material with delta_z above 1 closest to 5 % at all numbers of
    counts: the largest ratio to 5 %, up or down, is the smallest that can be had.

    Parameters
    ----------
    embed : callable
    generator : BatchGenerator
        Its families are materials to compare with themselves.
    batches, first_batch : int
        Batches to take at every number of counts; each is of another instrument.
    """
    distances, noise = same_material_distances(embed, generator, range(first_batch, first_batch + batches))
    best: CalibrationReport | None = None
    smallest = np.inf
    for f in _FLOORS:
        ratio = {key: distances[key] / np.sqrt(noise[key] + 2 * f) for key in distances}
        for c in np.quantile(np.concatenate(list(ratio.values())), _NEAR_SPLITS):
            splits = {key: float((values > c).mean()) for key, values in ratio.items()}
            worst = max(abs(np.log(max(share, _LEAST_SHARE) / FALSE_SPLITS)) for share in splits.values())
            if worst < smallest:
                smallest, best = worst, CalibrationReport(Calibration(float(c), round(float(f), 3)), splits)
    assert best is not None
    return best


def false_splits(
    embed: Embed, calibration: Calibration, generator: BatchGenerator, numbers: Iterable[int]
) -> dict[str, float]:
    """Share of pairs of one material with delta_z above 1, by counts (``"1000"``, ``"300/3000"`` for unequal ones)."""
    distances, noise = same_material_distances(embed, generator, numbers)
    return {
        key: float((distances[key] > calibration.c * np.sqrt(noise[key] + 2 * calibration.f)).mean())
        for key in distances
    }


def same_material_distances(
    embed: Embed, generator: BatchGenerator, numbers: Iterable[int]
) -> tuple[dict[str, npt.NDArray[np.float64]], dict[str, npt.NDArray[np.float64]]]:
    """Distances between spectra of one material, and the variance of their counting noise, ``1000 / N1 + 1000 / N2``.

    Parameters
    ----------
    embed : callable
    generator : BatchGenerator
    numbers : iterable of int
        Batches to take.

    Returns
    -------
    distances, noise : dict of (n,) float64
        By counts: those of `COUNTS`, and ``"300/3000"``.
    """
    distances: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    noise: dict[str, list[npt.NDArray[np.float64]]] = defaultdict(list)
    group = generator.design.samples
    first, second = np.triu_indices(group, 1)
    for number in numbers:
        vectors, variance = {}, {}
        for counts in COUNTS:
            batch = generator.batch(number, counts=counts)
            z = embed(batch.counts)
            vectors[counts] = z.reshape(-1, group, z.shape[1])
            total = np.maximum(batch.counts.sum(dim=1).cpu().numpy(), 1.0)
            variance[counts] = (REFERENCE_COUNTS / total).reshape(-1, group)
        for a, b in [*zip(COUNTS, COUNTS, strict=True), (300, 3000)]:
            key = str(a) if a == b else f"{a}/{b}"
            distances[key].append(np.linalg.norm(vectors[a][:, first] - vectors[b][:, second], axis=2).ravel())
            noise[key].append((variance[a][:, first] + variance[b][:, second]).ravel())
    return (
        {key: np.concatenate(parts).astype(np.float64) for key, parts in distances.items()},
        {key: np.concatenate(parts).astype(np.float64) for key, parts in noise.items()},
    )
