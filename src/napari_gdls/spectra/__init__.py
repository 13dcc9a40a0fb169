"""X-ray lines of the elements, and simulated spectra, rocks and fields with known truth.

The names below load when first used.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "Line": "lines",
    "line_energy": "lines",
    "main_lines": "lines",
    "element_window": "lines",
    "element_map": "lines",
    "mass_fractions": "composition",
    "Detector": "detector",
    "Emission": "emission",
    "simulate_spectra": "synthesis",
    "sample_counts": "sampling",
    "line_table": "line_table",
    "Drift": "drift",
    "measure_drift": "drift",
    "without_drift": "drift",
    "Mineral": "rock",
    "ROCK": "rock",
    "Texture": "texture",
    "rock_texture": "texture",
    "backscatter_coefficient": "backscatter",
    "Disturbances": "disturbances",
    "simulate_field": "simulation",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
