"""The folder of what is computed once and kept for the next run, and how it stays small."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_STALE = 24 * 3600.0
"""Seconds after which a temporary folder is one that was left: no file takes a day to read."""


def cache_folder() -> Path:
    """The cache folder of the user for this program."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-gdls")


@contextmanager
def scratch_folder(name: str) -> Iterator[Path]:
    """A new folder for temporary files, on the disk of the cache: that of the system is in memory on some.

    Those that killed processes have left a day ago or earlier go.

    Parameters
    ----------
    name : str
        Of what they are for.
    """
    root = cache_folder() / name
    root.mkdir(parents=True, exist_ok=True)
    for left in root.iterdir():
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE:
                shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        yield Path(folder)


def keep_latest(folder: Path, ending: str, limit: int) -> None:
    """Remove the files of an ending that were not used for the longest time, until the others fit.

    Parameters
    ----------
    folder : Path
    ending : str
        Of the names of the files; others are left alone.
    limit : int
        Bytes to keep.

    Raises
    ------
    OSError
        If a file vanishes while it is looked at, as one that another process removes. A file that cannot be removed
        stays.
    """
    known = [(path, path.stat()) for path in folder.glob(f"*{ending}")]
    kept = 0
    for path, state in sorted(known, key=lambda each: (each[1].st_mtime, each[0].name), reverse=True):
        kept += state.st_size
        if kept > limit:
            with suppress(OSError):
                path.unlink()
