"""The phase of every measurement: most likely by its spectrum, its BSE and its neighbours, pure or mixed with these."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numba as nb
import numpy as np
import numpy.typing as npt

from napari_gdls.bse import MAD_TO_SIGMA
from napari_gdls.phases.neighbourhood import Neighbourhood
from napari_gdls.phases.sums import Evidence
from napari_gdls.threads import in_blocks

FRACTIONS = (0.9, 0.75, 0.6)
"""Shares of the major phase that a mixed measurement is tried with: about as fine as 1,000 counts can tell."""

MIXTURE_PENALTY = 4.0
"""Log-likelihood that a mixture must gain over a pure phase, for its free choices: a second phase of some five nearby
and three fractions are worth ln 15 = 2.7; the rest was chosen on the benchmark fields."""

_BSE_WIDTH = 1.5
"""Width given to the BSE of a phase, in standard deviations of it. More than 1, since neighbouring measurements of one
grain vary together and so tell less than independent ones; chosen on the benchmark fields."""

_MOST_BSE_DEVIATIONS = 3.0
"""Deviations of BSE beyond this many widths count no more, so that charged or tilted areas do not change their
phase."""

_LEAST_SPREAD = 1e-9
"""Spread of the BSE of a phase at least, as a fraction of the full scale: for images without any noise."""

_LEAST_INSIDE = 3
"""Measurements inside a phase without which those on its border are taken for its BSE, too."""

_PHASES_AT_A_TIME = 16
"""Phases whose likelihoods are summed side by side: as many numbers of 32 bits as the longest registers hold."""

_MEASUREMENTS_OF_A_THREAD = 2048
"""Measurements whose most likely phase a thread finds at a time: some milliseconds with fifty phases."""

_BLOCK = 4096
"""Measurements between two calls of `progress`: some tens of milliseconds, even with a hundred phases."""

NO_BSE = np.zeros((0, 0), dtype=np.float32)
"""In the place of `bse_misfits`: BSE has no say."""


@dataclass(frozen=True, eq=False)
class Assignment:
    """Phase of each of N measurements.

    Attributes
    ----------
    labels : (N,) array of int64
        Phase, from 0.
    partner : (N,) array of int64
        Second phase of a mixed measurement, -1 for a pure one.
    fraction : (N,) array of float64
        Share of the counts that comes from the first phase; 1 for a pure measurement.
    confidence : (N,) array of float32
        Probability of the phase, given those of the neighbours.
    """

    labels: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int64]
    fraction: npt.NDArray[np.float64]
    confidence: npt.NDArray[np.float32]

    def changed(
        self,
        labels: npt.NDArray[np.int64],
        partner: npt.NDArray[np.int64],
        fraction: npt.NDArray[np.float64] | None = None,
    ) -> Assignment:
        """With other phases; one that is mixed with its own phase becomes pure, and pure ones have a fraction of 1."""
        minor = np.where(partner == labels, -1, partner)
        fractions = np.where(minor < 0, 1.0, self.fraction if fraction is None else fraction)
        return dataclasses.replace(self, labels=labels, partner=minor, fraction=fractions)


def assign_phases(
    evidence: Evidence,
    near: Neighbourhood,
    shares: npt.NDArray[np.float64],
    start: npt.NDArray[np.int64],
    *,
    dispersion: float,
    most_sweeps: int,
    poll: Callable[[], None],
    bse_misfit: npt.NDArray[np.float32] = NO_BSE,
) -> Assignment:
    """Label the measurements with given phases: iterated conditional modes (Besag 1986) on the measurement graph.

    A measurement takes the phase with the highest sum of its log-likelihood, pure or as the major part of a mixture
    with a phase next to it, and the affinity of the neighbours that have this phase. Candidates are the phases next
    to it, and the most likely one. After the first sweep only measurements beside a change are looked at again.

    Parameters
    ----------
    evidence : Evidence
        Of N measurements in W windows.
    near : Neighbourhood
    shares : (K, W) array of float64
        Spectra of the phases: share of the counts in each window, none of them 0.
    start : (N,) array of int64
        Phases to begin with.
    dispersion : float
        Log-likelihoods of n counts are divided by 1 + dispersion * n.
    most_sweeps : int
    poll : callable
        Called several times a second; may raise.
    bse_misfit : (N, K) array of float32, or `NO_BSE`
        From `bse_misfits`.

    References
    ----------
    J. Besag, On the statistical analysis of dirty pictures, J. R. Stat. Soc. B 48 (1986) 259-302.
    """
    log_pure, n = np.log(shares).astype(np.float32), len(start)
    state = _State(
        start.copy(), np.full(n, -1), np.zeros(n, dtype=np.int64), np.ones(n, np.float32), np.ones(n, np.bool_)
    )
    spectra = _Spectra(log_pure, _log_mixed(shares, poll), dispersion, MIXTURE_PENALTY)
    graph = _Graph(near.indptr, near.neighbours, near.affinity)
    likely = most_likely(evidence.counts, log_pure, poll)
    for sweep in range(most_sweeps):
        changes = 0
        for first in range(0, n, _BLOCK):
            poll()
            last = min(first + _BLOCK, n)
            changes += _sweep(graph, evidence.counts, likely, bse_misfit, spectra, state, first, last, sweep % 2 == 1)
        if changes == 0:
            break
    fraction = np.where(state.partner >= 0, np.array(FRACTIONS)[state.choice], 1.0)
    return Assignment(state.labels, state.partner, fraction, state.confidence)


def bse_misfits(
    bse: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    inside: npt.NDArray[np.bool_],
    n_phases: int,
    poll: Callable[[], None] = lambda: None,
) -> npt.NDArray[np.float32]:
    """Half the squared deviation of the BSE of each measurement from that of each phase, (N, K), to be subtracted.

    In units of 1.5 times the spread inside the phase, or inside most phases if that is more, and never more than
    three of these, so that charged or tilted areas do not change their phase.

    Parameters
    ----------
    bse : (N,) array of float64
    labels : (N,) array of int64
    inside : (N,) array of bool
        Measurements whose neighbours are all of their phase.
    n_phases : int
    poll : callable
        Called several times a second; may raise.
    """
    middle, spread = np.zeros(n_phases), np.zeros(n_phases)
    order = np.argsort(labels, kind="stable")
    ends = np.cumsum(np.bincount(labels, minlength=n_phases))[:-1]
    for k, own in enumerate(np.split(order, ends)):
        poll()
        within = own[inside[own]]
        values = bse[within if len(within) >= _LEAST_INSIDE else own] if len(own) else bse
        middle[k] = np.median(values)
        spread[k] = MAD_TO_SIGMA * np.median(np.abs(values - middle[k]))
    width = _BSE_WIDTH * np.maximum(spread, max(np.median(spread), _LEAST_SPREAD))
    misfit = np.empty((len(bse), n_phases), dtype=np.float32)
    for first in range(0, len(bse), _BLOCK):  # in double precision all would take several times the memory
        poll()
        part = slice(first, first + _BLOCK)
        deviations = np.minimum(np.abs(bse[part, None] - middle) / width, _MOST_BSE_DEVIATIONS)
        misfit[part] = 0.5 * deviations**2
    return misfit


def most_likely(
    counts: npt.NDArray[np.int32], log_probability: npt.NDArray[np.float32], poll: Callable[[], None] = lambda: None
) -> npt.NDArray[np.int64]:
    """Phase under which the counts of each measurement are most likely, (N,); of equal ones the first.

    Parameters
    ----------
    counts : (N, W) array of int32
    log_probability : (K, W) array of float32
        Of the windows, for each phase.
    poll : callable
        Called several times a second; may raise.
    """
    n_phases, n_windows = log_probability.shape
    # Columns of phases, as many as fill the registers of any processor.
    columns = np.full((n_windows, -(-n_phases // _PHASES_AT_A_TIME) * _PHASES_AT_A_TIME), np.float32(0))
    columns[:, :n_phases] = log_probability.T
    out = np.empty(len(counts), dtype=np.int64)
    in_blocks(
        len(counts),
        lambda first, last: _find_likely(counts, columns, n_phases, first, last, out),
        size=_MEASUREMENTS_OF_A_THREAD,
        poll=poll,
    )
    return out


def _log_mixed(shares: npt.NDArray[np.float64], poll: Callable[[], None]) -> npt.NDArray[np.float32]:
    """Log probabilities of all mixtures of two phases: rows by major phase, minor phase, fraction; (K K F, W)."""
    major, (n, n_windows) = np.array(FRACTIONS)[:, None], shares.shape
    out = np.empty((n, n, len(FRACTIONS), n_windows), dtype=np.float32)
    for k in range(n):  # one by one, since all in double precision would take several times the memory
        poll()
        out[k] = np.log(major * shares[k] + (1 - major) * shares[:, None, :])
    return out.reshape(-1, n_windows)


class _Graph(NamedTuple):
    """`Neighbourhood` for compiled code."""

    indptr: npt.NDArray[np.int64]
    neighbours: npt.NDArray[np.int64]
    affinity: npt.NDArray[np.float32]


class _Spectra(NamedTuple):
    """Log probabilities of pure phases (K, W), and of mixtures as `_log_mixed` has them."""

    log_pure: npt.NDArray[np.float32]
    log_mixed: npt.NDArray[np.float32]
    dispersion: float
    penalty: float


class _State(NamedTuple):
    """Labels, partners, which of `FRACTIONS`, confidence of N measurements, and which of them are to be looked at."""

    labels: npt.NDArray[np.int64]
    partner: npt.NDArray[np.int64]
    choice: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.float32]
    waiting: npt.NDArray[np.bool_]


@nb.njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _log_likelihood(
    counts: npt.NDArray[np.int32], i: int, log_probability: npt.NDArray[np.float32], row: int
) -> np.float32:
    value = np.float32(0)
    for k in range(counts.shape[1]):
        value += np.float32(counts[i, k]) * log_probability[row, k]
    return value


@nb.njit(cache=True, nogil=True)
def _find_likely(
    counts: npt.NDArray[np.int32],
    log_probability: npt.NDArray[np.float32],
    n_phases: int,
    first: int,
    last: int,
    out: npt.NDArray[np.int64],
) -> None:
    """Write the first phase, column of `log_probability` (W, K or more), with the highest likelihood to `out`.

    Relies on as many windows in both, on counts of 0 or more, on finite log probabilities, and on 0 <= first <= last
    <= N.
    """
    value = np.empty(log_probability.shape[1], dtype=np.float32)
    for i in range(first, last):
        value[:] = 0
        for window in range(counts.shape[1]):
            count = np.float32(counts[i, window])
            if count > 0:
                for k in range(len(value)):
                    value[k] += count * log_probability[window, k]
        best = 0
        for k in range(1, n_phases):
            if value[k] > value[best]:
                best = k
        out[i] = best


@nb.njit(cache=True, nogil=True)
def _sweep(
    graph: _Graph,
    counts: npt.NDArray[np.int32],
    likely: npt.NDArray[np.int64],
    bse_misfit: npt.NDArray[np.float32],
    spectra: _Spectra,
    state: _State,
    first: int,
    last: int,
    backwards: bool,
) -> int:
    """Look at the waiting ones of the measurements first..last - 1, or as many from the end; number of new labels.

    Relies on neighbours that exist, on phases of 0..K - 1 in labels and `likely`, on finite log probabilities, and on
    counts of one measurement below 2**31, which `Field` guarantees, so that their sums fit.
    """
    indptr, neighbours, affinity = graph
    log_pure, log_mixed, dispersion, penalty = spectra
    labels, partners, choices, confidence, waiting = state
    n_phases, n = len(log_pure), len(labels)
    candidates, support, stamp = np.empty(n_phases, np.int64), np.zeros(n_phases, np.float32), np.full(n_phases, -1)
    scores = np.empty(n_phases)
    changes = 0
    for step in range(first, last):
        i = n - 1 - step if backwards else step
        if not waiting[i]:
            continue
        waiting[i] = False
        # Phases next to it, and after them the most likely one and its own.
        n_near = 0
        for q in range(indptr[i], indptr[i + 1]):
            phase = labels[neighbours[q]]
            if stamp[phase] != step:
                stamp[phase], support[phase], candidates[n_near] = step, np.float32(0), phase
                n_near += 1
            support[phase] += affinity[q]
        n_candidates = n_near
        for own in range(2):
            phase = labels[i] if own else likely[i]
            if stamp[phase] != step:
                stamp[phase], support[phase], candidates[n_candidates] = step, np.float32(0), phase
                n_candidates += 1
        total = 0
        for k in range(counts.shape[1]):
            total += counts[i, k]
        spread = 1.0 + dispersion * total
        best, best_score, best_partner, best_choice = labels[i], -np.inf, -1, 0
        for c in range(n_candidates):
            phase = candidates[c]
            others = n_near if c < n_near or n_near == 0 else 0
            value, partner, choice = _pure_or_mixed(
                counts, i, phase, candidates, others, log_pure, log_mixed, penalty * spread
            )
            value = value / spread + support[phase]
            if bse_misfit.shape[0] > 0 and partner < 0:
                value -= bse_misfit[i, phase]
            scores[c] = value
            if value > best_score or (value == best_score and phase < best):
                best, best_score, best_partner, best_choice = phase, value, partner, choice
        partners[i], choices[i] = best_partner, best_choice
        whole = 0.0
        for c in range(n_candidates):
            whole += np.exp(scores[c] - best_score)
        confidence[i] = 1.0 / whole
        if best != labels[i]:
            labels[i] = best
            changes += 1
            for q in range(indptr[i], indptr[i + 1]):
                waiting[neighbours[q]] = True
    return changes


@nb.njit(cache=True, nogil=True)
def _pure_or_mixed(
    counts: npt.NDArray[np.int32],
    i: int,
    phase: int,
    candidates: npt.NDArray[np.int64],
    n_others: int,
    log_pure: npt.NDArray[np.float32],
    log_mixed: npt.NDArray[np.float32],
    penalty: float,
) -> tuple[float, int, int]:
    """Log-likelihood of a phase, pure or as the major part of the likeliest mixture; its partner; which fraction."""
    n_phases, n_fractions = len(log_pure), len(FRACTIONS)
    value, partner, choice = float(_log_likelihood(counts, i, log_pure, phase)), -1, 0
    for d in range(n_others):
        other = candidates[d]
        if other == phase:
            continue
        for f in range(n_fractions):
            row = (phase * n_phases + other) * n_fractions + f
            mixed = float(_log_likelihood(counts, i, log_mixed, row)) - penalty
            if mixed > value:
                value, partner, choice = mixed, other, f
    return value, partner, choice
