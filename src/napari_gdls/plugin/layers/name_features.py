"""Names of phases where the mouse is: what the layers of phases and segments tell of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from napari_gdls.segmentation import PhaseName, Segmentation

MINERAL = "mineral"
"""Column of the features of layers that the status bar shows first; no column of tables."""
_LEAST_SHARE = 0.05
"""Of a component of a solid solution that stands beside its name; where its first has less, the largest one does, so
that a potassium feldspar is Or92, not An1."""


def name_features(segmentation: Segmentation, phases: npt.NDArray[Any]) -> dict[str, npt.NDArray[np.str_]]:
    """The column `MINERAL` for rows with a phase each; no column where nobody has named phases.

    Parameters
    ----------
    segmentation : Segmentation
    phases : (R,) array of int
        Phase of each row, from 1; 0 is none.
    """
    if not segmentation.names:
        return {}
    texts = np.array(["", *map(in_short, segmentation.names)], dtype=np.str_)
    return {MINERAL: texts[phases]}


def in_short(name: PhaseName) -> str:
    """A name in a line: "plagioclase An48 (0.93)", "albite? (0.41)", "my glass (by hand)"; "" where there is none."""
    if not name.name:
        return ""
    text = f"{name.name}{name.doubt}"
    coordinate = _coordinate(name.quantities)
    if coordinate:
        text += f" {coordinate}"
    if name.is_by_hand:
        return f"{text} (by hand)"
    return text if name.probability is None else f"{text} ({name.probability:.2f})"


def _coordinate(quantities: Mapping[str, float]) -> str:
    """Where a material lies in its solid solution: "An48", "Mg#71"; "" where there is none."""
    # Coordinates are the quantities without unit that are neither errors nor shares of end members.
    shares = {
        name: value
        for name, value in quantities.items()
        if not name.endswith(("]", " error", " share")) and np.isfinite(value)
    }
    if not shares:
        return ""
    first = next(iter(shares))
    name = first if shares[first] >= _LEAST_SHARE else max(shares, key=lambda key: shares[key])
    return f"{name}{100 * shares[name]:.0f}"
