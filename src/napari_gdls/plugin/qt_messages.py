"""Messages of Qt when a process ends."""

from __future__ import annotations

import atexit
from functools import cache


@cache
def take_back_message_handler_at_exit() -> None:
    """See to it that Qt calls no Python function any more once Python is gone.

    vispy, on which napari draws, has all messages of Qt sent to a Python function, and leaves it so. Qt may have
    something to say when its libraries are unloaded, after the interpreter: then the process, whose work is done, ends
    in a segmentation fault. Call this in every process with a window; it acts once.
    """
    from qtpy.QtCore import qInstallMessageHandler

    atexit.register(qInstallMessageHandler, None)
