"""The gain of spectra: the value that one count has in them.

Everything that judges differences of spectra takes their noise to be that of counting, whose variance is the mean. In
spectra that were scaled, averaged or normalised it is the gain times the mean, and a judgement is wrong by the gain.
Here it is found: from values that are all multiples of one number, in the field or in each spectrum, or else from the
scatter of neighbours. Counts as they come from a detector have a gain of 1 and stay as they are.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from napari_gdls.errors import GdlsWarning
from napari_gdls.field.rows import mapped, row_blocks

_SAMPLE = 500
"""Spectra that are looked at, spread evenly over the field: enough for any of the tests here, and quick."""
GLANCE = 25
"""Spectra, spread evenly over the field, in which ones are looked for first."""
_FEWEST_ISOLATED = 20
"""Entries of one value of which none has a neighbouring value, to tell scaled whole numbers from counts. For counts,
whatever the mixture of their means, P(v - 1) + P(v + 1) >= 1.41 P(v), so the odds are exp(-28) or less."""
_UNITS_TRIED, _SMALL_VALUES, _FIRST_MULTIPLES = 2001, 20, 8
"""Steps of the search for the factor of rounded numbers, fine enough for values of up to 20 counts to tell."""
_LEAST_ROUNDED = 1.25
"""Smallest factor after which rounded numbers can be told from counts: with less, few whole numbers are left out."""
_FRACTIONS = 60
"""Counts that the smallest value may stand for: spectra have channels with a few counts, or are summed over frames."""
_MOST_VALUES, _VALUES_OF_ROW = 500, 50
"""Different values, the smallest, that are compared with multiples of a number: of the field, of a spectrum."""
_ROUNDING = {4: 4 * 2.0**-23, 8: 4 * 2.0**-52}
"""Relative error of float values after a few operations, by size of the dtype in bytes."""
_LEAST_EVIDENCE = 20.0
"""Logarithm of the odds against values being multiples of a number by chance."""
_WINDOWS = 24
"""Parts of the spectrum that are compared in neighbouring spectra."""
_FEWEST_PAIRS = 100
"""Pairs of neighbouring spectra, for an estimate of their scatter to within 10 %."""
_MOST_IN_CHANNEL = 1e8
"""Counts of one channel that no measurement reaches: ten hours of the line of a pure element, 3,000 a second."""
_SHARED = 0.04
"""Correlation of the noise of neighbouring channels above which they share counts: 0.5 after a shift by half a channel,
0.1 by a tenth, 0 without."""
_TAKEN_AS_COUNTS = (0.5, 2.0)
"""Gains, from scatter, with which fractional values are taken for counts that were moved to another energy axis."""
_MOST_COUNTS = 100_000.0
"""Counts of a spectrum that scatter says next to nothing about (it was smoothed, or simulated without noise): the
most that embeddings are calibrated for."""


def warn_of_gain(gain: float, stacklevel: int = 2) -> None:
    """Warn that spectra were divided by a gain that was found."""
    warnings.warn(f"{gain_in_words(gain)}; `gain=1` leaves them as they are.", GdlsWarning, stacklevel + 1)


def gain_in_words(gain: float) -> str:
    """What was done to spectra that are no counts."""
    return f"the spectra hold no counts: one count is {gain:.4g} in them, and they were divided by it"


def estimated_gain(counts: Any) -> float | npt.NDArray[np.float64]:
    """Value of one count in spectra.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
        Finite, not negative, neighbouring spectra next to each other as far as possible.

    Returns
    -------
    float or (N,) array
        1 for counts, and where nothing speaks against it. An array where each spectrum has a gain of its own.

    Notes
    -----
    Whole numbers of which some are 1 are counts. Others are scaled if a lattice of multiples holds them all and either
    values of it are frequent that have no neighbours, which counts never are, or it is too unlikely otherwise.
    Fractional values are multiples of a number, are so spectrum by spectrum, or are judged by the scatter of
    neighbouring spectra: Pearson's chi-squared of their shares in 24 parts of the spectrum, of which the lower quartile
    is compared with that of counts, so that borders between materials do not matter. So are multiples of a fraction
    that come from moving counts between channels (by half a channel, for one), as the noise of neighbouring channels
    shows.
    """
    if are_counts(_spread(counts, GLANCE)):
        return 1.0  # as at once for counts as they come from a detector
    sample = _spread(counts, _SAMPLE)
    values = _positive(sample)
    if len(values) == 0:
        return 1.0
    if values.dtype.kind != "f" or not (values % 1).any():
        return _gain_of_whole_numbers(values, counts)
    relative = _ROUNDING[values.dtype.itemsize]
    distinct = np.unique(values).astype(np.float64)
    unit = _common_unit(distinct, distinct * relative)
    if unit is not None and not _is_interpolated(counts):
        return unit
    own = None if unit is not None else _gains_of_spectra(counts, relative)
    return _gain_from_scatter(counts) if own is None else own


def as_counts(counts: Any, gain: float | npt.NDArray[np.float64], *, whole: bool = False) -> Any:
    """Spectra divided by their gain.

    Whole counts become whole: values that are off by rounding only are rounded.

    Parameters
    ----------
    counts : (N, D) array, csr_array or SpectraOnDisk
    gain : float or (N,) array
    whole : bool
        Whether whole numbers stay whole, as they do after a division by a gain that was found from them.

    Returns
    -------
    (N, D) array, csr_array or SpectraOnDisk
        Of the dtype of `counts` where the counts are whole, else float32 or float64.
    """
    given: np.dtype[Any] = counts.dtype
    relative = 64 * np.finfo(given).eps if given.kind == "f" else 1e-12

    def exact(first: int, block: Any) -> tuple[Any, Any]:
        values = block.data if sp.issparse(block) else block
        per_value: Any = gain
        if isinstance(gain, np.ndarray):
            own = gain[first : first + block.shape[0]]
            per_value = np.repeat(own, np.diff(block.indptr)) if sp.issparse(block) else own[:, None]
        divided = values / per_value
        return divided, np.rint(divided)

    def is_whole(first: int, block: Any) -> bool:
        divided, nearest = exact(first, block)
        return bool((np.abs(divided - nearest) <= np.maximum(nearest, 1) * relative).all())

    whole = (whole and given.kind != "f") or all(is_whole(*each) for each in row_blocks(counts))
    dtype = given if whole or given.kind == "f" else np.dtype(np.float32)

    def divided(first: int, block: Any) -> Any:
        values = exact(first, block)[whole].astype(dtype)
        return sp.csr_array((values, block.indices, block.indptr), shape=block.shape) if sp.issparse(block) else values

    return mapped(counts, divided, dtype)


def are_counts(few: Any) -> bool:
    """Whether a few spectra, `GLANCE` of a field, show at once that they are counts: whole numbers with ones."""
    values = _positive(few)
    return values.dtype.kind != "f" and bool((values == 1).any())


def spread_over(n: int, number: int) -> npt.NDArray[np.int64]:
    """So many numbers of spectra, or all there are, spread evenly over n spectra; rising."""
    return np.unique(np.linspace(0, n - 1, number).astype(np.int64)) if n else np.zeros(0, np.int64)


def _spread(counts: Any, number: int) -> Any:
    """So many spectra, or all there are, spread evenly over the field."""
    return counts[spread_over(counts.shape[0], number)]


def _positive(counts: Any) -> npt.NDArray[Any]:
    values = np.asarray(counts.data if sp.issparse(counts) else counts).ravel()
    return values[values > 0]


def _gain_of_whole_numbers(values: npt.NDArray[Any], counts: Any) -> float:
    if (values == 1).any():
        return 1.0
    distinct, number = np.unique(values, return_counts=True)
    distinct = distinct.astype(np.float64)
    if len(distinct) < 3:
        return 1.0
    unit: float | None = float(np.gcd.reduce(distinct.astype(np.int64)))
    if unit == 1:
        unit = _rounded_unit(distinct)
    if unit is None:
        return 1.0
    alone = np.diff(distinct, prepend=-1.0, append=np.inf)
    isolated = (alone[:-1] > 1) & (alone[1:] > 1) & (distinct > 1) & (number >= _FEWEST_ISOLATED)
    # Frequent values without neighbours are telling if they are one, two, three ... counts, as in any spectrum.
    telling = isolated.any() and np.isin([1, 2, 3], np.rint(distinct / unit)).all()
    if not telling and (len(distinct) - 1) * math.log(unit) < 2 * _LEAST_EVIDENCE:
        return 1.0
    return unit if _holds_all(unit, counts) else 1.0


def _rounded_unit(distinct: npt.NDArray[np.float64]) -> float | None:
    """Number of which all values are multiples after rounding to whole numbers, the smallest of them once."""
    units = np.linspace(distinct[0] - 0.5, distinct[0] + 0.5, _UNITS_TRIED)
    units = units[units >= _LEAST_ROUNDED]
    small = distinct[distinct <= _SMALL_VALUES * distinct[0]]
    # Halves are rounded to even numbers or upwards, one way for all: both ways together make any number of 1.5.
    near = np.rint(small / units[:, None]) * units[:, None]
    fit = (np.rint(near) == small).all(axis=1) | (np.floor(near + 0.5) == small).all(axis=1)
    # And the other way round: the first multiples are all there.
    first = units[:, None] * np.arange(1, _FIRST_MULTIPLES + 1)
    there = np.isin(np.rint(first), distinct) | np.isin(np.floor(first + 0.5), distinct)
    fit &= (there | (first > small[-1])).all(axis=1)
    if len(small) < 3 or not fit.any():
        return None
    unit = float(units[fit].mean())
    n = len(small)
    while True:  # larger values tell it better
        multiples = np.rint(distinct[:n] / unit)
        unit = float(distinct[:n] @ multiples / (multiples @ multiples))
        if n == len(distinct):
            break
        n = min(2 * n, len(distinct))
    return float(unit)


def _holds_all(unit: float, counts: Any) -> bool:
    blocks = (block.data if sp.issparse(block) else block for _, block in row_blocks(counts))
    return all((np.abs(values - np.rint(np.rint(values / unit) * unit)) <= 1).all() for values in blocks)


def _common_unit(distinct: npt.NDArray[np.float64], error: npt.NDArray[np.float64]) -> float | None:
    """Largest number of which all values are multiples, within their errors; None if there is none, or by chance only.

    Parameters
    ----------
    distinct : (n,) array
        Rising, positive.
    error : (n,) array
        Largest deviation of each from a multiple.
    """
    if len(distinct) < 3:
        return None
    largest = float(distinct[-1])
    distinct, error = distinct[:_MOST_VALUES], error[:_MOST_VALUES]
    for smallest in range(1, _FRACTIONS + 1):
        low, high = (distinct[0] - error[0]) / smallest, (distinct[0] + error[0]) / smallest
        evidence, before, closest = 0.0, smallest, math.inf
        for value, deviation in zip(distinct[1:], error[1:], strict=True):
            unit = (low + high) / 2
            multiple = round(value / unit)
            chance = 2 * (deviation + multiple * (high - low) / 2) / unit
            if chance > 0.7:
                break  # multiples lie so close together that any value is near one
            low, high = max(low, (value - deviation) / multiple), min(high, (value + deviation) / multiple)
            if low > high:
                evidence = -math.inf
                break
            evidence -= math.log(chance)
            before, closest = multiple, min(closest, multiple - before)
        # Where none differ by one, as halves of odd numbers, a constant was added.
        if evidence >= _LEAST_EVIDENCE and closest == 1:
            unit = float((low + high) / 2)
            return unit if largest <= _MOST_IN_CHANNEL * unit else None
    return None


def _gains_of_spectra(counts: Any, relative: float) -> npt.NDArray[np.float64] | None:
    """Gain of each spectrum, (N,), where most have one of their own."""
    sample = _spread(counts, GLANCE)
    if sum(_gain_of_row(row, relative) is not None for row in _rows(sample)) < 0.8 * sample.shape[0]:
        return None
    gains = np.array([_gain_of_row(row, relative) or math.nan for row in _rows(counts)])
    # Spectra with too few different values for it: their smallest value is one count, or they are empty.
    for i in np.flatnonzero(np.isnan(gains)):
        row = _positive(counts[[i]])
        gains[i] = row.min() if len(row) else 1.0
    return gains


def _rows(counts: Any) -> Iterator[npt.NDArray[Any]]:
    for _, block in row_blocks(counts):
        if sp.issparse(block):
            yield from (block.data[a:b] for a, b in pairwise(block.indptr))
        else:
            yield from block


def _gain_of_row(row: npt.NDArray[Any], relative: float) -> float | None:
    distinct = np.unique(row[row > 0]).astype(np.float64)[:_VALUES_OF_ROW]
    return _common_unit(distinct, distinct * relative)


def _gain_from_scatter(counts: Any) -> float:
    from scipy.special import gammaincinv

    a, b = (_in_parts(each, _WINDOWS) for each in _neighbours(counts))
    total_a, total_b = a.sum(axis=1, keepdims=True), b.sum(axis=1, keepdims=True)
    both = (total_a > 0) & (total_b > 0)
    a, b, total_a, total_b = (each[both[:, 0]] for each in (a, b, total_a, total_b))
    if len(a) < _FEWEST_PAIRS:
        return 1.0
    seen = a + b > 0
    deviation = np.divide((a * total_b - b * total_a) ** 2, a + b, out=np.zeros_like(a), where=seen)
    statistic = (deviation / (total_a * total_b)).sum(axis=1)
    freedom = np.maximum(seen.sum(axis=1) - 1, 1)
    gain = float(np.quantile(statistic / (2 * gammaincinv(freedom / 2, 0.25)), 0.25))
    if _TAKEN_AS_COUNTS[0] <= gain <= _TAKEN_AS_COUNTS[1]:
        return 1.0
    return max(gain, float(np.median(total_a)) / _MOST_COUNTS)


def _is_interpolated(counts: Any) -> bool:
    """Whether neighbouring channels share counts, so that their noise is correlated."""
    first, second = _neighbours(counts)
    if first.shape[0] < _FEWEST_PAIRS:
        return False
    a, b = (_in_parts(each, counts.shape[1]) for each in (first, second))
    # Where counts are few, differences between materials matter little; they have width, too, unlike noise.
    mean = (a + b).mean(axis=0)
    if not mean.any():
        return False
    quiet = (mean > 0) & (mean <= np.median(mean[mean > 0]))
    step = np.where(quiet, a - b, 0.0)
    variance, beside, further = (float((step[:, : step.shape[1] - k] * step[:, k:]).sum()) for k in (0, 1, 3))
    return beside - further > _SHARED * variance


def _neighbours(counts: Any) -> tuple[Any, Any]:
    """Up to 2,000 pairs of spectra next to each other, as two lists."""
    n = counts.shape[0]
    first = np.unique(np.linspace(0, max(n - 2, 0), 4 * _SAMPLE).astype(np.int64))
    return counts[first], counts[np.minimum(first + 1, n - 1)]


def _in_parts(counts: Any, number: int) -> npt.NDArray[np.float64]:
    """Sums over neighbouring channels, (N, number) or fewer where there are fewer channels."""
    start = np.unique(np.linspace(0, counts.shape[1], number, endpoint=False).astype(np.int64))
    dense = counts.toarray() if sp.issparse(counts) else np.asarray(counts)
    return np.asarray(np.add.reduceat(dense.astype(np.float64), start, axis=1))
