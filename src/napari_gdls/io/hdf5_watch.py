"""HDF5 files are walked through by another process first: damage makes the HDF5 library crash or never end.

The other process is started once and kept as long as this one lives, so that asking costs a millisecond.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

from napari_gdls.errors import FieldReadError
from napari_gdls.io import hdf5_walk

_LONGEST = 60.0
"""Seconds that an answer may take where the other process cannot count its own: on Windows, and on slow drives."""

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
            process = _process()
            if process is None:
                return
            answer = _ask(process, json.dumps(os.fspath(path.absolute())))
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
_RUNNING: dict[int, subprocess.Popen[str]] = {}
"""The other process, by the number of this one: a fork has none."""


def _process() -> subprocess.Popen[str] | None:
    running = _RUNNING.get(os.getpid())
    if running is not None:
        if running.poll() is None:
            return running
        _close(running)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-W", "ignore", os.fspath(Path(hdf5_walk.__file__))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError:
        return None
    if not (_line(process) or "").startswith("ready"):
        process.kill()
        _close(process)
        return None
    _RUNNING[os.getpid()] = process
    return process


def _close(process: subprocess.Popen[str]) -> None:
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not written before it died
                stream.close()


def _ask(process: subprocess.Popen[str], question: str) -> str | None:
    """The answer; None where the process did not live to give it."""
    assert process.stdin is not None
    try:
        process.stdin.write(f"{question}\n")
        process.stdin.flush()
    except OSError:
        return None
    line = _line(process)
    return None if line is None else str(json.loads(line))


def _line(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    timer = threading.Timer(_LONGEST, process.kill)
    timer.start()
    try:
        return process.stdout.readline() or None
    finally:
        timer.cancel()
