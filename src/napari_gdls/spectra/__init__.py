"""X-ray lines of the elements, and simulated spectra.

The names below load when first used.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "lines": ["Line", "line_energy", "main_lines", "element_window", "element_map"],
        "detector": ["Detector"],
        "emission": ["Emission"],
        "synthesis": ["simulate_spectra"],
        "sampling": ["sample_counts"],
        "line_table": ["line_table"],
        "drift": ["Drift", "measure_drift", "without_drift"],
    },
)
