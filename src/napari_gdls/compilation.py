"""Telling the user that code is being compiled, which takes some seconds, once on a machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from napari_gdls.progress import Progress

STAGE = "compiling"
"""Stage that `Progress` hears of while functions are compiled; later runs find them on disk, and it does not come."""


@contextmanager
def compilation_reported(progress: Progress) -> Iterator[None]:
    """Report when numba compiles inside of this context, in this thread; not when it finds compiled code on disk.

    Parameters
    ----------
    progress : Progress
        Hears of `STAGE`, 0, at the start of each function that has to be compiled, and may cancel there; and of
        `STAGE`, 1, at the end of the context if there were any.
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
                progress(STAGE, 0.0)

        def on_end(self, _: Any) -> None:
            if threading.get_ident() == thread:
                self.depth -= 1

    reporter = Reporter()
    with event.install_listener("numba:compile", reporter):
        yield
    if reporter.compiled:
        progress(STAGE, 1.0)
