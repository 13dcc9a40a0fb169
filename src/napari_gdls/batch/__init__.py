"""Many fields: one recipe, one list of phases, one mosaic; what is done survives whatever dies."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
