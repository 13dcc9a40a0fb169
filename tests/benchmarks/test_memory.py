"""The benchmark of memory runs, prints what it promises, and makes maps that are what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import memory
from napari_gdls.io import read_field

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_quick_run_prints_every_step() -> None:
    command = [sys.executable, "-m", "benchmarks.memory", "--quick", "--no-segment"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    for step in ("info", "convert", r"sum spectrum \+ Fe map"):
        row = re.search(rf"^ +{step} +([\d.]+) s +([\d.]+) s +([\d.]+) GiB$", out, re.MULTILINE)
        assert row, out
        assert all(float(figure) > 0 for figure in row.groups())
    assert "the same, HyperSpy" in out or "not installed" in out
    assert "differ" not in out


def test_the_map_is_what_it_says(tmp_path: Path) -> None:
    phases = memory.write_rpl(tmp_path / "map.rpl", 24, seed=3)
    field = read_field(tmp_path / "map.rpl", bse=tmp_path / "map.png")
    assert field.shape == phases.shape == (24, 24)
    assert field.energy == memory.AXIS
    assert field.beam_energy == memory.BEAM_ENERGY
    assert np.median(field.total_counts) == pytest.approx(memory.COUNTS, rel=0.05)
    again = tmp_path / "again.rpl"
    memory.write_rpl(again, 24, seed=3)
    assert again.with_suffix(".raw").read_bytes() == (tmp_path / "map.raw").read_bytes()


def test_memory_of_children_is_seen(tmp_path: Path) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of other processes is read from /proc")
    big = "import numpy, time; a = numpy.ones(50_000_000); time.sleep(0.5); print(int(a.sum()))"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {big!r}])"
    found = memory.measured("a child", [sys.executable, "-c", child], tmp_path)
    assert found.ok
    assert found.said == "50000000"
    assert 0.37 < found.memory < 0.6  # GiB; 400 MB are 0.373
    assert not memory.measured("none", [sys.executable, "-c", "raise SystemExit('no')"], tmp_path).ok
