"""The workers of a batch: processes of this computer, or those of a running dask scheduler."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from napari_gdls.errors import GdlsError
from napari_gdls.io.limits import format_bytes

_SHARE_OF_MEMORY = 0.8
"""Of the memory of the computer that workers get; the rest is for the system and the driver. A choice."""

_STARTS = 3
"""Times that processes are started before it is given up; a choice."""

_CLOSING = 10.0
"""Seconds that workers get to end by themselves; a choice."""

_WATCH = 0.5
"""Seconds between two looks whether the driver still lives; a choice."""

_ALLOCATOR = {"MALLOC_TRIM_THRESHOLD_": 64 * 1024**2, "MALLOC_MMAP_THRESHOLD_": 8 * 1024**2}
"""Bytes of free memory that the C library of Linux keeps for the next array, and from which on an array has memory of
its own, mallopt(3). dask has it give back all above 64 KiB at once, and so a field of 48 x 48 px takes half as long
again. Chosen among a few: larger ones gain nothing."""


@dataclass(frozen=True)
class WorkerPlan:
    """Processes of this computer that a batch runs on.

    Attributes
    ----------
    workers : int
        Each works on one field at a time, in one thread.
    memory_limit : int
        Bytes for each of them.
    """

    workers: int
    memory_limit: int

    def __str__(self) -> str:
        processes = "1 process" if self.workers == 1 else f"{self.workers} processes"
        return f"{processes} with one thread and {format_bytes(self.memory_limit)} each"


def usable_cores() -> int:
    """Cores of this computer that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_of_batch() -> int:
    """Bytes of memory of this computer, or of this job on it, that all workers may take together."""
    from distributed.system import MEMORY_LIMIT

    return int(_SHARE_OF_MEMORY * MEMORY_LIMIT)


def require_distributed() -> None:
    """Refuse to begin without what runs batches.

    Raises
    ------
    GdlsError
    """
    import importlib.util

    if importlib.util.find_spec("distributed") is None or importlib.util.find_spec("dask") is None:
        raise GdlsError(
            "batches of fields run on dask.distributed, which is not installed: pip install 'napari-gdls[batch]'."
        )


@contextmanager
def local_workers(plan: WorkerPlan) -> Iterator[Any]:
    """A client of new processes of this computer, which end with the block or with this process, whatever ends it."""
    import dask
    from distributed import Client, LocalCluster

    _silence_distributed()
    with dask.config.set(
        {
            # One field a worker, and none of its fields is tried again by dask: the batch does so, each alone.
            "distributed.scheduler.allowed-failures": 0,
            "distributed.scheduler.worker-saturation": 1.0,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.target": False,
            **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in _ALLOCATOR.items()},
        }
    ):
        cluster = _started(
            lambda: LocalCluster(
                n_workers=plan.workers,
                threads_per_worker=1,
                processes=True,
                memory_limit=plan.memory_limit,
                dashboard_address=":0",
            )
        )
        try:
            with Client(cluster) as client:
                client.register_plugin(_dies_with_driver(os.getpid()))
                yield client
        finally:
            _end(cluster)


def _silence_distributed() -> None:
    """What there is to say of lost workers and schedulers, the batch says.

    The second has a level of its own; the third says what goes wrong in calls that were under way when a batch ends.
    """
    for name in ("distributed", "distributed.client", "tornado.application"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _started(start: Callable[[], Any]) -> Any:
    """A cluster; one whose workers die while they start, as where memory is short for a moment, is started again."""
    for tried in range(1, _STARTS + 1):
        try:
            return start()
        except (RuntimeError, OSError, TimeoutError) as error:
            if tried == _STARTS:
                raise GdlsError(
                    f"the processes of the batch cannot be started ({type(error).__name__}: {error}). Is there enough "
                    "memory for them? Fewer need less: `workers=1`."
                ) from error
    raise AssertionError("unreachable")


def _end(cluster: Any) -> None:
    """Close a cluster; workers that do not end by themselves are killed: all that is to be kept is in files."""
    import psutil

    workers = [psutil.Process(nanny.pid) for nanny in cluster.workers.values() if nanny.pid]
    with suppress(TimeoutError):
        cluster.close(timeout=_CLOSING)
    for worker in workers:
        with suppress(psutil.NoSuchProcess):
            worker.kill()


@contextmanager
def workers_of(scheduler: str | None, scheduler_file: str | None) -> Iterator[Any]:
    """A client of a scheduler that runs.

    Parameters
    ----------
    scheduler : str or None
        Its address.
    scheduler_file : str or None
        The file that it has written its address to.

    Raises
    ------
    GdlsError
        If it does not answer.
    """
    from distributed import Client

    _silence_distributed()
    where = scheduler or scheduler_file
    try:
        client = Client(scheduler, timeout=30) if scheduler else Client(scheduler_file=scheduler_file, timeout=30)
    except (OSError, ValueError, TimeoutError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise GdlsError(
            f"no dask scheduler answers at {where} ({reason}); start it, or leave this out to work on this computer."
        ) from None
    with client:
        yield client


def memory_of_workers(client: Any) -> int | None:
    """Bytes of memory that each worker of a scheduler has, the least of all; None where none is there or has a limit.

    Parameters
    ----------
    client : distributed.Client
    """
    limits = [worker["memory_limit"] for worker in client.scheduler_info(n_workers=-1)["workers"].values()]
    return min((int(limit) for limit in limits if limit), default=None)


def _dies_with_driver(driver: int) -> Any:
    """A plugin that ends a worker when the driver has gone: else it would work on for nobody."""
    import psutil
    from distributed import WorkerPlugin

    class DiesWithDriver(WorkerPlugin):
        name = "dies-with-driver"
        idempotent = True

        def __init__(self) -> None:
            self.born = psutil.Process(driver).create_time()

        def setup(self, worker: Any) -> None:
            def watch() -> None:
                while True:
                    try:
                        if psutil.Process(driver).create_time() != self.born:
                            os._exit(1)
                    except psutil.NoSuchProcess:
                        os._exit(1)
                    time.sleep(_WATCH)

            threading.Thread(target=watch, name="dies with driver", daemon=True).start()

    return DiesWithDriver()
