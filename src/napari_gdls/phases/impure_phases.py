"""Sums that are mixtures of phases, and phases that are no more than that."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_gdls.phases.sums import Embedder, Pool, Scale
from napari_gdls.phases.unmixing import fit_mixtures

MOST_PARTS = 12
"""Phases that one is tried as a mixture of, at most."""

_MOST_LIKE = 5
_LEAST_MAJORITY = 0.4
_LIKENESS = 3.0
_ITERATIONS = 500


def difference_from_mixture(
    sums: Pool,
    parts: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    scale: Scale,
    embed: Embedder,
) -> npt.NDArray[np.float64]:
    """Noise-free difference of sums from the mixtures that fit them best.

    Parameters
    ----------
    sums : Pool
        M sums.
    parts, weights : (M, P) arrays
        As `fit_mixtures` has them.
    spectra : (K, D) array of float64
        Of the phases, each adding up to 1 in the windows.
    scale : Scale
    embed : callable

    Returns
    -------
    (M,) array of float64
    """
    if len(sums) == 0:
        return np.zeros(0)
    share = np.zeros((len(sums), len(spectra)))
    rows, columns = np.nonzero(parts >= 0)
    np.add.at(share, (rows, parts[rows, columns]), weights[rows, columns])
    distance = np.linalg.norm(embed(share @ spectra) - sums.z, axis=1)
    return scale.noise_free(distance, sums.total, np.inf)


def phases_touched(contact: npt.NDArray[np.float64], own: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The phases that each of M phases touches most.

    Parameters
    ----------
    contact : (M, K) array
        Number of edges to each phase.
    own : (M,) array of int64
        Which phases these are.

    Returns
    -------
    (M, at most 12) array of int64
        -1 after the last.
    """
    others = contact.copy()
    others[np.arange(len(own)), own] = 0
    parts = np.argsort(-others, axis=1, kind="stable")[:, :MOST_PARTS]
    return np.where(np.take_along_axis(others, parts, axis=1) > 0, parts, -1)


def majority_of_impure(
    doubtful: npt.NDArray[np.int64],
    pool: Pool,
    touching: npt.NDArray[np.float64],
    spectra: npt.NDArray[np.float64],
    scale: Scale,
    embed: Embedder,
) -> dict[int, tuple[int, int, float]]:
    """Phases of grains too small to be measured purely, and the phase that they are mostly of.

    Such a phase is a mixture of the phases that it touches with one that it does not touch, since it lies where that
    one would be. Or it differs from one by less than three times tau_z: more is asked of what was never measured
    purely.

    Parameters
    ----------
    doubtful : array of int64
        Phases to look at; the smallest first.
    pool : Pool
        All K phases.
    touching : (K, K) array
        Number of edges between them.
    spectra, scale, embed
        As in `difference_from_mixture`.

    Returns
    -------
    dict
        From an impure phase to the one it is mostly of, the most important other part (-1: none), and the share of
        the former.
    """
    found: dict[int, tuple[int, int, float]] = {}
    for k in doubtful:
        distance = np.linalg.norm(pool.z - pool.z[k], axis=1)
        distance[[k, *found]] = np.inf
        distance[pool.size == 0] = np.inf
        like = np.argsort(distance, kind="stable")[:_MOST_LIKE]
        like = like[np.isfinite(distance[like])]
        around = phases_touched(touching[[k]], np.array([k]))[0, : MOST_PARTS - 1]
        parts = np.full((len(like), MOST_PARTS), -1)
        for row, major in zip(parts, like, strict=True):
            others = around[(around >= 0) & (around != major)]
            row[: 1 + len(others)] = major, *others
        sums = pool[np.full(len(like), k)]
        g, weights = fit_mixtures(sums.counts, pool.probabilities(), parts, np.ones(parts.shape), _ITERATIONS)
        over = g / (1 + scale.dispersion * sums.total) / scale.height
        material = difference_from_mixture(sums, parts, weights, spectra, scale, embed) / max(scale.tau_z, 1e-9)
        fits = (np.minimum(over, material**2) <= 1) & (weights[:, 0] >= _LEAST_MAJORITY)
        if fits.any():
            best = int(np.argmax(np.where(fits, weights[:, 0], -1.0)))
            second = 1 + int(weights[best, 1:].argmax())
            minor = int(parts[best, second]) if weights[best, second] > 0 else -1
            found[int(k)] = int(like[best]), minor, float(weights[best, 0])
        elif len(like):
            apart = scale.noise_free(distance[like[0]], pool.total[k], pool.total[like[0]])
            if apart <= _LIKENESS * scale.tau_z:
                found[int(k)] = int(like[0]), -1, 1.0
    # One that joined may have been joined by another before.
    for k, (major, minor, share) in found.items():
        while major in found:
            major = found[major][0]
        found[k] = major, minor, share
    return found
