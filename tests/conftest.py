"""Fixtures that all tests share, and how a test run with windows ends."""

from __future__ import annotations

import atexit
import logging
import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of the machine, and of what numba compiles first, than of the program.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_ended: list[pytest.Session] = []
"""The session, once nothing of pytest that could fail is left to be done."""


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, object, object]:
    result = yield  # summary, JUnit file and the like; an error here ends the run with a traceback, as ever
    _ended.append(session)
    return result


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_unconfigure() -> Generator[None, object, object]:
    try:
        result = yield
    except BaseException:
        _ended.clear()
        raise
    if _ended and _qt_application() is not None:
        # PySide's own exit function would delete the application, and all that belongs to it, before `_leave_qt_alone`.
        atexit.unregister(getattr(sys.modules["PySide6.QtCore"], "__moduleShutdown", None))
    return result


@atexit.register  # now, before any test has imported anything: so it is called after what they register
def _leave_qt_alone() -> None:
    """End a run that has opened windows with pytest's exit status, without the teardown of native libraries.

    A process that has shown napari viewers exits with threads of Qt, Mesa and torch alive, with thousands of actions
    that napari leaves to the application, and with a Python function that vispy gave to Qt for its messages (see
    `napari_gdls.plugin.qt_messages`). Seldom, that ends in a segmentation fault when pytest has long reported. It says
    nothing about the tests, so it must not decide.
    """
    if _ended and _qt_application() is not None:
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(_ended[-1].exitstatus))


def _qt_application() -> object | None:
    core = sys.modules.get("PySide6.QtCore")
    return None if core is None else core.QCoreApplication.instance()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data that the repository does not hold: ``GDLS_DATA``, or ``../shared/data`` beside it."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    folder = Path(os.environ.get("GDLS_DATA", default)).resolve()
    if not folder.is_dir():
        pytest.skip(f"needs the public test data, not at {folder}; set GDLS_DATA to the folder that holds them")
    return folder
