"""Which lines a peak of a spectrum can be, the most plausible first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.mineralogy.sought_elements import LOWEST_CHANNEL, SOUGHT, TIERS
from napari_gdls.spectra import Detector, Line, main_lines

FloatArray = npt.NDArray[np.float64]

_SMALLEST = 0.01
"""Weight of the weakest lines that a peak can be, by that of the strongest of the element."""

_REACH = 0.5
"""FWHM that a line may lie off a peak: beyond it would stand beside."""

_AXIS_ERROR = 8.0
"""eV: by how much axes of files are off, one standard deviation; of the size of what `calibrate_field` finds."""

_CENTRE_ERROR = 0.1
"""FWHM, likewise: by how much the top of a peak with a few hundred counts is off."""

_PRICE_OF_RARITY = 2.0
"""What a usual element has less than a common one in the logarithm of plausibility, and a rare one less than that: a
factor of seven. A choice."""

_PRICE_OF_ABSENCE = 4.0
"""Likewise, what each line that should be there and is not takes off: a factor of 50. A choice."""

_HOPELESS = 14.0
"""Likewise, by how much candidates are less plausible than the best that are not given: a factor of a million."""

_TELLING = 0.1
"""Weight from which other lines of an element are looked for."""

_LEAST_PART = 0.25
"""Part of what the pure element would show that another line must have to be there; absorption weakens soft lines."""

_SIGNIFICANT = 4.0
"""Standard errors of the background that an expected line must have, so that its absence says something."""

_INSIDE, _BESIDE = 0.6, (1.1, 1.7)
"""FWHM from a line: half of its window, which holds 84 % of it, and where its background is measured."""


@dataclass(frozen=True)
class LineCandidate:
    """A line that a peak can be.

    Attributes
    ----------
    line : Line
    offset : float
        eV by which it lies above the peak.
    seen, expected : int
        Other lines of the element that are there, and that should be and could be seen.
    plausibility : float
        Natural logarithm, up to a constant: of distance, of the weight of the line, of how common the element is, and
        of its other lines.
    """

    line: Line
    offset: float
    seen: int
    expected: int
    plausibility: float

    @property
    def title(self) -> str:
        """Such as "Fe Ka 6.40", in keV, with Greek letters."""
        return f"{self.line.title} {self.line.energy / 1000:.2f}"

    @property
    def reason(self) -> str:
        """What speaks for it, in a sentence."""
        if not self.expected:
            others = "no other line of it could be seen"
        else:
            others = f"{self.seen} of {self.expected} other lines that should be seen are there"
        return f"{abs(self.offset):.0f} eV {'above' if self.offset >= 0 else 'below'} the peak; {others}."


def peak_near(counts: npt.ArrayLike, energy: EnergyAxis, at: float, *, detector: Detector | None = None) -> float:
    """Energy of the highest place of a spectrum near an energy: half a FWHM on each side.

    Parameters
    ----------
    counts : (D,) array
    energy : EnergyAxis
    at : float
        eV.
    detector : Detector, optional
        Its resolution counts. None: `Detector()`.

    Returns
    -------
    float
        eV: centre of mass of what is above the half of the highest place, over the lowest in reach.
    """
    fwhm = _fwhm(at, detector)
    y, x = np.asarray(counts, dtype=np.float64), energy.centers
    near = np.flatnonzero(np.abs(x - at) <= max(fwhm / 2, energy.width))
    if not len(near):
        return at
    top = x[near[int(np.argmax(_smoothed(y, fwhm, energy.width)[near]))]]
    around = np.abs(x - top) <= max(fwhm / 2, energy.width)
    over = y[around] - y[around].min()
    return float(np.average(x[around], weights=over)) if over.sum() > 0 else float(top)


def line_candidates(
    counts: npt.ArrayLike,
    energy: EnergyAxis,
    at: float,
    *,
    beam_energy: float,
    detector: Detector | None = None,
    most: int = 6,
) -> tuple[LineCandidate, ...]:
    """Lines that a peak can be.

    Parameters
    ----------
    counts : (D,) array
    energy : EnergyAxis
        Of the channels.
    at : float
        Energy of the peak, eV; see `peak_near`.
    beam_energy : float
        keV; only lines that it excites count.
    detector : Detector, optional
        Its resolution counts. None: `Detector()`.
    most : int
        How many are given at most; of each element the most plausible line only.

    Returns
    -------
    tuple of LineCandidate
        The most plausible first.
    """
    y = np.asarray(counts, dtype=np.float64)
    fwhm = _fwhm(at, detector)
    spread = math.hypot(_AXIS_ERROR, _CENTRE_ERROR * fwhm)
    found: list[LineCandidate] = []
    for symbol, tier in zip(SOUGHT, TIERS, strict=True):
        lines = _lines(symbol, beam_energy)
        own = [
            _weighed(line, lines, y, energy, at, spread, detector, int(tier))
            for line in lines
            if abs(line.energy - at) <= _REACH * fwhm
        ]
        if own:
            found.append(max(own, key=lambda each: each.plausibility))
    found.sort(key=lambda each: -each.plausibility)
    return tuple(each for each in found[:most] if each.plausibility >= found[0].plausibility - _HOPELESS)


def _weighed(
    line: Line,
    lines: tuple[Line, ...],
    counts: FloatArray,
    energy: EnergyAxis,
    at: float,
    spread: float,
    detector: Detector | None,
    tier: int,
) -> LineCandidate:
    net, _ = _net_counts(counts, energy, line.energy, detector)
    seen = expected = 0
    for other in lines:
        apart = abs(other.energy - line.energy) > _fwhm(line.energy, detector)
        inside = LOWEST_CHANNEL <= other.energy <= energy.edges[-1]
        if other.weight < _TELLING or not apart or not inside:
            continue
        should = max(net, 0.0) * other.weight / line.weight
        there, error = _net_counts(counts, energy, other.energy, detector)
        if should <= _SIGNIFICANT * error:
            continue
        expected += 1
        seen += there >= _LEAST_PART * should
    plausibility = (
        -0.5 * ((line.energy - at) / spread) ** 2
        + math.log(line.weight)
        - _PRICE_OF_RARITY * tier
        - _PRICE_OF_ABSENCE * (expected - seen)
    )
    return LineCandidate(line, line.energy - at, seen, expected, plausibility)


def _net_counts(counts: FloatArray, energy: EnergyAxis, at: float, detector: Detector | None) -> tuple[float, float]:
    """Counts of a line above its background, and the standard error of that background.

    The lower one of both sides is the background: the other can hold another line.
    """
    fwhm = _fwhm(at, detector)
    distance = energy.centers - at
    inside = np.abs(distance) <= _INSIDE * fwhm
    near, far = (part * fwhm for part in _BESIDE)
    sides = [counts[(sign * distance >= near) & (sign * distance <= far)] for sign in (-1, 1)]
    level = min((float(side.mean()) for side in sides if len(side)), default=0.0)
    background = level * np.count_nonzero(inside)
    return float(counts[inside].sum()) - background, math.sqrt(max(background, 1.0))


def _smoothed(counts: FloatArray, fwhm: float, width: float) -> FloatArray:
    """Running means over a third of a peak, so that single counts make none."""
    n = max(1, round(fwhm / 3 / width))
    return np.convolve(counts, np.full(n, 1 / n), mode="same")


def _fwhm(energy: float, detector: Detector | None) -> float:
    return float((detector or Detector()).resolution(max(energy, 0.0)))


@cache
def _lines(symbol: str, beam_energy: float) -> tuple[Line, ...]:
    """Lines of an element; none where the beam excites none."""
    try:
        return main_lines(symbol, beam_energy, smallest=_SMALLEST)
    except GdlsError:
        return ()
