import csv
import subprocess
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from said import said
from typer.testing import CliRunner

from napari_gdls import Field, Recipe, cli, sample_field
from napari_gdls.errors import FieldError, GdlsError, OutputError, RecipeError
from napari_gdls.io import faults_of_set, read_field, write_field
from napari_gdls.overlap import UnmixingRecipe
from napari_gdls.simulation import simulate_overlapping


def run(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(cli.app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def field():
    return simulate_overlapping((48, 48), counts=300.0, seed=5, name="small")


@pytest.fixture(scope="module")
def store(field, tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "small.gdls.zarr"
    write_field(path, field)
    return path


def table(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def done(store, tmp_path_factory):
    output = tmp_path_factory.mktemp("unmixed") / "out"
    result = run("unmix", store, "-o", output, "--phases", 3)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return output, result.output


def test_it_writes_and_prints_what_it_found(done):
    output, printed = done
    assert faults_of_set(output / "unmixing.manifest.json") == ()
    shares = table(output / "shares.csv")
    assert [row["grain"] for row in shares] == ["phase 2", "phase 3"]
    assert "3 phases from 2,304 spectra; the matrix is phase 1" in printed
    for row in shares:
        assert f"{100 * float(row['share of matrix']):.1f}" in printed
        assert row["reason"] in " ".join(printed.split())
        assert ("NOT confirmed" in printed) or row["confirmed"] == "True"
    assert {path.name for path in output.iterdir()} >= {
        "masks.ome.tif",
        "phase_1.msa",
        "phase_3.mask.msa",
        "picture.png",
    }
    assert "picture.png" in printed


def test_the_recipe_repeats_the_run(done, store, tmp_path):
    output, _ = done
    again = run("unmix", store, "-o", tmp_path / "again", "--recipe", output / "recipe.json")
    assert again.exit_code == 0, again.output
    for file in output.iterdir():
        assert file.read_bytes() == (tmp_path / "again" / file.name).read_bytes(), file.name


class Asked(Exception):
    """Is raised instead of the work."""


@pytest.fixture
def asked(monkeypatch):
    """What the command would take apart, and how."""
    found = {}

    def unmix(field, **given):
        found.update(field=field, **given)
        raise Asked

    monkeypatch.setattr("napari_gdls.overlap.unmixing.unmix_overlapping", unmix)
    return found


def test_options_become_the_recipe(store, tmp_path, asked):
    options = ("--method", "kl", "--seed", 7, "--artefacts", "Cu, Ga", "--smoothness", 0.5, "--matrix", 1)
    ended = run("unmix", store, "-o", tmp_path / "x", "--phases", 4, *options, "--tie", "phase 2=Si, phase 3=Mg")
    assert isinstance(ended.exception, Asked), ended.output
    field, progress = asked.pop("field"), asked.pop("progress")
    progress("stage", 0.5)
    assert field.shape == (48, 48)
    assert UnmixingRecipe(**asked) == UnmixingRecipe(
        n_phases=4,
        method="kl",
        seed=7,
        artefacts=("Cu", "Ga"),
        smoothness=0.5,
        matrix=1,
        tie_element={"phase 2": "Si", "phase 3": "Mg"},
    )
    for text, value in (("none", ()), ("Cu", ("Cu",))):
        run("unmix", store, "-o", tmp_path / "x", "--artefacts", text, "--tie", "Si", "--rounds", 2)
        assert (asked["artefacts"], asked["tie_element"], asked["rounds"]) == (value, "Si", 2)
    assert list(tmp_path.iterdir()) == []


def test_a_sample_is_taken_as_it_is(tmp_path, asked):
    """The choice of an image for files without a BSE is no choice that a user made of a sample."""
    ended = run("unmix", "overlapping", "-o", tmp_path / "x")
    assert isinstance(ended.exception, Asked), ended.output
    np.testing.assert_array_equal(asked["field"].bse, sample_field("overlapping").bse)
    refused = run("unmix", "overlapping", "-o", tmp_path / "x", "--bse", "counts")
    assert "is a sample" in said(refused)
    assert "leave --bse out" in said(refused)


def test_without_an_image_the_map_of_counts_is_shown(field, tmp_path):
    """The protocol does not need the image."""
    pytest.importorskip("rsciio")
    height, width = field.shape
    spectra = field.spectra.toarray() if sp.issparse(field.spectra) else field.spectra
    spectra.astype("<u2").tofile(tmp_path / "map.raw")
    header = {
        "width": width,
        "height": height,
        "depth": field.energy.size,
        "offset": 0,
        "data-length": 2,
        "data-type": "unsigned",
        "byte-order": "little-endian",
        "record-by": "vector",
        "ev-per-chan": field.energy.width,
        "depth-name": "Energy",
        "depth-units": "eV",
        "depth-scale": field.energy.width,
        "depth-origin": field.energy.offset,
        "beam-energy": 200,
        "signal": "EDS_TEM",
    }
    text = "".join(f"{key}\t{value}\n" for key, value in {"key": "value", **header}.items())
    (tmp_path / "map.rpl").write_text(text)
    done = run("unmix", tmp_path / "map.rpl", "-o", tmp_path / "out", "--phases", 3, "--artefacts", "Cu")
    assert done.exit_code == 0, done.output + repr(done.exception)
    assert "total counts is shown instead" in done.output


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("nowhere",), GdlsError, "nowhere"),
        (("{store}", "--artefacts", "Xx"), RecipeError, "Xx"),
        (("{store}", "--artefacts", "Cu,"), RecipeError, "no element"),
        (("{store}", "--tie", "silicon"), RecipeError, "silicon"),
        (("{store}", "--tie", "Cu", "--artefacts", "Cu"), RecipeError, "among the artefacts"),
        (("{store}", "--tie", "Cu", "--phases", "3"), RecipeError, "Cu"),
        (("{store}", "--tie", "U", "--phases", "3"), RecipeError, "U"),
        (("{store}", "--tie", "phase 9=Si", "--phases", "3"), RecipeError, "phase 9"),
        (("{store}", "--matrix", "7", "--phases", "3"), RecipeError, "matrix"),
        (("{store}", "--smoothness", "-1"), RecipeError, "smoothness"),
        (("{store}", "--phases", "0"), RecipeError, "n_phases"),
        (("{store}", "--recipe", "none.json"), GdlsError, "none.json"),
    ],
)
def test_what_cannot_be_asked_is_one_error(arguments, error, words, store, tmp_path):
    given = [argument.format(store=store) for argument in arguments]
    done = run("unmix", *given, "-o", tmp_path / "out")
    assert isinstance(done.exception, error), done.output + repr(done.exception)
    assert words in said(done)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["phase 2=", "=Si", "phase 2=Si,phase 2=Mg", "phase 2=Si,Mg"])
def test_ties_that_are_no_list_are_usage_errors(text, store, tmp_path):
    done = run("unmix", store, "-o", tmp_path / "out", "--tie", text)
    assert done.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_recipes_of_segmentations_are_not_taken(store, tmp_path):
    (tmp_path / "other.json").write_text(Recipe().to_json())
    done = run("unmix", store, "-o", tmp_path / "out", "--recipe", tmp_path / "other.json")
    assert isinstance(done.exception, RecipeError)
    assert "another kind" in said(done)


def test_a_folder_of_something_else_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    for options in ((), ("--overwrite",)):
        done = run("unmix", "nowhere", "-o", tmp_path, *options)
        assert isinstance(done.exception, OutputError)
        assert "mine.txt" in said(done)
        assert "nowhere" not in said(done)  # the input was not asked for yet
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_an_unmixing_is_replaced_only_if_told_to(done, store, tmp_path):
    output = tmp_path / "out"
    first = run("unmix", store, "-o", output, "--phases", 3)
    assert first.exit_code == 0
    refused = run("unmix", store, "-o", output, "--phases", 3)
    assert "--overwrite" in said(refused)
    again = run("unmix", store, "-o", output, "--phases", 2, "--overwrite")
    assert again.exit_code == 0, again.output
    assert not (output / "phase_3.msa").exists()
    assert faults_of_set(output / "unmixing.manifest.json") == ()


def test_sparse_fields_are_refused(field, tmp_path):
    keep = (field.locations % 2 == 0).all(axis=1)
    sparse = Field(field.bse, field.spectra[keep], field.locations[keep], field.energy, beam_energy=200.0)
    write_field(tmp_path / "sparse.gdls.zarr", sparse)
    done = run("unmix", tmp_path / "sparse.gdls.zarr", "-o", tmp_path / "out")
    assert isinstance(done.exception, FieldError)
    assert not (tmp_path / "out").exists()


def test_one_phase_alone_is_said_to_be_one(tmp_path):
    """A film of one phase: there is nothing to take apart."""
    field = simulate_overlapping((48, 48), counts=300.0, seed=5)
    pure = ~np.logical_or.reduce(list(field.metadata["truth"]["presence"].values()))
    at = field.locations[np.flatnonzero(pure[field.locations[:, 0], field.locations[:, 1]])]
    chosen = np.random.default_rng(0).integers(len(at), size=24 * 24)
    rows = np.ravel_multi_index(tuple(at[chosen].T), field.shape)
    grid = np.indices((24, 24)).reshape(2, -1).T
    bse = np.arange(24 * 24, dtype=np.uint16).reshape(24, 24)
    one = Field(bse, field.spectra[rows], grid, field.energy, beam_energy=200.0, artefacts=("Cu",))
    write_field(tmp_path / "one.gdls.zarr", one)
    done = run("unmix", tmp_path / "one.gdls.zarr", "-o", tmp_path / "out")
    assert isinstance(done.exception, GdlsError)
    assert not (tmp_path / "out").exists()


def test_info_tells_of_artefacts_and_of_an_unmixing(done, store, tmp_path):
    output, _ = done
    assert "Cu: no part of the specimen" in run("info", store).output
    told = run("info", output)
    assert told.exit_code == 0
    assert "All of one run" in told.output
    kept = tmp_path / "kept.gdls.zarr"
    assert run("convert", store, "-o", kept, "--artefacts", "Cu,Ga").exit_code == 0
    assert read_field(kept).artefacts == ("Cu", "Ga")
    assert "without Cu, Ga" in run("convert", kept, "-o", tmp_path / "again.gdls.zarr").output
    assert isinstance(run("convert", store, "-o", tmp_path / "x.gdls.zarr", "--artefacts", "Qq").exception, GdlsError)
    assert not (tmp_path / "x.gdls.zarr").exists()


def test_errors_are_one_line_on_the_terminal(tmp_path):
    command = [sys.executable, "-m", "napari_gdls", "unmix", "nowhere", "-o", "out"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path, check=False)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "nowhere" in done.stderr
