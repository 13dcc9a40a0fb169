"""Masks of grains: those that the user paints, those that the program finds, and what is separated of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

if TYPE_CHECKING:
    from napari_gdls.plugin.overlap_state import Mask, OverlapState


def corrected(state: OverlapState) -> dict[int, Mask]:
    """Masks of the automatic run with the strokes as corrections, by component.

    A stroke of a grain says that this one alone is there, one of the matrix that no grain is, and one of "both" that
    all grains are.
    """
    strokes = np.zeros(state.field.shape, dtype=np.int32) if state.strokes is None else state.strokes
    masks = {}
    for i in (*state.grains, *_artefacts(state)):
        mask = state.presence.get(i)
        mask = np.zeros(state.field.shape, dtype=bool) if mask is None else mask.copy()
        painted = strokes > 0
        mask[painted] = strokes[painted] == i + 1
        if i in state.grains:
            mask[strokes == state.both_label] = True
        masks[i] = mask & state.field.valid
    return _without_artefacts(state, masks)


def masks_of_labels(state: OverlapState, labels: npt.NDArray[np.integer]) -> dict[int, Mask]:
    """Masks from the labels of the pixel classifier, by component; "both" pixels are in all grains' masks.

    Parameters
    ----------
    state : OverlapState
    labels : (H, W) array of int
        0 not measured, i + 1 component i, k + 1 both.
    """
    masks = {i: (labels == i + 1) | (labels == state.both_label) for i in state.grains}
    return _without_artefacts(state, masks | {i: labels == i + 1 for i in _artefacts(state)})


def masks_to_separate(state: OverlapState) -> dict[str, Mask]:
    """Masks as `napari_gdls.overlap.separate_phases` wants them: by name, without artefacts and empty ones.

    None at all if no grain has a pixel. Where there are artefacts, pixels of the pure matrix are given: those 1 px off
    every mask, these included.
    """
    named = {state.components[i].name: state.masks[i] for i in state.grains if state.masks.get(i, np.zeros(1)).any()}
    artefacts = [state.masks[i] for i in _artefacts(state) if i in state.masks and state.masks[i].any()]
    if named and artefacts and state.matrix is not None:
        taken = np.any([*named.values(), *artefacts], axis=0)
        near = ndimage.binary_dilation(taken, structure=np.ones((3, 3), dtype=bool))
        named[state.components[state.matrix].name] = state.field.valid & ~near
    return named


def _artefacts(state: OverlapState) -> tuple[int, ...]:
    return tuple(i for i, component in enumerate(state.components) if component.role == "artefact")


def _without_artefacts(state: OverlapState, masks: dict[int, Mask]) -> dict[int, Mask]:
    """Masks without pixels of artefacts in those of grains."""
    for i in _artefacts(state):
        for grain in state.grains:
            masks[grain] = masks[grain] & ~masks[i]
    return masks
