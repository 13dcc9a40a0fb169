"""Names of the fields of a batch: short, all different, and good as names of files on any system."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence

LONGEST = 80
"""Characters of a name, and bytes of it in UTF-8 times 2: with key, ending and the mark of a temporary file (some 90)
it stays below the 255 that file systems take."""

_DIGEST = 8
"""Digits of the digest that stands for what was cut off, hexadecimal."""

_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f\ud800-\udfff]')
"""Not in names of files on Windows; and what is no character, from names that are not in UTF-8."""

_RESERVED = re.compile(r"(con|prn|aux|nul|(com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""Devices on Windows, also with an ending ("Naming Files, Paths, and Namespaces", Microsoft)."""

_DIGITS = re.compile(r"([0-9]+)")


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """What names are sorted by, so that F2 stands before F10, and upper and lower case beside each other.

    Parameters
    ----------
    name : str
    """
    parts = _DIGITS.split(name)
    return (*((1, int(part), "") if i % 2 else (0, 0, part.casefold()) for i, part in enumerate(parts)), (-1, 0, name))


def safe_name(text: str) -> str:
    """A text as the name of a field: as it is, wherever it can be part of a name of a file on any system.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Not empty, of `LONGEST` characters at most.
    """
    name = _FORBIDDEN.sub("_", unicodedata.normalize("NFC", text)).strip(" .")
    name = _RESERVED.sub(lambda found: f"{found[0]}_", name, count=1) if _RESERVED.match(name) else name
    if not name:
        return "field"
    if len(name) <= LONGEST and len(name.encode()) <= 2 * LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_DIGEST]
    kept = name[: LONGEST - _DIGEST - 1].encode()[: 2 * LONGEST - _DIGEST - 1].decode(errors="ignore")
    return f"{kept.rstrip(' .')}-{digest}"


def compared(name: str) -> str:
    """What of a name counts where case does not."""
    return unicodedata.normalize("NFC", name.casefold())


def names_of(parts: Sequence[Sequence[str]]) -> list[str]:
    """Names for paths: the last part of each, with as few parts before it as tell all of them apart.

    Parts that are the same in all paths whose names would be equal are left out; the same ones are taken of all paths,
    so that names of one batch are of one kind.

    Parameters
    ----------
    parts : sequence of sequences of str
        Folders of each path from the top, and the name of the field itself.

    Returns
    -------
    list of str
        All different, also where case does not count, if need be by a number behind them.
    """
    taken = [0]
    deepest = max(map(len, parts), default=0)
    for distance in range(1, deepest):
        groups = _equal(_joined(parts, taken))
        if not groups:
            break
        if any(len({compared(_part(parts[index], distance)) for index in group}) > 1 for group in groups):
            taken.append(distance)
    names = _joined(parts, taken)
    used = {compared(name) for name in names}
    for group in _equal(names):
        for index in group[1:]:
            number = 2
            while compared(f"{names[index]}-{number}") in used:
                number += 1
            names[index] = f"{names[index]}-{number}"
            used.add(compared(names[index]))
    return names


def _part(parts: Sequence[str], distance: int) -> str:
    return parts[-1 - distance] if distance < len(parts) else ""


def _joined(parts: Sequence[Sequence[str]], taken: Sequence[int]) -> list[str]:
    return [
        safe_name("_".join(part for at in reversed(taken) if (part := _part(each, at).strip("/\\")))) for each in parts
    ]


def _equal(names: Sequence[str]) -> list[list[int]]:
    groups: dict[str, list[int]] = defaultdict(list)
    for index, name in enumerate(names):
        groups[compared(name)].append(index)
    return [group for group in groups.values() if len(group) > 1]
