"""One driver at a time for each share of a batch: a file that says who it is, and that it lives."""

from __future__ import annotations

import json
import os
import platform
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from napari_gdls.batch.layout import Layout
from napari_gdls.errors import GdlsError, OutputError

_BEAT = 5.0
"""Seconds between two signs of life; a choice."""

_DEAD_AFTER = 60.0
"""Seconds without one after which the driver on another computer is taken for dead: network file systems may show a
change only after half of that."""

_SAME_START = 2.0
"""Seconds by which the start of a process may seem to move when the clock is set; a number comes again far later."""


@dataclass(frozen=True)
class Driver:
    """Who drives a batch: host and number of the process, and when that began, in seconds since 1970 (0: unknown)."""

    host: str
    pid: int
    began: float = 0.0

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this computer."""
        return self.host == platform.node()


def driver_of(layout: Layout, share: str = "all") -> Driver | None:
    """Who drives a batch at present; None where nobody does.

    Parameters
    ----------
    layout : Layout
    share : str
        "all", or "I-of-N".
    """
    path = _lock(layout, share)
    try:
        age = time.time() - path.stat().st_mtime
        said = json.loads(path.read_text(encoding="utf-8"))
        driver = Driver(str(said["host"]), int(said["pid"]), float(said.get("began", 0)))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if driver.is_here:
        return driver if _lives(driver) else None
    return driver if age < _DEAD_AFTER else None


def drivers_of(layout: Layout) -> list[Driver]:
    """All who drive a batch, or a share of it, at present."""
    shares = sorted(path.stem for path in (layout.folder / "drivers").glob("*.json"))
    return [each for each in (driver_of(layout, share) for share in shares) if each is not None]


@contextmanager
def driving(layout: Layout, share: str = "all") -> Iterator[None]:
    """Be the driver of a batch, or of a share of it, while the block runs.

    Parameters
    ----------
    layout : Layout
    share : str

    Raises
    ------
    GdlsError
        If another process is.
    OutputError
        If the system refuses.
    """
    other = driver_of(layout, share)
    if other is not None:
        raise GdlsError(
            f"{layout.folder}: process {other.pid} on {other.host} works on this batch already; wait for it, or "
            "stop it first."
        )
    path = _lock(layout, share)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)  # of a driver that was killed
        with path.open("x", encoding="utf-8") as file:
            began = psutil.Process().create_time()
            json.dump({"host": platform.node(), "pid": os.getpid(), "began": began}, file)
    except FileExistsError:
        raise GdlsError(f"{layout.folder}: another process has just begun to work on this batch.") from None
    except OSError as error:
        raise OutputError(f"{path}: cannot be written ({error.strerror or error}).") from error
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(_BEAT):
            with suppress(OSError):
                os.utime(path)

    thread = threading.Thread(target=beat, name="signs of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with suppress(OSError):
            path.unlink()


def _lock(layout: Layout, share: str) -> Path:
    return layout.folder / "drivers" / f"{share}.json"


def _lives(driver: Driver) -> bool:
    """Whether a process of this computer lives, and is not another that has got its number."""
    try:
        began = psutil.Process(driver.pid).create_time()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # it lives, under another user
        return True
    return not driver.began or abs(began - driver.began) < _SAME_START
