"""The task of one field: from its file to its result, the same on any worker, done once.

What a task gives is named by a key, the digest of all that it depends on: the bytes of the input, the recipe, how the
file is read, and the versions of package and format. A result under this key is what the task would make again.
"""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_gdls._version import __version__
from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import Journal, JournalWriter, stamp_of
from napari_gdls.batch.layout import FIELD_ENDING, Layout
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.task_keys import InputFiles, digest_of, key_of
from napari_gdls.errors import FieldReadError, GdlsError, OutputError
from napari_gdls.io.limits import existing_path
from napari_gdls.threads import one_core

_RESET_PEAK = "5"
"""Written to /proc/self/clear_refs, Linux lets the peak of memory begin anew; proc_pid_clear_refs(5)."""


@dataclass(frozen=True)
class FieldTask:
    """A field to be segmented: plain values, so that it goes to any worker.

    Attributes
    ----------
    name : str
    path : str
    folder : str
        Of the batch.
    recipe : str
        As JSON.
    reading : dict
        Arguments of `napari_gdls.read_field`.
    digest : str
        Of the input where it is known already, and its files have not changed; else "".
    token : str
        Of this try; lines of the journal that tell of its beginning have it.
    version : str
        Of the package that asks.
    """

    name: str
    path: str
    folder: str
    recipe: str
    reading: dict[str, Any] = field(default_factory=dict)
    digest: str = ""
    token: str = ""
    version: str = __version__


@dataclass(frozen=True)
class FieldReport:
    """How a task ended.

    Attributes
    ----------
    name : str
    key : str
    seconds : float
    peak : int
        Bytes of memory that the process held at most; 0 where the system does not tell.
    size : int
        Bytes of the result.
    sha256 : str
        Of the result.
    skipped : bool
        Whether the result was there.
    """

    name: str
    key: str
    seconds: float
    peak: int
    size: int
    sha256: str
    skipped: bool = False


@dataclass(frozen=True)
class FieldFailure:
    """Why a task failed.

    Attributes
    ----------
    name : str
    key : str
        "" where the input could not be read.
    error : str
        In a line.
    of_batch : bool
        Whether it is no fault of the field, and would befall all others: the disk is full, say.
    """

    name: str
    key: str
    error: str
    of_batch: bool = False


def task_of(
    plan: BatchPlan, each: FieldInput, layout: Layout, journal: Journal, files: InputFiles, *, token: str = ""
) -> FieldTask:
    """The task of a field of a batch.

    Parameters
    ----------
    plan : BatchPlan
    each : FieldInput
    layout : Layout
    journal : Journal
        Knows the digests of inputs that have not changed since.
    files : InputFiles
    token : str
        Of this try.
    """
    return FieldTask(
        name=each.name,
        path=os.fspath(each.path),
        folder=os.fspath(layout.folder),
        recipe=plan.recipe.to_json(),
        reading=dict(plan.reading),
        digest=files.known_digest(each.path, plan.reading, journal),
        token=token,
    )


def attempt(task: FieldTask) -> FieldReport | FieldFailure:
    """As `segment_field`, with errors as values: not all exceptions find the way back from a worker whole."""
    if task.version != __version__:
        return FieldFailure(
            task.name,
            "",
            f"napari-gdls {__version__} is installed on {platform.node()}, and {task.version} where the batch is "
            "driven from; results of two versions do not go together. Install the same one for all workers.",
            of_batch=True,
        )
    key = ""
    try:
        begun = _begun(task)
        key = begun.key
        return _segmented(task, begun)
    except OutputError as error:
        return FieldFailure(task.name, key, str(error), of_batch=True)
    except GdlsError as error:
        return FieldFailure(task.name, key, str(error))
    except MemoryError:
        return FieldFailure(task.name, key, "there was not enough memory")
    except Exception as error:  # a fault of the program: that of one field shall not end the others
        return FieldFailure(task.name, key, f"{type(error).__name__}: {error}".replace("\n", " "))


def segment_field(task: FieldTask) -> FieldReport:
    """Segment a field of a batch and keep its result, unless that is there and whole.

    Parameters
    ----------
    task : FieldTask

    Returns
    -------
    FieldReport

    Raises
    ------
    GdlsError
        If the field cannot be read or segmented, or its result not be written.
    """
    return _segmented(task, _begun(task))


@dataclass(frozen=True)
class _Begun:
    """A task whose input has been looked at: when it began, the digest of the input, and its key."""

    start: float
    journal: JournalWriter
    digest: str
    key: str


def _begun(task: FieldTask) -> _Begun:
    """Begin with a task; the journal has first that it is begun, and then its key."""
    start, journal = time.perf_counter(), JournalWriter(Layout(Path(task.folder)))
    if not task.digest:
        journal.write("started", task.name, token=task.token)
    digest = task.digest or _digest_noted(task, journal)
    key = key_of(digest, task.recipe, task.reading)
    journal.write("started", task.name, key=key, token=task.token)
    return _Begun(start, journal, digest, key)


def _segmented(task: FieldTask, begun: _Begun) -> FieldReport:
    layout = Layout(Path(task.folder))
    _begin_peak()
    target = layout.field(task.name, begun.key)
    skipped = is_whole(target)
    if not skipped:
        _make(task, begun.key, target)
    report = FieldReport(
        name=task.name,
        key=begun.key,
        seconds=time.perf_counter() - begun.start,
        peak=_peak(),
        size=target.stat().st_size,
        sha256=digest_of_file(target),
        skipped=skipped,
    )
    values = {name: value for name, value in vars(report).items() if name != "name"}
    begun.journal.write("done", task.name, version=__version__, digest=begun.digest, **values)
    _remove_others(layout, task.name, target)
    return report


def _digest_noted(task: FieldTask, journal: JournalWriter) -> str:
    path = existing_path(task.path)
    try:
        files = InputFiles().of(path, task.reading)
        stamp = stamp_of(files)
        digest = digest_of(files)
        if stamp_of(files) == stamp:  # else it is being written; what is read below is another thing
            journal.write("digest", task.name, stamp=stamp, digest=digest)
    except OSError as error:
        raise FieldReadError(path, f"cannot be read: {error.strerror or error}") from error
    return digest


def _make(task: FieldTask, key: str, target: Path) -> None:
    from napari_gdls.batch.field_results import field_result, write_field_result
    from napari_gdls.io import read_field
    from napari_gdls.pipeline import segment
    from napari_gdls.recipe import Recipe

    with one_core():  # a worker has one; and last bits depend on the number of threads
        field = read_field(task.path, **task.reading)
        segmentation = segment(field, Recipe.from_json(task.recipe))
        result = field_result(segmentation, task.name, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_field_result(target, result)


def is_whole(path: Path) -> bool:
    """Whether a result is there and none of its bytes has changed."""
    from napari_gdls.batch.field_results import read_field_result

    if not path.is_file():
        return False
    try:
        read_field_result(path, images=False)
    except FieldReadError:
        return False
    return True


def digest_of_file(path: Path) -> str:
    """SHA-256 of a file, hexadecimal, as ``sha256sum`` prints it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _remove_others(layout: Layout, name: str, kept: Path) -> None:
    """Remove results of the field under other keys: of another recipe, or of what its file was before."""
    for path in layout.fields.glob(f"{glob.escape(name)}.*{FIELD_ENDING}"):
        if path != kept and path.name.count(".") == kept.name.count("."):
            path.unlink(missing_ok=True)


def _begin_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text(_RESET_PEAK)
    except OSError:  # not Linux, or not allowed: then the peak is that of all tasks of this worker so far
        return


def _peak() -> int:
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0
    unit = 1 if os.uname().sysname == "Darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
