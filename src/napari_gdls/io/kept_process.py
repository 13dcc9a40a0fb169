"""Another process that is started once and asked many times, for code that may crash or never end."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

LONGEST = 60.0
"""Seconds that an answer may take; the process is killed then. A choice, for slow drives."""

READY = "ready"
"""What the first line of the process begins with."""


class KeptProcess:
    """A program that says `READY`, and then answers each line of its input by a line.

    It ends when its input does, so with this process. A process that has forked starts one of its own.

    Parameters
    ----------
    command : callable
        Gives the program and its arguments.
    environment : callable, optional
        Gives its environment. None: that of this process.

    Attributes
    ----------
    running : dict of int to Popen
        The process, by the number of the one that asks it.
    """

    def __init__(
        self, command: Callable[[], Sequence[str]], environment: Callable[[], dict[str, str]] | None = None
    ) -> None:
        self._command, self._environment = command, environment
        self._lock = threading.Lock()
        self.running: dict[int, subprocess.Popen[str]] = {}

    def ask(self, question: str) -> str | None:
        """The answer to a line; None where the process did not live to give it.

        Raises
        ------
        OSError
            If it cannot be started.
        """
        with self._lock:
            process = self._started()
            assert process.stdin is not None
            try:
                process.stdin.write(f"{question}\n")
                process.stdin.flush()
            except OSError:
                return None
            return _line(process)

    def _started(self) -> subprocess.Popen[str]:
        running = self.running.get(os.getpid())
        if running is not None:
            if running.poll() is None:
                return running
            _close(running)
        process = subprocess.Popen(
            self._command(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            env=None if self._environment is None else self._environment(),
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
        if not (_line(process) or "").startswith(READY):
            process.kill()
            _close(process)
            raise OSError("it did not start")
        self.running[os.getpid()] = process
        return process


def _close(process: subprocess.Popen[str]) -> None:
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):  # what was not written before it died
                stream.close()


def _line(process: subprocess.Popen[str]) -> str | None:
    assert process.stdout is not None
    timer = threading.Timer(LONGEST, process.kill)
    timer.start()
    try:
        return process.stdout.readline() or None
    finally:
        timer.cancel()
