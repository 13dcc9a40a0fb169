"""Elements as users type them."""

from __future__ import annotations

import pytest

from napari_gdls.errors import RecipeError
from napari_gdls.plugin.widgets.element_text import elements_of


@pytest.mark.parametrize(
    ("text", "symbols"),
    [("", ()), ("Cu, Ga", ("Cu", "Ga")), ("cu ga;CU", ("Cu", "Ga")), ("  SI ,\n", ("Si",)), ("W", ("W",))],
)
def test_symbols(text, symbols):
    assert elements_of(text) == symbols


@pytest.mark.parametrize("text", ["Cu, Xx", "copper", "1", "Cu-Ga"])
def test_what_is_no_element_is_named(text):
    with pytest.raises(RecipeError, match="no element symbol"):
        elements_of(text)
