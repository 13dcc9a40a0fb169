"""Threads: compiled code on all cores, block by block, and linear algebra in one thread.

Whatever runs here gives the same bytes for any number of threads: blocks are the same for all numbers, each is
computed by one thread, and the order of sums, on which their last bits depend, is left to none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from types import CodeType
from typing import Generic, ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")

_LIMITS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Variables of the environment by which users say how many threads a program may have: those of its libraries."""

_POLL_SECONDS = 0.05
"""Seconds between two calls of `poll` while others compute; twice as often as is asked of what can be cancelled."""

_most: ContextVar[int | None] = ContextVar("_most", default=None)
_called: set[CodeType] = set()
"""Code of the functions that were called before in this process."""
_pools: dict[int, ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()
_this_thread = threading.local()


def number_of_threads() -> int:
    """Threads that `in_blocks` uses: as many as this process has cores, if nothing asks for less."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limits = [int(value) for value in map(os.environ.get, _LIMITS) if value is not None and value.isdecimal()]
    asked = _most.get()
    return max(1, min([cores, *limits, *([] if asked is None else [asked])]))


@contextmanager
def at_most(n_threads: int) -> Iterator[None]:
    """Let `in_blocks` use so many threads at most while the block runs; only speed depends on it."""
    token = _most.set(n_threads)
    try:
        yield
    finally:
        _most.reset(token)


def in_blocks(
    n: int, function: Callable[[int, int], _Returned], *, size: int, poll: Callable[[], None] = lambda: None
) -> list[_Returned]:
    """Call a function for each block of a range, on all threads at once.

    Parameters
    ----------
    n : int
        Length of the range.
    function : callable
        Called as ``function(first, last)`` for the numbers first..last - 1. It is to release the interpreter lock, as
        compiled code does, and to change nothing that calls for other blocks read or change. Calls of `in_blocks` from
        within run in the thread they are in.
    size : int
        Length of a block, 1 or more; of the last one less. A block should take a tenth of a second at most.
    poll : callable
        Called in the thread of the caller, after each block that it does, and several times a second while it waits
        for others; may raise, then what has not begun is left out.

    Returns
    -------
    list
        What the function has returned, in the order of the blocks.

    Raises
    ------
    Exception
        Whatever the function or `poll` raises; of several calls that fail, what one of them raises.
    """
    starts = range(0, n, size)
    helpers = min(number_of_threads(), len(starts)) - 1
    if helpers < 1 or getattr(_this_thread, "in_block", False):
        results = []
        for first in starts:
            results.append(function(first, min(first + size, n)))
            poll()
        return results
    work = _Work(n, function, starts, size)
    code = getattr(function, "__code__", None)
    if code is not None and code not in _called:
        # The first block alone: what it has to compile is compiled here, where it is reported, and not waited for.
        work.one_more()
        poll()
        _called.add(code)
    waiting = [_pool(helpers).submit(work.help) for _ in range(helpers)]
    try:
        while work.one_more():
            poll()
        for helper in waiting:
            # One that has not begun, in a pool that serves others, has nothing left to do.
            while not helper.cancel() and not work.ended.wait(_POLL_SECONDS) and not helper.done():
                poll()
            if not helper.cancelled():
                helper.result()
    except BaseException:
        work.stop()
        for helper in waiting:
            if not helper.cancel():
                helper.exception()  # waits: nothing of this call goes on after it
        raise
    return work.results()


class _Work(Generic[_Returned]):
    """Blocks of one call of `in_blocks`, which threads take one by one."""

    def __init__(self, n: int, function: Callable[[int, int], _Returned], starts: range, size: int) -> None:
        self._n, self._function, self._starts, self._size = n, function, starts, size
        self._found: dict[int, _Returned] = {}
        self._next, self._lock = iter(starts), threading.Lock()
        self.ended = threading.Event()

    def one_more(self) -> bool:
        """Do the next block; False if none was left."""
        with self._lock:
            first = next(self._next, None)
        if first is None:
            return False
        _this_thread.in_block = True
        try:
            self._found[first] = self._function(first, min(first + self._size, self._n))
        finally:
            _this_thread.in_block = False
        if len(self._found) == len(self._starts):
            self.ended.set()
        return True

    def help(self) -> None:
        """Do blocks until none is left, in a thread of the pool."""
        try:
            while self.one_more():
                pass
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Let no further block begin."""
        with self._lock:
            self._next = iter(range(0))

    def results(self) -> list[_Returned]:
        """What the function has returned, in order."""
        return [self._found[first] for first in self._starts]


def _pool(n_threads: int) -> ThreadPoolExecutor:
    """Threads that are kept from call to call: starting some would take longer than many a call."""
    with _pools_lock:
        if n_threads not in _pools:
            _pools[n_threads] = ThreadPoolExecutor(n_threads, thread_name_prefix="napari_gdls")
        return _pools[n_threads]


def _forget_pools() -> None:
    """In a forked child, which has none of the threads of its parent."""
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def one_thread(function: Callable[_Parameters, _Returned]) -> Callable[_Parameters, _Returned]:
    """Let a function use one thread for its linear algebra, so that its results are equal bytes on any machine."""

    @wraps(function)
    def limited(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Returned:
        with threadpool_limits(1):
            return function(*args, **kwargs)

    return limited


@contextmanager
def one_thread_for_torch() -> Iterator[None]:
    """Let torch use one thread for what it is asked for in this thread while the block runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def one_thread_for_blas() -> Iterator[None]:
    """Let numpy and scipy use one thread for their linear algebra while the block runs.

    Threads that wait for the next product keep cores busy that `in_blocks` could use, and last bits would depend on
    their number.
    """
    with threadpool_limits(1, user_api="blas"):
        yield


@contextmanager
def one_core() -> Iterator[None]:
    """Let compiled code, linear algebra and networks use one thread while the block runs."""
    with one_thread_for_torch(), threadpool_limits(1), at_most(1):
        yield
