"""Simulated rocks and fields with known truth.

The names below load when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "rock": ["Mineral", "ROCK"],
        "texture": ["Texture", "rock_texture"],
        "backscatter": ["backscatter_coefficient"],
        "disturbances": ["Disturbances"],
        "fields": ["simulate_field"],
    },
)
