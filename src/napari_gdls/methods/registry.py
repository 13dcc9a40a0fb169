"""The baselines by name, for programs that offer them as methods."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from napari_gdls.field import Field
from napari_gdls.methods.baselines.grey_ranges import bse_ranges
from napari_gdls.methods.baselines.grey_regions import bse_only
from napari_gdls.methods.baselines.multichannel_watershed import watershed
from napari_gdls.methods.baselines.pixel_classes import pixelwise
from napari_gdls.progress import Progress


class Baseline(Protocol):
    """A segmentation that needs no more than the field; its parameters are keywords with defaults."""

    def __call__(self, field: Field, /, *, progress: Progress | None = None) -> npt.NDArray[np.int32]:
        """Labels (H, W): segments from 1, 0 where a pixel is invalid or beyond reach."""


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {"watershed": watershed, "bse_only": bse_only, "pixelwise": pixelwise, "bse_ranges": bse_ranges}
)
"""Every baseline by its name."""
