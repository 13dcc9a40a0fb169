"""Reading fields from the files of instruments, and writing fields and labels.

The names below load when first used: importing this package imports no file format library.
"""

from __future__ import annotations

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "registry": ["read_field", "describe", "supported_formats"],
        "contracts": ["FieldSummary"],
        "store": ["STORE_ENDINGS", "write_field", "read_field_store", "read_results", "StoredResults"],
        "tima": ["read_tima_field", "write_tima_field"],
        "mindif": ["read_mindif", "MindifField", "MindifPhase"],
        "labels": ["LABEL_ENDINGS", "write_labels", "read_labels", "write_image", "write_float_image"],
        "manifest": ["faults_of_set", "files_of_set", "manifest_of"],
        "tables": ["write_table"],
        "atomic": ["write_text"],
        "limits": ["DEFAULT_MEMORY_LIMIT"],
    },
)
