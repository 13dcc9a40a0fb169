"""The first use on a machine: a process compiles beside the window, a line says so, and a run finds what it made."""

import os
import subprocess
import sys

import pytest

from napari_gdls import first_use
from napari_gdls.plugin import compiling
from napari_gdls.plugin.widgets.compiling_line import CompilingLine


@pytest.fixture
def nothing_compiled(monkeypatch, tmp_path):
    """A machine on which nothing is compiled: no stamp, and no process yet."""
    monkeypatch.setattr(first_use, "is_compiled", lambda: False)
    monkeypatch.setattr(compiling, "_running", [])
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


def test_nothing_is_said_where_all_is_compiled(qtbot):
    line = CompilingLine()
    qtbot.addWidget(line)
    assert line.isHidden()
    assert compiling.compilation() is None


def test_the_line_is_there_while_the_process_runs_and_there_is_one(qtbot, monkeypatch, nothing_compiled):
    monkeypatch.setattr(compiling.first_use, "__name__", "this")  # `python -m this` ends at once
    line, other = CompilingLine(), CompilingLine()
    for each in (line, other):
        qtbot.addWidget(each)
        assert not each.isHidden()
    (running,) = compiling._running
    assert compiling.compilation() is running
    with qtbot.waitSignal(running.ended, timeout=20_000):
        pass
    assert line.isHidden()
    assert other.isHidden()
    assert compiling._running == []


def test_a_process_that_cannot_start_is_no_trouble(qtbot, monkeypatch, nothing_compiled):
    monkeypatch.setattr(compiling.sys, "executable", str(nothing_compiled / "no-python"))
    line = CompilingLine()
    qtbot.addWidget(line)
    qtbot.waitUntil(line.isHidden, timeout=20_000)


@pytest.mark.slow
def test_after_it_a_first_run_compiles_nothing(tmp_path):
    """For dense and for sparse spectra, in processes of their own."""
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "numba"), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    command = [sys.executable, "-m", first_use.__name__]
    subprocess.run(command, check=True, env=environment)
    assert len(list((tmp_path / "cache").rglob("compiled-*"))) == 1
    run = (
        "import napari_gdls as gdls\n"
        "seen = []\n"
        "for sample in ('dacite', 'synthetic'):\n"
        "    gdls.segment(gdls.sample_field(sample), device='cpu', progress=lambda stage, _: seen.append(stage))\n"
        "print('compiling' in seen, 'labelling' in seen)\n"
    )
    answer = subprocess.run([sys.executable, "-c", run], check=True, env=environment, capture_output=True, text=True)
    assert answer.stdout.split() == ["False", "True"]
