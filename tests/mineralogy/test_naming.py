"""Names of simulated spectra, whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gdls.energy import EnergyAxis
from napari_gdls.errors import RecipeError
from napari_gdls.materials import Materials, composition_of, load_materials
from napari_gdls.mineralogy import (
    UNKNOWN,
    Instrument,
    composition_of_fit,
    fit_spectrum,
    identify_fit,
    identify_spectrum,
    naming_library,
)
from napari_gdls.mineralogy.naming_libraries import library_of
from napari_gdls.spectra import Detector, simulate_spectra

AXIS = EnergyAxis(0.0, 10.0, 2048)
INSTRUMENT = Instrument(20.0, 35.0, AXIS, Detector())


def composition(material, counts=20_000, seed=0, **more):
    spectrum = simulate_spectra(
        composition_of(material), beam_energy=20.0, energy=AXIS, counts=counts, seed=seed, **more
    )[0]
    return composition_of_fit(fit_spectrum(spectrum, INSTRUMENT))


def named(material, library=None, **more):
    return identify_fit(composition(material, **more), library)


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("SiO2", "quartz"),
        ("NaAlSi3O8", "albite"),
        ("Mg1.8Fe0.2SiO4", "forsterite"),
        ("FeS2", "pyrite"),
        ("CuFeS2", "chalcopyrite"),
        ("CaF2", "fluorite"),
        ("Ca5(PO4)3F", "fluorapatite"),
        ("ZrSiO4", "zircon"),
        ("FeTiO3", "ilmenite"),
        ("BaSO4", "baryte"),
        ("CaCO3", "calcite"),
        ("Fe", "iron"),
    ],
)
@pytest.mark.parametrize("counts", [1000, 20_000])
def test_a_mineral_has_its_name(formula, name, counts):
    found = named(formula, counts=counts)
    assert found.name == name
    assert sum(candidate.probability for candidate in found.candidates) == pytest.approx(1)
    assert UNKNOWN in [candidate.name for candidate in found.candidates]
    probabilities = [candidate.probability for candidate in found.candidates]
    assert probabilities == sorted(probabilities, reverse=True)


@pytest.mark.parametrize(
    ("formula", "together"),
    [
        ("SiO2", {"quartz", "tridymite", "cristobalite", "opal", "coesite"}),
        ("Al2O3", {"corundum", "diaspore", "gibbsite", "böhmite"}),
        ("Fe2O3", {"hematite", "magnetite", "maghemite", "goethite"}),
        ("CaCO3", {"calcite", "aragonite", "vaterite"}),
        ("TiO2", {"rutile", "anatase", "brookite"}),
        ("Al2SiO5", {"andalusite", "kyanite", "sillimanite"}),
        ("KAlSi3O8", {"orthoclase", "microcline", "sanidine"}),
        ("C", {"graphite", "diamond", "polyethylene"}),
    ],
)
def test_what_eds_does_not_tell_apart_is_one_answer(formula, together):
    best = named(formula).best
    assert together <= {best.name, *best.cannot_be_told_from}


def test_neighbours_that_differ_in_what_is_seen_are_several_answers():
    found = named("Ca0.85Mg0.8Fe0.3Al0.1Si1.95O6", counts=1000)
    pyroxenes = [candidate.name for candidate in found.candidates if candidate.group == "pyroxene"]
    assert {"augite", "diopside"} <= set(pyroxenes)


def test_the_misfit_says_what_speaks_against_a_name():
    found = named("Mg2SiO4")
    assert all(abs(value) < 1.5 for value in found.best.misfit.values())
    fayalite = named("Mg2SiO4", library=["fayalite"])
    other = next(
        each for each in identify_fit(composition("Mg2SiO4"), olivines()).candidates if each.name == "fayalite"
    )
    assert other.misfit["Fe"] < -3
    assert other.misfit["Mg"] > 3
    assert fayalite.name in ("forsterite", UNKNOWN)


def olivines():
    materials = load_materials()
    return library_of(Materials([materials[materials.index(name)] for name in ("fayalite", "tephroite")]), "olivines")


def without(formula, distance=0.12):
    """All materials but those near one."""
    materials = load_materials()
    row = Materials([materials[0]]).compositions[0] * 0
    for element, share in composition_of(formula).items():
        row[list(_columns()).index(element)] = share
    far = np.abs(materials.compositions[:, 5:] - row[5:]).sum(axis=1) >= distance
    return library_of(Materials([m for m, keep in zip(materials, far, strict=True) if keep]), "without it")


def _columns():
    from napari_gdls.elements import SYMBOLS

    return SYMBOLS


@pytest.mark.parametrize("formula", ["PbMoO4", "ZrSiO4"])
def test_what_the_library_lacks_is_unknown(formula):
    found = named(formula, library=without(formula))
    assert found.name == UNKNOWN
    assert found.best.composition == {}
    assert found.best.group == ""


def test_a_narrowed_library_changes_what_is_likely():
    spectrum = composition("CaMgSi2O6", counts=500)
    everything = identify_fit(spectrum)
    narrowed = identify_fit(spectrum, naming_library(["augite"]))
    alone = identify_fit(spectrum, naming_library(["augite"], exclusive=True))

    def probability(found, name):
        return sum(c.probability for c in found.candidates if name in (c.name, *c.cannot_be_told_from))

    assert probability(everything, "augite") < probability(narrowed, "augite")
    assert probability(narrowed, "diopside") > 0
    assert {each.name for each in alone.candidates} == {"augite", UNKNOWN}


def test_a_member_of_a_solid_solution_has_coordinates():
    found = named("Na0.5Ca0.5Al1.5Si2.5O8")
    assert found.best.group == "feldspar"
    an = next(each for each in found.coordinates if each.name == "An")
    assert an.value == pytest.approx(0.5, abs=0.05)
    assert an.low < 0.5 < an.high
    assert named("SiO2").coordinates == ()


def test_equal_input_gives_equal_answers():
    assert named("CaMgSi2O6", counts=800).candidates == named("CaMgSi2O6", counts=800).candidates


def test_a_spectrum_is_calibrated_and_named():
    counts = simulate_spectra(composition_of("FeS2"), beam_energy=20, energy=AXIS, counts=20_000, seed=1)[0]
    shifted = EnergyAxis(8.0, 10.0, 2048)
    found = identify_spectrum(counts, shifted, beam_energy=20)
    assert found.name == "pyrite"
    assert found.composition.energy.offset == pytest.approx(0, abs=3)


def test_a_spectrum_in_which_no_element_is_beyond_doubt_is_named_all_the_same():
    counts = simulate_spectra(composition_of("FeS2"), beam_energy=20, energy=AXIS, counts=12, seed=2)[0]
    found = identify_spectrum(counts, AXIS, beam_energy=20, instrument=INSTRUMENT)
    assert found.composition.mass_percent == {}
    assert sum(candidate.probability for candidate in found.candidates) == pytest.approx(1)


@pytest.mark.parametrize(
    ("formula", "name"), [("SiO2", "quartz"), ("Al2O3", "corundum"), ("MgO", "periclase"), ("Al", "aluminium")]
)
def test_few_counts_tell_an_oxide_from_its_metal(formula, name):
    right = [named(formula, counts=300, seed=seed) for seed in range(5)]
    assert sum(name in (found.name, *found.best.cannot_be_told_from) for found in right) >= 4


def test_a_composition_is_needed():
    with pytest.raises(RecipeError, match="composition is"):
        identify_fit({"Si": 1.0})
