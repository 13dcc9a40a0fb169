"""Arrays that are made of a library of materials once, and kept on disk for the next time.

A file says what it is for and carries the digest of what it holds. One that is damaged, or was made for something else,
is never believed: the array is made again. A folder that cannot be written costs time, not the result.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_gdls.errors import GdlsWarning, OutputError
from napari_gdls.io.atomic import write_bytes
from napari_gdls.io.cached_files import cache_folder, keep_latest

_ENDING = ".naming"
"""Of the files."""

_FORMAT = b"napari-gdls naming 1\n"
"""First line of the files."""

_LIMIT = 200 * 1024**2
"""Bytes to keep: some 60 beam energies and libraries. Files not used for the longest time go first."""


def kept_array(
    key: str, shape: tuple[int, ...], make: Callable[[], npt.NDArray[np.float32]], folder: Path | None = None
) -> npt.NDArray[np.float32]:
    """The array of a key, from disk or made and kept.

    Parameters
    ----------
    key : str
        Everything that the array depends on.
    shape : tuple of int
        What it must have.
    make : callable
        Makes it.
    folder : Path, optional
        None: that of the user's cache for this program.

    Returns
    -------
    (shape) float32
        Read-only.
    """
    folder = cache_folder() if folder is None else folder
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}{_ENDING}"
    array = _read(path, key, shape)
    if array is None:
        array = np.ascontiguousarray(make(), dtype=np.float32)
        _write(path, key, array)
    array.flags.writeable = False
    return array


def _read(path: Path, key: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32] | None:
    expected = _FORMAT + hashlib.sha256(key.encode()).hexdigest().encode() + b"\n"
    try:
        content = path.read_bytes()
    except OSError:
        return None
    head, digest, body = content[: len(expected)], content[len(expected) :][:64], content[len(expected) + 64 :]
    if head != expected or digest != hashlib.sha256(body).hexdigest().encode():
        return None
    try:
        array = np.load(io.BytesIO(body), allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError):
        return None
    if array.dtype != np.float32 or array.shape != shape or not np.isfinite(array).all():
        return None
    with suppress(OSError):
        path.touch()
    return np.asarray(array)


def _write(path: Path, key: str, array: npt.NDArray[np.float32]) -> None:
    body = io.BytesIO()
    np.save(body, array, allow_pickle=False)
    head = _FORMAT + hashlib.sha256(key.encode()).hexdigest().encode() + b"\n"
    digest = hashlib.sha256(body.getvalue()).hexdigest().encode()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(path, head + digest + body.getvalue())
        keep_latest(path.parent, _ENDING, _LIMIT)
    except (OSError, OutputError) as error:
        _warn_once(f"{path.parent}", str(error))


@cache
def _warn_once(folder: str, problem: str) -> None:
    del problem  # one warning for each folder and problem
    warnings.warn(
        f"simulated spectra of minerals cannot be kept in {folder}: they are made again each time, in seconds. "
        "Make the folder writable.",
        GdlsWarning,
        stacklevel=2,
    )
