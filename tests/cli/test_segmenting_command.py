import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from said import said
from typer.testing import CliRunner

from napari_gdls import Constraints, Field, Recipe, cli, correct, sample_field, segment, simulate_field, write_result
from napari_gdls.cli.options import progress_bar
from napari_gdls.errors import GdlsError
from napari_gdls.io import faults_of_set, read_field, read_labels, write_field
from napari_gdls.recipe import Assign, Join
from napari_gdls.simulation import ROCK


def run(*arguments):
    """Run the command in this process."""
    # Names take as long as all the rest; test_minerals_commands.py is about them.
    unnamed = ("--no-names",) if arguments[0] == "segment" else ()
    return CliRunner().invoke(cli.app, [str(argument) for argument in (*arguments, *unnamed)])


def napari_gdls(*arguments, cwd=None):
    command = [sys.executable, "-m", "napari_gdls", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=cwd, check=False)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "rock.gdls.zarr"
    write_field(path, sample_field("dacite-fast"))
    return path


def test_other_formats_are_written_besides_and_later_from_a_store(store, tmp_path):
    done = run("segment", store, "-o", tmp_path / "out.geojson", "--also", " Legend,ome-zarr ", "--device", "cpu")
    assert done.exit_code == 0, done.output
    assert {"out.geojson", "out.legend.svg", "out.ome.zarr"} <= {path.name for path in tmp_path.iterdir()}
    assert "out.phases.ome.tif" not in {path.name for path in tmp_path.iterdir()}
    assert "unchanged" in run("info", tmp_path / "out.ome.zarr").output
    done = run("evaluate", tmp_path / "out.ome.zarr", tmp_path / "out.ome.zarr" / "labels" / "segments")
    assert done.exit_code == 0, done.output
    write_result(tmp_path / "kept.gdls.zarr.zip", segment(read_field(store), device="cpu"))
    done = run("convert", tmp_path / "kept.gdls.zarr.zip", "-o", tmp_path / "later.geojson")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "later.geojson").read_bytes() == (tmp_path / "out.geojson").read_bytes()
    field = read_field(store)
    labels = np.arange(field.bse.size).reshape(field.shape) % 3
    write_field(tmp_path / "painted.gdls.zarr.zip", field, labels=labels, names={2: "glass"})
    done = run("convert", tmp_path / "painted.gdls.zarr.zip", "-o", tmp_path / "painted.ome.tif")
    assert done.exit_code == 0, done.output
    assert np.array_equal(read_labels(tmp_path / "painted.ome.tif"), labels)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (("segment", "{store}", "-o", "a.png", "--also", "shapefile"), "ome-zarr, geojson"),
        (("segment", "{store}", "-o", "a.png", "--also", "msa", "--method", "watershed"), "makes no phases"),
        (("segment", "{store}", "-o", "a.png", "--also", "mindif"), "size of a pixel"),
        (("convert", "{store}", "-o", "a.geojson"), "holds no result"),
        (("convert", "{store}", "-o", "a.geojson", "--gain", "2"), "--gain"),
        (("convert", "{image}", "-o", "a.geojson"), "holds no result"),
        (("convert", "{store}", "-o", "taken.ome.zarr", "--overwrite"), "something else"),
        (("segment", "{store}", "-o", "taken.ome.zarr", "--overwrite"), "something else"),
    ],
)
def test_what_a_format_lacks_is_said_before_the_work(tmp_path, monkeypatch, arguments, problem):
    monkeypatch.chdir(tmp_path)
    field = simulate_field((12, 12), seed=3, minerals=ROCK[:2], grain_size=14)
    write_field("field.gdls.zarr", Field(field.bse, field.spectra, field.locations, field.energy))
    Path("image.png").write_bytes(b"")
    Path("taken.ome.zarr").mkdir()
    Path("taken.ome.zarr/thesis.docx").touch()
    before = sorted(path.name for path in tmp_path.iterdir())
    done = run(*(part.format(store="field.gdls.zarr", image="image.png") for part in arguments))
    assert isinstance(done.exception, GdlsError), done.output
    assert problem in said(done)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_demo_segments_the_real_rock(tmp_path):
    done = napari_gdls("demo", "--no-viewer", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    made = tmp_path / "gdls-demo"
    labels = tifffile.imread(made / "dacite.ome.tif")
    assert labels.shape == (75, 100)
    areas = np.bincount(labels.ravel())[1:]
    assert (areas >= 100).sum() >= 3
    segments, phases = table(made / "dacite.segments.csv"), table(made / "dacite.phases.csv")
    assert len(segments) == np.count_nonzero(areas)
    assert f"{len(segments)} segments of {len(phases)} phases" in done.stdout
    assert sum(float(row["area [%]"]) for row in phases) == pytest.approx(100)
    # Nearly all of this rock is a groundmass finer than a pixel.
    largest = max(phases, key=lambda row: float(row["area [%]"]))
    assert largest["fine-grained"] == "True"
    assert "fine-grained mixture" in done.stdout
    picture = made / "dacite.picture.png"
    assert picture.stat().st_size > 10_000
    recipe = Recipe.from_json((made / "dacite.recipe.json").read_text())
    assert recipe.method == "merge"


def test_segment_writes_what_it_found(store, tmp_path):
    done = run("segment", store, "-o", tmp_path / "out.ome.tif", "--tau-z", 0.4, "--device", "cpu", "--confidence")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.confidence.tif",
        "out.manifest.json",
        "out.ome.tif",
        "out.phase_merges.csv",
        "out.phases.csv",
        "out.phases.ome.tif",
        "out.picture.png",
        "out.recipe.json",
        "out.script.py",
        "out.segments.csv",
    ]
    labels, phase_map = read_labels(tmp_path / "out.ome.tif"), read_labels(tmp_path / "out.phases.ome.tif")
    confidence = tifffile.imread(tmp_path / "out.confidence.tif")
    assert confidence.dtype == np.float32
    assert np.array_equal(confidence > 0, labels > 0)
    assert confidence.max() <= 1
    for row in table(tmp_path / "out.segments.csv"):
        inside = labels == int(row["label"])
        assert set(phase_map[inside].tolist()) == {int(row["phase"])}
        assert confidence[inside].mean() == pytest.approx(float(row["mean confidence"]), abs=1e-5)
    phases, merges = table(tmp_path / "out.phases.csv"), table(tmp_path / "out.phase_merges.csv")
    assert [int(row["phase"]) for row in phases] == list(range(1, phase_map.max() + 1))
    assert len(merges) == len(phases) - 1
    again = run("segment", store, "-o", tmp_path / "again.png", "--recipe", tmp_path / "out.recipe.json")
    assert again.exit_code == 0, again.output
    assert np.array_equal(read_labels(tmp_path / "again.png"), labels)
    assert np.array_equal(read_labels(tmp_path / "again.phases.png"), phase_map)
    assert not (tmp_path / "again.confidence.tif").exists()


def test_methods_without_phases_write_none(store, tmp_path):
    done = run("segment", store, "-o", tmp_path / "out.png", "--method", "threshold", "--labelling", "local")
    assert done.exit_code == 0, done.output
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.manifest.json",
        "out.picture.png",
        "out.png",
        "out.recipe.json",
        "out.script.py",
        "out.segments.csv",
    ]
    assert "phase" not in table(tmp_path / "out.segments.csv")[0]
    assert "mean confidence" in table(tmp_path / "out.segments.csv")[0]


def test_every_parameter_of_the_recipe_has_its_option(store, tmp_path):
    values = {
        "method": "merge",
        "tau_z": 0.7,
        "significance": 9.0,
        "tau_b": 0.4,
        "intergrowths": False,
        "labelling": "walker",
        "smallest": 4,
        "model": "cosine",
        "device": "cpu",
        "drift": "ignore",
        "calibration": "field",
        "max_distance": 1.5,
        "beta": 3.0,
        "reach": 1.2,
    }
    assert set(values) == set(Recipe.parameters()) - {"batch_size"}
    options = [
        option
        for name, value in values.items()
        for option in (["--no-intergrowths"] if value is False else [f"--{name.replace('_', '-')}", value])
    ]
    done = run("segment", store, "-o", tmp_path / "out.png", *options)
    assert done.exit_code == 0, done.output
    recipe = Recipe.from_json((tmp_path / "out.recipe.json").read_text())
    assert {name: getattr(recipe, name) for name in values} == values


def test_constraints_are_kept_and_written_beside_the_labels(store, tmp_path):
    plain = run("segment", store, "-o", tmp_path / "plain.png")
    assert plain.exit_code == 0, plain.output
    labels = read_labels(tmp_path / "plain.png")
    largest = np.bincount(labels.ravel())[1:].argmax() + 1
    rows, columns = np.nonzero(labels == largest)
    a, b = (int(rows[0]), int(columns[0])), (int(rows[-1]), int(columns[-1]))
    given = tmp_path / "given.json"
    given.write_text(Constraints(cuts=((a, b),)).to_json())
    done = run("segment", store, "-o", tmp_path / "cut.png", "--constraints", given)
    assert done.exit_code == 0, done.output
    cut = read_labels(tmp_path / "cut.png")
    assert cut[a] != cut[b]
    assert Constraints.from_json((tmp_path / "cut.constraints.json").read_text()) == Constraints(cuts=((a, b),))


def test_corrections_and_names_of_a_recipe_are_done_again(store, tmp_path):
    field = sample_field("dacite-fast")
    plain = segment(field, device="cpu")
    segments = np.argsort(-np.bincount(plain.measurement_labels), kind="stable")[[1, 4]]
    a, b = (tuple(map(int, field.locations[np.argmax(plain.measurement_labels == k)])) for k in segments)
    recipe = Recipe(device="cpu", corrections=[Join((a, b)), Assign((a,))], names=[(*a, "my glass")])
    (tmp_path / "by_hand.json").write_text(recipe.to_json())
    done = run("segment", store, "-o", tmp_path / "out.png", "--recipe", tmp_path / "by_hand.json")
    assert done.exit_code == 0, done.output
    assert "2 corrections by hand: 1 join, 1 assign." in done.output
    expected = correct(plain, recipe.corrections)
    np.testing.assert_array_equal(read_labels(tmp_path / "out.png"), expected.labels)
    rows = table(tmp_path / "out.phases.csv")
    assert [float(row["area [%]"]) for row in rows] == pytest.approx(expected.modal.percent.tolist())
    assert [row["name"] for row in rows] == [""] * plain.n_phases + ["my glass"]
    written = Recipe.from_json((tmp_path / "out.recipe.json").read_text())
    assert (written.corrections, written.names) == (recipe.corrections, recipe.names)
    again = run("segment", store, "-o", tmp_path / "again.png", "--recipe", tmp_path / "out.recipe.json")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "out.png").read_bytes()
    refused = run(
        "segment", store, "-o", tmp_path / "no.png", "--recipe", tmp_path / "by_hand.json", "--method", "bse_only"
    )
    assert refused.exit_code != 0
    assert "cannot keep corrections by hand" in str(refused.output) + said(refused)


def test_segment_replaces_nothing_unless_told_to(store, tmp_path):
    (tmp_path / "out.segments.csv").write_text("mine")
    refused = napari_gdls("segment", store, "-o", tmp_path / "out.ome.tif")
    assert refused.returncode == 1
    assert "--overwrite" in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["out.segments.csv"]
    assert run("segment", store, "-o", tmp_path / "out.ome.tif", "--overwrite").exit_code == 0
    assert "mine" not in (tmp_path / "out.segments.csv").read_text()


def test_a_compilation_is_announced_once(capsys):
    with progress_bar() as progress:
        for stage in ("tree", "compiling", "compiling", "labelling"):
            progress(stage, 0.0)
            progress(stage, 1.0)
    assert capsys.readouterr().err.count("only once on this machine") == 1


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
        (("segment", "nowhere", "-o", "x.png", "--constraints", "none.json"), 1, "none.json"),
        (("segment", "nowhere", "-o", "x.png", "--method", "guess"), 2, "watershed"),
        (("segment", "nowhere", "-o", "x.png", "--confidence", "--labelling", "walker"), 1, "--confidence"),
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


@pytest.fixture(scope="module")
def small_store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "small.gdls.zarr"
    write_field(path, simulate_field((30, 30), seed=3, minerals=ROCK[:2], grain_size=14))
    return path


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the device that is always full")
def test_words_never_cost_a_result(small_store, tmp_path):
    """Results are written before anything is printed, whatever becomes of the words."""
    for number, target in enumerate(("| head -c 1 > /dev/null", "> /dev/full")):
        output = tmp_path / f"{number}.ome.tif"
        command = f"{sys.executable} -m napari_gdls segment {small_store} -o {output} {target}"
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False
        )
        assert faults_of_set(tmp_path / f"{number}.manifest.json") == ()
        assert read_labels(output).max() > 1
        assert "Traceback" not in done.stderr
        if target == "> /dev/full":
            assert done.returncode == 1
            assert "the results are written" in done.stderr


@pytest.mark.parametrize(
    "target",
    [
        pytest.param("folder/a.png", id="a folder is there"),
        pytest.param("/proc/a.png", id="not a place for files"),
        pytest.param(f"{'n' * 300}.png", id="longer than names may be"),
        pytest.param(f"{'n' * 240}.png", id="its companions are longer than names may be"),
    ],
)
def test_targets_are_looked_at_before_the_work(target, tmp_path):
    (tmp_path / "folder" / "a.png").mkdir(parents=True)
    done = napari_gdls("segment", "nowhere", "-o", target, "--overwrite", cwd=tmp_path)
    assert done.returncode == 1
    assert "nowhere" not in done.stderr  # the input was not asked for yet
    assert len(done.stderr.strip().splitlines()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


@pytest.mark.parametrize("target", ["taken", "/proc/x"])
def test_demo_says_where_it_cannot_write(target, tmp_path):
    (tmp_path / "taken").write_text("mine")
    done = napari_gdls("demo", "--no-viewer", "-o", target, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert target in done.stderr
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.parametrize("limit", ["inf", "nan", "1e300", "0", "-1", "1_0", "\u0661"])
def test_absurd_memory_limits_are_usage_errors(small_store, limit):
    done = run("info", small_store, "--memory-limit", limit)
    assert done.exit_code == 2
    assert done.exception is None or isinstance(done.exception, SystemExit)


def test_recipes_with_absurd_numbers_are_refused_in_one_line(small_store, tmp_path):
    for text in ('{"recipe_version": 2, "tau_z": 1' + "0" * 400 + "}", '{"recipe_version": 2, "smallest": 1e999}'):
        (tmp_path / "absurd.json").write_text(text)
        done = napari_gdls("segment", small_store, "-o", tmp_path / "x.png", "--recipe", tmp_path / "absurd.json")
        assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
        assert len(done.stderr) < 400


def test_info_tells_whether_results_are_of_one_run(small_store, tmp_path):
    for method in ("merge", "bse_only"):
        assert (
            run("segment", small_store, "-o", tmp_path / "a.ome.tif", "--method", method, "--overwrite").exit_code == 0
        )
        done = run("info", tmp_path / "a.manifest.json")
        assert done.exit_code == 0
        assert "All of one run" in done.output
    # What the first run wrote and the second did not has gone: it would look like a part of the second.
    assert not (tmp_path / "a.phases.csv").exists()
    before = (tmp_path / "a.segments.csv").read_bytes()
    assert run("segment", small_store, "-o", tmp_path / "a.ome.tif", "--overwrite").exit_code == 0
    (tmp_path / "a.segments.csv").write_bytes(before)  # as if the run had been killed before it came to this file
    for file in ("a.ome.tif", "a.manifest.json", "a.picture.png"):
        done = run("info", tmp_path / file)
        assert isinstance(done.exception, GdlsError)
        assert "a.segments.csv" in said(done)
    done = run("evaluate", tmp_path / "a.ome.tif", tmp_path / "a.ome.tif")
    assert done.exit_code == 0
    assert "a.segments.csv" in done.output
    done = run("segment", small_store, "-o", tmp_path / "b.png", "--recipe", tmp_path / "a.recipe.json")
    assert done.exit_code == 0
    assert "a.segments.csv" in done.output


@pytest.mark.parametrize("name", ["a.ome.tif", "a.PNG", "a.segments.csv", "a.recipe.json"])
def test_results_without_a_manifest_are_told_from_unknown_files(name, tmp_path):
    (tmp_path / name).write_text("anything")
    done = run("info", tmp_path / name)
    assert "was not finished" in said(done)
    (tmp_path / "a.docx").write_text("anything")
    assert "no known format" in said(run("info", tmp_path / "a.docx"))
