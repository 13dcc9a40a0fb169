"""From labelled measurements to a label for every pixel (paper, section 3.7)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
