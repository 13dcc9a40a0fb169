"""A page of images in rows and of plots below each other, made without a viewer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[int, int, int]
Pixels = npt.NDArray[np.uint8]

NOTHING: Colour = (120, 110, 130)
"""sRGB of pixels without a measurement."""

# Pixels, chosen by eye.
_PANEL = 300
"""Width of an image that is aimed at: small fields are enlarged by whole factors, large ones made smaller."""
_LEAST_WIDTH, _MOST_WIDTH = 1240, 1600  # of the page
GAP = 12
"""Between panels, and around them."""
_TITLE = 20  # height of the title over a panel
_HEADING = 36  # height of the heading over a row of panels
_LINE = 19  # height of a line of words
_MOST_COLUMNS = 8
"""Panels side by side; more are broken into rows."""
_HEADING_SIZE, _TITLE_SIZE, _WORD_SIZE = 17, 13, 13
"""Sizes of letters."""
_INK: Colour = (20, 20, 20)
_STRETCH = (0.5, 99.5)
"""Percentiles of the values of an image that become black and white."""
_COLOUR_AT = 0.75
"""Value between 0 and 1 at which a tinted image has its full colour; it becomes white beyond."""


@dataclass(frozen=True)
class Panel:
    """An image with a title.

    Attributes
    ----------
    title : str
    pixels : (H, W, 3) array of uint8
        All panels of a page have one size.
    """

    title: str
    pixels: Pixels


class Page:
    """A white page that grows downwards.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the panels, before they are enlarged or made smaller.
    most_panels : int
        Panels in the longest row.
    """

    def __init__(self, shape: tuple[int, int], most_panels: int) -> None:
        factor = _PANEL / shape[1]
        self._factor = max(round(factor), 1) if factor >= 1 else factor
        self._panel = tuple(max(round(side * self._factor), 1) for side in shape)
        step = self._panel[1] + GAP
        columns = min(max(most_panels, 1), _MOST_COLUMNS)
        self.width = max(min(columns * step, _MOST_WIDTH), _LEAST_WIDTH, step) + GAP
        self._columns = max((self.width - GAP) // step, 1)
        self._parts: list[Pixels] = []

    def add_panels(self, heading: str, panels: Sequence[Panel]) -> None:
        """Put images side by side below a heading, in several rows where there are many."""
        height, width = self._panel
        n_rows = -(-len(panels) // self._columns)
        part = self._blank(_HEADING + n_rows * (_TITLE + height + GAP))
        words = [(heading, GAP, 10, _HEADING_SIZE, _INK)]
        for k, panel in enumerate(panels):
            top = _HEADING + k // self._columns * (_TITLE + height + GAP)
            left = GAP + k % self._columns * (width + GAP)
            part[top + _TITLE : top + _TITLE + height, left : left + width] = self._resized(panel.pixels)
            words.append((panel.title, left, top + 1, _TITLE_SIZE, _INK))
        self._parts.append(_with_words(part, words))

    def add_image(self, heading: str, pixels: Pixels) -> None:
        """Put one image, no wider than the page between its margins, below a heading."""
        part = self._blank(_HEADING + len(pixels) + GAP)
        part[_HEADING : _HEADING + len(pixels), GAP : GAP + pixels.shape[1]] = pixels
        self._parts.append(_with_words(part, [(heading, GAP, 10, _HEADING_SIZE, _INK)]))

    def add_words(self, texts: Sequence[str], colours: Sequence[Colour]) -> None:
        """Put texts below each other, each with a patch of a colour; long ones are broken into lines."""
        from PIL import ImageFont

        font = ImageFont.load_default(size=_WORD_SIZE)
        words: list[tuple[str, float, float, int, Colour]] = []
        patches: list[tuple[int, Colour]] = []
        top = 4
        for text, colour in zip(texts, colours, strict=True):
            patches.append((top, colour))
            for line in _broken(text, self.width - 2 * GAP - _LINE, font):
                words.append((line, GAP + _LINE, top, _WORD_SIZE, _INK))
                top += _LINE
            top += 4
        part = self._blank(top + GAP)
        for start, colour in patches:
            part[start + 2 : start + 14, GAP : GAP + 12] = colour
        self._parts.append(_with_words(part, words))

    def finished(self) -> Pixels:
        """The page as it is, (h, width, 3) uint8."""
        return np.concatenate(self._parts)

    def _blank(self, height: int) -> Pixels:
        return np.full((height, self.width, 3), 255, dtype=np.uint8)

    def _resized(self, pixels: Pixels) -> Pixels:
        from PIL import Image

        height, width = self._panel
        how = Image.Resampling.NEAREST if self._factor >= 1 else Image.Resampling.BOX
        return np.asarray(Image.fromarray(pixels).resize((width, height), how), dtype=np.uint8)


def grey_image(values: npt.NDArray[Any], measured: npt.NDArray[np.bool_]) -> Pixels:
    """Values from black to white between two percentiles of those that were measured, (H, W, 3)."""
    return np.repeat(_bytes(_stretched(values, measured))[..., None], 3, axis=2)


def tinted_image(values: npt.NDArray[Any], measured: npt.NDArray[np.bool_], colour: Colour) -> Pixels:
    """Values from black over a colour to white, likewise."""
    level = _stretched(values, measured)[..., None]
    full = np.array(colour) / 255
    low = np.minimum(level / _COLOUR_AT, 1) * full
    high = np.maximum((level - _COLOUR_AT) / (1 - _COLOUR_AT), 0)
    out = _bytes(low + high * (1 - full))
    out[~measured] = NOTHING
    return out


def mask_image(
    mask: npt.NDArray[np.bool_],
    measured: npt.NDArray[np.bool_],
    colour: Colour,
    marked: npt.NDArray[np.bool_] | None = None,
    mark: Colour = (250, 230, 90),
) -> Pixels:
    """A mask in a colour on black, (H, W, 3); what of it is also `marked` has the colour `mark`."""
    out = np.zeros((*mask.shape, 3), dtype=np.uint8)
    out[~measured] = NOTHING
    out[mask] = colour
    if marked is not None:
        out[mask & marked] = mark
    return out


def _stretched(values: npt.NDArray[Any], measured: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    known = measured & np.isfinite(numbers)
    low, high = np.percentile(numbers[known], _STRETCH) if known.any() else (0.0, 0.0)
    if not high > low:
        return np.full(numbers.shape, 0.5)
    return np.asarray(np.clip((np.where(known, numbers, low) - low) / (high - low), 0, 1))


def _bytes(levels: npt.NDArray[np.float64]) -> Pixels:
    return np.round(255 * levels).astype(np.uint8)


def _with_words(part: Pixels, words: Sequence[tuple[str, float, float, int, Colour]]) -> Pixels:
    from PIL import Image, ImageDraw, ImageFont

    image = Image.fromarray(part)
    draw = ImageDraw.Draw(image)
    for text, left, top, size, colour in words:
        draw.text((left, top), text, fill=colour, font=ImageFont.load_default(size=size))
    return np.asarray(image, dtype=np.uint8)


def _broken(text: str, width: float, font: Any) -> list[str]:
    lines: list[str] = []
    line = ""
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and font.getlength(longer) > width:
            lines.append(line)
            longer = word
        line = longer
    return [*lines, line]
