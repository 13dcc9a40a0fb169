"""Ways in which other programs segment a field, for comparison: TIMA, MLA and AMICS, QEMSCAN, Mineralogic."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
