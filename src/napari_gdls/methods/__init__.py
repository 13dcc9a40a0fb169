"""Methods of segmentation, as the rows of `napari_gdls.recipe.METHODS` name them.

The names below load when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "contract": ["Found", "Prepared", "Stages"],
        "running": ["label_measurements", "run_method"],
        "baselines": ["bse_only", "bse_ranges", "pixelwise", "watershed"],
    },
)
