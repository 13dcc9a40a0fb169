"""Computing in one thread: the order of sums, and so their last bits, would depend on the number of threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import threadpool_limits

_Parameters = ParamSpec("_Parameters")
_Returned = TypeVar("_Returned")


def one_thread(function: Callable[_Parameters, _Returned]) -> Callable[_Parameters, _Returned]:
    """Let a function use one thread for its linear algebra, so that its results are equal bytes on any machine."""

    @wraps(function)
    def limited(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Returned:
        with threadpool_limits(1):
            return function(*args, **kwargs)

    return limited


@contextmanager
def one_core() -> Iterator[None]:
    """Let linear algebra and networks use one thread while the block runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
