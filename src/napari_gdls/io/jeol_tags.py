"""The trees of named values that all files of JEOL Analysis Station hold.

There is no public specification; what is known of them stands in open readers and was compared with files. An entry is
a mark (1), the length of a name and the name, a kind and a length, the value; entries that follow lie inside of it, up
to the mark (-1) that closes it.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import FieldReadError

_OPEN, _CLOSE = 1, 255
"""Marks."""
_LENGTH = struct.Struct("<i")
_KIND = struct.Struct("<ii")
_KINDS: Mapping[int, str] = {
    **{kind + more: letter for kind, letter in enumerate(("u1", "<u2", "<i4", "<f4", "<f8"), 1) for more in (0, 5)},
    11: "u1",
    14: "<u2",
    65552: "u1",
    65553: "u1",
}
"""Types of numbers, as numpy calls them; the second five are arrays. 11 and those beyond 65,536 are truth values."""
_TEXTS = frozenset((12, 13, 20))
_MOST_ENTRIES = 100_000
"""Real files have hundreds."""
_DEEPEST = 64
"""Entries in one another; real ones are ten deep."""


@dataclass
class Tag:
    """An entry of a tree.

    Attributes
    ----------
    value : number, text, array or None
    inside : dict of str to Tag
    """

    value: Any = None
    inside: dict[str, Tag] = field(default_factory=dict)

    def at(self, *names: str) -> Tag | None:
        """The entry of these names, one inside the other; None where it is not."""
        tag: Tag | None = self
        for name in names:
            tag = None if tag is None else tag.inside.get(name)
        return tag

    def number(self, *names: str) -> float | None:
        """The number there; None where there is none."""
        tag = self.at(*names)
        value = None if tag is None else tag.value
        return float(value) if isinstance(value, int | float) and np.isfinite(value) else None

    def text(self, *names: str) -> str:
        """The text there; "" where there is none."""
        tag = self.at(*names)
        return tag.value if tag is not None and isinstance(tag.value, str) else ""

    def page(self, prefix: str, title: str) -> Tag:
        """The entry whose name begins so, and whose text is its title; an empty one where there is none."""
        pages = (tag for name, tag in self.inside.items() if name.startswith(prefix) and tag.value == title)
        return next(pages, Tag())


def read_tags(path: Path, data: npt.NDArray[np.uint8], first: int) -> Tag:
    """The tree that begins at a byte.

    Parameters
    ----------
    path : Path
        For messages.
    data : (N,) array of uint8
        The file.
    first : int

    Raises
    ------
    FieldReadError
        If the tree is damaged.
    """
    root = Tag()
    open_tags, at = [root], first
    for _ in range(2 * _MOST_ENTRIES):
        mark = int(_bytes(path, data, at, 1)[0])
        at += 1
        if mark == _CLOSE:
            open_tags.pop()
            if not open_tags:
                return root
            continue
        if mark != _OPEN or len(open_tags) > _DEEPEST:
            raise _damaged(path, at)
        (length,) = _LENGTH.unpack(bytes(_bytes(path, data, at, 4)))
        name = bytes(_bytes(path, data, at + 4, length)).rstrip(b"\0")
        at += 4 + length
        kind, length = _KIND.unpack(bytes(_bytes(path, data, at, 8)))
        tag = Tag(_value(path, kind, _bytes(path, data, at + 8, length if kind else 0), at))
        at += 8 + (length if kind else 0)
        # Some names end in letters of another code page.
        open_tags[-1].inside[bytes(letter for letter in name if letter < 128).decode("ascii")] = tag
        open_tags.append(tag)
    raise _damaged(path, at)


def _value(path: Path, kind: int, data: npt.NDArray[np.uint8], at: int) -> Any:
    if not kind:
        return None
    if kind in _TEXTS:
        text = bytes(data).rstrip(b"\0")
        try:
            return text.decode("utf-8")
        except UnicodeDecodeError:
            return text.decode("shift_jis", errors="replace")
    if kind not in _KINDS:
        raise _damaged(path, at)
    dtype = np.dtype(_KINDS[kind])
    values = data[: len(data) // dtype.itemsize * dtype.itemsize].view(dtype)
    return values[0].item() if len(values) == 1 else values


def _bytes(path: Path, data: npt.NDArray[np.uint8], at: int, length: int) -> npt.NDArray[np.uint8]:
    if length < 0 or at < 0 or at + length > len(data):
        raise _damaged(path, at)
    return data[at : at + length]


def _damaged(path: Path, at: int) -> FieldReadError:
    return FieldReadError(
        path, "is damaged or cut off", where=f"entry at byte {at:,}", remedy="Copy it again from its source."
    )
