"""The speed benchmark runs and prints what it promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu, machine, reference_field, stages
from napari_gdls import simulate_field, write_field

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
    assert machine.verdict("ratio", 16, 15, "x", higher_is_better=True).endswith("met")
    assert machine.verdict("ratio", 14, 15, "x", higher_is_better=True).endswith("MISSED")
    assert machine.verdict("time", 14, 12, " s", higher_is_better=False).endswith("MISSED")


def test_without_a_gpu_the_benchmark_of_one_says_so(monkeypatch, capsys) -> None:
    monkeypatch.setattr(gpu, "available_devices", lambda: ("cpu",))
    assert gpu.main([]) == 0
    assert "no GPU here" in capsys.readouterr().out


def test_the_benchmark_of_a_gpu_compares_devices(monkeypatch, capsys) -> None:
    """With the CPU in the place of one, as torch knows it by another name."""
    monkeypatch.setattr(gpu, "available_devices", lambda: ("cpu:0", "cpu"))
    for function in ("embed", "segment"):
        run = getattr(gpu, function)
        monkeypatch.setattr(
            gpu, function, lambda *args, run=run, device, **options: run(*args, device="cpu", **options)
        )
    assert gpu.main(["--size", "200"]) == 0
    out = capsys.readouterr().out
    assert "labels on 0.0000 % of the pixels" in out
    assert re.search(r"^ +3,\d+ +[\d.]+ +[\d.]+ +[\d.]+x", out, re.MULTILINE)


def test_stages_are_compared_with_an_earlier_version(tmp_path: Path, capsys) -> None:
    """With this very version in its place."""
    path = tmp_path / "field.gdls.zarr"
    write_field(path, simulate_field((50, 50), seed=1))
    stages.report([stages.now()._replace(name="before"), stages.now()], path, "small", 1)
    out = capsys.readouterr().out
    assert "labels the same to the byte, whatever the version and the cores: True" in out
    for stage in (*stages.STAGES, "all"):
        assert len(re.findall(rf"^{stage} +[\d,]+ +[\d,]+ +[\d,]+ +[\d,]+ +[\d.]+x", out, re.MULTILINE)) == 2


def test_labels_are_compared_field_by_field(tmp_path: Path, capsys, monkeypatch) -> None:
    made = ((name, simulate_field((40, 40), seed=seed)) for seed, name in enumerate(("first", "second")))
    versions = [stages.now()._replace(name="before"), stages.now()]
    stages.report_labels(versions, made, tmp_path / "all")
    assert "the same to the byte on 2 of 2 fields\n" in capsys.readouterr().out
    answers = iter(('{"first": "a", "second": "b"}', '{"first": "a", "second": "c"}'))
    monkeypatch.setattr(stages, "_answer", lambda *_: next(answers))
    stages.report_labels(versions, (), tmp_path / "none")
    assert "on 1 of 2 fields; others on second\n" in capsys.readouterr().out


def test_a_revision_that_git_does_not_know_is_named() -> None:
    with pytest.raises(SystemExit, match="--before no-such-revision"), stages.earlier("no-such-revision"):
        pass
