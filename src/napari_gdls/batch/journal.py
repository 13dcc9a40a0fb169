"""What has happened in a batch: lines of JSON, one file for every process that writes.

No two processes write to one file, so nothing has to be locked: locks (SQLite's too) fail on many of the network file
systems of clusters. A line that a killed process left unfinished is passed over, as is what a damaged disk
makes of one. The journal says how a field fared; whether it is done, the file with its result says.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from napari_gdls.batch.layout import Layout
from napari_gdls.errors import OutputError

ENDING = ".jsonl"

Event = Literal["digest", "started", "done", "failed", "lost", "set aside", "stopped"]
"""What lines tell: the digest of an input; a worker has begun with a field; its result is there; an error ended it; its
worker died; it is not tried any more; the batch was stopped by hand while a worker had the field."""

State = Literal["waiting", "running", "done", "failed", "set aside"]
"""Of a field: "failed" is tried again."""


class JournalWriter:
    """Adds lines to a file of its own; each is handed to the system at once.

    Parameters
    ----------
    layout : Layout
        Of the batch.
    """

    def __init__(self, layout: Layout) -> None:
        host = "".join(letter if letter.isalnum() else "-" for letter in platform.node())[:40]
        self.path = layout.journal / f"{host}-{os.getpid()}-{secrets.token_hex(4)}{ENDING}"

    def write(self, event: Event, name: str = "", **values: Any) -> None:
        """Add a line.

        Parameters
        ----------
        event : str
        name : str
            Of the field.
        **values
            What else there is to say: text and numbers.

        Raises
        ------
        OutputError
            If the system refuses.
        """
        said = {"time": time.time(), "event": event, "name": name, "host": platform.node(), "pid": os.getpid()}
        line = json.dumps({**said, **values}, separators=(",", ":")) + "\n"
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("ab", buffering=0) as file:
                file.write(line.encode())
        except OSError as error:
            raise OutputError(
                f"{self.path}: cannot be written ({error.strerror or error}). Check the free space of the disk and "
                "that the folder may be written to; the same command goes on from here."
            ) from error


@dataclass(frozen=True)
class FieldState:
    """How a field of a batch fares.

    Attributes
    ----------
    name : str
    state : str
        One of `State`.
    key : str
        Of the task that the state is about.
    tries : int
        That failed, with this key.
    seconds : float or None
        That the last finished task took.
    peak : int or None
        Bytes of memory that its process held at most.
    size : int or None
        Bytes of the result.
    sha256 : str
        Of the result.
    version : str
        Of the package.
    host : str
    pid : int
        Of the worker.
    error : str
        Of the last try, in a line; "" where it is done.
    since : float
        When it came into this state, in seconds since 1970.
    """

    name: str
    state: State = "waiting"
    key: str = ""
    tries: int = 0
    seconds: float | None = None
    peak: int | None = None
    size: int | None = None
    sha256: str = ""
    version: str = ""
    host: str = ""
    pid: int = 0
    error: str = ""
    since: float = 0.0

    def after(self, line: dict[str, Any]) -> FieldState:
        """The state when a line has been read."""
        event, key = line["event"], str(line.get("key", ""))
        known = self if key in ("", self.key) else FieldState(self.name, key=key)
        where: dict[str, Any] = {"since": float(line["time"]), "host": str(line["host"]), "pid": int(line["pid"])}
        match event:
            case "started":
                return replace(known, state="running", **where)
            case "done":
                return replace(
                    known,
                    state="done",
                    seconds=known.seconds if line.get("skipped") and known.seconds else float(line["seconds"]),
                    peak=known.peak if line.get("skipped") and known.peak else line.get("peak"),
                    size=int(line["size"]),
                    sha256=str(line["sha256"]),
                    version=str(line.get("version", "")),
                    error="",
                    **where,
                )
            case "failed" | "lost":
                return replace(
                    known, state="failed", tries=known.tries + 1, error=str(line["error"]), since=where["since"]
                )
            case "set aside":
                return replace(known, state="set aside", error=str(line["error"]), since=where["since"])
            case "stopped":
                return replace(known, state="waiting", since=where["since"]) if known.state == "running" else known
            case _:
                return known


@dataclass(frozen=True)
class Made:
    """A result as it was when its task ended: its size in bytes, and the digest of the input."""

    size: int
    digest: str


@dataclass(frozen=True)
class Journal:
    """All that the files of a journal tell.

    What is decided about tasks rests on `digests`, `made`, `aside` and `begun`: which lines there are, in any order,
    since clocks of computers differ. `fields` is for people.

    Attributes
    ----------
    fields : dict of str to FieldState
        By name, of those that anything is known of: the last that was written, by the clocks of those who wrote.
    digests : dict of str to str
        Digest of inputs, by `stamp_of` their files.
    made : dict of str to dict of str to Made
        By name, and by key of the task: results that were there.
    aside : set of (str, str)
        Name and key of tasks that were set aside; those whose input could not be read, and have no key, are not among
        them.
    begun : dict of str to str
        Key of the task, by the token of a try that a worker has begun with; "" while it is not known yet.
    """

    fields: dict[str, FieldState] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    made: dict[str, dict[str, Made]] = field(default_factory=dict)
    aside: set[tuple[str, str]] = field(default_factory=set)
    begun: dict[str, str] = field(default_factory=dict)

    def of(self, name: str) -> FieldState:
        """State of a field; "waiting" where nothing is known."""
        return self.fields.get(name) or FieldState(name)


def read_journal(layout: Layout) -> Journal:
    """Read the journal of a batch; empty where there is none yet.

    Parameters
    ----------
    layout : Layout
    """
    journal = Journal()
    for line in sorted(_lines(layout.journal), key=lambda each: float(each["time"])):
        with suppress(KeyError, ValueError, TypeError):  # damage that is still JSON
            _take(journal, line)
    return journal


def _take(journal: Journal, line: dict[str, Any]) -> None:
    """Add what a line tells."""
    name, key, event = str(line["name"]), str(line.get("key", "")), line["event"]
    if event == "digest":
        journal.digests[str(line["stamp"])] = str(line["digest"])
        return
    journal.fields[name] = journal.of(name).after(line)
    if event == "done":
        journal.made.setdefault(name, {})[key] = Made(int(line["size"]), str(line.get("digest", "")))
    elif event == "set aside" and key:
        journal.aside.add((name, key))
    elif event == "started" and (token := str(line.get("token", ""))):
        journal.begun[token] = key or journal.begun.get(token, "")


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    files: Iterable[Path] = sorted(folder.glob(f"*{ENDING}")) if folder.is_dir() else ()
    for path in files:
        try:
            text = path.read_bytes()
        except OSError:  # of another host, being moved; its results are there all the same
            continue
        for raw in text.split(b"\n"):
            try:
                line = json.loads(raw)
                line["time"], line["pid"] = float(line["time"]), int(line["pid"])
                _ = line["event"], line["name"], line["host"]
            except (ValueError, KeyError, TypeError):
                continue
            yield line


def stamp_of(files: Iterable[Path]) -> str:
    """What tells whether files have changed without reading them: paths, sizes, and times of the last change.

    Parameters
    ----------
    files : iterable of Path

    Raises
    ------
    OSError
        If one is not there.
    """
    parts = []
    for path in files:
        found = path.stat()
        parts.append(f"{path}|{found.st_size}|{found.st_mtime_ns}|{found.st_ino}")
    return "\n".join(parts)
