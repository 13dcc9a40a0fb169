"""Data sets and attributes of an HDF5 file that is opened to be read: by path, as plain values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gdls.errors import FieldReadError, GdlsError
from napari_gdls.io.hdf5 import require_self_contained

if TYPE_CHECKING:
    import h5py

_MOST_ITEMS = 100_000
"""Groups and data sets of a file at most; far beyond what vendors write."""


def is_hdf5(path: Path) -> bool:
    """Whether a file has the mark of HDF5, at its beginning or, as in those of Matlab, behind a block of another."""
    import h5py

    return path.is_file() and bool(h5py.is_hdf5(path))


@contextmanager
def opened(path: Path, title: str) -> Iterator[h5py.File]:
    """An HDF5 file that holds all its data itself, for as long as it is used.

    Parameters
    ----------
    path : Path
    title : str
        Name of the format, for messages.

    Raises
    ------
    FieldReadError
        If it leads to other files or is damaged; also where that shows only while it is used.
    """
    require_self_contained(path)
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except (GdlsError, MemoryError, Warning):
        raise
    except Exception as error:  # h5py raises OSError, KeyError, RuntimeError, ValueError and more on damaged files
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise FieldReadError(
            path, f"cannot be read as {title}: {reason}", remedy="Copy it again from its source."
        ) from error


def data_sets(path: Path, file: h5py.File) -> Iterator[tuple[str, h5py.Dataset]]:
    """Every data set by every path that leads to it, in the order of the names.

    Each group is entered once, however many links lead to it; links to other files are not followed.

    Raises
    ------
    FieldReadError
        If there are more than a field could need.
    """
    import h5py

    entered, pending, n_items = set(), [("", file)], 0
    while pending:
        place, group = pending.pop()
        address = h5py.h5o.get_info(group.id).addr
        if address in entered:
            continue
        entered.add(address)
        inner = []
        for name in group:
            n_items += 1
            if n_items > _MOST_ITEMS:
                raise FieldReadError(path, f"holds more than {_MOST_ITEMS:,} groups and data sets, which no field does")
            if isinstance(group.get(name, getlink=True), h5py.ExternalLink):
                continue
            item = group.get(name)  # None for a link that leads nowhere
            if isinstance(item, h5py.Dataset):
                yield f"{place}/{name}", item
            elif isinstance(item, h5py.Group):
                inner.append((f"{place}/{name}", item))
        pending += reversed(inner)


def attribute(item: h5py.Group | h5py.Dataset, *names: str) -> Any:
    """The first attribute by one of these names, in whatever case; None if there is none. See `plain`."""
    for name in names:
        for key in item.attrs:
            if key.lower() == name.lower():
                return plain(item.attrs[key])
    return None


def text_attribute(item: h5py.Group | h5py.Dataset, *names: str) -> str:
    """The first attribute by one of these names if it is a text; "" for anything else."""
    value = attribute(item, *names)
    return value.strip() if isinstance(value, str) else ""


def plain(value: Any) -> Any:
    """A value of an attribute or a data set: the only one of a list of one, text decoded, Python's own types."""
    if isinstance(value, np.ndarray):
        if value.size == 1:
            return plain(value.reshape(-1)[0])
        return [plain(one) for one in value.reshape(-1)] if value.dtype.kind in "OSU" else value
    if isinstance(value, bytes | str):  # bytes that are no text are half a character each in what h5py makes of them
        held = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        return held.decode("utf-8", "replace")
    if isinstance(value, np.generic) and not isinstance(value, np.void):
        return plain(value.item())
    return value


def number(value: Any) -> float | None:
    """A finite number; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if np.isfinite(value) else None
