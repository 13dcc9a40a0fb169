"""From spectra to unit vectors whose distances tell materials apart (paper, sections 3.3 to 3.5)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
