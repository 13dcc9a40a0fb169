"""What files are put into by name, wherever they end up."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class FileSink(Protocol):
    """What files are written to, such as a dict: ``files[name] = content``."""

    def __setitem__(self, name: str, data: bytes, /) -> None: ...


class FolderSink:
    """Puts files into a folder by name, which may have slashes.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __setitem__(self, name: str, data: bytes, /) -> None:
        target = self._folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
