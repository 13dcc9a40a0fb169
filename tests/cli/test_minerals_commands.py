"""``napari-gdls identify | quantify``, and the names that ``segment`` gives: as a user types them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from said import said
from typer.testing import CliRunner

from napari_gdls.cli import app
from napari_gdls.energy import EnergyAxis
from napari_gdls.io import write_msa
from napari_gdls.materials import composition_of
from napari_gdls.spectra import simulate_spectra

runner = CliRunner()

_AXIS = EnergyAxis(0.0, 10.0, 2000)


def _spectrum_file(folder: Path, formula: str, counts: float = 200_000, seed: int = 1) -> Path:
    spectrum = simulate_spectra([composition_of(formula)], beam_energy=15, energy=_AXIS, counts=counts, seed=seed)[0]
    path = folder / f"{formula.replace('(', '').replace(')', '')}.msa"
    write_msa(path, spectrum, _AXIS, title=formula, beam_energy=15)
    return path


def _run(*words: object) -> str:
    result = runner.invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture(scope="module")
def olivine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _spectrum_file(tmp_path_factory.mktemp("spectra"), "(Mg0.9Fe0.1)2SiO4")


def test_a_single_spectrum_is_named(olivine: Path):
    words = _run("identify", olivine)
    first = next(line for line in words.splitlines() if line.startswith(("forsterite", "olivine", "chrysolite")))
    assert "olivine" in first or "forsterite" in first
    assert "unknown" in words
    assert "Fo 0.9" in words or "Fo 0.8" in words


def test_a_library_narrows_the_names(olivine: Path, tmp_path: Path):
    table = tmp_path / "own.csv"
    table.write_text("name,formula,group\nmy olivine,Mg1.8Fe0.2SiO4,olivine\nquartz,SiO2,silica\n")
    assert "my olivine" in _run("identify", olivine, "--library", table)


def test_a_single_spectrum_is_quantified_with_a_standard(olivine: Path, tmp_path: Path):
    standard = _spectrum_file(tmp_path, "MgO", seed=2)
    target = tmp_path / "out.json"
    words = _run("quantify", olivine, "--standard", f"{standard}=MgO", "-o", target)
    assert "MgO" in words
    found = json.loads(target.read_text())["spectra"][0]
    assert found["mass_percent"]["Mg"] == pytest.approx(100 * composition_of("(Mg0.9Fe0.1)2SiO4")["Mg"], abs=1.0)
    assert set(found["standards"]) == {"Mg", "O"}


def test_only_the_elements_that_are_named_are_fitted(olivine: Path, tmp_path: Path):
    target = tmp_path / "out.csv"
    _run("quantify", olivine, "--elements", "Mg,Si,O", "--oxygen", "measured", "-o", target)
    rows = list(csv.DictReader(target.open()))
    assert {row["element"] for row in rows if row["mass [wt%]"] not in ("", "nan")} <= {"Mg", "Si", "O"}


@pytest.mark.parametrize("command", ["identify", "quantify"])
def test_what_cannot_be_read_is_one_line_of_error(command: str, tmp_path: Path):
    from napari_gdls.errors import GdlsError

    broken = tmp_path / "broken.msa"
    broken.write_text("#FORMAT : EMSA/MAS Spectral Data File\n#NPOINTS : x\n")
    result = runner.invoke(app, [command, str(broken)])
    assert isinstance(result.exception, GdlsError)
    assert "broken.msa" in said(result)


def test_a_spectrum_without_a_beam_energy_needs_one(tmp_path: Path):
    from napari_gdls.errors import GdlsError

    path = tmp_path / "bare.msa"
    write_msa(path, np.full(_AXIS.size, 10.0), _AXIS, title="bare")
    result = runner.invoke(app, ["quantify", str(path)])
    assert isinstance(result.exception, GdlsError)
    assert "--beam-energy" in said(result)


def test_the_demo_names_the_minerals_and_writes_them(tmp_path: Path):
    words = _run("demo", "--no-viewer", "-o", tmp_path)
    assert "biotite" in words
    with (tmp_path / "dacite.minerals.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert {"biotite", "hornblende"} <= {row["name"].rstrip("?") for row in rows}
