"""How each open field was opened, so that a script can do it again."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_gdls.field import Field

_openings: weakref.WeakKeyDictionary[Field, str] = weakref.WeakKeyDictionary()


def remember_opening(field: Field, expression: str) -> None:
    """Keep the expression that gives the field; see `napari_gdls.segmentation.script`."""
    _openings[field] = expression


def opening_of(field: Field) -> str | None:
    """The expression that gives the field; None where nobody knows how it came here."""
    return _openings.get(field)
