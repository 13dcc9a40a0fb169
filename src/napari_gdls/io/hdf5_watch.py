"""HDF5 files are walked through by another process first: damage makes the HDF5 library crash or never end.

The other process is started once and kept as long as this one lives, so that asking costs a millisecond.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from pathlib import Path

from napari_gdls.errors import FieldReadError
from napari_gdls.io import hdf5_walk
from napari_gdls.io.kept_process import KeptProcess

_REMEDY = "It is damaged: copy it again from its source."


def require_an_end(path: Path) -> None:
    """Refuse an HDF5 file on which the HDF5 library crashes, raises, or does not come to an end.

    Where no other process can be started, as in programs without a Python of their own, the file is let through.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FieldReadError
    """
    with _LOCK:
        state = path.stat()
        asked = path.absolute(), state.st_ino, state.st_size, state.st_mtime_ns
        if asked in _REFUSED:
            answer = _REFUSED[asked]
        else:
            try:
                line = _WALK.ask(json.dumps(os.fspath(path.absolute())))
            except OSError:
                return
            answer = None if line is None else str(json.loads(line))
            if answer != "":
                _REFUSED.clear()
                _REFUSED[asked] = answer
    if answer is None:
        raise FieldReadError(path, "makes the HDF5 library crash, or go on without end", remedy=_REMEDY)
    if answer:
        raise FieldReadError(path, f"is a damaged HDF5 file: {answer}", remedy=_REMEDY)


_LOCK = threading.Lock()
_REFUSED: dict[tuple[Path, int, int, int], str | None] = {}
"""The last answer that was no good, by name and state of the file: every reader that asks whether a file is its own
asks it, and where the library goes round in circles each answer takes seconds."""
_WALK = KeptProcess(lambda: [sys.executable, "-P", "-W", "ignore", os.fspath(Path(hdf5_walk.__file__))])
