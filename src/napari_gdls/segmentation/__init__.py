"""The result of a segmentation, its tables, colours, picture, words and files.

The names below load when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "result": ["Segmentation"],
        "tables": ["segment_table", "phase_table", "phase_merge_table"],
        "picture": ["segmentation_picture"],
    },
)
