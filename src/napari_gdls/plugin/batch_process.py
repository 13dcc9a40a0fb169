"""Batches that the window starts: in processes of their own, which go on when it is closed, and are found again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from napari_gdls.batch.driver_lock import drivers_of
from napari_gdls.batch.layout import Layout
from napari_gdls.errors import GdlsError, OutputError
from napari_gdls.io.atomic import write_text
from napari_gdls.recipe import Recipe

_MOST_RECENT = 20
"""Batches that are remembered; a choice."""


@dataclass(frozen=True)
class BatchRequest:
    """A batch that is to be started.

    Attributes
    ----------
    inputs : tuple of str
        Files, folders, patterns, tables.
    folder : Path
        For the results.
    recipe : Recipe
    workers : int or None
        Processes; None: by the computer.
    """

    inputs: tuple[str, ...]
    folder: Path
    recipe: Recipe
    workers: int | None = None


def start_batch(request: BatchRequest) -> None:
    """Start a batch in a process of its own, which goes on when this one ends.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.
    """
    started = _started(request.folder)
    try:
        started.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{request.folder}: no folder can be made ({error.strerror or error}).") from error
    recipe = started / "recipe.json"
    write_text(recipe, request.recipe.to_json() + "\n")
    command = [*request.inputs, "--output", str(request.folder), "--recipe", str(recipe)]
    command += [] if request.workers is None else ["--workers", str(request.workers)]
    write_text(started / "command.json", json.dumps(command) + "\n")
    _run(request.folder, command)


def resume_batch(folder: Path) -> None:
    """Let a batch that was stopped, or died, go on: the same command again.

    Raises
    ------
    GdlsError
        If it was not started from a window, so that its command is not known.
    """
    try:
        command = json.loads((_started(folder) / "command.json").read_text(encoding="utf-8"))
        if not isinstance(command, list) or not all(isinstance(each, str) for each in command):
            raise ValueError
    except (OSError, ValueError):
        raise GdlsError(
            f"{folder}: this batch was not started from a window; give the command that it was started with again."
        ) from None
    # Who lets it go on by hand has done something about what was set aside, or wants to see whether it helps.
    _run(folder, [*command, "--retry"])


def stop_batch(folder: Path) -> bool:
    """Stop a batch that runs on this computer; what is done is kept. Whether there was one.

    Raises
    ------
    GdlsError
        If it runs on another computer.
    """
    drivers = drivers_of(Layout(folder))
    for driver in drivers:
        if not driver.is_here:
            raise GdlsError(f"{folder}: the batch runs on {driver.host}; stop it there.")
        with suppress(ProcessLookupError):
            os.kill(driver.pid, signal.SIGTERM if os.name == "nt" else signal.SIGINT)
    return bool(drivers)


def last_words(folder: Path) -> str:
    """What the process of a batch said last, for when it ended early; "" where it said nothing."""
    with suppress(OSError):
        text = (_started(folder) / "batch.log").read_text(encoding="utf-8", errors="replace")
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("Error:")]
        return errors[-1] if errors else lines[-1] if lines else ""
    return ""


def recent_batches() -> list[Path]:
    """Folders of batches that were started or opened here, the latest first; those that are gone are left out."""
    try:
        found = json.loads(_list_of_recent().read_text(encoding="utf-8"))
        return [Path(each) for each in found if Layout(Path(each)).folder.is_dir()]
    except (OSError, ValueError, TypeError):
        return []


def remember_batch(folder: Path) -> None:
    """Put a batch at the head of those that are remembered."""
    others = [each for each in recent_batches() if each != folder.absolute()]
    path = _list_of_recent()
    with suppress(OSError, OutputError):  # nothing is lost but the list
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps([str(each) for each in [folder.absolute(), *others][:_MOST_RECENT]]) + "\n")


def _list_of_recent() -> Path:
    from platformdirs import user_state_path

    return user_state_path("napari-gdls") / "recent-batches.json"


def _started(folder: Path) -> Path:
    return folder / "drivers" / "window"


def _run(folder: Path, command: Sequence[str]) -> None:
    """Start the command line, apart from this process: neither its end nor Ctrl-C in its terminal reaches it."""
    apart = {"creationflags": 0x00000208} if os.name == "nt" else {"start_new_session": True}  # new group, detached
    try:
        with (_started(folder) / "batch.log").open("wb") as log:
            subprocess.Popen(
                [sys.executable, "-m", "napari_gdls", "batch", "run", *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                **apart,
            )
    except OSError as error:
        raise OutputError(f"{folder}: the batch cannot be started ({error.strerror or error}).") from error
    remember_batch(folder)
