"""The files of a result."""

import csv
import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_gdls import EnergyAxis, Field, Recipe, sample_field, segment, write_labels
from napari_gdls.cli.printing import print_summary
from napari_gdls.errors import FieldReadError, OutputError
from napari_gdls.io import faults_of_set, files_of_set, manifest_of
from napari_gdls.phases.over_dispersion import Dispersion
from napari_gdls.segmentation.files import require_writable_files, result_files, write_results
from napari_gdls.segmentation.summary import summary_lines, title_line


@pytest.fixture(scope="module")
def result():
    return segment(sample_field("dacite-fast"))


def with_dispersion(result, embedded):
    found = replace(result.measurement_phases, dispersion=Dispersion(counts=0.0, embedded=embedded, n_segments=99))
    return replace(result, measurement_phases=found)


def test_the_summary_names_phases_with_their_errors(result, capsys):
    print_summary(result)
    text = capsys.readouterr().out
    assert f"{result.n_segments:,} segments of {result.n_phases:,} phases from 7,500 spectra" in text
    for percent, error in zip(result.modal.percent[:5], result.modal.error[:5], strict=True):
        assert any({f"{percent:.2f}", f"{error:.2f}"} <= set(line.split()) for line in text.splitlines())
    assert "false borders" in text
    assert "labelling" in text


def test_scatter_is_mentioned_where_it_matters(result):
    assert any("2,000 counts" in line for line in summary_lines(with_dispersion(result, 0.5)))
    assert not any("scatter" in line for line in summary_lines(with_dispersion(result, 0.001)))


def test_words_agree_with_numbers(result):
    assert title_line(result) == f"{result.n_segments:,} segments of {result.n_phases:,} phases"
    one = result.with_phases_merged(np.zeros(result.n_phases, np.int64))
    assert title_line(one) == "1 segment of 1 phase"


def test_many_phases_are_not_all_printed(result, capsys, monkeypatch):
    monkeypatch.setattr("napari_gdls.cli.printing._MOST_ROWS", 2)
    print_summary(result)
    assert f"and {result.n_phases - 2} more" in capsys.readouterr().out


def test_names_follow_that_of_the_labels():
    files = result_files(Path("a/b.OME.TIF"), Recipe(), confidence=True, constraints=True)
    assert files["phase map"] == Path("a/b.phases.OME.TIF")
    assert files["constraints"] == Path("a/b.constraints.json")
    assert list(files)[-1] == "manifest"
    assert "phases" not in result_files(Path("b.png"), Recipe(method="watershed"))
    with pytest.raises(OutputError, match="watershed"):
        result_files(Path("b.png"), Recipe(method="watershed"), confidence=True)


def test_files_that_are_there_stay(tmp_path):
    files = result_files(tmp_path / "b.png", Recipe())
    files["phase merges"].write_text("mine")
    with pytest.raises(OutputError, match="phase_merges"):
        require_writable_files(files, overwrite=False)
    require_writable_files(files, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["b.phase_merges.csv"]


def test_equal_results_are_equal_files(result, tmp_path):
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        files = result_files(tmp_path / name / "rock.ome.tif", result.recipe, confidence=True)
        write_results(result, files, overwrite=False)
        written.append({what: file.read_bytes() for what, file in files.items()})
    assert written[0] == written[1]
    manifest = manifest_of(files["labels"])
    assert manifest == files["manifest"]
    assert faults_of_set(manifest) == ()
    assert files_of_set(manifest) == {what: file for what, file in files.items() if what != "manifest"}
    assert Recipe.from_json(json.dumps(json.loads(manifest.read_text())["recipe"])) == result.recipe


def test_a_set_that_is_replaced_leaves_only_files_that_are_not_its_own(result, tmp_path):
    files = result_files(tmp_path / "rock.png", result.recipe, confidence=True)
    write_results(result, files, overwrite=False)
    files["phases"].write_text("changed by hand")
    manifest = json.loads(files["manifest"].read_text())
    (tmp_path / "photo.jpg").write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    manifest["files"].append({"content": "", "name": "photo.jpg", "bytes": 1, "sha256": digest})
    files["manifest"].write_text(json.dumps(manifest))
    other = replace(result, recipe=Recipe(method="bse_only"), measurement_phases=None, confidence=None)
    fewer = result_files(tmp_path / "rock.png", other.recipe)
    write_results(other, fewer, overwrite=True)
    kept = {"rock.phases.csv", "photo.jpg"}
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in fewer.values()} | kept
    assert faults_of_set(fewer["manifest"]) == ()


def test_files_of_two_runs_are_told_from_those_of_one(result, tmp_path):
    files = result_files(tmp_path / "rock.png", result.recipe)
    write_results(result, files, overwrite=False)
    files["phases"].write_text("of another run")
    files["picture"].unlink()
    faults = faults_of_set(files["manifest"])
    assert len(faults) == 2
    assert any("rock.phases.csv" in fault for fault in faults)
    assert any("rock.picture.png: is missing" in fault for fault in faults)
    for damage in (
        "",
        "[]",
        "{",
        '{"files": [{"name": "../secret", "content": "", "bytes": 0, "sha256": ""}]}',
        "[" * 9999,
    ):
        files["manifest"].write_text(damage)
        with pytest.raises(FieldReadError, match="manifest"):
            faults_of_set(files["manifest"])
        assert manifest_of(files["labels"]) is None


def test_a_killed_run_leaves_no_set_that_looks_whole(tmp_path):
    """Whenever a run is killed, its files are of one run by their manifest, or have none that fits."""
    code = """
import sys
from pathlib import Path
from napari_gdls import simulate_field, segment
from napari_gdls.segmentation.files import result_files, write_results
field = simulate_field((24, 24), seed=1, grain_size=12)
results = [segment(field, tau_z=tau_z) for tau_z in (0.3, 3.0)]
while True:
    for result in results:
        write_results(result, result_files(Path(sys.argv[1]), result.recipe), overwrite=True)
"""
    manifest = tmp_path / "a.manifest.json"
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "a.png")], stdout=subprocess.DEVNULL)
    while not manifest.exists():  # until the first set is whole
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.1)
    process.kill()
    process.wait()
    recipe = Recipe.from_json((tmp_path / "a.recipe.json").read_text())
    if manifest.exists() and not faults_of_set(manifest):
        assert json.loads(manifest.read_text())["recipe"]["tau_z"] == recipe.tau_z


def test_the_table_of_segments_is_a_label_format_too(tmp_path):
    places = np.argwhere(np.ones((4, 5), bool))
    axis = EnergyAxis(0, 100, 9)
    field = Field(np.zeros((4, 5), np.uint16), np.ones((20, 9), np.uint8), places, axis, pixel_size=2.5)
    labels = np.array([[1, 1, 2, 2, 0]] * 4)
    write_labels(tmp_path / "a.csv", labels, field=field)
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["1", "2"]
    assert [float(row["area [um2]"]) for row in rows] == [50.0, 50.0]
    with pytest.raises(OutputError, match="needs the field"):
        write_labels(tmp_path / "b.csv", labels)
    with pytest.raises(OutputError, match="agree"):
        write_labels(tmp_path / "b.csv", labels[:2], field=field)
    with pytest.raises(OutputError, match=r"\.csv"):
        write_labels(tmp_path / "b.docx", labels, field=field)
