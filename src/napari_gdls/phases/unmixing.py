"""Spectra as mixtures of those of phases: sums of measurements, and single ones together with their neighbours."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

FRACTIONS = (0.9, 0.75, 0.6)
"""Shares of the major phase that a mixed measurement is tried with."""

MIXTURE_PENALTY = 4.0
"""Log-likelihood that a mixture must gain over a pure phase, for its free choices."""


@nb.njit(cache=True, nogil=True)
def fit_mixtures(
    counts: npt.NDArray[np.int64],
    probabilities: npt.NDArray[np.float64],
    parts: npt.NDArray[np.int64],
    start: npt.NDArray[np.float64],
    iterations: int,
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Most likely mixtures of given phases, by expectation maximisation.

    Parameters
    ----------
    counts : (M, W) array of int64
    probabilities : (K, W) array of float64
        Spectra of the phases, each adding up to 1, none 0.
    parts : (M, P) array of int64
        Phases that each sum may consist of, -1 after the last.
    start : (M, P) array of float64
        Weights to begin with, 0 or more.
    iterations : int

    Returns
    -------
    g : (M,) array of float64
        Likelihood-ratio statistic of what the mixture does not explain.
    weights : (M, P) array of float64
        Shares of the counts.
    """
    n_sums, n_windows = counts.shape
    weights, g = np.zeros(parts.shape), np.zeros(n_sums)
    for i in range(n_sums):
        n_parts, total = 0, 0
        while n_parts < parts.shape[1] and parts[i, n_parts] >= 0:
            n_parts += 1
        for k in range(n_windows):
            total += counts[i, k]
        if n_parts == 0 or total == 0:
            g[i] = np.inf if total > 0 else 0.0
            continue
        whole = 0.0
        for p in range(n_parts):
            weights[i, p] = start[i, p] + 0.02
            whole += weights[i, p]
        for p in range(n_parts):
            weights[i, p] /= whole
        gathered = np.empty(n_parts)
        for _ in range(iterations):
            gathered[:] = 0.0
            for k in range(n_windows):
                if counts[i, k] == 0:
                    continue
                expected = 0.0
                for p in range(n_parts):
                    expected += weights[i, p] * probabilities[parts[i, p], k]
                for p in range(n_parts):
                    gathered[p] += counts[i, k] * weights[i, p] * probabilities[parts[i, p], k] / expected
            moved = 0.0
            for p in range(n_parts):
                moved = max(moved, abs(gathered[p] / total - weights[i, p]))
                weights[i, p] = gathered[p] / total
            if moved < 1e-5:
                break
        for k in range(n_windows):
            if counts[i, k] == 0:
                continue
            expected = 0.0
            for p in range(n_parts):
                expected += weights[i, p] * probabilities[parts[i, p], k]
            g[i] += 2.0 * counts[i, k] * np.log(counts[i, k] / (total * expected))
    return g, weights


@nb.njit(cache=True, nogil=True)
def phases_around(
    indptr: npt.NDArray[np.int64],
    neighbours: npt.NDArray[np.int64],
    segments: npt.NDArray[np.int64],
    phases: npt.NDArray[np.int64],
    n_segments: int,
    n_phases: int,
    most: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The most frequent phases among the measurements of each segment and their neighbours, and their shares.

    Both (n_segments, most); -1 and 0 after the last.
    """
    parts, shares = np.full((n_segments, most), -1), np.zeros((n_segments, most))
    # Measurements by segment: counted, since sorting takes seconds to compile.
    place = np.zeros(n_segments + 1, dtype=np.int64)
    for v in range(len(segments)):
        place[segments[v] + 1] += 1
    for segment in range(n_segments):
        place[segment + 1] += place[segment]
    order = np.empty(len(segments), dtype=np.int64)
    for v in range(len(segments)):
        order[place[segments[v]]] = v
        place[segments[v]] += 1
    votes, stamp = np.zeros(n_phases), np.full(n_phases, -1)
    found = np.empty(n_phases, dtype=np.int64)
    i = 0
    while i < len(order):
        segment, n_found = segments[order[i]], 0
        while i < len(order) and segments[order[i]] == segment:
            v = order[i]
            for q in range(indptr[v] - 1, indptr[v + 1]):
                phase = phases[v] if q < indptr[v] else phases[neighbours[q]]
                if stamp[phase] != segment:
                    stamp[phase], votes[phase] = segment, 0.0
                    found[n_found] = phase
                    n_found += 1
                votes[phase] += 1.0
            i += 1
        for p in range(min(most, n_found)):
            best = p
            for q in range(p + 1, n_found):
                if votes[found[q]] > votes[found[best]] or (
                    votes[found[q]] == votes[found[best]] and found[q] < found[best]
                ):
                    best = q
            found[p], found[best] = found[best], found[p]
            parts[segment, p], shares[segment, p] = found[p], votes[found[p]]
        whole = 0.0
        for p in range(most):
            whole += shares[segment, p]
        if whole > 0:
            for p in range(most):
                shares[segment, p] /= whole
    return parts, shares


@nb.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _log_likelihood(counts: npt.NDArray[np.int32], log_probability: npt.NDArray[np.float32]) -> np.float32:
    value = np.float32(0)
    for k in range(len(counts)):
        value += np.float32(counts[k]) * log_probability[k]
    return value


@nb.njit(cache=True, nogil=True)
def most_likely(counts: npt.NDArray[np.int32], log_probability: npt.NDArray[np.float32]) -> npt.NDArray[np.int64]:
    """Phase (row of `log_probability`, (K, W)) under which the counts of each measurement are most likely, (N,)."""
    out = np.empty(len(counts), dtype=np.int64)
    for i in range(len(counts)):
        best = np.float32(-np.inf)
        for k in range(len(log_probability)):
            value = _log_likelihood(counts[i], log_probability[k])
            if value > best:
                best, out[i] = value, k
    return out


@nb.njit(cache=True, nogil=True)
def relabel(
    indptr: npt.NDArray[np.int64],
    neighbours: npt.NDArray[np.int64],
    affinity: npt.NDArray[np.float32],
    counts: npt.NDArray[np.int32],
    likely: npt.NDArray[np.int64],
    bse_misfit: npt.NDArray[np.float32],
    log_pure: npt.NDArray[np.float32],
    log_mixed: npt.NDArray[np.float32],
    dispersion: float,
    penalty: float,
    labels: npt.NDArray[np.int64],
    most_sweeps: int,
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Iterated conditional modes (Besag 1986) on the measurement graph, with mixtures of neighbouring phases; in place.

    A measurement takes the phase with the highest sum of its log-likelihood, pure or as the major part of a mixture
    with a phase next to it, and the affinity of the neighbours that have this phase. Candidates are the phases next
    to it, and the most likely one. After the first sweep only measurements beside a change are looked at again.

    Parameters
    ----------
    indptr, neighbours : (N + 1,), (2 E,) arrays of int64
        Graph as compressed rows.
    affinity : (2 E,) array of float32
    counts : (N, W) array of int32
    likely : (N,) array of int64
        From `most_likely`.
    bse_misfit : (N, K) array of float32, or (0, 0)
        To be subtracted.
    log_pure, log_mixed : (K, W), (K, K, F, W) arrays of float32
        Log probabilities of pure phases, and of mixtures by major phase, minor phase and fraction.
    dispersion : float
        Log-likelihoods of N counts are divided by 1 + dispersion * N.
    penalty : float
        Subtracted from mixtures.
    labels : (N,) array of int64
    most_sweeps : int

    Returns
    -------
    partner : (N,) array of int64
        Minor phase of a mixed measurement, -1 for a pure one.
    fraction : (N,) array of int64
        Index of the fraction.
    confidence : (N,) array of float32
        Probability of the phase, given those of the neighbours.
    """
    n, n_fractions = len(labels), log_mixed.shape[2]
    partner, fraction = np.full(n, -1), np.zeros(n, dtype=np.int64)
    confidence = np.ones(n, dtype=np.float32)
    support, stamp = np.zeros(len(log_pure), dtype=np.float32), np.full(len(log_pure), -1)
    candidates, scores = np.empty(len(log_pure), dtype=np.int64), np.empty(len(log_pure))
    waiting, visit = np.ones(n, dtype=np.bool_), 0
    for sweep in range(most_sweeps):
        changes = 0
        for step in range(n):
            i = step if sweep % 2 == 0 else n - 1 - step
            if not waiting[i]:
                continue
            waiting[i] = False
            visit += 1
            n_near = 0
            for q in range(indptr[i], indptr[i + 1]):
                phase = labels[neighbours[q]]
                if stamp[phase] != visit:
                    stamp[phase], support[phase] = visit, np.float32(0)
                    candidates[n_near] = phase
                    n_near += 1
                support[phase] += affinity[q]
            n_candidates = n_near
            for phase in (likely[i], labels[i]):
                if stamp[phase] != visit:
                    stamp[phase], support[phase] = visit, np.float32(0)
                    candidates[n_candidates] = phase
                    n_candidates += 1
            total = 0
            for k in range(counts.shape[1]):
                total += counts[i, k]
            spread = 1.0 + dispersion * total
            best, best_score, best_partner, best_fraction = labels[i], -np.inf, -1, 0
            for c in range(n_candidates):
                phase = candidates[c]
                value, with_phase, with_fraction = float(_log_likelihood(counts[i], log_pure[phase])), -1, 0
                if c < n_near or n_near == 0:
                    for d in range(n_near):
                        other = candidates[d]
                        if other == phase:
                            continue
                        for f in range(n_fractions):
                            mixed = float(_log_likelihood(counts[i], log_mixed[phase, other, f])) - penalty * spread
                            if mixed > value:
                                value, with_phase, with_fraction = mixed, other, f
                value = value / spread + support[phase]
                if bse_misfit.shape[0] > 0 and with_phase < 0:
                    value -= bse_misfit[i, phase]
                scores[c] = value
                if value > best_score or (value == best_score and phase < best):
                    best, best_score, best_partner, best_fraction = phase, value, with_phase, with_fraction
            partner[i], fraction[i] = best_partner, best_fraction
            whole = 0.0
            for c in range(n_candidates):
                whole += np.exp(scores[c] - best_score)
            confidence[i] = 1.0 / whole
            if best != labels[i]:
                labels[i] = best
                changes += 1
                for q in range(indptr[i], indptr[i + 1]):
                    waiting[neighbours[q]] = True
        if changes == 0:
            break
    return partner, fraction, confidence
