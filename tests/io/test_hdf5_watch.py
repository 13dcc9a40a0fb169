from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from napari_gdls.errors import FieldReadError
from napari_gdls.io import hdf5_watch
from napari_gdls.io.hdf5 import require_self_contained
from napari_gdls.io.hdf5_watch import require_an_end


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["group/values"] = np.arange(12)
        file["group/texts"] = ["one", "two"]
        file["group/values"].attrs["units"] = "µm"
        file["loop"] = file["group"]
    return path


def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    (tmp_path / "program.py").write_text(text)
    monkeypatch.setattr(hdf5_watch.hdf5_walk, "__file__", str(tmp_path / "program.py"))
    monkeypatch.setattr(hdf5_watch._WALK, "running", {})


def test_sound_files_pass_and_the_process_is_kept(file: Path) -> None:
    require_an_end(file)
    (process,) = (p for pid, p in hdf5_watch._WALK.running.items() if pid == os.getpid())
    start = time.monotonic()
    for _ in range(20):
        require_self_contained(file)
    assert hdf5_watch._WALK.running[os.getpid()] is process
    assert time.monotonic() - start < 2


def test_damaged_files_are_refused_with_the_words_of_the_library(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(FieldReadError, match=r"damaged HDF5 file.*truncated"):
        require_an_end(file)


@pytest.mark.skipif(sys.platform == "win32", reason="no clock of its own computing")
def test_a_library_that_goes_round_in_circles(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Path(hdf5_watch.hdf5_walk.__file__).read_text(encoding="utf-8")
    circling = text.replace("    import h5py\n\n    with h5py.File", "    while True: pass\n    with h5py.File")
    assert circling != text
    program(tmp_path, monkeypatch, circling.replace("_MOST_CPU = 2.0", "_MOST_CPU = 0.2"))
    for _ in range(2):  # it is started anew
        with pytest.raises(FieldReadError, match="go on without end"):
            require_an_end(file)


def test_a_library_that_crashes(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "import os\nprint('ready', flush=True)\ninput()\nos.kill(os.getpid(), 11)\n")
    with pytest.raises(FieldReadError, match="crash"):
        require_an_end(file)


def test_without_another_process_files_pass(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(tmp_path, monkeypatch, "")
    require_an_end(file)
    monkeypatch.setattr(hdf5_watch.sys, "executable", str(tmp_path / "no-python"))
    require_an_end(file)
