"""The field: a BSE image with spectra, and what may stand in it."""

from napari_gdls.field.counts import Counts
from napari_gdls.field.field import Field

__all__ = ["Counts", "Field"]
