"""Values of the headers in files of Oxford Instruments: one each, however many axes they are wrapped in."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldReadError
from napari_gdls.io.hdf5_tree import number, plain

if TYPE_CHECKING:
    import h5py

COPY_AGAIN = "Copy it again from its source, or export it again from AZtec."
"""Remedy for values that no program writes."""

_MOST_CELLS = 10**9
"""Cells along an axis, and channels; far beyond what an instrument has."""
_MOST_TEXT = 1000
"""Values of a header that are kept as what the file says of the instrument, and letters of a text among them."""


@dataclass(frozen=True)
class Header:
    """The group Header of a technique.

    Attributes
    ----------
    path : Path
        The file, for messages.
    group : h5py.Group
    """

    path: Path
    group: h5py.Group

    def number(self, name: str) -> float | None:
        """A number; None where it is not in the file or not finite.

        Raises
        ------
        FieldReadError
            If it is something else, or there are several.
        """
        values = self._numbers(name, 1)
        return None if values is None or not math.isfinite(values[0]) else values[0]

    def cells(self, name: str) -> int | None:
        """A number of things, at least one; None where it is not in the file.

        Raises
        ------
        FieldReadError
            If it is something else.
        """
        values = self._numbers(name, 1)
        if values is None:
            return None
        if not (1 <= values[0] <= _MOST_CELLS and values[0] == int(values[0])):
            raise self._wrong(name, f"is {values[0]:g}, and no number of things")
        return int(values[0])

    def pair(self, name: str) -> tuple[float, float] | None:
        """Two numbers, of x and y; None where they are not in the file.

        Raises
        ------
        FieldReadError
            If it is something else.
        """
        values = self._numbers(name, 2)
        if values is None:
            return None
        if not all(map(math.isfinite, values)):
            raise self._wrong(name, f"is {values[0]:g}, {values[1]:g}")
        return values[0], values[1]

    def instrument(self) -> dict[str, float | int | str]:
        """All single numbers and texts, also of groups inside, by name."""
        import h5py

        found: dict[str, float | int | str] = {}

        def keep(name: str, item: Any) -> bool | None:
            if isinstance(item, h5py.Dataset) and item.size == 1:
                value = plain(item[()])
                if isinstance(value, str):
                    found[name] = value[:_MOST_TEXT]
                elif number(value) is not None:
                    found[name] = value if isinstance(value, int) else _shortest(np.ravel(item[()])[0])
            return True if len(found) > _MOST_TEXT else None

        self.group.visititems(keep)
        return found

    def _numbers(self, name: str, size: int) -> list[float] | None:
        import h5py

        item = self.group.get(name)
        if item is None:
            return None
        if not isinstance(item, h5py.Dataset) or item.size != size or item.dtype.kind not in "iuf":
            raise self._wrong(name, f"is not {'a number' if size == 1 else f'{size} numbers'}")
        return [_shortest(value) for value in np.ravel(item[()])]

    def _wrong(self, name: str, problem: str) -> FieldReadError:
        return FieldReadError(self.path, f"{name} {problem}", where=f"{self.group.name}/{name}", remedy=COPY_AGAIN)


def _shortest(value: np.number[Any]) -> float:
    """A number as it was written: 0.316 for the nearest in single precision, which is 0.31600001..."""
    return float(str(value)) if value.dtype.kind == "f" else float(value)
