"""The result of a segmentation, its tables, colours, picture, words and files."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
