"""Labels layers whose labels, colours and features change together, at once.

napari slices and draws a layer again after each of them, and remembers strokes on labels that are gone. Both are mended
by private parts of it, which are used in this module alone; where a napari lacks them, that is what happens again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap, DirectLabelColormap

_LARGEST_LABEL = np.iinfo(np.uint16).max - 1
"""Labels up to this one are kept in 16 bits: those napari draws as they are, while it looks up larger integers one by
one, 0.2 s for 900 x 900 px. One less than 16 bits hold: with that, napari takes floats for all of them."""
_FREE_LABELS = 1000
"""Fewest of those labels that are to be left for painting; chosen: nobody paints so many grains by hand."""


def label_data(labels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Labels for a layer: a copy, of 16 bits where they fit."""
    largest = int(labels.max(initial=0))
    return labels.astype(np.uint16 if largest + _FREE_LABELS <= _LARGEST_LABEL else np.int32)


def label_colormap(
    colours: npt.NDArray[np.float64], *, hidden: npt.NDArray[np.bool_] | None = None
) -> CyclicLabelColormap | DirectLabelColormap:
    """Colormap for labels from 1 with one colour each; 0 is transparent, and labels added by hand are white.

    Parameters
    ----------
    colours : (K, 3) array
        sRGB, 0 to 1.
    hidden : (K,) array of bool, optional
        Labels that are transparent.
    """
    rgba = np.hstack([colours, np.ones((len(colours), 1))]).astype(np.float32)
    if hidden is not None:
        rgba[hidden, 3] = 0.0
    if len(rgba) + _FREE_LABELS <= _LARGEST_LABEL:
        colors = np.ones((_LARGEST_LABEL + 1, 4), dtype=np.float32)
        colors[0] = 0.0
        colors[1 : len(rgba) + 1] = rgba
        return CyclicLabelColormap(colors=colors, name="composition")
    by_label: dict[int | None, npt.NDArray[Any]] = {None: np.ones(4), 0: np.zeros(4)}
    by_label.update(enumerate(rgba, start=1))
    return DirectLabelColormap(color_dict=by_label, name="composition")


def show_labels(
    layer: Labels,
    labels: npt.NDArray[Any],
    *,
    features: Mapping[str, npt.NDArray[Any]],
    colormap: CyclicLabelColormap | DirectLabelColormap,
) -> None:
    """Let a layer show other labels; what could be undone in it is forgotten, because it was of other labels.

    Parameters
    ----------
    layer : Labels
    labels : (H, W) array of int
        Copied.
    features : mapping
        As in `napari.layers.Labels`.
    colormap : colormap of labels
    """
    blocked = getattr(layer, "_block_refresh", contextlib.nullcontext)
    with blocked():
        layer.data = labels.copy()
        layer.features = dict(features)
        set_colormap(layer, colormap)
    layer.refresh(extent=False)
    forget_strokes(layer)


def has_colours(layer: Labels, colormap: CyclicLabelColormap | DirectLabelColormap) -> bool:
    """Whether a layer has the colours of such a colormap; False where that would take long to say."""
    return isinstance(colormap, CyclicLabelColormap) and np.array_equal(layer.colormap.colors, colormap.colors)


def set_colormap(layer: Labels, colormap: CyclicLabelColormap | DirectLabelColormap) -> None:
    """Let a layer have other colours; where it shows the selected label alone, it goes on to do so."""
    colormap.use_selection, colormap.selection = layer.show_selected_label, layer.selected_label
    layer.colormap = colormap


def forget_strokes(layer: Labels) -> None:
    """Forget what could be undone and redone in a layer."""
    reset = getattr(layer, "_reset_history", None)
    if reset is not None:
        reset()


def stroke_under_way(layer: Labels) -> bool:
    """Whether a stroke of the brush is under way."""
    return bool(getattr(layer, "_block_history", False))
