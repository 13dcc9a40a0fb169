import csv
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from napari_gdls import Recipe, cli, sample_field
from napari_gdls.io import read_field, read_labels, write_field


def run(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


def napari_gdls(*arguments, cwd=None):
    command = [sys.executable, "-m", "napari_gdls", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "rock.gdls.zarr"
    write_field(path, sample_field("dacite-fast"))
    return path


def test_demo_segments_the_real_rock(tmp_path):
    done = napari_gdls("demo", "--no-viewer", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    labels = tifffile.imread(tmp_path / "gdls-demo" / "dacite.ome.tif")
    assert labels.shape == (75, 100)
    areas = np.bincount(labels.ravel())[1:]
    assert (areas >= 100).sum() >= 5
    with (tmp_path / "gdls-demo" / "dacite.segments.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert len(rows) == np.count_nonzero(areas)
    picture = tmp_path / "gdls-demo" / "dacite.picture.png"
    assert picture.stat().st_size > 10_000
    recipe = Recipe.from_json((tmp_path / "gdls-demo" / "dacite.recipe.json").read_text())
    assert recipe.tau_z == cli.DEMO_THRESHOLDS["tau_z"]


def test_segment_writes_labels_table_picture_and_recipe(store, tmp_path):
    done = run("segment", store, "-o", tmp_path / "out.ome.tif", "--tau-z", 0.9, "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.ome.tif",
        "out.picture.png",
        "out.recipe.json",
        "out.segments.csv",
    ]
    again = run("segment", store, "-o", tmp_path / "again.png", "--recipe", tmp_path / "out.recipe.json")
    assert again.exit_code == 0, again.output
    assert np.array_equal(read_labels(tmp_path / "again.png"), read_labels(tmp_path / "out.ome.tif"))


def test_segment_replaces_nothing_unless_told_to(store, tmp_path):
    (tmp_path / "out.segments.csv").write_text("mine")
    refused = napari_gdls("segment", store, "-o", tmp_path / "out.ome.tif")
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.segments.csv"]
    assert run("segment", store, "-o", tmp_path / "out.ome.tif", "--overwrite").exit_code == 0
    assert "mine" not in (tmp_path / "out.segments.csv").read_text()


def test_convert_and_info(store, tmp_path):
    target = tmp_path / "copy.gdls.zarr.zip"
    assert run("convert", store, "-o", target).exit_code == 0
    field, copy = read_field(store), read_field(target)
    assert np.array_equal(field.bse, copy.bse)
    assert np.array_equal(field.total_counts, copy.total_counts)
    printed = run("info", target).output
    for fact in ("75", "100", "7,500", "2048 channels", "20 keV"):
        assert fact in printed


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("info", "nowhere"), 1, "nowhere"),
        (("segment", "nowhere", "-o", "x.ome.tif"), 1, "nowhere"),
        (("segment", "nowhere", "-o", "x.docx"), 1, "ome.tif"),
        (("segment", "nowhere", "-o", "no/such/folder/x.png"), 1, "folder"),
        (("segment", "nowhere", "-o", "x.png", "--tau-z", "-1"), 1, "tau_z"),
        (("segment", "nowhere", "-o", "x.png", "--recipe", "none.json"), 1, "none.json"),
        (("segment", "nowhere"), 2, "--output"),
        (("conjure",), 2, "conjure"),
    ],
)
def test_errors_are_one_line_and_usage_errors_another_code(arguments, code, words, tmp_path):
    done = napari_gdls(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert len(done.stderr.strip().splitlines()) == 1


def test_importing_the_package_is_quick():
    heavy = ("torch", "numba", "napari", "skimage", "zarr", "numpy")
    code = f"import sys, napari_gdls; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
