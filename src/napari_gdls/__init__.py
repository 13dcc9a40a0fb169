"""Segmentation of SEM-EDS spectral images into minerals (GDLS), in napari and without it.

The names below are the public API. They load when first used, so that ``import napari_gdls`` stays quick.
"""

from __future__ import annotations

import lazy_loader

from napari_gdls._version import __version__

__getattr__, __dir__, _names = lazy_loader.attach(
    __name__,
    submod_attrs={
        "energy": ["EnergyAxis"],
        "field": ["Field"],
        "recipe": ["Recipe"],
        "io": ["read_field", "write_field"],
        "samples": ["sample_field"],
        "simulation": ["simulate_field"],
        "spectra": ["simulate_spectra"],
        "embedding": ["load_embedding", "embed"],
        "graph": ["build_graph"],
        "methods": ["label_measurements"],
        "phases.constraints": ["Constraints"],
        "labelling": ["label_pixels"],
        "pipeline": ["segment"],
        "segmentation.result": ["Segmentation"],
        "segmentation.files": ["write_labels"],
        "methods.baselines": ["watershed"],
        "evaluation": ["evaluate"],
        "plugin.layers.viewer": ["show"],
    },
)
__all__ = ["__version__", *_names]
