"""The planar graph of the measurements, and how it falls into segments (paper, section 3.6)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
