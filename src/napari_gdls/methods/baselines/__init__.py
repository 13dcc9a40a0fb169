"""Ways in which other programs segment a field, for comparison: TIMA, MLA and AMICS, QEMSCAN, Mineralogic.

The names below load when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "multichannel_watershed": ["watershed"],
        "grey_regions": ["bse_only"],
        "pixel_classes": ["pixelwise"],
        "grey_ranges": ["bse_ranges"],
    },
)
