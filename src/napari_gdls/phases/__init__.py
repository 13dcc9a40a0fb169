"""Phases: which segments are of one material, and what of a measurement is of which."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
