"""The exit status of a test run with Qt: that of pytest (`tests/conftest.py`), whatever happens at exit."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = """
import ctypes
import pytest
from PySide6.QtCore import QCoreApplication

application = QCoreApplication([])
on_exit = ctypes.CDLL(None).on_exit  # glibc: what exit() calls; here it goes astray
on_exit.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
on_exit(8, None)


def test_that_passes():
    pass


def test_that_fails():
    assert False


def test_that_is_interrupted():
    raise KeyboardInterrupt


def test_that_leaves():
    pytest.exit("enough", returncode=7)
"""
BROKEN_PLUGIN = """
def pytest_unconfigure():
    raise RuntimeError("a plugin fails")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="makes the process fail at exit through glibc")
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["-k", "passes"], 0),
        (["-k", "fails or passes"], 1),
        (["-k", "interrupted"], 2),
        (["-k", "nothing"], 5),
        (["-k", "leaves"], 7),
        (["-k", "passes", "-p", "broken"], -11),  # no verdict: the process ends as it can, and not with 0
    ],
)
def test_exit_status(arguments, status, tmp_path):
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "broken.py").write_text(BROKEN_PLUGIN)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "pytest", "--junitxml=report.xml", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "== test session starts ==" in done.stdout
    assert ("1 passed" in done.stdout) == ("passes" in arguments[1])  # the summary came before the end
    assert (tmp_path / "report.xml").read_text().endswith("</testsuites>")
