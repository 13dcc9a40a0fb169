"""Elements that are measured but no part of the specimen."""

from __future__ import annotations

from collections.abc import Iterable

from napari_gdls.checks import shown
from napari_gdls.elements import SYMBOLS
from napari_gdls.errors import FieldError


def checked_artefacts(artefacts: object) -> tuple[str, ...]:
    """Symbols in the order given, each once.

    Raises
    ------
    FieldError
        If they are no sequence, or one is no element from H to Pu.
    """
    if isinstance(artefacts, str) or not isinstance(artefacts, Iterable):
        raise FieldError(f"artefacts are {shown(artefacts)}; write symbols of elements, as in ('Cu', 'Ga').")
    symbols = tuple(artefacts)
    for symbol in symbols:
        if not isinstance(symbol, str) or symbol not in SYMBOLS:
            raise FieldError(f"artefacts: {shown(symbol)} is no element symbol; write one from H to Pu, as in 'Cu'.")
    return tuple(dict.fromkeys(str(symbol) for symbol in symbols))
