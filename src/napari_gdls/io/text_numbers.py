"""Numbers in the text of files: plain decimal ones only."""

from __future__ import annotations

import math
import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def number_in(text: str) -> float | None:
    """The number that a text is; None if it is none, or not finite.

    Python's `float` also takes "1_0", digits of other scripts, "nan" and "infinity", which no instrument writes: there
    they are damage.
    """
    stripped = text.strip()
    if not _NUMBER.fullmatch(stripped):
        return None
    number = float(stripped)
    return number if math.isfinite(number) else None
