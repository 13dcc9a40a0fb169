"""Training of embeddings on simulated spectra. The names below load when first used."""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "TrainingConfig": "config",
    "available_recipes": "config",
    "load_config": "config",
    "TrainingMaterials": "families",
    "train": "trainer",
    "FittedInstrument": "adaptation",
    "fit_instrument": "adaptation",
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
