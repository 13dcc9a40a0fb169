"""The legend of a phase map as SVG, which drawing programs, word processors and browsers show at any size."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

import numpy as np

from napari_gdls.io.atomic import write_text
from napari_gdls.io.xml_text import xml_text
from napari_gdls.segmentation.tables import hexadecimal

if TYPE_CHECKING:
    from napari_gdls.segmentation.result import Segmentation

# In px of the drawing; chosen by eye.
_LINE = 24
"""Height of a row; letters have `_LETTER`."""
_LETTER = 14
"""Height of letters."""
_MARGIN = 10
"""Around the legend, and between its columns."""
_SWATCH = 28
"""Width of a patch of colour."""
_LETTER_WIDTH = 8.4
"""Of a letter at most, on average: 0.6 of the height of letters, as wide sans-serif fonts have it."""
_NUMBERS = 110
"""Width of the column of shares: "100.00 ± 10.00 %" fits."""

_LONGEST_TITLE = 80
"""Letters of a title; longer ones are cut."""


def write_legend(segmentation: Segmentation, path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Write the legend of a phase map as SVG, atomically; equal results give equal files.

    A row a phase, the largest first: its colour in picture and viewer, its title, with a question mark where something
    else is likelier, and its share of the area in percent with the standard error.

    Raises
    ------
    RecipeError
        If the method made no phases.
    OutputError
        If the system refuses; what stood at the target is untouched.
    """
    write_text(path, legend_svg(segmentation), overwrite=overwrite)


def legend_svg(segmentation: Segmentation) -> str:
    """The legend of a phase map as the text of an SVG drawing (SVG 1.1); see `write_legend`.

    Raises
    ------
    RecipeError
        If the method made no phases.
    """
    grouped, modal = segmentation.grouped, segmentation.modal
    titles = []
    for phase, title in enumerate(segmentation.phase_titles):
        shown = title if len(title) <= _LONGEST_TITLE else f"{title[: _LONGEST_TITLE - 1]}…"
        doubt = segmentation.names[phase].doubt if segmentation.names else ""
        is_told = not grouped.intergrown[phase] or "mixture" in title
        titles.append(f"{shown}{doubt}{'' if is_told else ' (fine-grained mixture)'}")
    words = max((len(title) for title in titles), default=0) * _LETTER_WIDTH
    width = round(2 * _MARGIN + _SWATCH + _MARGIN + words + _MARGIN + _NUMBERS)
    height = 2 * _MARGIN + _LINE * len(titles)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="{_LETTER}">',
        f"<title>{_text(segmentation.field.name or 'Phases')}</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for row, phase in enumerate(np.argsort(-modal.percent, kind="stable").tolist()):
        top = _MARGIN + row * _LINE
        base = top + (_LINE + _LETTER) // 2 - 2
        colour = hexadecimal(segmentation.phase_colours[phase])
        share = f"{modal.percent[phase]:.2f} ± {modal.error[phase]:.2f} %"
        lines += [
            f'<rect x="{_MARGIN}" y="{top + 3}" width="{_SWATCH}" height="{_LINE - 6}" fill="{colour}" '
            'stroke="#5a5a5a"/>',
            f'<text x="{2 * _MARGIN + _SWATCH}" y="{base}">{_text(titles[phase])}</text>',
            f'<text x="{width - _MARGIN}" y="{base}" text-anchor="end">{share}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _text(words: str) -> str:
    return escape(xml_text(words))
