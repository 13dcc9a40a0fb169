"""Compiled Poisson sampler behind `sampling.sample_counts`."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
"""Step of SplitMix64 from state to state: 2^64 over the golden ratio, made odd. The other hexadecimal numbers below are
its two multipliers (Steele, Lea and Flood 2014, OOPSLA), and one that keeps the streams of neighbouring rows apart, the
multiplier of the LXM generators (Steele and Vigna 2021, OOPSLA)."""

_FEW = 10.0
"""Expected counts from which on a channel is drawn by transformed rejection, whose constants hold from 10 up."""

_MOST_BY_INVERSION = 127
"""Largest number that inversion gives; below an expectation of 10 a larger one has a chance of less than 1e-80."""

_RECIPROCALS = 1.0 / np.maximum(np.arange(_MOST_BY_INVERSION + 1.0), 1.0)
"""1 / n by n, as a product is quicker than a quotient."""


@numba.njit(cache=True, inline="always")
def _uniform(state: np.uint64) -> float:
    """SplitMix64 output for a state, as a number above 0 and below 1."""
    x = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (float((x ^ (x >> np.uint64(31))) >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@numba.njit(cache=True, inline="always")
def _stream(seed: np.uint64, row: np.uint64) -> np.uint64:
    """First state of the stream of a row: mixed twice, so that near seeds and near rows are unrelated."""
    x = seed
    for step in range(2):
        x += _GOLDEN if step == 0 else row * np.uint64(0xD1342543DE82EF95) + np.uint64(1)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return x


@numba.njit(cache=True, parallel=True, nogil=True)
def draw(
    shape: npt.NDArray[np.float32],
    source: npt.NDArray[np.int64],
    scale: npt.NDArray[np.float64],
    seed: np.uint64,
    result: npt.NDArray[np.float32],
) -> None:
    """Fill row i of `result` with Poisson numbers of the means ``shape[source[i]] * scale[i]``.

    Relies on a source below the number of shapes and a scale for each row of `result`, and on expected counts from 0 to
    1e9 in a channel: `sample_counts` checks them.
    """
    for row in numba.prange(len(source)):
        state = _stream(seed, np.uint64(row))
        expected = shape[source[row]]
        for channel in range(len(expected)):
            mean = float(expected[channel]) * scale[row]
            if mean < _FEW:
                # Inversion. 1 - mean is below exp(-mean), which spares the exponential for most empty channels.
                state += _GOLDEN
                left = _uniform(state)
                number = 0
                if left > 1.0 - mean:
                    term = math.exp(-mean)
                    while left > term and number < _MOST_BY_INVERSION:
                        left -= term
                        number += 1
                        term *= mean * _RECIPROCALS[number]
                result[row, channel] = number
            else:
                # Transformed rejection; the numbers are those of algorithm PTRS (Hoermann 1993, Insurance: Math. Econ.
                # 12:39).
                b = 0.931 + 2.53 * math.sqrt(mean)
                a = -0.059 + 0.02483 * b
                while True:
                    state += _GOLDEN
                    u = _uniform(state) - 0.5
                    state += _GOLDEN
                    v = _uniform(state)
                    us = 0.5 - abs(u)
                    k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
                    if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
                        break
                    if k < 0 or (us < 0.013 and v > us):
                        continue
                    log_density = math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b))
                    if log_density <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
                        break
                result[row, channel] = k
