"""Spectra one below the other with their elements named, drawn for a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_gdls.energy import EnergyAxis

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

Colour = tuple[int, int, int]

STRIP = 118
"""Height of a spectrum, px. This and what follows is chosen by eye."""
_AXIS = 34  # height of the energy axis below, px
_LEFT = 12  # px from the border of the picture to the lowest energy
_LABELS = 26  # px above the highest peak, for the names of elements
_TITLE_HEIGHT = 16  # of the title at the right end, px
_SMOOTH = 3
"""Lines are drawn so many times larger and made smaller, so that they have no steps."""
_PEAK_REACH = 60.0
"""eV on either side of a line in which its peak is looked for: the error of a calibration, and half of a FWHM."""
_FLANK = (110.0, 220.0)
"""eV from a line to what is taken for its flanks; peaks of 130 eV FWHM have ended at the second."""
_PROMINENCE = 1.25  # of a peak over its flanks, or it is not named
_CLEAR = 4.0  # px of a peak over its flanks, likewise: noise of small counts is less
_LEAST_SHARE = 0.97
"""Share of the counts below the energy at which the plot ends at the earliest; it shows all lines that are named."""
_BEYOND = 1.08  # times the energy of the last line: where the plot ends
_LOWEST = 150.0
"""eV at which plots begin: noise of the electronics lies below."""
_INK, _FAINT = (30, 30, 30), (205, 205, 205)  # sRGB of words and ticks, and of base lines


@dataclass(frozen=True)
class Strip:
    """A spectrum to be drawn.

    Attributes
    ----------
    title : str
    spectrum : (D,) array
        Counts, or anything in proportion to them.
    colour : (int, int, int)
    lines : sequence of (str, float)
        Names and energies (eV) of lines that are named where there is a peak, the most important first.
    behind : (D,) array, optional
        Another spectrum, on the same scale and drawn paler behind it.
    """

    title: str
    spectrum: npt.NDArray[np.float64]
    colour: Colour
    lines: Sequence[tuple[str, float]] = ()
    behind: npt.NDArray[np.float64] | None = None


def draw_strips(strips: Sequence[Strip], energy: EnergyAxis, width: int) -> npt.NDArray[np.uint8]:
    """Draw spectra below each other over one energy axis, on a scale of the square root of counts.

    Parameters
    ----------
    strips : sequence of Strip
    energy : EnergyAxis
    width : int
        Of the picture, px.

    Returns
    -------
    (h, width, 3) array of uint8
    """
    from PIL import Image, ImageDraw, ImageFont

    height = STRIP * len(strips) + _AXIS
    low, high = _energy_range(strips, energy)
    plot_width = width - 2 * _LEFT
    scale = plot_width / (high - low)
    shown = (energy.centers >= low) & (energy.centers <= high)
    x = _LEFT + (energy.centers[shown] - low) * scale
    curves = [_heights(strip, shown) for strip in strips]
    large = Image.new("RGB", (width * _SMOOTH, height * _SMOOTH), (255, 255, 255))
    pen = ImageDraw.Draw(large)
    for k, strip in enumerate(strips):
        base = (k + 1) * STRIP - 4
        own, behind = curves[k]
        _draw_line(pen, [(_LEFT, base), (width - _LEFT, base)], _FAINT, 1)
        if behind is not None:
            pale = _mixed(strip.colour, 0.65)
            _draw_line(pen, _points(x, behind, base), pale, 1.0)
        _draw_line(pen, _points(x, own, base), strip.colour, 1.3)
    base = len(strips) * STRIP
    step = _tick_step(high - low)
    ticks = np.arange(np.ceil(low / step), np.floor(high / step) + 1) * step
    for tick in ticks:
        place = _LEFT + (tick - low) * scale
        _draw_line(pen, [(place, base - 4), (place, base + 2)], _INK, 1)
    picture = large.resize((width, height), Image.Resampling.BOX)
    words = ImageDraw.Draw(picture)
    title_font, font = ImageFont.load_default(size=14), ImageFont.load_default(size=12)
    for tick in ticks:
        place = _LEFT + (tick - low) * scale
        words.text((place, base + 4), f"{tick / 1000:g}", fill=_INK, font=font, anchor="mt")
    words.text(
        (width - _LEFT, base + 18), "energy (keV); heights are roots of counts", fill=_INK, font=font, anchor="rt"
    )
    for k, strip in enumerate(strips):
        words.text((width - _LEFT, k * STRIP + 4), strip.title, fill=strip.colour, font=title_font, anchor="rt")
        title_from = width - _LEFT - words.textlength(strip.title, font=title_font) - 8
        base = (k + 1) * STRIP - 4
        _name_peaks(words, font, x, curves[k][0], energy.centers[shown], base, strip.lines, title_from)
    return np.asarray(picture, dtype=np.uint8)


def _energy_range(strips: Sequence[Strip], energy: EnergyAxis) -> tuple[float, float]:
    total = np.sum([np.maximum(strip.spectrum, 0) for strip in strips], axis=0)
    low = max(float(energy.edges[0]), _LOWEST)
    total = np.where(energy.centers < low, 0, total)
    reached = np.cumsum(total) / max(float(total.sum()), 1e-300)
    last = int(np.searchsorted(reached, _LEAST_SHARE))
    needed = [float(energy.centers[min(last, energy.size - 1)]), *(line for strip in strips for _, line in strip.lines)]
    high = min(_BEYOND * max(needed), float(energy.edges[-1]))
    return low, max(high, low + 1000.0)


def _heights(
    strip: Strip, shown: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
    """Heights in px over the base line: signed roots, the highest of both spectra just below the names of elements."""
    highest = max(
        float(values[shown].max(initial=0)) for values in (strip.spectrum, strip.behind) if values is not None
    )
    scale = (STRIP - _LABELS - 6) / np.sqrt(max(highest, 1e-300))

    def roots(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        rooted = np.sign(values) * np.sqrt(np.abs(values)) * scale
        return np.asarray(np.clip(rooted[shown], -4, None))

    return roots(strip.spectrum), None if strip.behind is None else roots(strip.behind)


def _name_peaks(
    words: ImageDraw,
    font: Any,
    x: npt.NDArray[np.float64],
    heights: npt.NDArray[np.float64],
    energies: npt.NDArray[np.float64],
    base: float,
    lines: Sequence[tuple[str, float]],
    title_from: float,
) -> None:
    taken: list[tuple[float, float]] = []
    for name, line in lines:
        near = np.flatnonzero(np.abs(energies - line) <= _PEAK_REACH)
        if not len(near):
            continue
        peak = near[np.argmax(heights[near])]
        if peak in (near[0], near[-1]):  # the flank of another peak
            continue
        distance = np.abs(energies - line)
        flanks = heights[(distance > _FLANK[0]) & (distance <= _FLANK[1])]
        floor = float(flanks.min()) if len(flanks) else 0.0
        if heights[peak] < max(_PROMINENCE * floor, floor + _CLEAR):
            continue
        half = words.textlength(name, font=font) / 2 + 2
        left, right = float(x[peak]) - half, float(x[peak]) + half
        below_title = heights[peak] < STRIP - _LABELS - _TITLE_HEIGHT
        if any(left < end and right > start for start, end in taken) or (right > title_from and not below_title):
            continue
        taken.append((left, right))
        words.text((float(x[peak]), base - float(heights[peak]) - 3), name, fill=_INK, font=font, anchor="mb")


def _points(x: npt.NDArray[np.float64], heights: npt.NDArray[np.float64], base: float) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), (base - heights).tolist(), strict=True))


def _draw_line(pen: ImageDraw, points: list[tuple[float, float]], colour: Colour, thickness: float) -> None:
    enlarged = [(px * _SMOOTH, py * _SMOOTH) for px, py in points]
    pen.line(enlarged, fill=colour, width=max(round(thickness * _SMOOTH), 1), joint="curve")


def _mixed(colour: Colour, white: float) -> Colour:
    red, green, blue = (round(part * (1 - white) + 255 * white) for part in colour)
    return red, green, blue


def _tick_step(span: float) -> float:
    """1, 2 or 5 times a power of ten eV, for ten ticks or so."""
    rough = span / 10
    power = 10.0 ** np.floor(np.log10(rough))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= rough))
