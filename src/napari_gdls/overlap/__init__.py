"""Overlapping phases of thin specimens: score images, masks, and the pure spectrum of every phase (Chen et al.)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
