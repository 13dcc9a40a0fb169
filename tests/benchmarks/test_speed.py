"""The speed benchmark runs and prints what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import reference_field, speed

ROOT = Path(__file__).resolve().parents[2]


def test_quick_run_prints_every_part() -> None:
    command = [sys.executable, "-m", "benchmarks.speed", "--quick"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    for part in ("graph", "components", "labelling", "total"):
        row = re.search(rf"^{part} +([\d.]+) +([\d.]+) +([\d.]+)x", out, re.MULTILINE)
        assert row, part
        ours, authors, ratio = map(float, row.groups())
        # The ratio is of the unrounded times.
        assert (authors - 0.0006) / (ours + 0.0006) - 0.1 < ratio < (authors + 0.0006) / max(ours - 0.0006, 1e-6) + 0.1
    assert "compilation included" in out
    assert re.search(r"cores; Python 3", out)
    assert out.count("ASA") == 2
    assert "2000 x 2000" not in out
    peak = re.search(r"peak memory: ([\d,.]+) MiB; target at most 1,024 MiB: met", out)
    assert peak
    assert float(peak.group(1).replace(",", "")) > 50


def test_example_field_is_like_the_authors(shared_data: Path) -> None:
    field, origin = reference_field.example_field(crop=120)
    assert "authors' example field" in origin
    assert field.shape == (120, 120)
    assert field.n_measurements / field.bse.size == pytest.approx(31766 / 250000, rel=0.1)
    # Minerals follow the brightness of the image.
    phases, names = field.metadata["truth_phases"], field.metadata["phase_names"]
    bright = np.isin(phases, [names.index(name) + 1 for name in ("almandine", "ilmenite", "magnetite")])
    assert field.bse[bright].mean() > 1.8 * field.bse[~bright].mean()


def test_example_field_without_the_public_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(reference_field, "SHARED_DATA", tmp_path)
    field, origin = reference_field.example_field(crop=100)
    assert origin.startswith("simulated")
    assert field.n_measurements / field.bse.size == pytest.approx(31766 / 250000, rel=0.05)


def test_large_field_has_the_promised_density() -> None:
    field = reference_field.large_field(200)
    assert field.n_measurements / field.bse.size == pytest.approx(304704 / 4_000_000, rel=0.02)
    assert np.median(field.total_counts) == pytest.approx(1000, rel=0.02)


def test_verdicts() -> None:
    assert speed.verdict("ratio", 16, 15, "x", higher_is_better=True).endswith("met")
    assert speed.verdict("ratio", 14, 15, "x", higher_is_better=True).endswith("MISSED")
    assert speed.verdict("time", 14, 12, " s", higher_is_better=False).endswith("MISSED")
