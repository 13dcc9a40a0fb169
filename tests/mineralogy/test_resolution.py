"""tau_z in words: differences in composition that a threshold separates."""

from __future__ import annotations

import re

import numpy as np
import pytest

from napari_gdls.embedding import Calibration, embed, load_embedding
from napari_gdls.errors import EmbeddingError, RecipeError
from napari_gdls.materials import FormulaError, parse_formula
from napari_gdls.mineralogy import distance_of_materials, resolution, tau_z_in_words
from napari_gdls.phases.difference import Scale
from napari_gdls.spectra import simulate_spectra

# Start and a growing share of the second end member, written out: independent of the module's own table.
MEMBERS = {
    "garnet": lambda more: f"Ca3Al{2 * (0.5 - more)}Fe{2 * (0.5 + more)}(SiO4)3",
    "plagioclase": lambda more: f"Na{0.6 - more}Ca{0.4 + more}Al{1.4 + more}Si{2.6 - more}O8",
    "olivine": lambda more: f"Mg{2 * (0.85 - more)}Fe{2 * (0.15 + more)}SiO4",
    "clinopyroxene": lambda more: f"CaMg{0.8 - more}Fe{0.2 + more}Si2O6",
    "biotite": lambda more: f"KMg{3 * (0.5 - more)}Fe{3 * (0.5 + more)}AlSi3O10(OH)2",
    "dolomite": lambda more: f"CaMg{0.9 - more}Fe{0.1 + more}(CO3)2",
    "sphalerite": lambda more: f"Zn{0.95 - more}Fe{0.05 + more}S",
    "columbite": lambda more: f"FeNb{2 * (0.8 - more)}Ta{2 * (0.2 + more)}O6",
}


@pytest.mark.parametrize("tau_z", [0.1, 0.25, 1.0])
def test_the_difference_is_tau_z_apart(tau_z):
    found = {each.series: each for each in tau_z_in_words(tau_z)}
    assert found.keys() == MEMBERS.keys()
    for series, member in MEMBERS.items():
        start, other = member(0.0), member(found[series].mole_percent / 100)
        assert distance_of_materials(start, other) == pytest.approx(tau_z, rel=0.02), series
        element = found[series].element
        gained = parse_formula(other).mass_fractions[element] - parse_formula(start).mass_fractions[element]
        assert found[series].weight_percent == pytest.approx(100 * gained, abs=1e-3), series


@pytest.mark.parametrize("series", ["garnet", "columbite"])
@pytest.mark.parametrize("counts", [200, 2000])
def test_noisy_spectra_of_two_such_materials_pool_to_the_same_difference(series, counts):
    """What segmentation measures: the direction of the mean embedding of many spectra, noise taken off."""
    difference = next(each for each in tau_z_in_words(0.5) if each.series == series)
    model, number = load_embedding(), 1500
    pooled = []
    for seed, more in enumerate((0.0, difference.mole_percent / 100)):
        fractions = dict(parse_formula(MEMBERS[series](more)).mass_fractions)
        z = embed(simulate_spectra([fractions] * number, counts=counts, seed=seed), model, device="cpu")
        mean = z.mean(axis=0, dtype=np.float64)
        pooled.append(mean / np.linalg.norm(mean))
    scale = Scale(model.calibration, dispersion=1.0, height=0.0, tau_z=0.5)
    measured = scale.difference(np.linalg.norm(pooled[1] - pooled[0]), counts * number, counts * number)
    assert measured == pytest.approx(0.5, rel=0.12)


def test_larger_thresholds_need_larger_differences():
    table = [tau_z_in_words(tau_z) for tau_z in np.linspace(0, 2, 21)]
    for series in zip(*table, strict=True):
        found = [each.mole_percent for each in series]
        assert found[0] == 0
        assert np.all(np.diff(found) > 0), series[0].series


def test_a_threshold_beyond_the_end_members_separates_nothing():
    (garnet, *_) = tau_z_in_words(50.0)
    assert (garnet.mole_percent, garnet.weight_percent, garnet.amount) == (None, None, "")
    assert garnet.text == "garnet, Fe for Al: not even grossular 50 andradite 50 and andradite"
    ends = distance_of_materials(MEMBERS["garnet"](0.0), MEMBERS["garnet"](0.5))
    assert tau_z_in_words(ends + 0.01)[0].mole_percent is None
    assert tau_z_in_words(ends - 0.01)[0].mole_percent == pytest.approx(50, abs=1)


def test_each_difference_is_said_in_one_line():
    for tau_z in (0.25, 1.0):
        for each in tau_z_in_words(tau_z):
            assert each.text.startswith(f"{each.series}, {each.exchange}: ")
            assert f"{each.amount} beside {each.start}" in each.text
            assert re.fullmatch(rf"[\d.]+ mol % {each.member} \([\d.]+ wt % {each.element}\)", each.amount)
    assert tau_z_in_words(0.0)[0].text == "garnet, Fe for Al: any difference"


def test_scale_of_a_field_model_and_beam_matter():
    usual = tau_z_in_words(0.3)
    scattered = Calibration(load_embedding().calibration.c, f=3.0)  # twice as wide
    wide = tau_z_in_words(0.3, calibration=scattered)
    for one, other in zip(wide, tau_z_in_words(0.6), strict=True):
        assert one.mole_percent == pytest.approx(other.mole_percent)
    for other in (tau_z_in_words(0.3, beam_energy=15.0), tau_z_in_words(0.3, model="cosine")):
        assert all(a.mole_percent != pytest.approx(b.mole_percent) for a, b in zip(usual, other, strict=True))


def test_spectra_are_simulated_once(monkeypatch):
    tau_z_in_words(0.25)
    monkeypatch.setattr(resolution, "simulate_spectra", None)
    assert tau_z_in_words(0.3, model=load_embedding())[0].mole_percent > tau_z_in_words(0.25)[0].mole_percent


def test_distances_of_materials_are_symmetric_and_0_for_equal_ones():
    quartz = {"Si": 0.467, "O": 0.533}
    assert distance_of_materials(quartz, "SiO2") < 0.02
    assert distance_of_materials(quartz, "Fe2O3") == pytest.approx(distance_of_materials("Fe2O3", quartz))
    assert distance_of_materials(quartz, "Fe2O3") > distance_of_materials("FeO", "Fe2O3") > 0.1


@pytest.mark.parametrize("tau_z", [-0.1, np.nan, np.inf])
def test_impossible_thresholds_are_refused(tau_z):
    with pytest.raises(RecipeError, match="tau_z"):
        tau_z_in_words(tau_z)


def test_unknown_models_and_materials_are_refused():
    with pytest.raises(EmbeddingError, match="no-such"):
        tau_z_in_words(0.2, model="no-such")
    with pytest.raises(FormulaError):
        distance_of_materials("Quartz", "SiO2")
