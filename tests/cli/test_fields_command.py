"""``napari-gdls info | convert``, and what all commands share: where words go, how numbers are written."""

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import typer
from said import said
from typer.testing import CliRunner

from napari_gdls import simulate_field
from napari_gdls.cli import app
from napari_gdls.cli.options import number, whole_number
from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import GdlsError
from napari_gdls.io import MindifField, MindifPhase, read_field, write_field, write_mindif, write_msa
from napari_gdls.simulation import ROCK

FULL = Path("/dev/full")


def run(*arguments):
    """Run the command in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("fields") / "small.gdls.zarr"
    write_field(path, simulate_field((12, 12), seed=3, minerals=ROCK[:2], grain_size=14))
    return path


@pytest.mark.skipif(not FULL.exists(), reason="needs the device that is always full")
@pytest.mark.parametrize("command", ["--version", "--help", "info {store}", "convert {store} -o {output}"])
def test_a_terminal_that_takes_no_words_is_one_line_of_error(command, store, tmp_path):
    output = tmp_path / "copy.gdls.zarr"
    command = [sys.executable, "-m", "napari_gdls", *command.format(store=store, output=output).split()]
    with FULL.open("w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, len(done.stderr.strip().splitlines())) == (1, 1)
    assert "could not be printed" in done.stderr
    if "convert" in command:
        assert np.array_equal(read_field(output).bse, read_field(store).bse)


@pytest.mark.parametrize(
    "target", ["no/a.gdls.zarr", "/proc/a.gdls.zarr", f"{'n' * 300}.gdls.zarr.zip", "taken.gdls.zarr", "a.docx"]
)
def test_targets_of_convert_are_looked_at_before_the_field_is_read(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("taken.gdls.zarr").write_text("mine")
    done = run("convert", "nowhere", "-o", target, "--overwrite")
    assert isinstance(done.exception, GdlsError)
    assert target[:50] in said(done)
    assert "nowhere" not in said(done)
    assert [path.name for path in tmp_path.iterdir()] == ["taken.gdls.zarr"]


def test_convert_replaces_nothing_unless_told_to(store, tmp_path):
    target = tmp_path / "a.gdls.zarr"
    assert run("convert", store, "-o", target).exit_code == 0
    assert "overwrite" in said(run("convert", store, "-o", target))
    assert run("convert", store, "-o", target, "--overwrite").exit_code == 0


@pytest.mark.parametrize("target", ["/proc/x.safetensors", "no/x.safetensors"])
def test_the_target_of_a_training_is_looked_at_before_it_begins(target, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("train", "-c", "pca", "-o", target)
    assert isinstance(done.exception, GdlsError)
    assert target in said(done)


@pytest.mark.parametrize(
    "options",
    [
        ("evaluate", "a.png", "b.png", "--tolerance"),
        ("materials", "Quartz", "--counts"),
        ("info", "nowhere", "--memory-limit"),
        ("segment", "nowhere", "-o", "a.png", "--tau-z"),
        ("segment", "nowhere", "-o", "a.png", "--smallest"),
    ],
    ids=lambda options: options[-1],
)
@pytest.mark.parametrize("text", ["1_0", "\u0661", "nan", "inf", "1e400", "much", ""])
def test_numbers_on_the_command_line_are_plain(options, text):
    done = run(*options, text)
    assert done.exit_code == 2
    assert "number" in done.stderr


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (number, "0.5", 0.5),
        (number, "2e1", 20.0),
        (whole_number, "7", 7),
        (whole_number, "2.5", None),
        (number, "0.4", None),
        (number, "21", None),
        (whole_number, "-3", None),
    ],
)
def test_numbers_are_within_their_limits(kind, text, value):
    parse = kind(0.5, 20)["parser"]
    if value is None:
        with pytest.raises(typer.BadParameter, match="at most 20"):
            parse(text)
    else:
        assert (parse(text), type(parse(text))) == (value, type(value))


def test_one_of_several_maps_is_chosen_by_name_or_number(shared_data):
    """The message that asks for the choice names the option."""
    path = next((shared_data / "vendor_files" / "phenom").rglob("*.elid"))
    asked = run("convert", path, "-o", "x.gdls.zarr.zip", "--bse", "counts")
    several = "dataset" in said(asked)
    done = run("info", path, "--bse", "counts", "--dataset", "0")
    assert done.exit_code == 0 or not several
    wrong = run("info", path, "--bse", "counts", "--dataset", "no such map")
    assert "no maps called 'no such map'" in said(wrong)


def test_artefacts_are_declared_kept_and_shown(store, tmp_path):
    kept = tmp_path / "kept.gdls.zarr"
    assert run("convert", store, "-o", kept, "--artefacts", "Cu, Ga").exit_code == 0
    assert read_field(kept).artefacts == ("Cu", "Ga")
    assert "Cu, Ga: no part of the specimen" in run("info", kept).output
    assert "without Cu, Ga" in run("convert", kept, "-o", tmp_path / "again.gdls.zarr").output
    assert run("convert", kept, "-o", tmp_path / "none.gdls.zarr", "--artefacts", "none").exit_code == 0
    assert read_field(tmp_path / "none.gdls.zarr").artefacts == ()
    assert "no part of the specimen" not in run("info", tmp_path / "none.gdls.zarr").output
    assert "Qq" in said(run("convert", store, "-o", tmp_path / "x.gdls.zarr", "--artefacts", "Qq"))
    assert not (tmp_path / "x.gdls.zarr").exists()


def test_any_data_set_of_an_hdf5_file_is_a_map(tmp_path):
    counts = np.random.default_rng(0).poisson(5.0, (12, 14, 60)).astype(np.uint16)
    with h5py.File(tmp_path / "map.h5", "w") as file:
        file["scan/counts"] = counts
        file["scan/energy"] = 0.01 * np.arange(60)
        file["other"] = counts + 1
    done = run("info", tmp_path / "map.h5")
    assert (done.exit_code, "60 channels of 10 eV" in done.stdout) == (0, True)
    output = tmp_path / "map.gdls.zarr"
    done = run("convert", tmp_path / "map.h5", "-o", output, "--dataset", "h5:/scan/counts", "--bse", "counts")
    assert done.exit_code == 0
    assert np.array_equal(np.asarray(read_field(output).spectra.sum(axis=1)).ravel(), counts.sum(axis=2).ravel())
    done = run("info", tmp_path / "map.h5", "--dataset", "h5:/nowhere")
    assert isinstance(done.exception, GdlsError)
    assert "h5:/other (12 x 14 x 60); h5:/scan/counts (12 x 14 x 60)" in said(done)


def test_info_describes_the_phases_of_an_export(tmp_path):
    phases = np.ones((6, 8), np.int32)
    table = (MindifPhase(1, "Quartz", "#828282"),)
    fields = [MindifField(name, phases.astype(np.uint8), phases, phases > 0, 2.0, (0.0, 0.0), table) for name in "AB"]
    write_mindif(tmp_path / "export", fields)
    done = run("info", tmp_path / "export", "--dataset", "B")
    assert done.exit_code == 0
    for words in ("MinDIF", "'A' at x 0", "of the field 'B'", "Quartz, 100.00 %", "no spectra"):
        assert words in done.stdout
    done = run("segment", tmp_path / "export", "-o", tmp_path / "out.ome.tif")
    assert "no spectra" in said(done)


def test_info_describes_a_single_spectrum(tmp_path):
    path = tmp_path / "albite.msa"
    write_msa(path, np.full(300, 7.0), EnergyAxis(-10.0, 10.0, 300), title="albite 1", beam_energy=15.0)
    done = run("info", path)
    assert done.exit_code == 0
    for words in ("one spectrum", "albite 1", "300 channels of 10 eV", "2,100", "15 keV", "identify"):
        assert words in done.stdout
    done = run("segment", path, "-o", tmp_path / "x.png")
    assert "is one spectrum, no map" in done.stderr or "is one spectrum, no map" in said(done)
    path.write_bytes(path.read_bytes()[:200])
    done = run("info", path)
    assert done.exit_code != 0
