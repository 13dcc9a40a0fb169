"""Which files and folders are fields, told without reading them: by the endings of names, and by what folders hold."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from napari_gdls.io.points import ARCHIVE, POINTS_READER, TABLE
from napari_gdls.io.registry import readers
from napari_gdls.io.store_reader import STORE_READER
from napari_gdls.io.tima import MAP_NAMES, TIMA_READER

_IN_FOLDERS = (*MAP_NAMES, TABLE, ARCHIVE)
"""Files with the spectra of a folder that is a field."""


@cache
def field_endings() -> tuple[str, ...]:
    """Endings of names of all formats, lower case, each once."""
    return tuple(dict.fromkeys(ending for reader in readers() for ending in reader.endings))


def ending_of_field(name: str) -> str:
    """The ending by which a name is that of a field, the longest; "" where there is none."""
    lowered = name.lower()
    return max((ending for ending in field_endings() if lowered.endswith(ending)), key=len, default="")


def is_field_folder(path: Path) -> bool:
    """Whether a folder is a field: of TIMA, of points, or a store."""
    try:
        return any(reader.sniff(path) for reader in (TIMA_READER, STORE_READER, POINTS_READER))
    except OSError:  # it may not be looked into
        return False


def place_of_field(path: Path) -> Path:
    """The folder that is a field for the file in it that holds its spectra, if there is one; any other path itself."""
    if path.name.lower() not in _IN_FOLDERS or not is_field_folder(path.parent):
        return path
    return path.parent if sum((path.parent / name).is_file() for name in _IN_FOLDERS) == 1 else path
