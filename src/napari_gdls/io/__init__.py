"""Reading fields from the files of instruments, and writing fields and labels.

The names below load when first used: importing this package imports no file format library.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOMES = {
    "read_field": "registry",
    "describe": "registry",
    "supported_formats": "registry",
    "FieldSummary": "contracts",
    "write_field": "store",
    "read_field_store": "store",
    "read_results": "store",
    "StoredResults": "store",
    "read_tima_field": "tima",
    "write_tima_field": "tima",
    "read_mindif": "mindif",
    "MindifField": "mindif",
    "MindifPhase": "mindif",
    "write_labels": "labels",
    "read_labels": "labels",
    "write_image": "labels",
    "write_table": "tables",
    "write_text": "atomic",
    "DEFAULT_MEMORY_LIMIT": "limits",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None
    value = getattr(importlib.import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
