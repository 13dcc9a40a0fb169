"""``napari-gdls maps``: a channel for each map; what cannot be done is refused before the work."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from said import said
from typer.testing import CliRunner

import napari_gdls as gdls
from napari_gdls.cli import app
from napari_gdls.mineralogy import element_counts


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    output = tmp_path_factory.mktemp("maps") / "dacite.ome.tif"
    arguments = ["maps", "dacite", "-o", str(output), "--elements", "Ti,Fe", "--expression", "Fe/(Fe+Ti)"]
    result = CliRunner().invoke(app, [*arguments, "--fill", "dots"])
    assert result.exit_code == 0, result.output
    return output, result.output


def test_channels_are_net_counts_errors_and_expressions(written):
    output, words = written
    assert "Ti net counts, Ti error, Fe net counts, Fe error, Fe/(Fe+Ti)" in " ".join(words.split())
    with tifffile.TiffFile(output) as file:
        images = file.asarray()
        description = file.ome_metadata
    assert images.dtype == np.float32
    assert "Fe net counts" in description
    field = gdls.sample_field("dacite")
    found = element_counts(field, ["Ti", "Fe"])
    assert images[0].ravel() == pytest.approx(found.counts[:, 0], abs=1e-3)
    assert images[3].ravel() == pytest.approx(found.errors[:, 1], abs=1e-3)
    with np.errstate(all="ignore"):
        assert images[4] == pytest.approx(images[2] / (images[2] + images[0]), rel=1e-4, nan_ok=True)


def test_files_that_are_there_stay(written):
    output, _ = written
    before = output.read_bytes()
    result = CliRunner().invoke(app, ["maps", "dacite", "-o", str(output), "--elements", "Ti"])
    assert result.exit_code != 0
    assert "already there" in said(result) + result.output
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "maps.png", "--elements", "Fe"], ".ome.tif"),
        (["-o", "maps.ome.tif"], "name elements"),
        (["-o", "maps.ome.tif", "--expression", "Fe/(Fe+"], "is missing"),
        (["-o", "maps.ome.tif", "--elements", "Fe", "--fill", "all"], "none of"),
    ],
)
def test_what_cannot_be_done_is_refused_before_the_field_is_read(arguments, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["maps", "nowhere.bcf", *arguments])
    assert result.exit_code != 0
    assert words in said(result) + " ".join(result.output.split())


@pytest.mark.parametrize("option", [["--energy", "10,0"], ["--dataset", "nonsense"], ["--bse", "1"], ["--gain", "2"]])
def test_a_sample_leaves_no_choice(option, tmp_path):
    """Passed over in silence, it would be taken as done."""
    answer = CliRunner().invoke(
        app, ["maps", "dacite", "-o", str(tmp_path / "fe.ome.tif"), "--elements", "Fe", *option]
    )
    assert answer.exit_code != 0
    assert "is a sample" in str(answer.exception)
    assert not (tmp_path / "fe.ome.tif").exists()
