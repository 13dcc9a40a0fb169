"""Training of embeddings on simulated spectra. The names below load when first used."""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "config": ["TrainingConfig", "available_recipes", "load_config"],
        "families": ["TrainingMaterials"],
        "trainer": ["train"],
        "adaptation": ["FittedInstrument", "fit_instrument"],
    },
)
