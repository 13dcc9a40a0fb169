"""Segmentation of SEM-EDS spectral images into minerals (GDLS), in napari and without it.

The names below are the public API. They load when first used, so that ``import napari_gdls`` stays quick.
"""

from __future__ import annotations

import importlib
from typing import Any

from napari_gdls._version import __version__

_HOMES = {
    "EnergyAxis": "energy",
    "Field": "field",
    "Recipe": "recipe",
    "read_field": "io",
    "write_field": "io",
    "write_labels": "io",
    "sample_field": "samples",
    "simulate_field": "spectra",
    "simulate_spectra": "spectra",
    "load_embedding": "embedding",
    "embed": "embedding",
    "build_graph": "graph",
    "label_measurements": "graph",
    "label_pixels": "labelling",
    "segment": "pipeline",
    "Segmentation": "pipeline",
    "evaluate": "evaluation",
    "show": "plugin.layers",
}

__all__ = ["__version__", *_HOMES]


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
