"""Running the tasks of a batch on workers that may die: files are trusted, not futures.

A worker has one field at a time. When it dies, the journal tells which field it had begun with: that one is suspected,
and tried again when nothing else runs, so that no other can be to blame; all others simply run again. What fails is
tried three times in all, then set aside. What was set aside stays so while its file, recipe and version are the same,
unless it is asked for.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from napari_gdls.batch.inputs import FieldInput
from napari_gdls.batch.journal import Journal, JournalWriter, read_journal
from napari_gdls.batch.layout import Layout
from napari_gdls.batch.plan import BatchPlan
from napari_gdls.batch.task_keys import InputFiles, key_of
from napari_gdls.batch.tasks import FieldFailure, FieldReport, attempt, is_whole, task_of
from napari_gdls.errors import GdlsError, OutputError

MOST_TRIES = 3
"""Of a field before it is set aside: a fault of the moment is over by then, one of the field is sure."""

_LOOK = 0.5
"""Seconds between two looks at the workers; a choice."""

_MOST_UNBEGUN = 10
"""Workers in a row that may die before they have begun with a field, which no field is to blame for. A choice."""

_SCHEDULER_LOST = (asyncio.CancelledError, concurrent.futures.CancelledError)
"""What waiting for tasks raises when the scheduler is gone, by the version of dask.distributed; a comm that is closed
is an `OSError`."""


@dataclass(frozen=True)
class MapProgress:
    """How far the fields of a batch are.

    Attributes
    ----------
    total : int
        Fields of the batch, or of the share.
    done : int
        With a result, those included that had one before.
    skipped : int
        Those that had one before.
    set_aside : int
    suspected : int
        That failed and will be tried again.
    running : tuple of str
        Names of fields.
    workers : int
    seconds : float
        Since the beginning.
    seconds_left : float or None
        As far as can be told from those that are done.
    """

    total: int
    done: int
    skipped: int
    set_aside: int
    suspected: int
    running: tuple[str, ...]
    workers: int
    seconds: float
    seconds_left: float | None


Report = Callable[[MapProgress], None]
"""Is called with every change and twice a second; may raise, which stops the batch."""


def is_done(each: FieldInput, plan: BatchPlan, layout: Layout, journal: Journal, files: InputFiles) -> bool:
    """Whether the result of a field is there, as long as its file has not changed and the journal knows it.

    Looks at names, sizes and times only, so that ten thousand fields take seconds.
    """
    key = known_key(each, plan, journal, files)
    return key != "" and has_result(each.name, key, layout, journal)


def known_key(each: FieldInput, plan: BatchPlan, journal: Journal, files: InputFiles) -> str:
    """Key of the task of a field, if the journal knows its file and that has not changed; else ""."""
    digest = files.known_digest(each.path, plan.reading, journal)
    return key_of(digest, plan.recipe.to_json(), plan.reading) if digest else ""


def has_result(name: str, key: str, layout: Layout, journal: Journal) -> bool:
    """Whether the result of a task is there, and of the size that it had."""
    made = journal.made.get(name, {}).get(key)
    try:
        return made is not None and layout.field(name, key).stat().st_size == made.size
    except OSError:
        return False


def share_of(inputs: Sequence[FieldInput], only: tuple[int, int] | None) -> tuple[FieldInput, ...]:
    """The Ith of N shares of the fields of a batch, the same on all computers.

    Parameters
    ----------
    inputs : sequence of FieldInput
    only : (int, int), optional
        I, from 1, and N. None: all.

    Raises
    ------
    GdlsError
        If there is no such share.
    """
    if only is None:
        return tuple(inputs)
    number, shares = only
    if not 1 <= number <= shares:
        raise GdlsError(f"there is no share {number} of {shares}; they go from 1 to {shares}.")
    return tuple(inputs[number - 1 :: shares])


@dataclass
class _Run:
    """A run of the tasks of a batch."""

    plan: BatchPlan
    layout: Layout
    client: Any
    report: Report
    known: Journal
    total: int
    done: int = 0
    skipped: int = 0
    began: float = field(default_factory=time.perf_counter)
    set_aside: list[str] = field(default_factory=list)
    again: list[FieldInput] = field(default_factory=list)
    running: dict[Any, FieldInput] = field(default_factory=dict)
    tries: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    unbegun: int = 0

    def __post_init__(self) -> None:
        self.journal = JournalWriter(self.layout)
        self.files = InputFiles()

    def side_by_side(self, waiting: Sequence[FieldInput]) -> None:
        """Run all, as many at a time as there are workers; the scheduler has one more for each, so that none waits."""
        left = deque(waiting)
        while left or self.running:
            slots = sum(self.client.nthreads().values())
            while left and len(self.running) < 2 * max(slots, 1):
                self._submit(left.popleft())
            for each in self._ended():
                left.append(each)

    def one_by_one(self) -> None:
        """Try what failed again, each alone."""
        while self.again:
            each = self.again.pop(0)
            self._submit(each)
            while self.running:
                self.again.extend(self._ended())

    def _submit(self, each: FieldInput) -> None:
        token = uuid.uuid4().hex
        task = task_of(self.plan, each, self.layout, self.known, self.files, token=token)
        future = self.client.submit(attempt, task, key=f"{each.name}-{token}", pure=False, retries=0)
        self.running[future] = each
        self.tokens[each.name] = token

    def _ended(self) -> list[FieldInput]:
        """Wait for a task to end, or half a second; returns those that run again since their worker died under them."""
        from distributed import wait

        innocent = []
        try:
            ended = wait(list(self.running), timeout=_LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            ended = set()
        for future in ended:
            each = self.running.pop(future)
            answer = future.result() if future.status == "finished" else None
            if isinstance(answer, FieldReport):
                self.done += 1
                self.unbegun = 0
            elif isinstance(answer, FieldFailure):
                self._failed(each, answer)
            elif (key := read_journal(self.layout).begun.get(self.tokens[each.name])) is not None:
                self._lost(each, key)
            else:
                innocent.append(each)
                self._count_unbegun()
        self._tell()
        return innocent

    def _count_unbegun(self) -> None:
        """A worker died before it began with a field: no field is to blame, and it must not go on for ever."""
        self.unbegun += 1
        if self.unbegun >= _MOST_UNBEGUN:
            raise GdlsError(
                f"{self.unbegun} workers in a row died before they began with a field: is there enough memory for each "
                "of them, and is the same version of napari-gdls installed for all? What is done is kept."
            )

    def _failed(self, each: FieldInput, failure: FieldFailure) -> None:
        if failure.of_batch:
            raise OutputError(failure.error)
        self.journal.write("failed", each.name, key=failure.key, error=failure.error)
        self._once_more(each, failure.key, failure.error, counts=True)

    def _lost(self, each: FieldInput, key: str) -> None:
        """Its worker died: done all the same, to blame, or not."""
        if key and is_whole(self.layout.field(each.name, key)):
            self.again.append(each)  # committed, and the news of it lost with the worker: the task will say so
            return
        alone = not self.running
        error = "the process that worked on it died (for want of memory, perhaps)"
        self.journal.write("lost", each.name, key=key, error=error)
        self._once_more(each, key, error, counts=alone and each.name in self.tries)

    def _once_more(self, each: FieldInput, key: str, error: str, *, counts: bool) -> None:
        self.tries[each.name] = self.tries.get(each.name, 0) + (1 if counts else 0)
        if self.tries[each.name] >= MOST_TRIES:
            self.journal.write("set aside", each.name, key=key, error=error)
            self.set_aside.append(each.name)
        else:
            self.again.append(each)

    def _tell(self) -> None:
        seconds = time.perf_counter() - self.began
        made = self.done - self.skipped
        left = self.total - self.done - len(self.set_aside)
        threads = self.client.nthreads()
        begun = list(self.running.values())[: sum(threads.values())]  # they are handed out in this order
        self.report(
            MapProgress(
                total=self.total,
                done=self.done,
                skipped=self.skipped,
                set_aside=len(self.set_aside),
                suspected=len(self.again),
                running=tuple(each.name for each in begun),
                workers=len(threads),
                seconds=seconds,
                seconds_left=seconds / made * left if made else None,
            )
        )


def run_map(
    plan: BatchPlan,
    layout: Layout,
    client: Any,
    *,
    only: tuple[int, int] | None = None,
    retry: bool = False,
    report: Report = lambda progress: None,
) -> tuple[str, ...]:
    """Segment the fields of a batch that have no result yet.

    Parameters
    ----------
    plan : BatchPlan
    layout : Layout
    client : distributed.Client
    only : (int, int), optional
        I and N: the Ith of N shares. None: all fields.
    retry : bool
        Whether fields that were set aside are tried again though their files are the same.
    report : callable
        Receives a `MapProgress`.

    Returns
    -------
    tuple of str
        Names of the fields that are set aside, those of earlier runs included; all others have a result.

    Raises
    ------
    OutputError
        If results cannot be written: the disk is full, say. What is done stays.
    GdlsError
        If the scheduler is lost, or there is no such share.
    """
    inputs = share_of(plan.inputs, only)
    known = read_journal(layout)
    run = _Run(plan, layout, client, report, known, len(inputs))
    waiting = []
    for each in inputs:
        if is_done(each, plan, layout, known, run.files):
            run.done += 1
            run.skipped += 1
        elif not retry and (each.name, known_key(each, plan, known, run.files)) in known.aside:
            run.set_aside.append(each.name)
        else:
            waiting.append(each)
    run._tell()
    try:
        run.side_by_side(waiting)
        run.one_by_one()
    except (OSError, *_SCHEDULER_LOST) as error:
        raise GdlsError(
            "the connection to the scheduler of the workers is lost; what is done is kept. The same command goes on "
            "from here, once a scheduler runs again."
        ) from error
    except BaseException:
        client.cancel(list(run.running), force=True)
        for each in run.running.values():
            run.journal.write("stopped", each.name)
        raise
    return tuple(sorted(run.set_aside))
