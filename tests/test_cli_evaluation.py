import json

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_gdls.cli_evaluation import app
from napari_gdls.io import write_labels


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
