"""How long computations report where they are, also when code is compiled first, and how they are stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

COMPILING = "compiling"
"""Stage that `Progress` receives while functions are compiled: once on a machine, as later runs find them on disk."""


class Progress(Protocol):
    """A callable that long computations call often, at least once a second.

    It receives the name of the running stage and the fraction of it that is done, from 0 to 1. It may raise
    `napari_gdls.errors.Cancelled`, which ends the computation and changes nothing.
    """

    def __call__(self, stage: str, fraction: float, /) -> None:
        """Take note of the progress, or raise `Cancelled`."""


def silent(stage: str, fraction: float, /) -> None:
    """Report nothing: the default `Progress`."""


@contextmanager
def compilation_reported(progress: Progress) -> Iterator[None]:
    """Report when numba compiles inside of this context, in this thread; not when it finds compiled code on disk.

    Parameters
    ----------
    progress : Progress
        Receives `COMPILING`, 0, at the start of each function that has to be compiled, and may cancel there; and
        `COMPILING`, 1, at the end of the context if there were any.
    """
    from numba.core import event

    thread = threading.get_ident()

    class Reporter(event.Listener):
        depth = 0
        compiled = False

        def on_start(self, _: Any) -> None:
            if threading.get_ident() != thread:
                return
            self.depth += 1
            # Functions that it calls are compiled on the way; numba could take an exception there for a failure.
            if self.depth == 1:
                self.compiled = True
                progress(COMPILING, 0.0)

        def on_end(self, _: Any) -> None:
            if threading.get_ident() == thread:
                self.depth -= 1

    reporter = Reporter()
    with event.install_listener("numba:compile", reporter):
        yield
    if reporter.compiled:
        progress(COMPILING, 1.0)
