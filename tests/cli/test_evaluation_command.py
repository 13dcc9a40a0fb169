import csv
import json

import numpy as np
import pytest
from said import said
from typer.testing import CliRunner

from napari_gdls import sample_field
from napari_gdls.cli import app
from napari_gdls.io import write_field, write_labels


def run(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_evaluate_prints_the_scores(tmp_path):
    truth = np.kron(np.arange(1, 5).reshape(2, 2), np.ones((20, 20), int)).astype(np.int32)
    write_labels(tmp_path / "truth.png", truth)
    write_labels(tmp_path / "labels.ome.tif", np.where(truth > 2, 3, truth).astype(np.int32))
    scores = json.loads(run("evaluate", tmp_path / "labels.ome.tif", tmp_path / "truth.png", "--json").output)
    assert scores["asa"] == pytest.approx(0.75)
    assert scores["n_segments"] == 3
    assert "ASA" in run("evaluate", tmp_path / "labels.ome.tif", tmp_path / "truth.png").output


def test_a_sweep_writes_scores_and_curves(tmp_path):
    pytest.importorskip("matplotlib")
    done = run(
        "evaluate", "synthetic", "--sweep", "threshold=1,2.5", "--sweep", "watershed=0.4", "-o", tmp_path / "a.csv"
    )
    assert done.exit_code == 0, done.output
    with (tmp_path / "a.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["method"], float(row["value"])) for row in rows] == [
        ("threshold", 1.0),
        ("threshold", 2.5),
        ("watershed", 0.4),
    ]
    assert float(rows[0]["asa"]) > 0.85
    assert (tmp_path / "a.png").stat().st_size > 10_000
    printed = [line.split() for line in done.output.splitlines()]
    assert [f"{float(row['f1']):.3f}" for row in rows] == [
        line[8] for line in printed if line[:1] in (["threshold"], ["watershed"])
    ]
    again = run("evaluate", "synthetic", "--sweep", "watershed=0.4", "-o", tmp_path / "a.csv")
    assert "--overwrite" in said(again)


def test_a_sweep_of_a_file_needs_a_truth(tmp_path):
    path = tmp_path / "field.gdls.zarr"
    field = sample_field("dacite-fast")
    write_field(path, field)
    arguments = ("--sweep", "threshold=1", "-o", tmp_path / "a.csv")
    assert "no truth" in said(run("evaluate", path, *arguments))
    write_labels(tmp_path / "truth.png", np.ones(field.shape, np.int32))
    assert run("evaluate", path, tmp_path / "truth.png", *arguments).exit_code == 0
    with (tmp_path / "a.csv").open(newline="") as file:
        assert [row["asa"] for row in csv.DictReader(file)] == ["1.0"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("synthetic", "--sweep", "conjure", "-o", "a.csv"),
        ("synthetic", "--sweep", "threshold=much", "-o", "a.csv"),
        ("synthetic", "--sweep", "threshold"),
        ("labels.png",),
        ("labels.png", "truth.png", "-o", "a.csv"),
    ],
)
def test_usage_errors(arguments):
    assert run("evaluate", *arguments).exit_code == 2


@pytest.mark.parametrize("option", [["--energy", "10,0"], ["--dataset", "1"], ["--gain", "2"], ["--beam-energy", "15"]])
def test_options_of_reading_a_field_belong_to_sweeps(option, tmp_path):
    """Passed over in silence, they would be taken as done."""
    write_labels(tmp_path / "a.png", np.ones((4, 4), dtype=np.int32))
    names = [str(tmp_path / "a.png")] * 2
    answer = CliRunner().invoke(app, ["evaluate", *names, *option])
    assert answer.exit_code == 2
    assert "only --sweep reads a field" in " ".join(answer.output.split())
