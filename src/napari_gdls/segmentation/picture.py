"""A picture of a segmentation, for those without a viewer."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_gdls.lattice import border_pixels
from napari_gdls.segmentation.colours import segment_colours

if TYPE_CHECKING:
    from PIL import ImageFont

    from napari_gdls.segmentation.result import Segmentation

# Pixels, chosen by eye.
_SMALLEST_WIDTH = 600
"""Of each of the two panels."""
_LINE = 24
"""Height of a line of the legend; letters have half of it."""
_COLUMN = 180
"""Width of a column of the legend at least: "phase 12: 12.3 %, mixture" fits."""
_SWATCH = 38
"""Width of the colour before each text, with the gap behind it."""
_GAP = 12
"""Between two columns."""
_LONGEST_TITLE = 36  # characters; longer names of phases are cut
_MOST_LINES = 6  # of a column of the legend
_SCALE_BAR = 0.25
"""Share of the width of a panel that the scale bar takes at most; by eye."""
_BAR = 6  # height of the scale bar, pixels
_SHADE = 0.6
"""Share of a colour that does not depend on the BSE image below it; by eye."""
_BORDER = 0.35
"""By which the colours at the borders of segments are multiplied; by eye."""


def segmentation_picture(segmentation: Segmentation) -> npt.NDArray[np.uint8]:
    """BSE image beside the segments, coloured by composition over the BSE relief, with their borders.

    Segments of one phase have one colour, and below stand the commonest phases with their share of the area, a question
    mark behind names that are less probable than not.

    Parameters
    ----------
    segmentation : Segmentation

    Returns
    -------
    (h, w, 3) array of uint8
        Small fields are enlarged by a whole factor, to at least 600 px a side panel. Pixels without a label are black.
    """
    field = segmentation.field
    factor = max(1, -(-_SMALLEST_WIDTH // field.shape[1]))
    labels = np.kron(segmentation.labels, np.ones((factor, factor), dtype=segmentation.labels.dtype))
    grey = np.kron(_stretched(field.bse, field.valid), np.ones((factor, factor)))
    colours = np.vstack([np.zeros(3), segment_colours(segmentation)])
    right = colours[labels] * (_SHADE + (1 - _SHADE) * grey[..., None])
    right[border_pixels(labels) & (labels > 0)] *= _BORDER
    left = np.repeat(grey[..., None], 3, axis=2)
    if field.pixel_size is not None:
        left = _with_scale_bar(left, field.pixel_size / factor)
    gap = np.ones((len(left), 4 * factor if factor < 4 else 12, 3))
    picture = np.round(255 * np.concatenate([left, gap, right], axis=1)).astype(np.uint8)
    if not segmentation.has_phases:
        return picture
    return np.concatenate([picture, _legend(segmentation, picture.shape[1])])


def _with_scale_bar(panel: npt.NDArray[np.float64], pixel_size: float) -> npt.NDArray[np.float64]:
    """The panel, (h, w, 3) from 0 to 1, with a bar of a round length in its lower left corner.

    Parameters
    ----------
    panel : (h, w, 3) array
    pixel_size : float
        Edge of one of its pixels, um.
    """
    from PIL import Image, ImageDraw, ImageFont

    height, width, _ = panel.shape
    if height < 3 * _LINE:
        return panel
    length = scale_bar_length(_SCALE_BAR * width * pixel_size)
    image = Image.fromarray(np.round(255 * panel).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    top, right = height - _GAP - _BAR, _GAP + round(length / pixel_size)
    draw.rectangle((_GAP, top, right, top + _BAR), fill=(255, 255, 255), outline=(0, 0, 0))
    draw.text(
        (_GAP, top - _LINE),
        f"{length:g} um" if length >= 1 else f"{1000 * length:g} nm",
        fill=(255, 255, 255),
        font=ImageFont.load_default(size=_LINE // 2),
        stroke_width=2,
        stroke_fill=(0, 0, 0),
    )
    return np.asarray(image, dtype=np.float64) / 255


def scale_bar_length(longest: float) -> float:
    """The largest of 1, 2, 5, 10, 20 and so on, or of their tenths, that is no longer; in the same unit."""
    decade = 10.0 ** np.floor(np.log10(longest))
    return float(max(step * decade for step in (1, 2, 5) if step * decade <= longest * (1 + 1e-9)))


def _legend(segmentation: Segmentation, width: int) -> npt.NDArray[np.uint8]:
    """The commonest phases, as many as have room: colour, name or number, share of the area, whether fine-grained."""
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(size=_LINE // 2)
    percent = segmentation.modal.percent
    order = np.argsort(-percent, kind="stable")
    texts = [_text_of(segmentation, phase, percent[phase]) for phase in order.tolist()]
    columns = max(width // _COLUMN, 1)
    while columns > 1 and _width(font, texts[: columns * _MOST_LINES]) > width // columns:
        columns -= 1
    order, texts = order[: columns * _MOST_LINES], texts[: columns * _MOST_LINES]
    lines = -(-len(order) // columns)
    colours = np.round(255 * segmentation.phase_colours).astype(int)
    image = Image.new("RGB", (width, lines * _LINE + _LINE // 2), (255, 255, 255))
    draw = ImageDraw.Draw(image)
    for k, (phase, text) in enumerate(zip(order, texts, strict=True)):
        x, y = k // lines * (width // columns), k % lines * _LINE + _LINE // 2
        draw.rectangle((x, y, x + 28, y + _LINE - 8), fill=tuple(colours[phase].tolist()), outline=(90, 90, 90))
        draw.text((x + _SWATCH, y + 2), text, fill=(0, 0, 0), font=font)
    return np.asarray(image, dtype=np.uint8)


def _width(font: ImageFont.FreeTypeFont | ImageFont.ImageFont, texts: list[str]) -> float:
    """Width of a column with these texts, px."""
    return max(font.getlength(text) for text in texts) + _SWATCH + _GAP


def _text_of(segmentation: Segmentation, phase: int, percent: float) -> str:
    """A line of the legend: "plagioclase 2: 31.2 %"."""
    assert segmentation.measurement_phases is not None
    title = segmentation.phase_titles[phase]
    shown = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 3]}..."
    doubt = segmentation.names[phase].doubt if segmentation.names else ""
    is_told = not segmentation.measurement_phases.intergrown[phase] or "mixture" in title
    return f"{shown}{doubt}: {percent:.1f} %{'' if is_told else ', mixture'}"


def _stretched(bse: npt.NDArray[np.generic], valid: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """BSE between its 0.5th and 99.5th percentile, as 0..1."""
    values = bse.astype(np.float64)
    low, high = np.percentile(values[valid] if valid.any() else values, (0.5, 99.5))
    return np.clip((values - low) / (high - low), 0, 1) if high > low else np.full(bse.shape, 0.5)
