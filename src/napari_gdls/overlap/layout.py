"""Which phases lie under which: the matrix under all grains, and more where phases are nested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import binary_dilation, binary_erosion

from napari_gdls.checks import shown
from napari_gdls.errors import RecipeError

BoolArray = npt.NDArray[np.bool_]

_MARGIN = np.ones((3, 3), dtype=bool)
"""Pixels next to a mask are no pure matrix: the beam and the slope of a border reach as far."""


@dataclass(frozen=True)
class Layout:
    """Names of the phases and what is under each grain.

    Attributes
    ----------
    matrix : str
    grains : tuple of str
        In an order in which each comes after those under it.
    under : dict of str to tuple of str
        Phases under each grain; the matrix alone, but for nested phases.
    """

    matrix: str
    grains: tuple[str, ...]
    under: dict[str, tuple[str, ...]]

    @property
    def names(self) -> tuple[str, ...]:
        """All phases, the matrix first."""
        return (self.matrix, *self.grains)

    def beside(self, grain: str) -> tuple[str, ...]:
        """Grains whose pixels are left out of a grain's mask: all others that are not under it."""
        return tuple(other for other in self.grains if other != grain and other not in self.under[grain])


def checked_layout(names: Sequence[str], matrix: str | Mapping[str, Sequence[str]]) -> Layout:
    """Find the matrix and the grains.

    Parameters
    ----------
    names : sequence of str
        Of the masks.
    matrix : str or mapping of str to sequence of str
        Name of the matrix; or for grains that lie on more than the matrix, the names of all phases under them.

    Raises
    ------
    RecipeError
        If there is no grain, a name is unknown, or phases lie under one another in a circle.
    """
    if isinstance(matrix, str):
        base, nested = matrix, {}
    elif isinstance(matrix, Mapping) and matrix:
        nested = {str(grain): tuple(dict.fromkeys(phases)) for grain, phases in matrix.items()}
        base = _common_base(names, nested)
    else:
        raise RecipeError(f"matrix is {shown(matrix)}; the name of the matrix is needed.")
    grains = [name for name in names if name != base]
    if not grains:
        raise RecipeError(
            f"there is no mask besides that of the matrix, {base!r}; give the mask of one grain at least."
        )
    under = {grain: nested.get(grain, (base,)) for grain in grains}
    for grain, phases in nested.items():
        if grain not in grains:
            raise RecipeError(f"matrix names the grain {grain!r}, which has no mask; there are {', '.join(grains)}.")
        unknown = [phase for phase in phases if phase != base and phase not in grains]
        if unknown or not phases or grain in phases:
            raise RecipeError(
                f"{grain!r} cannot lie on {', '.join(map(repr, phases)) or 'nothing'}; name the matrix {base!r} and "
                f"other grains ({', '.join(name for name in grains if name != grain) or 'there is none'})."
            )
    order: list[str] = []
    while len(order) < len(grains):
        ready = [
            grain
            for grain in grains
            if grain not in order and all(phase == base or phase in order for phase in under[grain])
        ]
        if not ready:
            raise RecipeError("the phases under the grains form a circle; each grain needs something under it.")
        order += ready
    return Layout(base, tuple(order), under)


def _common_base(names: Sequence[str], nested: Mapping[str, Sequence[str]]) -> str:
    possible = [
        phase
        for phase in dict.fromkeys(phase for phases in nested.values() for phase in phases)
        if phase not in nested and all(phase in phases for phases in nested.values())
    ]
    without_mask = [phase for phase in possible if phase not in names]
    chosen = without_mask if len(without_mask) == 1 else possible
    if not chosen:
        raise RecipeError(
            'no phase lies under all nested grains; name the matrix for each, as in {"core": ["film", "shell"]}.'
        )
    # Of several, the one named first is under the others.
    return chosen[0]


def pure_matrix_pixels(masks: Mapping[str, BoolArray], layout: Layout, measured: BoolArray) -> BoolArray:
    """Pixels that hold the matrix alone: those of its own mask, or all that are a pixel off every grain.

    Where masks are so ragged that hardly a pixel is, all pixels beside the masks.
    """
    grains = _union(masks, layout.grains, measured.shape)
    if layout.matrix in masks:
        return masks[layout.matrix] & measured & ~grains
    beside = measured & ~grains
    off = measured & ~binary_dilation(grains, _MARGIN)
    return np.asarray(off if off.sum() >= _LEAST_OFF * beside.sum() else beside)


def _union(masks: Mapping[str, BoolArray], names: Sequence[str], shape: tuple[int, ...]) -> BoolArray:
    """Pixels in any of some masks."""
    union = np.zeros(shape, dtype=bool)
    for name in names:
        union |= masks[name]
    return union


_LEAST_OFF = 0.05  # part of the pixels beside masks; of masks with smooth borders most are a pixel off


def intersections(masks: Mapping[str, BoolArray], layout: Layout) -> BoolArray:
    """Pixels where grains that do not belong over one another are both."""
    result = np.zeros(next(iter(masks.values())).shape, dtype=bool)
    for grain in layout.grains:
        for other in layout.beside(grain):
            if grain not in layout.under[other]:
                result |= masks[grain] & masks[other]
    return result


def pixels_to_sum(masks: Mapping[str, BoolArray], layout: Layout, margin: int = 0) -> dict[str, BoolArray]:
    """Pixels of each grain without those of grains beside or over it.

    Parameters
    ----------
    masks : mapping of str to (H, W) bool
    layout : Layout
    margin : int
        Pixels at the border of a mask, and beside other grains, that are left out. Where so little would remain that
        counting noise grows more than twofold, only those beside other grains are, or none.

    Returns
    -------
    dict of str to (H, W) bool
    """
    chosen = {}
    for grain in layout.grains:
        others = _union(masks, layout.beside(grain), masks[grain].shape)
        alone = masks[grain] & ~others
        if margin:
            apart = alone & ~binary_dilation(others, _MARGIN, iterations=margin)
            inner = apart & binary_erosion(masks[grain], _MARGIN, iterations=margin, border_value=1)
            large = [each for each in (inner, apart) if each.sum() >= _LEAST_INSIDE * alone.sum()]
            alone = large[0] if large else alone
        chosen[grain] = alone
    return chosen


_LEAST_INSIDE = 0.25  # part of a mask's pixels: the root of its reciprocal is the growth of the noise


def near_and_far(masks: Mapping[str, BoolArray], layout: Layout, matrix: BoolArray) -> tuple[BoolArray, BoolArray]:
    """Pixels of the matrix within, and beyond, three pixels of any grain."""
    grains = _union(masks, layout.grains, matrix.shape)
    near = binary_dilation(grains, _MARGIN, iterations=_NEAR)
    return matrix & near, matrix & ~near


_NEAR = 3  # px: as far as masks drawn by hand miss a border
