"""Elements as users type them: "Cu, Ga"."""

from __future__ import annotations

import re

from napari_gdls.errors import RecipeError
from napari_gdls.materials.composition import CompositionError, atomic_number


def elements_of(text: str) -> tuple[str, ...]:
    """Symbols in a text, each once, in the order of the text.

    Raises
    ------
    RecipeError
        If one is no element.
    """
    symbols = dict.fromkeys(word[:1].upper() + word[1:].lower() for word in re.split(r"[\s,;]+", text) if word)
    for symbol in symbols:
        try:
            atomic_number(symbol)
        except CompositionError as error:
            raise RecipeError(str(error)) from None
    return tuple(symbols)
