"""How messages speak of arguments: in one notation, which is Python, and which other front ends put in their own words.

A message names an argument as `` `bse=` `` and a value for it as `` `bse='counts'` ``, as one would write it in a call.
The command line shows ``--bse`` and ``--bse counts`` instead, the window the words of its dialog. So a message is
written once, and an error that is printed by Python, by a command or in the window says what to do there.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

_ARGUMENT = re.compile(r"`([a-z_]+)=([^`]*)`")

Words = Callable[[str, str], str]
"""Words of a front end for an argument, by its name and its value as Python writes it; "" where no value is named."""


def reworded(text: str, words: Words) -> str:
    """A message with its arguments in the words of a front end.

    Parameters
    ----------
    text : str
    words : callable
        Words for an argument, by its name and its value as Python writes it ("" where no value is named).

    Examples
    --------
    >>> reworded("Choose with `bse=`, or take `bse='counts'`.", lambda name, value: f"--{name} {value}".strip())
    "Choose with --bse, or take --bse 'counts'."
    """
    return _ARGUMENT.sub(lambda found: words(found[1], found[2]), text)


def plain_value(value: str) -> object:
    """What Python's text of a value stands for; the text itself where it stands for nothing, as FIRST and WIDTH do."""
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return value
