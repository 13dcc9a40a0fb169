"""Segmentation of SEM-EDS spectral images into minerals (GDLS), in napari and without it.

The public names, and where they come from, are in `__init__.pyi`. They load when first used, so that
``import napari_gdls`` stays quick.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
