"""The segmentation benchmark judges rightly, and a short run of it prints every part."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import benchmarks.segmentation.__main__ as segmentation
import benchmarks.segmentation.methods as segmentation_methods
import benchmarks.segmentation.scores as segmentation_scores
import numpy as np
import pytest
from benchmarks.segmentation.methods import Result

from napari_gdls import Field
from napari_gdls.simulation import simulate_field

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def field() -> Field:
    """Quarters of four minerals."""
    texture = np.kron(np.arange(4).reshape(2, 2), np.ones((30, 30), int))
    minerals = {"quartz": "SiO2", "calcite": "CaCO3", "pyrite": "FeS2", "rutile": "TiO2"}
    return simulate_field(minerals=minerals, texture=texture, seed=1, counts=2000)


def result(labels: np.ndarray, phases: list[int] | None = None) -> Result:
    return Result("", labels.astype(np.int32), None if phases is None else np.array(phases), 0.0)


def test_the_truth_is_judged_perfect(field: Field) -> None:
    truth = field.metadata["truth"]
    for phases in (None, [3, 2, 1, 0]):
        judged = segmentation_scores.judge(field, result(truth, phases))
        assert judged.scores.asa == 1
        assert judged.modal_error == 0
        assert judged.lost == ()
        assert judged.n_phases == (None if phases is None else 4)
        expected = segmentation_scores.expectations(field, judged, judged)
        assert len(expected) == 5
        assert all(met for met, _ in expected.values())


def test_phases_that_are_merged_count_as_lost(field: Field) -> None:
    truth = field.metadata["truth"]
    merged = np.where(truth == 4, 3, truth)
    merged[-1, -1] = 5  # a speck of it does not save it
    judged = segmentation_scores.judge(field, result(merged))
    assert judged.lost == ("rutile",)
    assert judged.modal_error == pytest.approx(25 - 100 / 3600, abs=0.001)
    by_phase = segmentation_scores.judge(field, result(truth, [0, 0, 1, 2]))
    assert by_phase.scores.asa == 1
    assert by_phase.lost == ("calcite",)
    assert by_phase.n_phases == 3
    expected = segmentation_scores.expectations(field, by_phase, judged)
    assert [met for met, _ in expected.values()] == [True, True, False, False, True]


def test_unlabelled_pixels_take_no_part(field: Field) -> None:
    labels = field.metadata["truth"].copy()
    labels[:30, :15] = 0
    judged = segmentation_scores.judge(field, result(labels, [0, 1, 2, 3]))
    assert judged.modal_error == 0
    assert judged.scores.coverage == 0.875


def test_a_phase_in_many_segments_is_one_phase(field: Field) -> None:
    row, column = np.indices(field.shape) // 10
    squares = 1 + 6 * row + column
    phases = field.metadata["truth_phases"][5::10, 5::10].ravel()
    judged = segmentation_scores.judge(field, result(squares, phases.tolist()))
    assert judged.n_phases == 4
    assert judged.scores.n_segments == 36
    assert judged.modal_error == 0
    assert not segmentation_scores.expectations(field, judged, judged)["K <= 3 x true grains"][0]


def test_the_references_are_near_the_truth(field: Field) -> None:
    for method in (segmentation_methods.ceiling, segmentation_methods.known_spectra):
        judged, n_settings = segmentation_scores.best(field, method(field))
        assert n_settings == 1
        assert judged.scores.asa > 0.95
        assert judged.lost == ()
        assert judged.n_phases == 4
    (known,) = segmentation_methods.known_spectra(field)
    (true,) = segmentation_methods.ceiling(field)
    assert np.mean(known.phases[known.labels - 1] == true.phases[true.labels - 1]) > 0.99


def test_of_several_settings_the_best_is_taken(field: Field) -> None:
    judged, n_settings = segmentation_scores.best(field, segmentation_methods.watersheds(field))
    assert n_settings == len(segmentation_methods.WATERSHED_DEPTHS)
    every = [segmentation_scores.judge(field, each) for each in segmentation_methods.watersheds(field)]
    assert judged.scores.f1 == max(each.scores.f1 for each in every)


@pytest.mark.slow  # make bench runs it too
def test_quick_run_prints_every_part() -> None:
    command = [sys.executable, "-m", "benchmarks.segmentation", "--quick"]
    out = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=300).stdout
    for name in ("ours", "watershed", "BSE only", "known spectra", "ceiling"):
        row = re.search(rf"^{name}.*? +(0\.\d+) +(0\.\d+) +(0\.\d+) +(0\.\d+) +(0\.\d+) +([\d,]+) ", out, re.MULTILINE)
        assert row, name
    assert re.search(r"ASA >= 0.94 or the ceiling: +\d of \d fields", out)
    assert "all but the embedding" in out
    assert "cut, the slowest of 20" in out
    assert out.count(": yes") == 4
    assert ": NO" not in out


def test_names_choose_fields_and_methods(capsys: pytest.CaptureFixture[str]) -> None:
    assert segmentation.main(["--list", "--fields", "rock-1000", "--methods", "water"]) == 0
    printed = capsys.readouterr().out
    assert "rock-1000 " in printed
    assert "rock-200 " not in printed
    assert re.findall(r"^  (watershed|ceiling|BSE only|ours.*)$", printed, re.MULTILINE) == ["watershed", "ceiling"]
    with pytest.raises(SystemExit):
        segmentation.main(["--fields", "no such field"])
