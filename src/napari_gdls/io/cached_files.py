"""The folder of what is computed once and kept for the next run, and how it stays small."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def cache_folder() -> Path:
    """The cache folder of the user for this program."""
    from platformdirs import user_cache_path

    return user_cache_path("napari-gdls")


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
