"""Names of files made of what users call things."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_LONGEST = 60
"""Characters of a name that is made, so that it and what is added stay below what file systems take (255 bytes)."""


def file_stems(names: Iterable[str], taken: Iterable[str] = ()) -> dict[str, str]:
    """A name of a file for each name: letters, digits, dashes; all different, also where case does not count.

    Parameters
    ----------
    names : iterable of str
    taken : iterable of str
        Names of files that are there for something else.
    """
    stems: dict[str, str] = {}
    used = {name.lower() for name in taken}
    for name in names:
        ascii_only = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
        stem = re.sub(r"[^A-Za-z0-9-]+", "_", ascii_only).strip("_-")[:_LONGEST] or "phase"
        number, chosen = 2, stem
        while chosen.lower() in used:
            chosen, number = f"{stem}_{number}", number + 1
        used.add(chosen.lower())
        stems[name] = chosen
    return stems
